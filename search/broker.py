"""The broker: scatters a query over the partitions, gathers one page in the total order.

A request takes one hop to a thread, which plans it, searches, and reads what its page shows, with kernels that let
other threads run meanwhile. A query that costs more than `SHARE_POSTINGS` is shared out: other threads that are idle
search some of the partitions, and those that nobody has begun with when the first thread is done, it searches itself.
One that costs more than `COSTLY_POSTINGS` goes on to other threads, of which there are as many, and which give way on
the cores: however long such queries take, others find a thread and a core.

Contract: what comes back is the same however the archive is partitioned and the work is shared out. A partition that
fails or is late is named with its reason; its absence is never hidden. The event loop executes nothing; whoever asks
gets an answer by the deadline and a grace.

Not here: what a share does (`share.py`), cursors (`cursor.py`).
"""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import structlog

from partition.errors import CorruptFile, IndexFileError, MissingFile
from partition.types import DocAddress
from search.collapsing import collapsed, counted_once
from search.deadline import DeadlineError
from search.expansions import check_expansions
from search.facets import Counts, added
from search.leaf import (
    LeafAnswer,
    LeafQuery,
    Match,
    PartitionDamagedError,
    Rivals,
    SegmentSearch,
    Slice,
    merged,
)
from search.plan import postings_of
from search.query import Node, Query
from search.share import Share
from search.snapshot import Snapshot, Snapshots, View
from search.spelling import expanded

SHARE_POSTINGS = 250_000
"""Postings that are worth a thread: it reads them in a fraction of a millisecond."""
COSTLY_POSTINGS = 500_000
"""Postings that take so long that nobody should wait for them: some three milliseconds."""
FACET_COST = 1
"""Counting an article in a facet costs about as much as reading so many postings."""
NICE = 10
"""Of threads for costly queries: beside one that is busy, such a thread gets a tenth of a core (sched(7))."""
LATE_S = 0.2
"""How long after its deadline a thread may still answer: kernels look at the clock after some thousand articles."""

_log = structlog.get_logger()

T = TypeVar("T")


class TakenDownError(Exception):
    """The article was taken down."""


class EpochGoneError(Exception):
    """The state is no longer kept, or its files are not."""


class LeafError(Exception):
    """The answer cannot be given; the message says why. `timeout` when it was late."""


class _CostlyError(Exception):
    """This is for the threads that are for that."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """One page of matches and where it came from."""

    matches: list[Match]
    """Best first in the direction asked for, at most the slice's size."""
    total: int
    """Of the partitions that answered."""
    partitions: int
    failed: dict[int, str]
    """Partition to reason."""
    answers: list[LeafAnswer]
    asked: LeafQuery
    """What leaves were asked."""
    threads: int
    """Among how many the partitions were shared out."""
    counts: Counts
    """Of the facets asked for, over the partitions that answered."""
    node: Node
    """What was searched: the query's tree, with words of the archive where it stands for some (`spelling.py`)."""
    count: Callable[[Node], int] = lambda _node: 0
    """How many articles another tree finds under the same filters; 0 where some partition did not answer."""

    @property
    def searches(self) -> list[SegmentSearch]:
        """How each segment was searched."""
        return [search for answer in self.answers for search in answer.searches]


