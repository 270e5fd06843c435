"""Importing crawls: every page is accounted for, and what ends a run costs no article and doubles none."""

import sqlite3
import threading
from pathlib import Path
from typing import Any

import orjson
import pytest

from indexer.appending import Stopped
from indexer.crawl_positions import CrawlPositions, PositionsError, Seen
from indexer.crawls import CLIENT, Summary, import_crawls
from indexer.events import LogError
from indexer.log import EventLog
from indexer.readers import InputError, Position
from indexer.rejects import RejectsFile
from tests.indexer.crawl_harness import events, kills, make_crawl, page, record

KILLS = 2
"""The harness itself does as many as it is told: `python -m tests.indexer.crawl_harness --kills 20`."""


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few pages are several batches."""
    monkeypatch.setattr("indexer.crawls.BATCH", 3)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder of an archive."""
    folder = tmp_path / "archive"
    folder.mkdir()
    return folder


def _run(root: Path, *paths: Path, max_backlog: int | None = None, **how: Any) -> Summary:
    with (
        EventLog(root / "log.sqlite", partitions=2, max_backlog=max_backlog) as log,
        RejectsFile(root / "rejects.jsonl") as rejects,
    ):
        return import_crawls(paths, log, rejects, root / "crawls.sqlite", **how)


def _write(path: Path, *numbers: int) -> Path:
    path.write_bytes(b"".join(record(f"http://news.example/{n}", page(f"Story {n}")) for n in numbers))
    return path


def test_kills_at_random_moments_lose_nothing(tmp_path: Path) -> None:
    """Whenever an import is killed, the next ones log what one run would have, each event once."""
    assert len(list(kills(tmp_path, count=KILLS, seed=7))) == KILLS


def test_every_page_is_accounted_for(root: Path, tmp_path: Path) -> None:
    """Accepted or rejected with a reason; what is no page is counted; the articles are those of the pages."""
    files = make_crawl(tmp_path, pages=60)
    reported: list[int] = []
    summary = _run(root, *files, reporter=lambda so_far, _position: reported.append(so_far.pages))
    assert (summary.files, summary.finished) == (3, 3)
    assert summary.pages == summary.accepted + summary.rejected.total() == reported[-1]
    assert reported == sorted(set(reported))
    assert summary.passed == {"not HTML": 3}
    assert summary.rejected["the page has no text"] == 6
    listed = [orjson.loads(line) for line in (root / "rejects.jsonl").read_bytes().splitlines()]
    assert len(listed) == summary.rejected.total()
    assert len(events(root)) == summary.changed
    with EventLog(root / "log.sqlite") as log:
        assert {row[0] for row in log._db.execute("SELECT client FROM event")} == {CLIENT}


def test_what_was_read_is_not_read_again(root: Path, tmp_path: Path) -> None:
    """The same files log nothing; a new file in the folder is read alone; one that has grown is read anew."""
    folder = tmp_path / "crawl"
    folder.mkdir()
    _write(folder / "b.warc", 1, 2)
    assert _run(root, folder).changed == 2
    again = _run(root, folder)
    assert (again.files, again.finished, again.pages) == (1, 1, 0)
    _write(folder / "a.warc", 3)
    more = _run(root, folder)
    assert (more.files, more.finished, more.pages, more.changed) == (2, 2, 1, 1)
    _write(folder / "b.warc", 1, 2, 4)
    grown = _run(root, folder)
    assert (grown.pages, grown.accepted, grown.changed) == (3, 3, 1)


