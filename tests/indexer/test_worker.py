"""The live indexer, round by round: what is logged is published, however it comes."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from indexer import worker as worker_module
from indexer.events import Submission
from indexer.jobs import KEPT_MS, message_id, new_job_id
from indexer.log import EventLog, log_path
from indexer.publisher import IndexerLock, Retention
from indexer.worker import Worker
from partition.types import Article
from tests.small_index import Clock, article, contents, newest, put, withdraw

ARTICLES = [article(f"a/{number}", f"Title {number}") for number in range(300)]


class Live:
    """An archive with a live indexer, and a log of its own to append to."""

    def __init__(self, root: Path, log: EventLog, clock: Clock, start: Callable[[], Worker]) -> None:
        self.root = root
        self.log = log
        self.clock = clock
        self.start = start
        self.published = 0

    def titles(self) -> dict[str, str]:
        """What the newest epoch holds."""
        return {article_id: stored["title"] for article_id, stored in contents(self.root).items()}


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    """Nothing in it yet."""
    clock = Clock()
    with IndexerLock(tmp_path) as lock, EventLog(log_path(tmp_path), partitions=3, now_ms=clock) as log:

        def rung() -> None:
            made.published += 1

        def start() -> Worker:
            return Worker(tmp_path, lock, retention=Retention(seconds=60), builders=1, published=rung, now_ms=clock)

        made = Live(tmp_path, log, clock, start)
        yield made


def _titles(articles: list[Article]) -> dict[str, str]:
    return {one.id: one.title for one in articles}


def test_what_is_logged_is_published(live: Live) -> None:
    """Puts, corrections and withdrawals, by workers one after the other; nothing new publishes nothing."""
    with live.start() as worker:
        assert not worker.turn()
        assert live.published == 0
        live.log.append(put(*ARTICLES[:100]))
        assert not worker.turn()
        assert live.titles() == _titles(ARTICLES[:100])
        published = live.published
        assert not worker.turn()
        assert live.published == published
        assert live.log.drain().waiting == 0
    corrected = replace(ARTICLES[7], title="Corrected")
    live.log.append([*put(corrected, *ARTICLES[100:]), *withdraw("a/8")])
    assert live.log.drain().waiting == 202
    with live.start() as worker:
        assert not worker.turn()
    assert live.titles() == _titles([one for one in [*ARTICLES, corrected] if one.id != "a/8"])
    per_s = live.log.drain().per_s
    assert per_s > 0
    with live.start() as worker:
        live.log.append(withdraw("a/9"))
        assert not worker.turn()
        assert live.log.drain().per_s == per_s, (
            "another one does not begin with nothing, and a small round says nothing"
        )


def test_rounds_are_bounded(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backlog comes in by several epochs; a large one by processes, in larger rounds."""
    monkeypatch.setattr(worker_module, "ROUND_EVENTS", 40)
    with live.start() as worker:
        live.log.append(put(*ARTICLES[:100]))
        seen = []
        while worker.turn():
            seen.append(len(live.titles()))
        assert seen == [40, 80]
        assert len(live.titles()) == 100
        monkeypatch.setattr(worker_module, "MANY_EVENTS", 120)
        live.log.append(put(*ARTICLES[100:]))
        assert worker.turn()
        assert len(live.titles()) == 220
        while worker.turn():
            pass
    assert live.titles() == _titles(ARTICLES)


def test_statistics_advance_seldom(live: Live) -> None:
    """Hourly at most, unless the archive doubles."""
    frozen = []
    with live.start() as worker:
        for first, last, seconds in ((0, 100, 0), (100, 150, 3599), (150, 151, 2), (151, 170, 0), (170, 300, 0)):
            live.clock.pass_s(seconds)
            live.log.append(put(*ARTICLES[first:last]))
            worker.turn()
            frozen.append(newest(live.root).statistics_epoch)
    assert frozen == [1, 1, 2, 2, 2]
    with live.start() as worker:
        live.log.append(put(article("more/0"), article("more/1")))
        worker.turn()
    assert newest(live.root).statistics_epoch == 3


@pytest.mark.parametrize("put_s", [-3600, -10 * 365 * 86_400])
def test_statistics_and_embargoes_of_a_clock_that_was_put_back(live: Live, put_s: int) -> None:
    """Statistics advance again as articles come; what was lifted stays, what waits waits for its time."""
    with live.start() as worker:
        live.log.append(put(*ARTICLES[:100]))
        until_ms = live.clock.now_ms + 500
        live.log.append([Submission("e", article("e"), b"e", embargoed_until_ms=until_ms)])
        live.clock.pass_s(1)
        worker.turn()
        assert "e" in live.titles()
        live.clock.put_s(put_s)
        live.log.append([Submission("f", article("f"), b"f", embargoed_until_ms=live.clock.now_ms + 2000)])
        live.log.append(put(*ARTICLES[100:150]))
        worker.turn()
        assert newest(live.root).statistics_epoch == 2
        live.log.append(put(*ARTICLES[150:170]))
        worker.turn()
        assert newest(live.root).statistics_epoch == 2
        assert {"e", "f"} & live.titles().keys() == {"e"}
        live.clock.pass_s(2)
        worker.turn()
        assert {"e", "f"} < live.titles().keys()