class Broker:
    """Scatter and gather over one archive."""

    def __init__(self, root: Path, *, threads: int) -> None:
        """Args: the data folder, and how many threads search."""
        self.snapshots = Snapshots(root)
        """The open epochs."""
        self._width = threads
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="leaf")
        self._costly = ThreadPoolExecutor(threads, thread_name_prefix="costly", initializer=_give_way)

    def close(self) -> None:
        """End the threads, when they have done what they are doing."""
        self._threads.shutdown(cancel_futures=True)
        self._costly.shutdown(cancel_futures=True)

    async def _run(
        self, threads: ThreadPoolExecutor | None, deadline_s: float, work: Callable[..., T], *arguments: Any
    ) -> T:
        """What the function returns, in one of the threads; it must see to it itself that it ends by the deadline.

        Raises:
            EpochGoneError, LeafError, and what the function raises.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(deadline_s + LATE_S - time.monotonic()):
                return await loop.run_in_executor(threads, work, *arguments)
        except TimeoutError:
            raise LeafError("timeout") from None
        except MissingFile:
            raise EpochGoneError from None
        except IndexFileError:
            raise LeafError("damaged") from None

    async def open_current(self, epoch: int) -> Snapshot:
        """The epoch that new queries will be answered from; every file of it is sound.

        Raises:
            IndexFileError
        """
        snapshot = await asyncio.get_running_loop().run_in_executor(None, self.snapshots.open_current, epoch)
        if damaged := snapshot.partitions.damaged:
            raise min(damaged.items())[1]
        return snapshot

    async def search(
        self,
        view: View,
        query: Query,
        part: Slice,
        deadline_s: float,
        page: Callable[[Snapshot, Gathered], T],
        facets: tuple[str, ...] = (),
    ) -> T:
        """One page of a query over all partitions.

        Args:
            view: the state of the archive.
            query: what is asked.
            part: what is wanted of the result.
            deadline_s: when to give up, on the monotonic clock.
            page: makes the page of what was gathered, in the thread that has gathered it.
            facets: of `values.FACETS`, what is counted besides.

        Raises:
            QueryError: it cannot be executed.
            EpochGoneError, LeafError, and what `page` raises.
        """
        if not self.snapshots.is_open(view):
            # Not by the threads that search: all others would wait for the files of one state.
            await self._run(None, deadline_s, self.snapshots.open, view)
        arguments = (view, query, part, deadline_s, facets, page)
        try:
            return await self._run(self._threads, deadline_s, self._search, self._threads, *arguments)
        except _CostlyError:
            return await self._run(self._costly, deadline_s, self._search, self._costly, *arguments)

    def _search(
        self,
        threads: ThreadPoolExecutor,
        view: View,
        query: Query,
        part: Slice,
        deadline_s: float,
        facets: tuple[str, ...],
        page: Callable[[Snapshot, Gathered], T],
    ) -> T:
        snapshot = self.snapshots.open(view)
        while True:
            try:
                check_expansions(query.node, snapshot.statistics, deadline_s)
                return page(snapshot, self._answer(threads, snapshot, query, part, deadline_s, facets))
            except DeadlineError:
                raise LeafError("timeout") from None
            except PartitionDamagedError as found:  # each time one partition less is left
                self.snapshots.condemn(snapshot, found.partition, found.error)

    def _answer(
        self,
        threads: ThreadPoolExecutor,
        snapshot: Snapshot,
        query: Query,
        part: Slice,
        deadline_s: float,
        facets: tuple[str, ...],
    ) -> Gathered:
        node = expanded(query.node, snapshot, deadline_s)
        plan = snapshot.plan(node)
        asked = LeafQuery(plan, query.filters, query.sort, part, deadline_s, facets, query.decay, sets={})
        postings = postings_of(plan, snapshot.manifest.articles)
        # Facets look at everything that matches once more, and so does whoever looks for stories.
        cost = postings * (1 + bool(facets) + query.collapse) + FACET_COST * len(facets) * snapshot.manifest.articles
        if cost > COSTLY_POSTINGS and threads is not self._costly:
            raise _CostlyError
        width = min(self._width, 1 + postings // SHARE_POSTINGS)

        def count(other: Node) -> int:
            plan = snapshot.plan(expanded(other, snapshot, deadline_s))
            alone = asked._replace(plan=plan, part=Slice(1), facets=())
            try:
                found = self._gather(threads, snapshot, alone, width, node, collapse=query.collapse)
            except DeadlineError:
                return 0
            return 0 if found.failed else found.total

        gathered = self._gather(threads, snapshot, asked, width, node, collapse=query.collapse)
        return replace(gathered, count=count)

    def _gather(
        self,
        threads: ThreadPoolExecutor,
        snapshot: Snapshot,
        asked: LeafQuery,
        width: int,
        node: Node,
        *,
        collapse: bool,
    ) -> Gathered:
        partitions = snapshot.partitions  # all that is searched, counted and told of stories is of these
        shares = partitions.shares(width)
        if collapse:
            asked = asked._replace(stories=partitions.stories)
            asked = collapsed(asked, self._rivals(threads, shares, asked))
        answers = _scatter(threads, shares, lambda share: share.search(asked))
        failed = dict.fromkeys(partitions.damaged, "damaged")
        for answer in answers:
            failed |= answer.failed
        matches = answers[0].matches if len(answers) == 1 else merged((one.matches for one in answers), asked.part)
        counts = [answer.counts for answer in answers]
        if collapse:
            counts.append(counted_once(asked, [answer.held for answer in answers], partitions.leaves))
        return Gathered(
            matches=matches,
            total=sum(answer.total for answer in answers),
            partitions=len(snapshot.manifest.partitions),
            failed=failed,
            answers=answers,
            asked=asked,
            threads=len(shares),
            counts=added(counts),
            node=node,
        )

    def _rivals(self, threads: ThreadPoolExecutor, shares: Sequence[Share], asked: LeafQuery) -> list[Rivals]:
        """Of all partitions: what stands for a story cannot be said by some of them.

        Raises:
            DeadlineError, PartitionDamagedError, LeafError
        """
        try:
            found = _scatter(threads, shares, lambda share: share.rivals(asked))
        except (DeadlineError, PartitionDamagedError):
            raise
        except Exception:  # noqa: BLE001 - as where a partition is searched
            _log.exception("stories failed")
            raise LeafError("failed") from None
        return found

    async def find(
        self,
        view: View,
        partition: int,
        article_id: str,
        deadline_s: float,
        made: Callable[[Snapshot, DocAddress], T],
    ) -> T | None:
        """What is `made` of one article, in the thread; `None` if it is not in this state.

        Raises:
            EpochGoneError, LeafError
            TakenDownError: it was taken down.
        """
        return await self._run(self._threads, deadline_s, self._find, view, partition, article_id, made)

    def _find(
        self, view: View, partition: int, article_id: str, made: Callable[[Snapshot, DocAddress], T]
    ) -> T | None:
        snapshot = self.snapshots.open(view)
        while True:
            try:
                leaf = snapshot.partitions.leaf(partition)
            except PartitionDamagedError:
                raise LeafError("damaged") from None
            try:
                place = leaf.reader.find(article_id) if leaf else None
                if leaf and place is None and leaf.reader.was_taken_down(article_id):
                    raise TakenDownError
                return made(snapshot, DocAddress(partition, *place)) if place else None
            except CorruptFile as error:
                self.snapshots.condemn(snapshot, partition, error)
            except PartitionDamagedError as found:  # each time one partition less is left
                self.snapshots.condemn(snapshot, found.partition, found.error)

    async def consult(self, view: View, deadline_s: float, made: Callable[[Snapshot], T]) -> T:
        """What is `made` of a state, all partitions of which must be sound, in a thread.

        Raises:
            EpochGoneError, LeafError
        """
        if not self.snapshots.is_open(view):
            await self._run(None, deadline_s, self.snapshots.open, view)
        return await self._run(self._threads, deadline_s, self._consult, view, made)

    def _consult(self, view: View, made: Callable[[Snapshot], T]) -> T:
        snapshot = self.snapshots.open(view)
        try:
            if snapshot.partitions.damaged:
                raise LeafError("damaged")
            return made(snapshot)
        except DeadlineError:
            raise LeafError("timeout") from None
        except PartitionDamagedError as found:
            self.snapshots.condemn(snapshot, found.partition, found.error)
            raise LeafError("damaged") from None


def _scatter(threads: ThreadPoolExecutor, shares: Sequence[Share], work: Callable[[Share], T]) -> list[T]:
    """What comes of each share, some of them in other threads."""
    offered = [threads.submit(work, share) for share in shares[1:]]
    try:
        answers = [work(shares[0])]
        for share, future in zip(shares[1:], offered, strict=True):
            # What nobody has begun with can be taken back; so no thread ever waits for one that waits itself.
            answers.append(work(share) if future.cancel() else future.result())
    finally:
        for future in offered:
            future.cancel()
    return answers


def _give_way() -> None:
    """The thread gets what others leave of the cores, which is most of the time."""
    if sys.platform == "linux":  # elsewhere it would be the whole process
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
