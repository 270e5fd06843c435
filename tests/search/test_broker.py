"""The broker: work shared out among threads changes no answer, and waits for nothing for ever.

Not here: HTTP, requests in a crowd (`test_faults.py`), partitions that are damaged (`test_damage.py`).
"""

import asyncio
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.routing import partition_of
from partition.errors import CorruptFile
from partition.manifest import Layout, read_manifest
from partition.types import Article
from search import broker as broker_module
from search.broker import Broker, Gathered, LeafError
from search.deadline import DeadlineError
from search.documents import documents_of
from search.leaf import PartitionDamagedError, Slice
from search.query import Filters, Query
from search.share import Share, shared_out
from search.snapshot import Snapshot, Snapshots, View
from tests.archive import PARTITIONS, Archive, copied, publish
from tests.small_index import newest
from tests.trees import tree

QUERY = Query(tree('budget OR tarif* OR "health care"'), Filters(), "relevance")
"""With a beginning, which is a set that is found before."""
SHORT = Slice(20)


class _Sized:
    """A leaf as `shared_out` sees it."""

    def __init__(self, articles: int) -> None:
        self.articles, self.partition = articles, 0
        self.segments: tuple[()] = ()


@given(st.lists(st.integers(0, 1000), max_size=20), st.integers(1, 8))
def test_shares_are_about_equal(sizes: list[int], shares: int) -> None:
    """Each leaf is in one share; no share is larger than the mean and one leaf together; there is one at least."""
    leaves: list[Any] = [_Sized(size) for size in sizes]
    shared = shared_out(leaves, shares)
    assert sorted(map(id, leaves)) == sorted(id(leaf) for share in shared for leaf in share.leaves)
    assert len(shared) == max(1, min(shares, len(leaves)))
    largest = max(sum(leaf.articles for leaf in share.leaves) for share in shared)
    assert largest <= sum(sizes) / len(shared) + max(sizes, default=0)


@pytest.fixture
def opened(archive: Archive) -> Iterator[Callable[[int], Broker]]:
    """Makes brokers with so many threads, which are closed in the end."""
    brokers = []

    def open_(threads: int) -> Broker:
        brokers.append(Broker(archive.root, threads=threads))
        return brokers[-1]

    yield open_
    for broker in brokers:
        broker.close()


def gathered(_snapshot: Snapshot, found: Gathered) -> Gathered:
    """A page that is everything that was gathered."""
    return found


def test_a_partition_found_damaged_meanwhile(archive: Archive, opened: Callable[[int], Broker]) -> None:
    """Between searching and reading what a page shows: the page is made again without it, and so are all others."""
    broker = opened(2)
    whole = asyncio.run(ask(broker, archive, Slice(1000)))
    (first, *_) = whole.matches
    error = CorruptFile(archive.root, "a byte is wrong", "index again")
    made: list[Gathered] = []

    def page(snapshot: Snapshot, found: Gathered) -> Gathered:
        if not made:
            broker.snapshots.condemn(snapshot, first.partition, error)
        made.append(found)
        documents_of(snapshot, found.matches, frozenset({"title"}), frozenset())
        return found

    async def run() -> list[Gathered]:
        view, deadline_s = view_of(archive), time.monotonic() + 60
        found = await broker.search(view, QUERY, Slice(1000), deadline_s, page)
        return [found, await ask(broker, archive, Slice(1000))]

    for found in asyncio.run(run()):
        assert found.failed == {first.partition: "damaged"}
        assert found.matches == [match for match in whole.matches if match.partition != first.partition]
    assert len(made) == 2
    damaged = broker.snapshots.open(view_of(archive)).partitions
    with pytest.raises(PartitionDamagedError):
        damaged.leaf(first.partition)


