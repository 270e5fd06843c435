"""The leaf: one query on one partition, segment by segment; what leaves are asked, and what they answer.

Contract: the best `size` matches after a position, in the total order, at a cost that does not depend on how deep the
position is. A leaf may be searched by several threads at once.

Not here: how a segment is searched (`executor.py`), several partitions (`share.py`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

import msgspec
import numpy as np
from numpy.typing import NDArray

from partition.errors import IndexFileError
from partition.kernels.views import Page
from partition.reader import PartitionReader
from partition.scoring import decayed
from partition.segment import Segment
from partition.statistics import Statistics
from search.bitmaps import among, docnums_of
from search.executor import GivenSets, SegmentExecutor, clock_of
from search.facets import Counts, FacetCounter, Held, added
from search.order import Position, sort_keys
from search.plan import Plan
from search.query import Clock, Decay, Filters, Sort
from search.stories import StoryIndex

_NOTHING = GivenSets()

Given = Mapping[tuple[int, int], GivenSets]
"""What is known before, by partition and segment."""


class PartitionDamagedError(Exception):
    """A partition was found damaged while an answer was made of it."""

    def __init__(self, partition: int, error: IndexFileError) -> None:
        super().__init__(str(error))
        self.partition = partition
        self.error = error


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


class Match(msgspec.Struct, frozen=True):
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


class SegmentSearch(NamedTuple):
    """How one segment was searched."""

    partition: int
    segment: int
    algorithm: str
    """The kernel."""
    windows: int
    """Windows of articles that were looked into."""
    skipped: int
    """Windows that could not hold a better article."""


class Told(Sequence[SegmentSearch]):
    """How segments were searched, told when somebody asks: hardly anybody does, and there are many segments."""

    def __init__(self, tell: Callable[[], list[SegmentSearch]]) -> None:
        self._tell = tell

    @cached_property
    def _told(self) -> list[SegmentSearch]:
        return self._tell()

    def __getitem__(self, at: Any) -> Any:
        return self._told[at]

    def __len__(self) -> int:
        return len(self._told)

    def __eq__(self, other: object) -> bool:
        return self._told == (other._told if isinstance(other, Told) else other)

    __hash__ = None  # type: ignore[assignment] # as of any list


class LeafAnswer(NamedTuple):
    """What some partitions say."""

    total: int
    """All matches, whatever the slice; meaningless unless counting."""
    matches: list[Match]
    """Best first in the direction asked for, at most the slice's size."""
    failed: dict[int, str]
    """Partition to reason: `timeout`, `damaged` or `failed`."""
    searches: Sequence[SegmentSearch]
    """Of the partitions that answered."""
    counts: Counts = MappingProxyType({})
    """Of the facets asked for, over the partitions that answered, without `held`."""
    held: Sequence[Held] = ()
    """Which matching articles share a story, by facet: `collapsing.counted_once` counts what they hold."""


class LeafQuery(NamedTuple):
    """A query as leaves are asked it."""

    plan: Plan
    filters: Filters
    sort: Sort
    part: Slice
    deadline_s: float
    """When to give up, on the monotonic clock."""
    given: Given = MappingProxyType({})
    facets: tuple[str, ...] = ()
    """Of `facets.FACETS`: what is counted besides."""
    decay: Decay | None = None
    """Of scores."""
    stories: StoryIndex | None = None
    """If only one article of each story is wanted."""
    shown: NDArray[np.bool_] | None = None
    """By row of `stories`: whether it stands for its story (`collapsing.py`)."""


class Rivals(NamedTuple):
    """Matching articles of one segment that share a story with others."""

    rows: NDArray[np.int64]
    """Of the index of stories."""
    keys: NDArray[np.int64]


class Searchable:
    """Segments under statistics, ready to be searched, shared by all leaves that have them in common."""

    def __init__(self) -> None:
        self._open: WeakValueDictionary[tuple[Segment, Statistics], FacetCounter] = WeakValueDictionary()

    def segment(self, segment: Segment, statistics: Statistics) -> FacetCounter:
        """One of them."""
        found = self._open.get((segment, statistics))
        if found is None:
            if segment.origin:
                found = self.segment(segment.origin, statistics).seeing(segment)
            else:
                found = FacetCounter(SegmentExecutor(segment, statistics))
            self._open[segment, statistics] = found
        return found


