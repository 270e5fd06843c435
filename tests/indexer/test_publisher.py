"""Publishing: epochs are taken once, kept for a while, and written by one process at a time."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import indexer.publisher
from indexer.publisher import MOMENTS, OPENING_S, IndexerBusyError, IndexerLock, Retention, prune, publish
from partition.errors import IndexFileError, MissingFile
from partition.manifest import EMPTY_GENERATION, FileRecord, Layout, RootManifest, StatisticsRecord
from partition.reader import PartitionReader
from tests.small_index import Clock, SmallIndex, article, contents, expected, named, newest, titles, tree

ARTICLES = [article(f"a/{number}") for number in range(8)]
CORRECTED = [replace(one, title="Corrected") for one in ARTICLES[:3]]
LATER = [article(f"b/{number}") for number in range(2)]


def seen(index: SmallIndex, seq: int) -> dict[str, str]:
    """The title of each article in an earlier state, from the newest files."""
    manifest = newest(index.layout.root)
    titles = {}
    for partition, record in enumerate(manifest.partitions):
        if record.generation:
            reader = PartitionReader(index.layout.partition(partition), record, seq=seq)
            for ordinal, segment in enumerate(reader.segments):
                for docnum in segment.live.nonzero()[0].tolist():
                    titles[segment.article_id(docnum)] = reader.stored(ordinal, docnum)["title"]
    return titles


def test_old_states_go_by_time(tmp_path: Path) -> None:
    """A state is kept for so long after it was replaced, a sixtieth more at most; its manifest goes long before."""
    clock = Clock()
    with SmallIndex(tmp_path, retention=Retention(seconds=600), clock=clock) as index:
        index.put(*ARTICLES)
        first = index.publish()
        clock.pass_s(1000)  # age as such does not count
        index.put(*CORRECTED)
        second = index.publish()
        assert index.layout.published_epochs() == [1, 2]
        clock.pass_s(OPENING_S)
        index.put(LATER[0])
        index.publish()
        assert index.layout.published_epochs() == [2, 3]
        clock.pass_s(599 - OPENING_S)
        index.put(LATER[1])
        manifest = index.publish(merge=True)
        assert manifest.since_seq == first.applied_seq
        assert seen(index, first.applied_seq) == expected(*ARTICLES)
        clock.pass_s(11)
        index.put(LATER[1], LATER[0])
        manifest = index.publish(merge=True)
        assert manifest.since_seq == second.applied_seq
        assert seen(index, second.applied_seq) == expected(*ARTICLES[3:], *CORRECTED)
        assert sum(record.tombstones for record in manifest.partitions) == 0
        clock.pass_s(10_000)
    with SmallIndex(tmp_path, clock=clock) as index:
        assert index.layout.published_epochs() == [manifest.epoch], "the newest stays, however old"
    assert titles(tmp_path) == expected(*ARTICLES[3:], *CORRECTED, *LATER)
    assert tree(tmp_path) == named(tmp_path)
    with pytest.raises(MissingFile):
        contents(tmp_path, 1)


@pytest.mark.parametrize("put_s", [-3600, -10 * 365 * 86_400, 3600, 10 * 365 * 86_400])
def test_a_clock_may_be_put_forward_or_back(tmp_path: Path, put_s: int) -> None:
    """A manifest goes when it was replaced for so long, and no sooner; states at most in their time from then."""
    clock = Clock()
    with SmallIndex(tmp_path, retention=Retention(seconds=600), clock=clock) as index:
        for number, seconds in enumerate((10, OPENING_S, 5)):
            index.put(replace(ARTICLES[0], title=f"Before {number}"))
            index.publish()
            clock.pass_s(seconds)
        before = index.layout.published_epochs()
        assert before == [2, 3]
        clock.put_s(put_s)
        index.put(replace(ARTICLES[0], title="After"))
        manifest = index.publish()
        assert index.layout.published_epochs() == [2, 3, 4]
        assert manifest.since_seq == (3 if put_s > 600 else 1), "one that is replaced only now has all its time"
        clock.pass_s(OPENING_S)
        index.put(replace(ARTICLES[0], title="Later"))
        index.publish()
        assert index.layout.published_epochs() == [4, 5]
        clock.pass_s(621)
        index.put(replace(ARTICLES[0], title="At last"))
        assert index.publish().since_seq >= 4
    assert tree(tmp_path) == named(tmp_path)


def test_no_retention_keeps_the_newest_state_only(tmp_path: Path) -> None:
    """With no time at all, what is deleted may be forgotten at once."""
    with SmallIndex(tmp_path, retention=Retention(seconds=0)) as index:
        for at, one in enumerate(ARTICLES, start=1):
            index.put(one)
            manifest = index.publish()
            assert manifest.since_seq == manifest.applied_seq == at
            assert manifest.history == ()


@settings(max_examples=200)
@given(st.lists(st.integers(0, 900), min_size=1, max_size=300), st.integers(1, 3600))
def test_history_is_short_and_reaches_back(gaps_s: list[int], seconds: int) -> None:
    """However often there is an epoch: few moments, ascending, and each state as long as it must be."""
    retention, now_ms = Retention(seconds=seconds), 1_700_000_000_000
    manifest, published = blank(now_ms), [(now_ms, 0)]
    for seq, gap_s in enumerate(gaps_s, start=1):
        now_ms += gap_s * 1000
        history = retention.history(manifest, now_ms)
        assert len(history) <= MOMENTS + 3
        assert list(history) == sorted(history, key=lambda moment: moment.applied_seq)
        since_seq = history[0].applied_seq if history else seq
        published.append((now_ms, seq))
        for (_, earlier), (replaced_ms, _) in pairwise(published):
            if now_ms - replaced_ms < seconds * 1000:
                assert since_seq <= earlier
            if now_ms - replaced_ms > seconds * 1000 * (1 + 2 / MOMENTS) + 900_000:
                assert since_seq > earlier
        manifest = replace(manifest, published_ms=now_ms, applied_seq=seq, since_seq=since_seq, history=history)


def test_states_go_before_their_time_when_they_take_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deleted articles that are kept for earlier states are bounded."""
    monkeypatch.setattr(indexer.publisher, "MIN_DEAD", 8)
    with SmallIndex(tmp_path, retention=Retention(seconds=10_000, dead_share=1.0), clock=Clock()) as index:
        most = 0
        for round_ in range(12):
            index.put(*(replace(one, title=f"Version {round_}") for one in ARTICLES))
            manifest = index.publish()
            most = max(most, sum(record.tombstones for record in manifest.partitions))
            assert seen(index, manifest.since_seq) == titles_at(manifest.since_seq)
        assert 16 < most <= 40


