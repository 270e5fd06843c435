"""Publishing: epochs are taken once, kept for a while, and written by one process at a time."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import indexer.publisher
from indexer.publisher import IndexerBusyError, IndexerLock, Retention, publish
from partition.errors import IndexFileError, MissingFile
from partition.manifest import Layout
from tests.small_index import Clock, SmallIndex, article, contents, expected, named, titles, tree

ARTICLES = [article(f"a/{number}") for number in range(8)]
CORRECTED = [replace(one, title="Corrected") for one in ARTICLES[:3]]
LATER = [article(f"b/{number}") for number in range(2)]


def test_old_epochs_go_by_time(tmp_path: Path) -> None:
    """An epoch is kept for so long after it was replaced, with all its files; then nothing of it is left."""
    clock = Clock()
    retention = Retention(seconds=60)
    with SmallIndex(tmp_path, retention=retention, clock=clock) as index:
        index.put(*ARTICLES)
        index.publish()
        clock.pass_s(1000)  # age as such does not count
        index.put(*CORRECTED)
        index.publish()
        assert index.layout.published_epochs() == [1, 2]
        clock.pass_s(59)
        index.put(LATER[0])
        index.publish()
        assert titles(tmp_path, 1) == expected(*ARTICLES)
        clock.pass_s(1)
        index.put(LATER[1])
        index.publish()
        assert index.layout.published_epochs() == [2, 3, 4]
        clock.pass_s(10_000)
    with SmallIndex(tmp_path, retention=retention, clock=clock) as index:
        assert index.layout.published_epochs() == [4], "the newest stays, however old"
    assert titles(tmp_path) == expected(*ARTICLES[3:], *CORRECTED, *LATER)
    assert tree(tmp_path) == named(tmp_path)
    with pytest.raises(MissingFile):
        contents(tmp_path, 1)


def test_old_epochs_go_by_number(tmp_path: Path) -> None:
    """However young they are, at most so many are kept."""
    with SmallIndex(tmp_path, retention=Retention(seconds=10_000, epochs=3)) as index:
        for at, one in enumerate(ARTICLES, start=1):
            index.put(one)
            index.publish()
            assert index.layout.published_epochs() == list(range(max(1, at - 2), at + 1))
    assert tree(tmp_path) == named(tmp_path)
    assert [titles(tmp_path, epoch) for epoch in (6, 7, 8)] == [expected(*ARTICLES[:count]) for count in (6, 7, 8)]


def test_leftovers_are_removed(tmp_path: Path) -> None:
    """What no epoch names goes when an indexer starts: dead generations, counts, statistics, half manifests."""
    with SmallIndex(tmp_path) as index:
        index.put(*ARTICLES)
        index.publish()
    named = tree(tmp_path)
    for leftover in ("partitions/0000/g0000000099/x.segment", "partitions/0002/g0000000002.counts"):
        (tmp_path / leftover).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / leftover).touch()
    for leftover in ("statistics/000000000009.stat", "statistics/1.stat.tmp", "epochs/000000000002.json.7-8.tmp"):
        (tmp_path / leftover).touch()
    with SmallIndex(tmp_path):
        pass
    assert tree(tmp_path) == named


def test_an_epoch_is_published_once(tmp_path: Path) -> None:
    """A number that is taken is never taken again, whoever is slow to notice."""
    with SmallIndex(tmp_path) as index:
        index.put(*ARTICLES)
        manifest = index.publish()
        before = index.layout.manifest(1).read_bytes()
        with pytest.raises(FileExistsError):
            publish(index.layout, replace(manifest, published_ms=0))
        assert index.layout.manifest(1).read_bytes() == before


def test_a_damaged_manifest_stops_the_indexer(tmp_path: Path) -> None:
    """Nothing is removed or written while it is unknown what is needed."""
    with SmallIndex(tmp_path) as index:
        index.put(*ARTICLES)
        index.publish()
    path = Layout(tmp_path).manifest(1)
    sound = path.read_bytes()
    path.write_bytes(sound[:-5])
    before = tree(tmp_path)
    with pytest.raises(IndexFileError, match="not a root manifest"):
        SmallIndex(tmp_path)
    assert tree(tmp_path) == before
    path.write_bytes(sound)
    assert titles(tmp_path) == expected(*ARTICLES)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting for another indexer takes no time."""
    monkeypatch.setattr(indexer.publisher, "LOCK_WAIT_S", 0.0)


@pytest.mark.usefixtures("impatient")
def test_one_indexer_at_a_time(tmp_path: Path) -> None:
    """A second one is told that the folder is busy; afterwards it is free."""
    with IndexerLock(tmp_path):
        with pytest.raises(IndexerBusyError, match=r"lock: another process is indexing .*; wait for it to end"):
            IndexerLock(tmp_path).__enter__()
        with IndexerLock(tmp_path / "elsewhere"):
            pass
    with IndexerLock(tmp_path):
        pass


@pytest.fixture
def orphan(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that inherited the lock and waits."""
    with IndexerLock(tmp_path) as lock:
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[lock.handle])
    with child:
        yield child


@pytest.mark.usefixtures("impatient")
def test_a_builder_holds_the_lock_of_its_dead_parent(tmp_path: Path, orphan: "subprocess.Popen[bytes]") -> None:
    """While an orphan may still write, nobody else does."""
    with pytest.raises(IndexerBusyError):
        IndexerLock(tmp_path).__enter__()
    orphan.send_signal(signal.SIGKILL)
    orphan.wait()
    with IndexerLock(tmp_path):
        pass
