"""Bulk indexing while somebody else indexes: both append, one projects, and a full log makes reading wait.

Not here: runs that have the archive for themselves (`test_bulk.py`).
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest

from indexer.bulk import Summary, index_files
from indexer.log import EventLog, log_path
from indexer.publisher import IndexerLock, Retention
from indexer.worker import Worker
from tests.indexer.test_bulk import Told
from tests.small_index import article, contents, put

COUNT = 3000


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file of articles."""
    path = tmp_path / "articles.jsonl"
    rows = ({"id": f"b/{number}", "title": f"Title {number}"} for number in range(COUNT))
    path.write_bytes(b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows))
    return path


@contextmanager
def _live_indexer(root: Path) -> Iterator[None]:
    root.mkdir()
    stop = threading.Event()
    ready = threading.Event()

    def follow() -> None:
        with IndexerLock(root) as lock:
            EventLog(log_path(root), partitions=2).close()
            with Worker(root, lock, retention=Retention(), builders=1) as worker:
                ready.set()
                worker.run(lambda _timeout_s: time.sleep(0.05), stop)

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        assert ready.wait(60)
        yield
    finally:
        stop.set()
        thread.join()


def _index(source: Path, root: Path, told: Told, max_backlog: int) -> Summary:
    return index_files(
        [source],
        root,
        partitions=None,
        mapping=None,
        builders=1,
        memory_mb=512,
        round_articles=100_000,
        retention=Retention(),
        reporter=told,
        max_backlog=max_backlog,
    )


@pytest.mark.parametrize("max_backlog", [1000, 100_000])
def test_a_live_indexer_indexes_what_is_read(tmp_path: Path, source: Path, max_backlog: int) -> None:
    """Everything is searchable when the run ends, also where the log has no room for all of it."""
    root, told = tmp_path / "archive", Told()
    with _live_indexer(root):
        summary = _index(source, root, told, max_backlog)
        assert (summary.accepted, summary.changed, summary.articles) == (COUNT, COUNT, COUNT)
        assert len(contents(root)) == COUNT
    assert "another process is indexing into this folder, and indexes what is read here too" in told.notes


def test_whoever_is_left_does_it(tmp_path: Path, source: Path) -> None:
    """The other one ends before it has indexed anything of it, with something of its own left behind."""
    root, told = tmp_path / "archive", Told()
    with IndexerLock(root), EventLog(log_path(root), partitions=2) as log:
        running = threading.Thread(target=_index, args=(source, root, told, 1000))
        running.start()
        log.append(put(article("theirs")))
        while not told.notes:
            assert running.is_alive()
    running.join(60)
    assert not running.is_alive()
    assert contents(root).keys() == {"theirs", *(f"b/{number}" for number in range(COUNT))}
