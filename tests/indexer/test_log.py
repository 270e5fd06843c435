"""The event log: what it promises, and that no death of its writer breaks it."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

import indexer.log
from indexer.events import LIFTED_AT_MOST, Event, LogError, Outcome, Submission
from indexer.log import EventLog
from indexer.routing import partition_of
from tests.commands import environment
from tests.small_index import Clock, article, put, seqs, withdraw

WHOLE = article(
    "Ångström/新聞",
    "Title",
    body="Body\n\nof 🗞",
    summary="s",
    authors=("Ann", "Bo"),
    source="Wire",
    section="News",
    tags=("x",),
    language="de-AT",
    url="https://news.example/",
    published_ms=-1,
    modified_ms=0,
    date_confidence="day",
)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    """A new log of two partitions."""
    with EventLog(tmp_path / "log.sqlite", partitions=2, now_ms=Clock()) as opened:
        yield opened


def _events(log: EventLog, after: int = 0, through: int | None = None) -> list[Event]:
    """The events of all partitions in one order."""
    last = log.last_seq() if through is None else through
    return sorted(
        (event for partition in range(log.partitions) for event in log.read(partition, after, last)),
        key=lambda event: event.seq,
    )


def test_an_article_comes_back_as_it_was_logged(log: EventLog) -> None:
    """Every field of an article survives the log."""
    assert seqs(log.append(put(WHOLE))) == [1]
    partition = partition_of(WHOLE.id, 2)
    whole = Event(1, "put", partition, WHOLE.id, 1, Clock().now_ms, WHOLE, notice="created")
    assert list(log.read(partition, 0, 1)) == log.history(WHOLE.id) == [whole]
    assert list(log.read(1 - partition, 0, 1)) == []


def test_the_same_article_again_is_no_event(log: EventLog) -> None:
    """An equal digest changes nothing; another one is the next version, also within one batch."""
    first, second = article("a"), article("a", "Corrected")
    assert seqs(log.append(put(first))) == [1]
    assert seqs(log.append(put(first, first))) == [None, None]
    assert seqs(log.append(put(second, second, first))) == [2, None, 3]
    assert [_events(log, seq - 1, seq)[0].version for seq in (1, 2, 3)] == [1, 2, 3]
    assert log.live_articles() == 1


def test_withdrawing_and_restoring(log: EventLog) -> None:
    """Only a live article can be withdrawn; the same submission brings it back as a new version."""
    one = article("a")
    assert seqs(log.append(withdraw("a"))) == [None]
    log.append(put(one))
    assert seqs(log.append(withdraw("a", "a"))) == [2, None]
    assert log.live_articles() == 0
    assert seqs(log.append(put(one))) == [3]
    assert log.live_articles() == 1
    told = [event for seq in (1, 2, 3) for event in _events(log, seq - 1, seq)]
    assert [(event.kind, event.version, event.article) for event in told] == [
        ("put", 1, one),
        ("withdraw", 2, None),
        ("put", 3, one),
    ]


def test_a_restored_article_sent_again_is_no_event(log: EventLog) -> None:
    """What was brought back is what was sent before it was withdrawn."""
    one = article("a")
    log.append(put(one))
    log.append([*withdraw("a"), Submission("a", None, b"", "restore")])
    assert [outcome.status for outcome in log.append(put(one))] == ["unchanged"]


def test_only_the_last_event_of_an_article_is_read(log: EventLog) -> None:
    """What a later event of the range undoes is passed over; what lies beyond the range undoes nothing."""
    one, other = article("a"), article("b")
    log.append(put(one, other, article("a", "Corrected")))
    log.append(withdraw("b"))
    log.append(put(one))
    assert [(event.seq, event.kind) for event in _events(log)] == [(4, "withdraw"), (5, "correct")]
    assert [(event.seq, event.article) for event in _events(log, 0, 2)] == [(1, one), (2, other)]
    assert [event.seq for event in _events(log, 1, 4)] == [3, 4]
    assert sum(log.pending(0, 5).values()) == 5


def test_ranges_are_open_below_and_closed_above(log: EventLog) -> None:
    """`read`, `pending` and `statistics_events` speak of (after, through]."""
    log.append(put(*(article(str(number)) for number in range(6))))
    seq = log.append_statistics()
    log.append(put(article("later")))
    assert seq == 7
    assert [event.seq for event in _events(log, 2, 5)] == [3, 4, 5]
    assert sum(log.pending(2, 5).values()) == 3
    assert sum(log.pending(0, 8).values()) == 7, "a statistics event belongs to no partition"
    assert log.pending(6, 7) == {}
    assert log.statistics_events(0, 8) == [(7, 6)]
    assert log.statistics_events(6, 7) == [(7, 6)]
    assert log.statistics_events(7, 8) == log.statistics_events(0, 6) == []


def test_a_language_is_there_from_its_first_article_on(log: EventLog) -> None:
    """However many follow, in the same transaction or later."""
    log.append(put(*(article(str(number), language="de-AT") for number in range(3))))
    log.append(put(article("later", language="de")))
    assert log.languages(0) == {}
    assert log.languages(4) == {"de": 1}


def test_times_are_those_of_logging(tmp_path: Path) -> None:
    """Each event carries the moment of its transaction; sequence 0 has none."""
    clock = Clock()
    with EventLog(tmp_path / "log.sqlite", partitions=1, now_ms=clock) as log:
        log.append(put(article("a")))
        clock.pass_s(5)
        log.append(put(article("b")))
        assert [log.created_ms(seq) for seq in (0, 1, 2)] == [0, clock.now_ms - 5000, clock.now_ms]


def test_a_log_is_read_while_it_is_written(log: EventLog, tmp_path: Path) -> None:
    """Readers see whole transactions and wait for nobody."""

    def submissions() -> Iterator[Submission]:
        yield from put(article("b"))
        with EventLog(tmp_path / "log.sqlite") as reader:
            assert reader.last_seq() == 1
        yield from put(article("c"))

    log.append(put(article("a")))
    log.append(submissions())
    with EventLog(tmp_path / "log.sqlite") as reader:
        assert [event.article_id for event in _events(reader)] == ["a", "b", "c"]


_WRITER = """
import sys
from pathlib import Path
from indexer.log import EventLog
from tests.small_index import article, put

