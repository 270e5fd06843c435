"""The segments of some partitions as tables of addresses, so that one call of a kernel is about all of them.

Articles of all segments are one set: a bitmap in which each segment has whole windows of words, one after the other.
A place is the number of a bit in it.

Contract: what is remembered is bounded. Kernels have only addresses: whoever passes on what comes from here holds it
until they return. Damage is its partition's (`PartitionDamagedError`). Several threads may use a table at once.

Not here: what is searched (`share.py`), one segment (`prepared.py`), the columns (`kernels/segments.py`).
"""

from collections.abc import Callable, Sequence
from typing import Concatenate, NamedTuple, ParamSpec, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from partition.errors import IndexFileError
from partition.kernels import segments
from partition.kernels.postings import NORMS
from partition.kernels.views import SegmentView
from partition.schema import KEYWORD_FIELDS, TEXT_FIELDS
from search.bitmaps import bitmap_of
from search.leaf import PartitionDamagedError
from search.plan import Flat
from search.prepared import MAX_VIEWS, PreparedSegment, clock_of
from search.query import Bounds, Choice, Clock, Decay, Filters, Sort
from search.stories import Members, StoryIndex

MAX_REMEMBERED_BYTES = 16 << 20
"""Of the places of lists, if one share is all; of several, each remembers this by the square of their number, since
there may be as many for each number of threads."""
MAX_MASKS = 64

T = TypeVar("T")
P = ParamSpec("P")


class Held(Protocol):
    """Segments of a partition."""

    @property
    def partition(self) -> int:
        """Whose."""

    @property
    def segments(self) -> Sequence[PreparedSegment]:
        """They themselves."""


class Place(NamedTuple):
    """One of the segments."""

    partition: int
    ordinal: int
    """In the partition."""
    prepared: PreparedSegment


class Ranges(NamedTuple):
    """Which articles may match."""

    rows: NDArray[np.int64]
    """As `kernels/segments.py` wants them."""
    masks: list[NDArray[np.uint64]]
    """Where they point to."""


class _Rows(NamedTuple):
    """The segments, for one order."""

    rows: NDArray[np.int64]
    """As `kernels/segments.py` wants them."""
    views: list[SegmentView]
    """What is not the segments' own."""


