"""Stories are decided event by event: which event belongs to which, and what becomes of that."""

import random
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from indexer import stories as stories_module
from indexer.events import Brought, Log, LogError, Submission
from indexer.likeness import texts_of
from indexer.log import EventLog, log_path
from indexer.sample import generate
from indexer.stories import Label, Stories, follow_stories, stories_path
from indexer.submitting import submission_of
from partition.reader import PartitionReader
from partition.types import Article
from tests.small_index import Clock, SmallIndex, article, newest, put

_DAY_MS = 86_400_000
_WORDS = tuple(f"{letter}{other}word" for letter in "abcdefghijkl" for other in "mnopqrstuvw")


def _text(seed: int) -> str:
    return " ".join(random.Random(seed).choices(_WORDS, k=60))


FIRST, OTHER = _text(1), _text(2)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    """An empty log."""
    with EventLog(log_path(tmp_path), partitions=3, now_ms=Clock()) as opened:
        yield opened


def _put(log: EventLog, article_id: str, body: str, **fields: Any) -> int:
    (outcome,) = log.append(put(article(article_id, body=body, published_ms=0, **fields)))
    assert outcome.seq
    return outcome.seq


def _do(log: EventLog, article_id: str, action: Any) -> int:
    (outcome,) = log.append([Submission(article_id, None, b"", action)])
    assert outcome.seq
    return outcome.seq


def _labels(root: Path, log: EventLog) -> dict[int, Label]:
    follow_stories(root, log.last_seq())
    with Stories(root) as stories:
        return stories.labels(0, log.last_seq())


def test_a_copy_belongs_to_the_story_of_the_first(log: EventLog, tmp_path: Path) -> None:
    """Whoever has begun one has no label; all that are like it have its sequence, and their own."""
    first = _put(log, "a", FIRST)
    _put(log, "b", OTHER)
    copy, later = _put(log, "c", FIRST), _put(log, "d", FIRST + " more")
    assert _labels(tmp_path, log) == {copy: (first, copy), later: (first, later)}


def test_a_story_does_not_drift(log: EventLog, tmp_path: Path) -> None:
    """What is like a copy, and not like what was copied, is another story."""
    said = FIRST.split()
    first = _put(log, "a", FIRST)
    copy = _put(log, "b", " ".join([*said[8:], *OTHER.split()[:4]]))
    _put(log, "c", " ".join([*said[16:], *OTHER.split()[:12]]))
    assert _labels(tmp_path, log) == {copy: (first, copy)}


def test_a_form_that_is_filled_in_again_and_again(log: EventLog, tmp_path: Path) -> None:
    """Each is a story of its own, though nearly all words are the same; a copy belongs to the one that it copies."""
    said = FIRST.split()
    forms = [" ".join([*said[:20], f"{n}1", *said[20:40], f"{n}2", *said[40:]]) for n in range(100, 140)]
    seqs = [_put(log, f"form/{nth}", form) for nth, form in enumerate(forms)]
    copies = {_put(log, f"copy/{nth}", forms[nth]): nth for nth in (39, 38, 30)}
    assert _labels(tmp_path, log) == {copy: (seqs[nth], copy) for copy, nth in copies.items()}


def test_a_correction_is_looked_at_anew(log: EventLog, tmp_path: Path) -> None:
    """It stays where it is, since when it was, as long as it is like the first; then it is where it belongs."""
    first, other = _put(log, "a", FIRST), _put(log, "b", OTHER)
    copy = _put(log, "c", FIRST)
    corrected, changed = _put(log, "c", FIRST + " more"), _put(log, "c", OTHER)
    again = _put(log, "a", FIRST + " again")
    alone = _put(log, "a", _text(3))
    assert _labels(tmp_path, log) == {
        copy: (first, copy),
        corrected: (first, copy),
        changed: (other, changed),
        again: (first, first),
    }
    assert alone not in _labels(tmp_path, log)