def test_epochs_that_share_files_share_what_is_known_of_them(archive: Archive, tmp_path: Path) -> None:
    """A partition found damaged is searched in no open epoch that has it, and in none that is opened later."""
    root = copied(archive.root, tmp_path / "archive")
    publish(root, [Article(id="late", title="Late")])
    mine = partition_of("late", PARTITIONS)
    other = (mine + 1) % PARTITIONS
    snapshots = Snapshots(root)

    def opened(epoch: int) -> Snapshot:
        return snapshots.open(View(epoch, read_manifest(Layout(root), epoch).state))

    first, second = opened(1), opened(2)
    new = next(file for file in second.manifest.partitions[mine].files if file.name.startswith("0000000002-"))
    old = second.manifest.partitions[other].files[0]
    for partition, file in ((mine, new), (other, old), (other, old)):
        path = Layout(root).partition(partition) / file.name
        snapshots.condemn(second, partition, CorruptFile(path, "a byte is wrong", "index again"))
    assert set(first.partitions.damaged) == {other}
    assert set(second.partitions.damaged) == {mine, other}
    publish(root, [Article(id="later", title="Later")])
    assert set(opened(3).partitions.damaged) == {mine, other}
    elsewhere = Snapshots(root).open_current(3)  # as one that is no longer kept open
    unknown = CorruptFile(root, "it is not clear which file it was", "index again")
    snapshots.condemn(elsewhere, 0, unknown)
    assert 0 in elsewhere.partitions.damaged
    assert 0 in opened(3).partitions.damaged


def view_of(archive: Archive) -> View:
    """The newest state."""
    manifest = newest(archive.root)
    return View(manifest.epoch, manifest.state)


async def ask(
    broker: Broker, archive: Archive, part: Slice = SHORT, seconds: float = 60, facets: tuple[str, ...] = ()
) -> Gathered:
    """What the query finds in the newest epoch."""
    return await broker.search(view_of(archive), QUERY, part, time.monotonic() + seconds, gathered, facets)