class Leaf:
    """One partition under the statistics of an epoch."""

    def __init__(
        self, partition: int, reader: PartitionReader, statistics: Statistics, searchable: Searchable | None = None
    ) -> None:
        self.partition = partition
        self.reader = reader
        searchable = searchable or Searchable()
        self._counters = [searchable.segment(segment, statistics) for segment in reader.segments]
        self.executors = [counter.executor for counter in self._counters]

    @property
    def articles(self) -> int:
        """How many articles lie here, deleted ones included."""
        return sum(executor.segment.size for executor in self.executors)

    def search(
        self, query: LeafQuery, best: list[Match], page: Page, searches: list[SegmentSearch]
    ) -> tuple[int, list[Match]]:
        """The total of the partition, and the best of its matches and those that are known already.

        Args:
            query: what is asked.
            best: of other partitions, sorted, at most the slice's size.
            page: the slice, as kernels want it.
            searches: grows by one for each segment.

        Raises:
            DeadlineError: it took too long.
            IndexFileError: a file is damaged.
        """
        plan, filters, sort, part, _deadline_s, given, _facets, decay, *_ = query
        size, backwards = part.size, part.backwards
        total = 0
        for ordinal, executor in enumerate(self.executors):
            if len(best) >= size > 0:
                # An article that comes after the last of these need not be found.
                key = best[size - 1].key
                page = page._replace(worst=~key if backwards else key)
            sets = given.get((self.partition, ordinal), _NOTHING)
            found = executor.search(plan, filters, sort, size, page, sets, decay)
            total += found.total
            searches.append(SegmentSearch(self.partition, ordinal, found.algorithm, found.looked, found.skipped))
            if not found.docnums:
                continue
            hash_of, id_of = executor.segment.hash_of, executor.segment.article_id
            matches = [
                Match(key, hash_of[docnum], id_of(docnum), score, self.partition, ordinal, docnum)
                for key, docnum, score in zip(found.keys, found.docnums, found.scores, strict=True)
            ]
            best = merged((best, matches), part) if best else matches
        return total, best

    def count(self, query: LeafQuery) -> tuple[Counts, list[Held]]:
        """The facets of the partition; of articles that share a story only which they are.

        Raises:
            DeadlineError: it took too long.
            IndexFileError: a file is damaged.
        """
        counts: list[Counts] = []
        held: list[Held] = []
        for ordinal, counter in enumerate(self._counters):
            place = self.partition, ordinal
            sets = query.given.get(place, _NOTHING)._replace(hidden=None)  # they count whatever matches
            members = query.stories.members.get(place) if query.stories is not None else None
            found = counter.count(query.plan, query.filters, query.facets, int(query.deadline_s * 1e9), sets, members)
            counts.append(found.counts)
            held += found.held
        return added(counts), held

    def held(
        self, stories: StoryIndex, facet: str, clock: Clock, deadline_ns: int
    ) -> list[tuple[NDArray[np.int64], NDArray[np.int64], list[str]]]:
        """What the articles of stories hold of a facet: rows, once for each value; which of the names; the names.

        Raises:
            DeadlineError: it took too long.
            IndexFileError: a file is damaged.
        """
        found = []
        for ordinal, counter in enumerate(self._counters):
            members = stories.members.get((self.partition, ordinal))
            if members:
                nth, values, names = counter.held(facet, clock, members.docnums, deadline_ns)
                found.append((members.rows[nth], values, names))
        return found

    def before(self, query: LeafQuery, position: Position) -> int:
        """How many matches of the partition come before a position.

        Raises:
            DeadlineError: it took too long.
            IndexFileError: a file is damaged.
        """
        before = 0
        for ordinal, executor in enumerate(self.executors):
            segment = executor.segment
            bitmap, sums = self._scored(query, ordinal)
            docs = docnums_of(bitmap)
            keys = self._keys(query, ordinal, docs, sums)
            tied = docs[keys == position.key]
            places = ((segment.hash_of[docnum], segment.article_id(docnum)) for docnum in tied.tolist())
            before += int(np.count_nonzero(keys < position.key)) + sum(place < position[1:] for place in places)
        return before

    def rivals(self, query: LeafQuery) -> list[Rivals]:
        """The matches of the partition that share a story with others; of a query for stories.

        Raises:
            DeadlineError: it took too long.
            IndexFileError: a file is damaged.
        """
        assert query.stories is not None, "it was asked for one article of each"
        found = []
        for ordinal in range(len(self.executors)):
            members = query.stories.members.get((self.partition, ordinal))
            if members:
                bitmap, sums = self._scored(query, ordinal, members.bitmap)
                here = among(bitmap, members.docnums)
                found.append(Rivals(members.rows[here], self._keys(query, ordinal, members.docnums[here], sums)))
        return found

    def _scored(
        self, query: LeafQuery, ordinal: int, wanted: NDArray[np.uint64] | None = None
    ) -> tuple[NDArray[np.uint64], NDArray[np.float64]]:
        executor, sets = self.executors[ordinal], query.given.get((self.partition, ordinal), _NOTHING)
        return executor.scored(query.plan, query.filters, int(query.deadline_s * 1e9), sets, wanted)

    def _keys(
        self, query: LeafQuery, ordinal: int, docs: NDArray[np.int64], sums: NDArray[np.float64]
    ) -> NDArray[np.int64]:
        """The sort keys of some matches of a segment, by the scores of all its articles."""
        executor, scores = self.executors[ordinal], sums[docs].astype(np.int64)
        if query.decay:
            scores = decayed(scores, executor.view_by("published", query.decay).decay[docs])
        times = executor.segment.times(clock_of(query.filters, query.sort))[docs]
        return sort_keys(query.sort, scores, times)


def merged(lists: Iterable[list[Match]], part: Slice) -> list[Match]:
    """The best of some lists of matches, in the total order."""
    every = [match for matches in lists for match in matches]
    every.sort(key=_order, reverse=part.backwards)
    return every[: part.size]


def _order(match: Match) -> tuple[int, int, str]:
    return match.key, match.hash, match.article_id
