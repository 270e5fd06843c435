"""The values that articles hold of a facet, as numbers that mean the same in all segments of an archive.

Contract: numbers are given in the order in which values are first met, and stay: counts of segments, of shares and of
states add up as they are. A value keeps its name in memory as long as the process lives, and each article a number
for each value that it holds, once a facet has been asked for.

Source: the "global ordinals" of Lucene (`OrdinalMap`), which are made anew for each set of segments; these are made
once for each segment, since names are only ever added.

Not here: counting (`facets.py`), how values are spelled (`spellings.py`).
"""

import threading
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from partition.kernels.facets import NONE
from partition.schema import KEYWORD_FIELDS, NO_DATE_MS
from partition.segment import Segment
from search.deadline import DeadlineError
from search.query import Clock
from search.timelines import PERIODS, periods_of

FACETS = (*KEYWORD_FIELDS, *PERIODS)
_NAMES = 1000
"""Names that are read between looks at the clock."""


class Names:
    """The names of the values of one facet, by number."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._numbers: dict[str, int] = {}
        self._adding = threading.Lock()

    def __len__(self) -> int:
        return len(self.names)

    def number(self, name: str) -> int | None:
        """The number of a value, if any article was seen to hold it."""
        return self._numbers.get(name)

    def numbered(self, names: Sequence[str]) -> NDArray[np.uint32]:
        """The numbers of these values, which get one if they have none."""
        with self._adding:
            for name in names:
                if name not in self._numbers:
                    # Whoever finds the number must find the name.
                    self.names.append(name)
                    self._numbers[name] = len(self.names) - 1
            return np.array([self._numbers[name] for name in names], np.uint32)


def keyed(facet: str, clock: Clock) -> tuple[str, Clock]:
    """What the values of a facet depend on: those of fields on no clock."""
    return facet, "published" if facet in KEYWORD_FIELDS else clock


class Values(NamedTuple):
    """The values of a segment's articles."""

    numbers: NDArray[np.uint32]
    """Article after article."""
    ends: NDArray[np.uint32]
    """Where each article's end; empty if each has one number, which may be `NONE`."""


class Stretches(NamedTuple):
    """The values of articles that are sorted by them."""

    starts: NDArray[np.int64]
    """Shape (n + 1,): the first docnum of each, and the end of the last."""
    numbers: NDArray[np.uint32]
    """Shape (n,)."""


class SegmentValues:
    """What the articles of one segment hold, deleted ones included."""

    def __init__(self, segment: Segment, names: Mapping[str, Names]) -> None:
        self._segment = segment
        self._names = names
        self._values: dict[tuple[str, Clock], Values | Stretches] = {}
        self._reading = threading.Lock()
        self._read: dict[str, list[str]] = {}
        """The names of each field that were read before it was too late for somebody: others go on from there."""

    def of(self, facet: str, clock: Clock, deadline_ns: int) -> Values | Stretches:
        """What they hold of a facet.

        Raises:
            DeadlineError: it took too long.
            IndexFileError: the file is damaged.
        """
        key = keyed(facet, clock)
        if key not in self._values:
            if facet in KEYWORD_FIELDS:
                self._read_field(facet, deadline_ns)
            else:
                self._values[key] = self._stretches(facet) if clock == "published" else self._periods(facet, clock)
        return self._values[key]

    def held(
        self, facet: str, clock: Clock, docs: NDArray[np.int64], deadline_ns: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """What some of them hold of a facet: which of them, once for each value, and the numbers of the values.

        Raises:
            DeadlineError, IndexFileError: as of `of`.
        """
        match self.of(facet, clock, deadline_ns):
            case Stretches(starts, numbers):
                at = np.searchsorted(starts, docs, side="right") - 1
                nth = np.flatnonzero((at >= 0) & (at < len(numbers)))
                return nth, numbers[at[nth]].astype(np.int64)
            case Values(numbers, ends) if len(ends):
                stops = ends[docs].astype(np.int64)
                counts = stops - np.where(docs > 0, ends[docs - 1], 0)
                nth = np.repeat(np.arange(len(docs)), counts)
                # The places before each article's stop, one after the other.
                places = np.arange(len(nth)) + np.repeat(stops - np.cumsum(counts), counts)
                return nth, numbers[places].astype(np.int64)
            case Values(numbers):
                nth = np.flatnonzero(numbers[docs] != NONE)
                return nth, numbers[docs[nth]].astype(np.int64)

    def _read_field(self, field: str, deadline_ns: int) -> None:
        left_s = (deadline_ns - time.monotonic_ns()) / 1e9
        if not self._reading.acquire(timeout=min(max(0.0, left_s), threading.TIMEOUT_MAX)):
            raise DeadlineError
        try:
            key = keyed(field, "published")
            if key not in self._values:  # somebody else may have been quicker
                self._values[key] = self._of_field(field, deadline_ns)
        finally:
            self._reading.release()

    def _of_field(self, field: str, deadline_ns: int) -> Values:
        segment, names = self._segment, self._names_of(field, deadline_ns)
        ordinals, ends = segment.value_ordinals(field)
        numbers = np.append(self._names[field].numbered(names), np.uint32(NONE))
        if ends is None:  # each article has one, of which the largest is none
            return Values(numbers[np.minimum(ordinals, len(names))], np.empty(0, np.uint32))
        return Values(numbers[ordinals], ends)

    def _names_of(self, field: str, deadline_ns: int) -> list[str]:
        segment = self._segment
        first, last = segment.fields[field]["terms"]
        names = self._read.setdefault(field, [])
        for low in range(first + len(names), last, _NAMES):
            if time.monotonic_ns() > deadline_ns:
                raise DeadlineError
            names += [segment.key(term).decode() for term in range(low, min(low + _NAMES, last))]
        del self._read[field]
        return names

    def _stretches(self, period: str) -> Stretches:
        times = self._segment.published_ms
        first = int(np.searchsorted(times, NO_DATE_MS, side="right"))
        periods = periods_of(times[first:], period)
        begins = np.flatnonzero(np.append(True, periods[1:] != periods[:-1])) if len(periods) else _NO_DOCS
        names = self._names[period].numbered(periods[begins].astype(str).tolist())
        return Stretches(np.append(begins + first, len(times)), names)

    def _periods(self, period: str, clock: Clock) -> Values:
        times = self._segment.times(clock)
        dated = times != NO_DATE_MS
        periods, nth = np.unique(periods_of(times[dated], period), return_inverse=True)
        numbers = np.full(len(times), NONE, np.uint32)
        numbers[dated] = self._names[period].numbered(periods.astype(str).tolist())[nth]
        return Values(numbers, np.empty(0, np.uint32))


_NO_DOCS = np.empty(0, np.int64)