def test_what_shows_nothing_new_changes_nothing(log: EventLog, tmp_path: Path) -> None:
    """Withdrawn, restored, tried again: it is where it was; and so is what comes back with the same text."""
    first, copy = _put(log, "a", FIRST), _put(log, "b", FIRST)
    events = [_do(log, "b", action) for action in ("withdraw", "restore", "retry", "withdraw")]
    back = _put(log, "b", FIRST, title="Again")
    assert _labels(tmp_path, log) == dict.fromkeys((copy, *events, back), Label(first, copy))


def test_what_waits_is_told_of_by_nothing(tmp_path: Path) -> None:
    """An article under embargo is looked at when it is shown: until then none is like it."""
    clock = Clock()
    with EventLog(log_path(tmp_path), partitions=3, now_ms=clock) as log:
        waiting = replace(put(article("a", body=FIRST))[0], embargoed_until_ms=clock.now_ms + 1000)
        log.append([waiting])
        first = _put(log, "b", FIRST)
        assert _labels(tmp_path, log) == {}
        clock.pass_s(2)
        assert log.lift_due() == 1
        lifted = log.last_seq()
        assert _labels(tmp_path, log) == {lifted: (first, lifted)}


def test_what_was_taken_down_is_like_nothing(log: EventLog, tmp_path: Path) -> None:
    """What had joined its story stays together; what comes later begins another, and nothing of it is kept."""
    first, copy = _put(log, "a", FIRST), _put(log, "b", FIRST)
    labels = _labels(tmp_path, log)
    with sqlite3.connect(stories_path(tmp_path)) as db:
        bands = [row[0] for row in db.execute("SELECT hash FROM band WHERE seq = ?", (first,))]
    assert bands
    _do(log, "a", "takedown")
    log.destroy("a")
    later, latest = _put(log, "c", FIRST), _put(log, "d", FIRST)
    assert labels == {copy: (first, copy)}
    assert _labels(tmp_path, log) == {copy: (first, copy), latest: (later, latest)}
    with sqlite3.connect(stories_path(tmp_path)) as db:
        assert not db.execute("SELECT * FROM band WHERE seq = ?", (first,)).fetchall()


def test_nothing_is_left_of_the_bands_of_what_was_taken_down(tmp_path: Path) -> None:
    """When the index was purged: no byte of them, of some thousand bands, is in the file or in its WAL."""
    with SmallIndex(tmp_path) as index:
        index.put(*(article(f"n{number}", body=_text(number + 10)) for number in range(300)))
        index.publish()
        gone = [f"n{number}" for number in range(0, 300, 7)]
        with closing(sqlite3.connect(stories_path(tmp_path))) as db:
            query = "SELECT hash FROM band WHERE seq = ?"
            bands = [hash_ % 2**64 for seq in range(1, 301, 7) for (hash_,) in db.execute(query, (seq,))]
        index.take_down(*gone)
        assert index.projector.purge().purged_seq
        kept = b"".join(path.read_bytes() for path in tmp_path.glob("stories.sqlite*"))
        assert len(bands) > 400
        assert not [band for band in bands if _varint(band) in kept]


def _varint(number: int) -> bytes:
    """As SQLite writes a number of 64 bits: seven bits in each of eight bytes, then eight."""
    return bytes(128 | (number >> shift) & 127 for shift in range(57, 0, -7)) + bytes([number & 255])


def test_the_moments_do_not_matter(tmp_path: Path) -> None:
    """Event by event, in batches of any size, or all at once: the same."""
    submissions = _sample(400)
    found = []
    for name, step, batch in (("one", 1, 1), ("some", 37, 10), ("all", 400, 4000)):
        root = tmp_path / name
        root.mkdir()
        with pytest.MonkeyPatch.context() as patched, EventLog(log_path(root), partitions=2) as log:
            patched.setattr(stories_module, "BATCH", batch)
            for at in range(0, len(submissions), step):
                log.append(submissions[at : at + step])
                follow_stories(root, log.last_seq())
            log.append([Submission(submissions[0].article_id, None, b"", "takedown")])
            found.append(_labels(root, log))
    assert found[0] == found[1] == found[2]
    assert len(found[0]) > 5