def test_files_are_known_wherever_one_stands(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By their whole paths."""
    path = _write(tmp_path / "a.warc", 1)
    monkeypatch.chdir(tmp_path)
    _run(root, Path("a.warc"))
    assert _run(root, path).pages == 0


@pytest.mark.parametrize("batches", [1, 2, 3])
def test_a_run_can_be_stopped_and_goes_on(root: Path, tmp_path: Path, batches: int) -> None:
    """Behind a batch; what was logged by then is not read again, also if other files come first."""
    stop = threading.Event()
    left = [batches]

    def report(_summary: Summary, _position: Position) -> None:
        left[0] -= 1
        if not left[0]:
            stop.set()

    path = _write(tmp_path / "b.warc", *range(12))
    with pytest.raises(Stopped):
        _run(root, path, stop=stop, reporter=report)
    assert len(events(root)) == 3 * batches
    rest = _run(root, _write(tmp_path / "a.warc", 20), path)
    assert (rest.pages, rest.changed) == (13 - 3 * batches, 13 - 3 * batches)
    assert len(events(root)) == 13


def test_the_position_is_saved_after_the_articles(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dying between the two logs nothing twice; dying before either loses nothing."""
    path = _write(tmp_path / "a.warc", 0, 1, 2, 0, 3, 4)

    def broken(*_given: object, **_named: object) -> None:
        raise LogError("the power failed")

    for where in ("indexer.crawls.CrawlPositions.save", "indexer.log.EventLog.append"):
        with monkeypatch.context() as patched:
            patched.setattr(where, broken)
            with pytest.raises(LogError, match="the power failed"):
                _run(root, path)
        assert len(events(root)) == 3
    _run(root, path)
    assert [article_id[-1] for _, article_id, _ in events(root)] == ["0", "1", "2", "3", "4"]


def test_the_last_capture_in_a_batch_is_logged(root: Path, tmp_path: Path) -> None:
    """Read again after a death, both would be logged again."""
    url = "http://news.example/a"
    path = tmp_path / "a.warc"
    path.write_bytes(record(url, page("First")) + record(url, page("Second")))
    summary = _run(root, path)
    assert (summary.accepted, summary.changed) == (2, 1)
    assert events(root) == [("put", url, "Second")]


def test_what_could_not_be_read_is_tried_again(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fails is not the file's fault; a damaged file is read once."""
    good = _write(tmp_path / "a.warc", 1, 2)
    damaged = tmp_path / "b.warc"
    damaged.write_bytes(b"nonsense")
    last = _write(tmp_path / "c.warc", 3)

    def failing(_file: object, _size: int, at: int) -> bytes:
        raise OSError(5, "Input/output error") if at == 0 else AssertionError

    with monkeypatch.context() as patched:
        patched.setattr("indexer.readers.warc.os.pread", failing)
        broken = _run(root, good, last)
        assert broken.rejected == {"the rest cannot be read": 2}
        assert broken.finished == 0
    whole = _run(root, good, damaged, last)
    assert (whole.finished, whole.changed) == (3, 3)
    again = _run(root, good, damaged, last)
    assert (again.finished, again.pages, again.rejected) == (3, 0, {})


def test_a_full_log_is_waited_for(root: Path, tmp_path: Path) -> None:
    """Whoever indexes is woken, and makes room."""
    woken = []

    def logged() -> None:
        woken.append(1)
        with EventLog(root / "log.sqlite") as log:
            log.applied(log.last_seq(), 0)

    summary = _run(root, _write(tmp_path / "a.warc", *range(8)), max_backlog=2, logged=logged)
    assert summary.changed == 8
    assert len(woken) >= 4


def test_nothing_is_changed_where_a_file_is_missing(root: Path, tmp_path: Path) -> None:
    """It is said before anything is read."""
    with pytest.raises(InputError, match="No such file"):
        _run(root, _write(tmp_path / "a.warc", 1), tmp_path / "missing")
    assert events(root) == []
    assert not (root / "crawls.sqlite").exists()


def test_a_file_of_positions_that_is_none_is_an_error(tmp_path: Path) -> None:
    """With the cure; it costs reading, and no article."""
    path = tmp_path / "crawls.sqlite"
    path.write_bytes(b"nonsense" * 100)
    with pytest.raises(PositionsError, match=r"not a usable file of positions \(.*\); move it away and run again"):
        CrawlPositions(path)
    path.unlink()
    with CrawlPositions(path) as positions:
        positions.save([], Seen("a", 1, 2), Position("a", 3, 4, 5))
        assert positions.load(Seen("a", 1, 2)) == (Position("a", 3, 4, 5), False)
        assert positions.load(Seen("a", 1, 3)) == (None, False)
        assert positions.load(Seen("b", 1, 2)) == (None, False)
        positions._db.execute("DROP TABLE crawl")
        for broken in (lambda: positions.load(Seen("a", 1, 2)), lambda: positions.save([Seen("a", 1, 2)])):
            with pytest.raises(PositionsError):
                broken()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 2")
    db.close()
    with pytest.raises(PositionsError, match="written by a later version of Broadsheet"):
        CrawlPositions(path)