with EventLog(Path(sys.argv[1]), partitions=3) as log:
    for batch in range(10**9):
        print(log.append(put(*(article(f"{batch}/{at}") for at in range(5))))[-1].seq, flush=True)
"""


def test_acknowledged_events_survive_the_death_of_the_writer(tmp_path: Path) -> None:
    """After SIGKILL, everything acknowledged is there, in order, in whole transactions; writing goes on."""
    path = tmp_path / "log.sqlite"
    with subprocess.Popen(
        [sys.executable, "-P", "-c", _WRITER, str(path)], stdout=subprocess.PIPE, env=environment()
    ) as writer:
        assert writer.stdout
        for _ in range(20):
            writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
        # The last line may be half of one.
        acknowledged = 5 * (20 + writer.stdout.read().count(b"\n"))
    with EventLog(path, partitions=3) as log:
        assert log.last_seq() >= acknowledged
        assert log.last_seq() % 5 == 0
        assert log.live_articles() == log.last_seq()
        expected = [(seq, f"{(seq - 1) // 5}/{(seq - 1) % 5}") for seq in range(1, log.last_seq() + 1)]
        assert [(event.seq, event.article_id) for event in _events(log)] == expected
        assert seqs(log.append(put(article("more")))) == [len(expected) + 1]


@pytest.mark.parametrize("step", ["fsync_file", "fsync_folder"])
def test_a_log_is_made_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """A process that dies while it makes the log leaves nothing that stops the next one."""

    def die(_path: Path) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "log.sqlite"
    with monkeypatch.context() as patched:
        patched.setattr(indexer.log, step, die)
        with pytest.raises(KeyboardInterrupt):
            EventLog(path, partitions=4)
    with EventLog(path, partitions=None if path.exists() else 4) as log:
        assert log.partitions == 4
        assert seqs(log.append(put(article("a")))) == [1]
    assert [found.name for found in tmp_path.iterdir()] == ["log.sqlite"]


def test_another_number_of_partitions_is_refused(log: EventLog, tmp_path: Path) -> None:
    """The number of partitions is that of the log for ever; leaving it out takes it."""
    with pytest.raises(LogError, match="2 partitions, not 3; leave --partitions out"):
        EventLog(tmp_path / "log.sqlite", partitions=3)
    with EventLog(tmp_path / "log.sqlite") as again:
        assert again.partitions == log.partitions == 2


def test_what_is_no_log_is_refused(tmp_path: Path) -> None:
    """A missing file, a text file, an empty file and somebody else's database are named, and left as they are."""
    with pytest.raises(LogError, match=r"log\.sqlite: there is no event log here"):
        EventLog(tmp_path / "log.sqlite")
    text, empty, foreign = (tmp_path / name for name in ("text", "empty", "foreign"))
    text.write_bytes(b"These are no events. " * 100)
    empty.touch()
    with closing(sqlite3.connect(foreign)) as db:
        db.execute("CREATE TABLE shopping (item TEXT)")
    for path in (text, empty, foreign):
        before = path.read_bytes()
        for partitions in (None, 2):
            with pytest.raises(LogError, match=rf"{path}: not a usable event log .*; restore it from a copy"):
                EventLog(path, partitions=partitions)
        assert path.read_bytes() == before


def test_a_log_of_another_format_is_refused(tmp_path: Path) -> None:
    """Before anything of it is read or written."""
    path = tmp_path / "log.sqlite"
    EventLog(path, partitions=2).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 1")
    with pytest.raises(LogError, match="has format 1, not 3: index into a new folder"):
        EventLog(path)