def _sample(articles: int, mean_words: int = 150) -> list[Submission]:
    return [submission_of(dict(one), now_ms=4 * 10**12) for one in generate(articles, 7, mean_words, 200_000)]


def test_copies_of_the_sample_are_found(tmp_path: Path) -> None:
    """None is taken for one that is none; of those that appear within a week nearly all are found."""
    records = list(generate(4000, 3, 400, 200_000))
    with EventLog(log_path(tmp_path), partitions=2) as log:
        log.append([submission_of(dict(one), now_ms=4 * 10**12) for one in records])
        labels = _labels(tmp_path, log)
    truth, found = defaultdict(list), defaultdict(list)
    for seq, record in enumerate(records, start=1):
        truth[record["story"]].append(seq)
        found[labels.get(seq, Label(seq, seq)).story].append(seq)
    true_pairs, found_pairs = _pairs(truth), _pairs(found)
    assert len(true_pairs) > 100
    assert found_pairs <= true_pairs
    assert len(found_pairs) >= 0.97 * len(true_pairs)


def _pairs(groups: Mapping[Any, list[int]]) -> set[tuple[int, int]]:
    return {pair for group in groups.values() for pair in combinations(group, 2)}


def test_a_file_that_is_lost_is_made_again(log: EventLog, tmp_path: Path) -> None:
    """From the log, alike."""
    _put(log, "a", FIRST)
    _put(log, "b", FIRST)
    _put(log, "b", FIRST + " more")
    before = _labels(tmp_path, log)
    stories_path(tmp_path).unlink()
    assert _labels(tmp_path, log) == before


def test_an_older_copy_of_the_log(log: EventLog, tmp_path: Path) -> None:
    """What was decided of events that are no more is forgotten; of another log, all of it."""
    first, copy = _put(log, "a", FIRST), _put(log, "b", FIRST)
    _labels(tmp_path, log)
    log._db.execute("DELETE FROM event WHERE seq = ?", (copy,))
    log._db.execute("DELETE FROM sqlite_sequence")
    with Stories(tmp_path) as stories:
        stories.follow(log, first)
        assert stories.labels(0, 100) == {}
        stories._set("archive", "another")
        stories._db.execute("INSERT INTO label VALUES (1, 7, 7)")
        stories.follow(log, first)
        assert stories.labels(0, 100) == {}


def test_another_log_that_is_empty(tmp_path: Path) -> None:
    """What was decided of the one before is nothing to it, though nothing has come yet."""
    for name in ("one", "other"):
        with EventLog(log_path(tmp_path), partitions=3) as log:
            if name == "one":
                _put(log, "a", FIRST)
                _put(log, "b", FIRST)
            assert len(_labels(tmp_path, log)) == (name == "one")
            if name == "other":
                _put(log, "c", OTHER)
                _put(log, "d", FIRST)
                assert _labels(tmp_path, log) == {}
        log_path(tmp_path).unlink()


def test_a_correction_that_shares_no_band(log: EventLog, tmp_path: Path) -> None:
    """It is compared with the first of its story nevertheless."""
    said = _text(2).split() + _text(3).split()
    first = _put(log, "a", " ".join(said))
    cut = _put(log, "a", " ".join(said[:58]))
    assert _labels(tmp_path, log) == {cut: (first, first)}
    bands = [set(text.bands) for text in texts_of([article("a", body=" ".join(part)) for part in (said, said[:58])])]
    assert not bands[0] & bands[1]