def test_embargoes_are_lifted_when_their_time_has_come(live: Live) -> None:
    """Not before, and by a worker that waits no longer than until then."""
    until_ms = live.clock.now_ms + 500
    live.log.append([Submission("e", article("e"), b"e", embargoed_until_ms=until_ms)])
    with live.start() as worker:
        worker.turn()
        assert "e" not in live.titles()
        waits = []

        def wait(timeout_s: float) -> None:
            waits.append(timeout_s)
            live.clock.pass_s(timeout_s)
            if len(waits) == 2:
                stop.set()

        stop = threading.Event()
        worker.run(wait, stop)
    assert waits == [0.5, 1.0]
    assert live.titles() == {"e": "A title"}


def test_a_million_embargoes_that_end_at_midnight(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """Are lifted so many at a time, as many as a round brings in, and others write in between."""
    monkeypatch.setattr(worker_module, "ROUND_EVENTS", 40)
    monkeypatch.setattr(worker_module, "MANY_EVENTS", 100)
    until_ms = live.clock.now_ms + 1000
    live.log.append([Submission(one.id, one, b"x", embargoed_until_ms=until_ms) for one in ARTICLES])
    lifted = []

    def counted(log: EventLog) -> int:
        lifted.append(lift_due(log, 15))
        live.log.append(put(article(f"between/{len(lifted)}")))  # nobody holds the log
        return lifted[-1]

    with live.start() as worker:
        while worker.turn():
            pass
        assert live.titles() == {}
        live.clock.pass_s(1)
        lift_due = EventLog.lift_due
        monkeypatch.setattr(EventLog, "lift_due", counted)
        rounds = [sum(lifted)]
        while worker.turn():
            assert live.log.drain().waiting <= 100 + 2 * 15, "what is lifted is what can be brought in"
            rounds.append(sum(lifted))
    assert max(lifted) == 15
    assert sum(lifted) == 300
    assert len(set(rounds)) >= 3, "it went on in the next rounds"
    titles = live.titles()
    assert titles == _titles(ARTICLES) | {one: "A title" for one in titles if one.startswith("between/")}


def test_segments_stay_few(live: Live) -> None:
    """Also when hundreds of rounds bring one article each; what is merged aside is taken over."""
    with live.start() as worker:
        for one in ARTICLES:
            live.log.append(put(one))
            worker.turn()
            live.clock.pass_s(1)
        assert max(record.segments for record in newest(live.root).partitions) < 12
    assert live.titles() == _titles(ARTICLES)


def test_a_failure_ends_it_and_loses_nothing(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next worker goes on where the newest epoch ends."""
    with live.start() as worker:
        live.log.append(put(*ARTICLES[:50]))
        worker.turn()
        live.log.append(put(*ARTICLES[50:]))
        with monkeypatch.context() as patched:

            def full(*_given: object, **_named: object) -> None:
                raise OSError("no space left on device")

            patched.setattr("indexer.builder.write_generation", full)
            with pytest.raises(OSError, match="no space left"):
                worker.turn()
    assert live.titles() == _titles(ARTICLES[:50])
    with live.start() as worker:
        worker.turn()
    assert live.titles() == _titles(ARTICLES)


def test_outcomes_of_writes_are_forgotten_with_their_jobs(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a week, so many at a time, without waiting where there are more; the articles stay."""
    monkeypatch.setattr(worker_module, "ROUND_EVENTS", 20)
    job = new_job_id(live.clock.now_ms)
    live.log.append(replace(one, message_id=message_id(job, line)) for line, one in enumerate(put(*ARTICLES[:50]), 1))

    def left() -> int:
        return len(live.log.outcomes(job, b"", 100))

    with live.start() as worker:
        while worker.turn():
            pass
        assert left() == 50
    live.clock.pass_s(KEPT_MS / 1000 + 1)
    with live.start() as worker:
        assert [left() for _ in range(4) if not worker.turn()] == [30, 10, 0, 0]
    assert live.titles() == _titles(ARTICLES[:50])


@pytest.mark.parametrize(
    ("round_s", "more", "waited_s", "pause_s"),
    [
        (0.05, False, 0.0, worker_module.EPOCH_EVERY_S - 0.05),
        (0.4, False, 0.0, 0.1),
        (9.0, False, 0.0, worker_module.MAX_PAUSE_S),
        (0.4, False, 0.06, 0.04),
        (0.4, False, 1.0, 0.0),
        (0.4, True, 0.0, 0.0),
    ],
)
def test_the_pause_after_a_round(
    live: Live, monkeypatch: pytest.MonkeyPatch, *, round_s: float, more: bool, waited_s: float, pause_s: float
) -> None:
    """A quarter of the round, within bounds; none for a backlog, nor for what is logged later than that."""
    now_s, paused_s = 0.0, []

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            paused_s.append(timeout)
            self.set()
            return True

    def pass_s(seconds: float) -> None:
        nonlocal now_s
        now_s += seconds

    def turn(_worker: Worker) -> bool:
        pass_s(round_s)
        return more

    with live.start() as worker:
        monkeypatch.setattr(Worker, "turn", turn)
        monkeypatch.setattr("time.monotonic", lambda: now_s)
        worker.run(lambda _patience_s: pass_s(waited_s), Stop())
        monkeypatch.undo()
    assert paused_s == [pytest.approx(pause_s)]
