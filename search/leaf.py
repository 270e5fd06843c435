"""The leaf: one partition, opened; what some leaves are asked together, and what they answer.

Contract: leaves that have segments and statistics in common share what was made of them. Several threads may read a
leaf at once.

Not here: how leaves are searched (`share.py`).
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
from partition.reader import PartitionReader
from partition.segment import Segment
from partition.statistics import Statistics
from search.facets import Counts
from search.order import Position
from search.plan import Plan
from search.prepared import PreparedSegment
from search.query import Clock, Decay, Filters, Sort
from search.stories import StoryIndex
from search.values import FACETS, Names, SegmentValues


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
    held: Mapping[str, NDArray[np.int64]] = MappingProxyType({})
    """By facet, the rows (of the index of stories) of the matching articles that share a story with others, where one
    of each is wanted: `collapsing.counted_once` counts what they hold."""


class LeafQuery(NamedTuple):
    """A query as leaves are asked it."""

    plan: Plan
    filters: Filters
    sort: Sort
    part: Slice
    deadline_s: float
    """When to give up, on the monotonic clock."""
    facets: tuple[str, ...] = ()
    """Of `values.FACETS`: what is counted besides."""
    decay: Decay | None = None
    """Of scores."""
    stories: StoryIndex | None = None
    """If only one article of each story is wanted."""
    sets: dict[Any, Any] | None = None
    """Where shares remember, for one request, what was found before a plan is executed."""
    shown: NDArray[np.bool_] | None = None
    """By row of `stories`: whether it stands for its story (`collapsing.py`); the others are left out."""


class Rivals(NamedTuple):
    """Matching articles that share a story with others."""

    rows: NDArray[np.int64]
    """Of the index of stories."""
    keys: NDArray[np.int64]


class Searchable:
    """Segments under statistics, ready to be searched, and what they hold of facets, shared by all leaves."""

    def __init__(self) -> None:
        self.names: Mapping[str, Names] = {facet: Names() for facet in FACETS}
        self._open: WeakValueDictionary[tuple[Segment, Statistics], PreparedSegment] = WeakValueDictionary()
        self._values: WeakValueDictionary[Segment, SegmentValues] = WeakValueDictionary()

    def segment(self, segment: Segment, statistics: Statistics) -> PreparedSegment:
        """One of them."""
        found = self._open.get((segment, statistics))
        if found is None:
            if segment.origin:
                found = self.segment(segment.origin, statistics).seeing(segment)
            else:
                found = PreparedSegment(segment, statistics, self.values(segment))
            self._open[segment, statistics] = found
        return found

    def values(self, segment: Segment) -> SegmentValues:
        """What its articles hold."""
        if segment.origin:
            return self.values(segment.origin)
        found = self._values.get(segment)
        if found is None:
            found = self._values[segment] = SegmentValues(segment, self.names)
        return found


class Leaf:
    """One partition under the statistics of an epoch."""

    def __init__(
        self, partition: int, reader: PartitionReader, statistics: Statistics, searchable: Searchable | None = None
    ) -> None:
        self.partition = partition
        self.reader = reader
        searchable = searchable or Searchable()
        self.segments = [searchable.segment(segment, statistics) for segment in reader.segments]
        self.names = searchable.names
        """Of values, by facet; leaves of one archive have the same."""

    @property
    def articles(self) -> int:
        """How many articles lie here, deleted ones included."""
        return sum(prepared.segment.size for prepared in self.segments)

    def held(
        self, stories: StoryIndex, facet: str, clock: Clock, deadline_ns: int
    ) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """What the articles of stories hold of a facet: rows, once for each value, and the numbers of the values.

        Raises:
            DeadlineError: it took too long.
            IndexFileError: a file is damaged.
        """
        found = []
        for ordinal, prepared in enumerate(self.segments):
            members = stories.members.get((self.partition, ordinal))
            if members:
                nth, numbers = prepared.values.held(facet, clock, members.docnums, deadline_ns)
                found.append((members.rows[nth], numbers))
        return found


def merged(lists: Iterable[list[Match]], part: Slice) -> list[Match]:
    """The best of some lists of matches, in the total order."""
    every = [match for matches in lists for match in matches]
    every.sort(key=_order, reverse=part.backwards)
    return every[: part.size]


def _order(match: Match) -> tuple[int, int, str]:
    return match.key, match.hash, match.article_id