def titles_at(seq: int) -> dict[str, str]:
    """After so many events of `test_states_go_before_their_time_when_they_take_too_much`."""
    rounds, more = divmod(seq, len(ARTICLES))
    assert more == 0
    return {one.id: f"Version {rounds - 1}" for one in ARTICLES}


def blank(published_ms: int) -> RootManifest:
    """The manifest of an archive without articles."""
    return RootManifest(
        epoch=1,
        published_ms=published_ms,
        applied_seq=0,
        indexed_through_ms=0,
        archive="0" * 16,
        lineage=0,
        routing_version=1,
        since_seq=0,
        history=(),
        parked=(),
        erased_seq=0,
        purged_seq=0,
        schema_version=1,
        languages=(),
        statistics=(StatisticsRecord(0, 0, FileRecord("0.stat", 0, "0" * 64)),),
        partitions=(EMPTY_GENERATION,),
    )


def test_leftovers_are_removed(tmp_path: Path) -> None:
    """What no epoch names goes when an indexer starts: dead generations, counts, statistics, half manifests."""
    with SmallIndex(tmp_path) as index:
        index.put(*ARTICLES)
        index.publish()
    named = tree(tmp_path)
    for leftover in ("partitions/0000/0000000099-000.segment", "partitions/0002/0000000002.counts"):
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


def test_the_newest_epoch_is_never_removed(tmp_path: Path) -> None:
    """Where it cannot be read, that is said; an earlier one that cannot be goes."""
    layout = Layout(tmp_path)
    with SmallIndex(tmp_path) as index:
        for one in ARTICLES[:3]:
            index.put(one)
            index.publish()
    layout.manifest(2).write_bytes(b"")
    prune(layout, {}, now_ms=0, now_s=0)
    assert layout.published_epochs() == [1, 3]
    layout.manifest(3).write_bytes(b"")
    there = tree(tmp_path)
    with pytest.raises(IndexFileError, match=r"000000000003\.json: not a root manifest"):
        prune(layout, {}, now_ms=0, now_s=0)
    assert tree(tmp_path) == there


def test_what_is_begun_meanwhile_is_not_removed(tmp_path: Path) -> None:
    """A file that another thread begins while it is looked for what can go: it is said before it is there."""
    with SmallIndex(tmp_path, partitions=1) as index:
        index.put(*ARTICLES)
        index.publish()
    folder = Layout(tmp_path).partition(0)
    stray, begun = folder / "stray.segment", folder / "begun.segment"
    stray.touch()
    asked = 0

    def writing() -> Path | None:
        nonlocal asked
        asked += 1
        if asked == 2:  # there are two folders; this is the later one's turn
            begun.touch()
        return None

    prune(Layout(tmp_path), {}, now_ms=0, now_s=0, writing=writing)
    assert begun.exists()
    assert not stray.exists()
