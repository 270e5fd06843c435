"""The leaf: one query on one partition.

Contract: `Leaf.search` returns the total and the best `size` matches after a position, in the total order, at a cost
that does not depend on how deep the position is. A leaf may be searched by several threads at once.

Not here: how a segment is searched (`executor.py`), other partitions (`broker.py`), processes (`leaf_process.py`).
"""

from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np

from partition.kernels.views import Page
from partition.reader import PartitionReader
from partition.statistics import Statistics
from partition.types import DocAddress
from search.executor import SegmentExecutor
from search.order import Position
from search.plan import Plan
from search.query import Filters, Sort

_SIGN = 1 << 63


class Slice(msgspec.Struct, frozen=True):
    """Which part of a result is asked for."""

    size: int
    """At most so many matches."""
    after: Position | None = None
    """Only what comes after this position (before it, when `backwards`)."""
    backwards: bool = False
    """The nearest matches before the position, nearest first."""
    counting: bool = True
    """Whether the exact total is wanted."""


class Match(msgspec.Struct, frozen=True, array_like=True):
    """One article of a result."""

    key: int
    hash: int
    article_id: str
    score: int
    """Fixed point (`partition/scoring.py`)."""
    partition: int
    segment: int
    docnum: int

    @property
    def position(self) -> Position:
        """Its place in the total order."""
        return Position(self.key, self.hash, self.article_id)

    @property
    def address(self) -> DocAddress:
        """Where it lies."""
        return DocAddress(self.partition, self.segment, self.docnum)


class LeafAnswer(msgspec.Struct, frozen=True):
    """What one partition says."""

    total: int
    """All matches, whatever the slice; meaningless unless counting."""
    matches: tuple[Match, ...]


class Leaf:
    """One partition under the statistics of an epoch."""

    def __init__(self, partition: int, reader: PartitionReader, statistics: Statistics) -> None:
        self.partition = partition
        self.reader = reader
        self.executors = [SegmentExecutor(segment, statistics) for segment in reader.segments]

    def search(self, plan: Plan, filters: Filters, sort: Sort, part: Slice, deadline_s: float) -> LeafAnswer:
        """The total and the best matches of the partition; as `search_leaves`."""
        total, matches = search_leaves([self], plan, filters, sort, part, deadline_s)
        return LeafAnswer(total, tuple(matches))

    def stored(self, address: DocAddress) -> dict[str, Any]:
        """The stored fields of one article."""
        return self.reader.stored(address.segment, address.docnum)


def search_leaves(
    leaves: Iterable[Leaf], plan: Plan, filters: Filters, sort: Sort, part: Slice, deadline_s: float
) -> tuple[int, list[Match]]:
    """The total and the best matches of several partitions, one after the other.

    Args:
        leaves: the partitions.
        plan: of the query.
        filters: what articles must satisfy besides.
        sort: the order.
        part: what is wanted of the result.
        deadline_s: when to give up, on the monotonic clock.

    Raises:
        DeadlineError: it took too long.
    """
    total, segments = 0, 0
    page = page_of(part, deadline_s)
    best: list[Match] = []
    for leaf in leaves:
        partition = leaf.partition
        for ordinal, executor in enumerate(leaf.executors):
            found = executor.search(plan, filters, sort, part.size, page)
            total += found.total
            if not found.docnums:
                continue
            segments += 1
            hash_of, id_of = executor.segment.hash_of, executor.segment.article_id
            best += [
                Match(key, hash_of[docnum], id_of(docnum), score, partition, ordinal, docnum)
                for key, docnum, score in zip(found.keys, found.docnums, found.scores, strict=True)
            ]
            if segments > 1:
                best.sort(key=_order, reverse=part.backwards)
                del best[part.size :]
            if sort == "relevance" and not part.backwards and len(best) >= part.size > 0:
                # Elsewhere, an article that scores less than the last of these need not be found.
                page = page._replace(floor=float(-best[part.size - 1].key))
    return total, best


def _order(match: Match) -> tuple[int, int, str]:
    return match.key, match.hash, match.article_id


def page_of(part: Slice, deadline_s: float) -> Page:
    """The slice as kernels want it."""
    after, after_id = np.zeros(4, np.int64), np.frombuffer(b"", np.uint8)
    if part.after is not None:
        key, hash_ = part.after.key, part.after.hash
        if part.backwards:
            key, hash_ = ~key, ~hash_ & 0xFFFF_FFFF_FFFF_FFFF
        after[0], after[1] = 1, key
        after[2] = hash_ - 2 * _SIGN if hash_ & _SIGN else hash_  # the same bits, signed
        after_id = np.frombuffer(part.after.article_id.encode(), np.uint8)
    after[3] = part.backwards
    return Page(after, after_id, part.counting, 0.0, int(deadline_s * 1e9))
