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
from search.executor import Found, SegmentExecutor
from search.order import Position
from search.plan import Plan
from search.query import Filters, Query, Sort

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

    def search(
        self, plan: Plan, filters: Filters, sort: Sort, part: Slice, deadline_s: float, *, floor: float = 0.0
    ) -> LeafAnswer:
        """The total and the best matches of the partition.

        Args:
            plan: of the query.
            filters: what articles must satisfy besides.
            sort: the order.
            part: what is wanted of its result.
            deadline_s: when to give up, on the monotonic clock.
            floor: a score that `part.size` matches elsewhere have reached: less need not be found.

        Raises:
            DeadlineError: it took too long.
        """
        total = 0
        matches: list[Match] = []
        for ordinal, executor in enumerate(self.executors):
            page = page_of(part, deadline_s, floor)
            found = executor.search(plan, filters, sort, part.size, page)
            total += found.total
            matches += self._matches(ordinal, found)
            if ordinal:
                matches.sort(key=_position, reverse=part.backwards)
                del matches[part.size :]
            floor = max(floor, floor_of(matches, sort, part))
        return LeafAnswer(total, tuple(matches))

    def _matches(self, ordinal: int, found: Found) -> list[Match]:
        segment, partition = self.executors[ordinal].segment, self.partition
        hash_of, id_of = segment.hash_of, segment.article_id
        return [
            Match(key, hash_of[docnum], id_of(docnum), score, partition, ordinal, docnum)
            for key, docnum, score in zip(found.keys, found.docnums, found.scores, strict=True)
        ]

    def stored(self, address: DocAddress) -> dict[str, Any]:
        """The stored fields of one article."""
        return self.reader.stored(address.segment, address.docnum)


def search_leaves(
    leaves: Iterable[Leaf], plan: Plan, query: Query, part: Slice, deadline_s: float
) -> tuple[int, list[Match]]:
    """The total and the best matches of several partitions, one after the other.

    Raises:
        DeadlineError: it took too long.
    """
    total, floor = 0, 0.0
    matches: list[Match] = []
    for nth, leaf in enumerate(leaves):
        answer = leaf.search(plan, query.filters, query.sort, part, deadline_s, floor=floor)
        total += answer.total
        matches += answer.matches
        if nth:
            matches.sort(key=_position, reverse=part.backwards)
            del matches[part.size :]
        floor = floor_of(matches, query.sort, part)
    return total, matches


def _position(match: Match) -> tuple[int, int, str]:
    return match.key, match.hash, match.article_id


def floor_of(matches: list[Match], sort: Sort, part: Slice) -> float:
    """The score that an article needs to be among the best, when these are the best so far."""
    if sort != "relevance" or part.backwards or len(matches) < part.size or not matches:
        return 0.0
    return float(-matches[part.size - 1].key)


def page_of(part: Slice, deadline_s: float, floor: float) -> Page:
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
    return Page(after, after_id, part.counting, floor, int(deadline_s * 1e9))