def test_a_full_disk_is_an_error_and_loses_nothing(log: EventLog) -> None:
    """What cannot be written is refused as a whole, and what was there before stays."""
    log.append(put(article("a")))
    (pages,) = log._db.execute("PRAGMA page_count").fetchone()
    log._db.execute(f"PRAGMA max_page_count = {pages + 2}")
    # Bodies that do not compress.
    large = [article(f"b{at}", body=os.urandom(5000).hex()) for at in range(20)]
    with pytest.raises(LogError, match="full"):
        log.append(put(article("c"), *large))
    assert [event.article_id for event in _events(log)] == ["a"]
    assert seqs(log.append(put(article("c")))) == [2]


@pytest.mark.parametrize("ended_ms", [None, 0, Clock().now_ms])
def test_what_is_shown_takes_back_what_waits(tmp_path: Path, ended_ms: int | None) -> None:
    """Put again without an embargo that holds it stays the version that it is, and nobody is told of anything."""
    clock, one, two = Clock(), article("a", "Shown"), article("a", "Waits")
    with EventLog(tmp_path / "log.sqlite", partitions=1, now_ms=clock) as log:
        log.append([Submission("a", one, b"1")])
        log.append([Submission("a", two, b"2", embargoed_until_ms=clock.now_ms + 1)])
        again = Submission("a", one, b"1", embargoed_until_ms=ended_ms, message_id=b"m")
        assert log.append([again]) == [Outcome("unchanged", None, 1)]
        assert log.next_lift_ms() is None
        assert log.append([again, Submission("a", one, b"1")]) == [Outcome("unchanged", None, 1)] * 2
        clock.pass_s(1)
        assert (log.next_lift_ms(), log.lift_due()) == (None, 0)
        assert [(event.kind, event.version, event.article) for event in log.history("a")] == [
            ("cancel", 1, None),
            ("hold", 2, two),
            ("put", 1, one),
        ]
        assert [notice.kind for notice in log.changes(0, 9, 9)] == ["created"]
        assert log.pending(0, 9) == {0: 1}
        assert [event.article for event in _events(log)] == [one]


def test_lifts_hold_nobody_up(tmp_path: Path) -> None:
    """A transaction lifts so many; where nothing is due, it is not even begun."""
    clock = Clock()
    with EventLog(tmp_path / "log.sqlite", partitions=1, now_ms=clock) as log:
        late = [
            Submission(f"a/{n}", article(f"a/{n}"), b"x", embargoed_until_ms=clock.now_ms + 1) for n in range(2500)
        ]
        log.append(late)
        with EventLog(tmp_path / "log.sqlite", now_ms=clock) as other:
            other._db.execute("BEGIN IMMEDIATE")
            assert log.lift_due() == 0
        clock.pass_s(1)
        assert [log.lift_due() for _ in range(3)] == [LIFTED_AT_MOST, 500, 0]


def test_what_was_lifted_can_be_withdrawn_and_restored(tmp_path: Path) -> None:
    """The text is that of the version that waited, however many events lie between."""
    clock, one = Clock(), article("a", "Waits")
    with EventLog(tmp_path / "log.sqlite", partitions=1, now_ms=clock) as log:
        log.append([Submission("a", one, b"x", embargoed_until_ms=clock.now_ms + 1000)])
        assert (log.lift_due(), log.pending(0, 9), log.live_articles()) == (0, {}, 0)
        clock.pass_s(1)
        assert log.lift_due() == 1
        for _ in range(2):
            log.append(withdraw("a"))
            log.append([Submission("a", None, b"", "restore")])
        assert [(event.kind, event.version, event.article) for event in log.history("a")] == [
            ("restore", 5, one),
            ("withdraw", 4, None),
            ("restore", 3, one),
            ("withdraw", 2, None),
            ("lift", 1, one),
            ("hold", 1, one),
        ]
        assert [event.article for event in _events(log)] == [one]


def test_counts_are_right_whoever_appends_meanwhile(tmp_path: Path) -> None:
    """Each statistics event says how many articles were to be seen just before it, while others are being logged."""
    path = tmp_path / "log.sqlite"
    EventLog(path, partitions=2).close()

    def put_all() -> None:
        with EventLog(path) as writer:
            for number in range(300):
                writer.append(put(article(str(number))))

    with EventLog(path) as log, ThreadPoolExecutor(1) as beside:
        putting = beside.submit(put_all)
        while not putting.done():
            log.append_statistics()
        putting.result()
        frozen = log.statistics_events(0, log.last_seq())
        before = {seq: seq - 1 - at for at, (seq, _live) in enumerate(frozen)}
        assert [(seq, live) for seq, live in frozen] == list(before.items())
        assert log.live_articles() == 300