@pytest.mark.parametrize("threads", [2, 3, 8, 20])
def test_sharing_out_changes_nothing(
    archive: Archive, opened: Callable[[int], Broker], monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    """Whatever the number of threads, and only what is worth a thread is shared out."""
    alone = asyncio.run(ask(opened(threads), archive))
    assert (alone.threads, alone.partitions, alone.failed) == (1, PARTITIONS, {})
    assert alone.total > SHORT.size == len(alone.matches)
    monkeypatch.setattr(broker_module, "SHARE_POSTINGS", 1)
    shared = asyncio.run(ask(opened(threads), archive))
    assert shared.threads == min(threads, PARTITIONS)
    assert (shared.matches, shared.total) == (alone.matches, alone.total)
    assert {search.partition for search in shared.searches} == set(range(PARTITIONS))
    back = Slice(20, shared.matches[-1].position, backwards=True)
    assert asyncio.run(ask(opened(threads), archive, back)).matches == shared.matches[-2::-1]


def test_threads_that_are_busy_are_not_waited_for(
    archive: Archive, opened: Callable[[int], Broker], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search whose shares nobody takes does them itself; more searches than threads all end."""
    expected = asyncio.run(ask(opened(1), archive))
    monkeypatch.setattr(broker_module, "SHARE_POSTINGS", 1)
    broker, over = opened(3), threading.Event()

    async def run() -> None:
        busy = [asyncio.create_task(broker._run(broker._threads, time.monotonic() + 60, over.wait)) for _ in range(2)]
        found = await ask(broker, archive)
        assert not any(task.done() for task in busy)
        over.set()
        await asyncio.gather(*busy)
        for one in (found, *await asyncio.gather(*(ask(broker, archive) for _ in range(40)))):
            assert (one.threads, one.matches, one.total) == (3, expected.matches, expected.total)

    asyncio.run(run())


def test_costly_queries_have_threads_of_their_own(
    archive: Archive, opened: Callable[[int], Broker], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others are answered as ever while these are all busy; and these give way on the cores."""
    broker, over = opened(2), threading.Event()
    whole = asyncio.run(ask(broker, archive))
    ran: list[tuple[str, int]] = []

    def page(_snapshot: Snapshot, found: Gathered) -> Gathered:
        priority = os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) if sys.platform == "linux" else 0
        ran.append((threading.current_thread().name.partition("_")[0], priority))
        return found

    async def run(busy: ThreadPoolExecutor) -> None:
        view, deadline_s = view_of(archive), time.monotonic() + 60
        blocked = [asyncio.create_task(broker._run(busy, deadline_s, over.wait)) for _ in range(2)]
        found = await broker.search(view, QUERY, SHORT, deadline_s, page)
        assert (found.matches, found.total) == (whole.matches, whole.total)
        assert not any(task.done() for task in blocked)
        over.set()
        await asyncio.gather(*blocked)

    asyncio.run(run(broker._costly))
    monkeypatch.setattr(broker_module, "COSTLY_POSTINGS", 0)
    over.clear()

    async def costly() -> None:
        view, deadline_s = view_of(archive), time.monotonic() + 60
        found = await broker.search(view, QUERY, SHORT, deadline_s, page)
        assert (found.matches, found.total) == (whole.matches, whole.total)

    asyncio.run(costly())
    nice = broker_module.NICE if sys.platform == "linux" else 0
    assert [name for name, _ in ran] == ["leaf", "costly"]
    assert ran[1][1] - ran[0][1] == nice


def accident(monkeypatch: pytest.MonkeyPatch, what: str, partition: int, error: type[Exception]) -> None:
    """Whoever does this with a share that has the partition, has done it and fails."""
    done = getattr(Share, what)

    def does(share: Share, *arguments: Any) -> Any:
        answer = done(share, *arguments)
        if any(leaf.partition == partition for leaf in share.leaves):
            raise error
        return answer

    monkeypatch.setattr(Share, what, does)


@pytest.mark.parametrize("what", ["_ranked", "_counted"])
def test_late_partitions_are_named(
    archive: Archive, opened: Callable[[int], Broker], monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Those that one thread searches, of which one is late; the answer is right without them."""
    monkeypatch.setattr(broker_module, "SHARE_POSTINGS", 1)
    broker = opened(3)
    whole = asyncio.run(ask(broker, archive, Slice(1000)))
    (share,) = (
        {leaf.partition for leaf in share.leaves}
        for share in broker.snapshots.open(view_of(archive)).partitions.shares(3)
        if any(leaf.partition == 5 for leaf in share.leaves)
    )
    assert 1 < len(share) < PARTITIONS
    accident(monkeypatch, what, 5, DeadlineError)
    found = asyncio.run(ask(broker, archive, Slice(1000), facets=("source",)))
    assert found.failed == dict.fromkeys(share, "timeout")
    assert found.matches == [match for match in whole.matches if match.partition not in share]
    assert found.total == len(found.matches) == sum(found.counts["source"].by_name().values())
    assert {search.partition for search in found.searches} == set(range(PARTITIONS)) - share


@pytest.mark.parametrize("what", ["_ranked", "_counted"])
def test_a_partition_that_fails_is_named(
    archive: Archive, opened: Callable[[int], Broker], monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """An accident in one partition costs that partition, also what it had found before, and nothing else."""
    broker = opened(1)
    whole = asyncio.run(ask(broker, archive, Slice(1000)))
    accident(monkeypatch, what, 2, ZeroDivisionError)
    found = asyncio.run(ask(broker, archive, Slice(1000), facets=("source", "tag")))
    assert found.failed == {2: "failed"}
    assert found.matches == [match for match in whole.matches if match.partition != 2]
    assert {search.partition for search in found.searches} == {0, 1, 3, 4, 5, 6, 7}
    stored = {article.id: article for article in archive.articles}
    answered = [stored[match.position.article_id] for match in found.matches]
    assert found.total == len(answered) == sum(found.counts["source"].by_name().values())
    assert found.counts["tag"].by_name() == Counter(tag.lower() for article in answered for tag in article.tags)


def test_a_thread_that_hangs_is_not_waited_for(
    archive: Archive, opened: Callable[[int], Broker], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks is told at the deadline and a grace; the other threads go on."""
    broker, over = opened(2), threading.Event()
    monkeypatch.setattr(Share, "_ranked", lambda *_arguments: over.wait(60))

    async def run() -> None:
        began_s = time.monotonic()
        with pytest.raises(LeafError, match="timeout"):
            await ask(broker, archive, seconds=0.2)
        assert 0.2 <= time.monotonic() - began_s < 5
        monkeypatch.undo()
        assert (await ask(broker, archive)).failed == {}
        over.set()

    asyncio.run(run())


def test_plans_are_remembered(archive: Archive, opened: Callable[[int], Broker]) -> None:
    """The same tree has the same plan, for as long as the statistics are the same."""
    broker = opened(1)
    first, second = (asyncio.run(ask(broker, archive)).asked.plan for _ in range(2))
    assert first is second
