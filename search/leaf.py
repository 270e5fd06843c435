"""The leaf: one query on one partition.

Contract: `search` returns the total and the best `size` matches after a position, in the total order, at a cost
that does not depend on how deep the position is.

Not here: how a clause is executed (`exhaustive.py`), other partitions (`broker.py`), processes (`leaf_process.py`).
"""

from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from partition.reader import PartitionReader, Segment
from partition.statistics import Statistics
from partition.types import DocAddress
from search.exhaustive import Executor
from search.order import Position, sort_keys
from search.query import Query


class Slice(msgspec.Struct, frozen=True):
    """Which part of a result is asked for."""

    size: int
    """At most so many matches."""
    after: Position | None = None
    """Only what comes after this position (before it, when `backwards`)."""
    backwards: bool = False
    """The nearest matches before the position, nearest first."""


class Match(NamedTuple):
    """One article of a result."""

    position: Position
    score: int
    """Fixed point (`partition/scoring.py`)."""
    address: DocAddress


class LeafAnswer(msgspec.Struct, frozen=True):
    """What one partition says."""

    total: int
    """All matches, whatever the slice."""
    matches: tuple[Match, ...]


class _Candidates(NamedTuple):
    """Matches of one segment as columns, each of shape (n,)."""

    segment: int
    docnums: NDArray[np.int64]
    scores: NDArray[np.int64]
    keys: NDArray[np.int64]
    hashes: NDArray[np.uint64]


def search(
    reader: PartitionReader,
    statistics: Statistics,
    partition: int,
    query: Query,
    part: Slice,
    deadline_s: float,
) -> LeafAnswer:
    """The total and the best matches of one partition.

    Raises:
        DeadlineError: it took longer than `deadline_s` on the monotonic clock.
    """
    total = 0
    matches: list[Match] = []
    for ordinal, segment in enumerate(reader.segments):
        found = Executor(segment, statistics, deadline_s).execute(query.node, query.filters)
        docnums = np.flatnonzero(found.mask)
        total += len(docnums)
        scores = found.scores[docnums]
        keys = sort_keys(query.sort, scores, segment.published_ms[docnums])
        candidates = _Candidates(ordinal, docnums, scores, keys, segment.hashes[docnums])
        matches += _best(segment, partition, candidates, part)
    matches.sort(key=lambda match: match.position, reverse=part.backwards)
    return LeafAnswer(total, tuple(matches[: part.size]))


def _best(segment: Segment, partition: int, found: _Candidates, part: Slice) -> list[Match]:
    """At least the best `part.size` of the candidates, exactly those of the slice when there are fewer."""
    # Complement reverses the order of integers without overflow, so that one code serves both directions.
    keys = ~found.keys if part.backwards else found.keys
    hashes = ~found.hashes if part.backwards else found.hashes
    inside = np.arange(len(keys))
    wanted = part.size
    if part.after is not None:
        key = ~part.after.key if part.backwards else part.after.key
        hash_ = np.uint64(~part.after.hash & 0xFFFF_FFFF_FFFF_FFFF if part.backwards else part.after.hash)
        level = (keys == key) & (hashes == hash_)
        # Among equal hashes the id decides, below: they stay in, beside as many others as are wanted.
        inside = np.flatnonzero((keys > key) | ((keys == key) & (hashes > hash_)) | level)
        wanted += int(np.count_nonzero(level))
    if len(inside) > wanted:
        inside = inside[keys[inside] <= np.partition(keys[inside], wanted)[wanted]]
    order = inside[np.lexsort((hashes[inside], keys[inside]))]
    last = wanted
    while 0 < last < len(order) and _same(keys, hashes, order[last - 1], order[last]):
        last += 1
    matches = [_match(segment, partition, found, int(at)) for at in order[:last]]
    if part.after is None:
        return matches
    if part.backwards:
        return [match for match in matches if match.position < part.after]
    return [match for match in matches if match.position > part.after]


def _same(keys: NDArray[np.int64], hashes: NDArray[np.uint64], a: int, b: int) -> bool:
    return bool(keys[a] == keys[b] and hashes[a] == hashes[b])


def _match(segment: Segment, partition: int, found: _Candidates, at: int) -> Match:
    docnum = int(found.docnums[at])
    position = Position(int(found.keys[at]), int(found.hashes[at]), segment.article_id(docnum))
    return Match(position, int(found.scores[at]), DocAddress(partition, found.segment, docnum))