def test_large_texts_are_taken_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few there are in a batch, and however little is remembered: the same is decided."""
    monkeypatch.setattr(stories_module, "BATCH_CHARS", 1000)
    monkeypatch.setattr(stories_module, "_REMEMBERED_WORDS", 100)
    batches: list[int] = []
    decide_all = Stories._decide_all

    def counting(stories: Stories, log: Log, batch: Sequence[Brought]) -> None:
        batches.append(len(batch))
        decide_all(stories, log, batch)

    monkeypatch.setattr(Stories, "_decide_all", counting)
    with EventLog(log_path(tmp_path), partitions=2) as log:
        seqs = [_put(log, f"n{number}", _text(number % 5)) for number in range(20)]
        with Stories(tmp_path) as stories:
            stories.follow(log, seqs[-1])
            assert stories._remembered_words <= 100
            assert stories.labels(0, 100) == {seq: (seq % 5 or 5, seq) for seq in seqs[5:]}
    assert max(batches) <= 3


def test_another_algorithm_keeps_what_was_decided(
    log: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes later is compared with all that began a story before."""
    first, copy = _put(log, "a", FIRST), _put(log, "b", FIRST)
    _put(log, "down", OTHER)
    _do(log, "down", "takedown")
    before = _labels(tmp_path, log)
    monkeypatch.setattr(stories_module, "ALGORITHM", "another")
    with sqlite3.connect(stories_path(tmp_path)) as db:
        bands = db.execute("SELECT * FROM band").fetchall()
        db.execute("UPDATE band SET hash = hash + 1")
    later = _put(log, "c", FIRST)
    assert _labels(tmp_path, log) == {**before, later: (first, later)}
    with sqlite3.connect(stories_path(tmp_path)) as db:
        assert db.execute("SELECT * FROM band").fetchall() == bands
    assert copy in before


def test_a_file_that_is_none_is_named(log: EventLog, tmp_path: Path) -> None:
    """With the cure; the log is not touched."""
    _put(log, "a", FIRST)
    stories_path(tmp_path).write_bytes(b"no database" * 1000)
    with pytest.raises(LogError, match=r"stories\.sqlite: the stories cannot be used"):
        follow_stories(tmp_path, 1)
    stories_path(tmp_path).unlink()
    with Stories(tmp_path) as stories:
        stories._db.execute("PRAGMA user_version = 99")
    with pytest.raises(LogError, match="has format 99, not 1; remove it and run: broadsheet rebuild"):
        Stories(tmp_path)
    assert log.last_seq() == 1


def test_the_index_says_what_was_decided(tmp_path: Path) -> None:
    """In columns, of every version, through merges and when built anew."""
    with SmallIndex(tmp_path) as index:
        index.put(*(article(f"a{number}", body=FIRST if number % 2 else _text(number + 10)) for number in range(8)))
        index.publish()
        index.put(article("a1", "Corrected", body=FIRST))
        index.withdraw("a3")
        manifest = index.publish(merge=True)
        expected = {f"a{number}": (number + 1, number + 1) for number in (0, 2, 4, 6)}
        expected |= {"a1": (2, 2), "a5": (2, 6), "a7": (2, 8)}
        assert _columns(index) == expected
        manifest = index.projector.rebuild()
        assert manifest.articles == 7
        assert _columns(index) == expected


def _columns(index: SmallIndex) -> dict[str, tuple[int, int]]:
    found = {}
    for partition, record in enumerate(newest(index.root).partitions):
        reader = PartitionReader(index.layout.partition(partition), record)
        for segment in reader.segments:
            stories, joined = segment.column("story"), segment.column("joined")
            for docnum in segment.live.nonzero()[0].tolist():
                found[segment.article_id(docnum)] = int(stories[docnum]), int(joined[docnum])
    return found


def test_articles_are_read_only_where_they_may_be_alike(
    log: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No text of the log is read again for an article that shares no band with another."""
    for number in range(20):
        _put(log, f"n{number}", _text(number + 10))
    _labels(tmp_path, log)
    asked: list[int] = []
    text_of = EventLog.text_of

    def counting(log: EventLog, seq: int) -> Article | None:
        asked.append(seq)
        return text_of(log, seq)

    monkeypatch.setattr(EventLog, "text_of", counting)
    _put(log, "new", _text(100))
    _put(log, "copy", _text(13))
    _labels(tmp_path, log)
    assert asked == [4]