class SegmentTable:
    """The segments of some leaves."""

    def __init__(self, leaves: Sequence[Held], *, shares: int) -> None:
        """Args: the leaves, and how many such tables there are of the archive."""
        self.places = [
            Place(leaf.partition, ordinal, prepared)
            for leaf in leaves
            for ordinal, prepared in enumerate(leaf.segments)
        ]
        self.largest = max((place.prepared.segment.size for place in self.places), default=0)
        self._max_bytes = MAX_REMEMBERED_BYTES // shares**2
        rows = np.array([place.prepared.row for place in self.places], np.int64).reshape(-1, segments.COLUMNS)
        rows[:, segments.PARTITION] = [place.partition for place in self.places]
        self.plain = _Rows(rows, [])
        """The table, for any order by date of publication."""
        self.units = np.array([unit for place in self.places for unit in place.prepared.units])
        """Of each text field of each segment (`PreparedSegment.units`)."""
        sizes = [0, *(len(place.prepared.segment.live_words) for place in self.places)]
        self.words = np.cumsum(np.array(sizes, np.int64))
        """The first word of each segment in a set, and the end."""
        self._terms = {
            field: np.array([place.prepared.segment.fields[field]["terms"] for place in self.places], np.int64)
            for field in (*TEXT_FIELDS, *KEYWORD_FIELDS)
        }
        self._lists: dict[tuple[str, bytes], bytes] = {}
        self._masks: dict[tuple[tuple[Choice, ...], Bounds | None], Ranges] = {}
        self._by: dict[tuple[Clock, Decay | None], _Rows] = {}
        self._members: tuple[StoryIndex, Members] | None = None

    def rows(self, filters: Filters, sort: Sort, decay: Decay | None) -> _Rows:
        """The table, for an order by the clock of filters or by scores that decay."""
        clock = clock_of(filters, sort)
        if clock == "published" and decay is None:
            return self.plain
        known = self._by.get((clock, decay))
        if known is None:
            views = self.each(PreparedSegment.view_by, clock, decay)
            rows = self.plain.rows.copy()
            rows[:, segments.TIMES] = [view.times.ctypes.data for view in views]
            rows[:, segments.DATED] = [view.dated for view in views]
            rows[:, segments.DECAY] = [view.decay.ctypes.data if len(view.decay) else 0 for view in views]
            known = _Rows(rows, views)
            if len(self._by) >= MAX_VIEWS:
                self._by.clear()
            self._by[clock, decay] = known
        return known

    def lists(self, flat: Flat) -> NDArray[np.int64]:
        """The rows of all lists of a plan, each in all segments, verified."""
        every = b"".join([self.rows_of(field, key) for field, key in flat.lists])
        return np.frombuffer(every, np.int64).reshape(-1, 8)

    def rows_of(self, field: str, key: bytes) -> bytes:
        """The rows of a term's lists, segment by segment, verified."""
        known = self._lists.get((field, key))
        if known is None:
            rows, unverified = np.zeros((len(self.places), 8), np.int64), np.empty(len(self.places), np.int64)
            segments.find_lists(self.plain.rows, self._terms[field], np.frombuffer(key, np.uint8), rows, unverified)
            rows[:, NORMS] = TEXT_FIELDS.index(field) if field in TEXT_FIELDS else 0
            for at in np.flatnonzero(unverified >= 0).tolist():
                _made(self.places[at], PreparedSegment.verify_list, int(unverified[at]))
            known = rows.tobytes()
            if len(self._lists) * len(known) >= self._max_bytes:
                self._lists.clear()
            self._lists[field, key] = known
        return known

    def ranges(self, filters: Filters) -> Ranges:
        """Which articles pass filters."""
        key = choices, unsorted = filters.choices, filters.unsorted
        known = self._masks.get(key)
        if known is None:
            masks = self.each(PreparedSegment.mask, choices, unsorted)
            rows = np.zeros((len(masks), 3), np.int64)
            rows[:, segments.MASK] = [mask.ctypes.data for mask in masks]
            rows[:, segments.HIGH] = self.plain.rows[:, segments.SIZE]
            known = Ranges(rows, masks)
            if len(self._masks) >= MAX_MASKS:
                self._masks.clear()
            self._masks[key] = known
        from_ms, to_ms = filters.from_ms, filters.to_ms
        if filters.clock != "published" or (from_ms is None and to_ms is None):
            return known
        rows = known.rows.copy()
        has_from, has_to = from_ms is not None, to_ms is not None
        segments.ranges_of(self.plain.rows, has_from, from_ms or 0, has_to, to_ms or 0, rows)
        return Ranges(rows, known.masks)

    def passing(self, filters: Filters) -> NDArray[np.uint64]:
        """The set of those that pass choices and bounds, but for dates that segments are sorted by."""
        return self.set_of(self.ranges(filters).masks)

    def within(self, filters: Filters, wanted: NDArray[np.uint64]) -> Ranges:
        """Which articles pass filters and are in a set."""
        ranges = self.ranges(filters)
        mask = self.set_of(ranges.masks) & wanted
        rows = ranges.rows.copy()
        rows[:, segments.MASK] = mask.ctypes.data + mask.itemsize * self.words[:-1]
        return Ranges(rows, [mask])

    def set_of(self, bitmaps: Sequence[NDArray[np.uint64]]) -> NDArray[np.uint64]:
        """The set of what is in those of all segments."""
        return np.concatenate([*bitmaps, _NO_WORDS])

    def members(self, stories: StoryIndex) -> Members:
        """The articles here that share a story with others; docnums are places."""
        if self._members is None or self._members[0] is not stories:
            places, rows = [_NO_PLACES], [_NO_PLACES]
            for at, (partition, ordinal, _prepared) in enumerate(self.places):
                members = stories.members.get((partition, ordinal))
                if members:
                    places.append(members.docnums + 64 * self.words[at])
                    rows.append(members.rows)
            every = np.concatenate(places)
            self._members = stories, Members(every, np.concatenate(rows), bitmap_of(every, int(self.words[-1])))
        return self._members[1]

    def each(self, made: Callable[Concatenate[PreparedSegment, P], T], *args: P.args, **kwargs: P.kwargs) -> list[T]:
        """What is made of each segment.

        Raises:
            PartitionDamagedError, and what is raised.
        """
        return [_made(place, made, *args, **kwargs) for place in self.places]


def _made(place: Place, made: Callable[Concatenate[PreparedSegment, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
    try:
        return made(place.prepared, *args, **kwargs)
    except IndexFileError as error:
        raise PartitionDamagedError(place.partition, error) from None


_NO_PLACES, _NO_WORDS = np.empty(0, np.int64), np.empty(0, np.uint64)
