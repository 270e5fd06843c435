"""Facets: how many of the matching articles hold each value of a field, or lie in each period of time.

A facet counts under all filters, but for the values that are chosen of its own field: who has chosen a section still
sees the others; but not the articles of sections that are excluded.

Contract: counts are exact, add up over segments and partitions, and say the same however the archive is partitioned.
Values are as the index holds them (`analysis.exact`), periods as ISO 8601 writes them, in UTC; articles without a
date are in no period. Memory is a number for each value that an article holds, once a facet has been asked for.

Not here: which articles match (`executor.py`), how values are spelled (`spellings.py`), names of parameters
(`parameters.py`).
"""

import copy
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from partition.kernels.facets import NONE, count_stretches, count_values
from partition.schema import KEYWORD_FIELDS, NO_DATE_MS
from partition.segment import Segment
from search.bitmaps import among
from search.executor import DeadlineError, GivenSets, SegmentExecutor
from search.plan import Plan
from search.query import Choice, Clock, Filters
from search.stories import Members
from search.timelines import PERIODS, periods_of, timeline

FACETS = (*KEYWORD_FIELDS, *PERIODS)
_NAMES = 1000
"""Values that are read between looks at the clock."""

Counts = Mapping[str, Counter[str]]
"""Facet to value to articles."""


class Shown(NamedTuple):
    """What is shown of one facet."""

    counted: list[tuple[str, int]]
    """The most frequent values and those that are chosen, equally frequent ones by name; of periods a timeline
    (`timelines.py`)."""
    other_values: int
    """How many more there are."""
    other_count: int
    """The sum of their counts."""


class Held(NamedTuple):
    """The matching articles of one segment that share a story with others, for one facet."""

    facet: str
    rows: NDArray[np.int64]
    """Of the index of stories."""


class Found(NamedTuple):
    """The facets of one segment."""

    counts: Counts
    """Of all matching articles; of those that share no story with others, where one of each is wanted."""
    held: list[Held]


class _Values(NamedTuple):
    """The values of a segment's articles, as `kernels/facets.py` wants them."""

    ordinals: NDArray[np.uint32]
    ends: NDArray[np.uint32]
    terms: range


class _Periods(NamedTuple):
    """The periods of a segment's articles; as stretches of docnums, where times ascend by them."""

    names: list[str]
    starts: NDArray[np.int64]
    """Shape (periods + 1,), or empty."""
    ordinals: NDArray[np.uint32]
    """Shape (n,): the period of each article, or empty."""


def _excluding(choice: Choice, facets: Sequence[str]) -> Choice:
    """What a filter says of the facets of other fields, and of its own."""
    return Choice(choice.field, denied=choice.denied) if choice.field in facets else choice


class FacetCounter:
    """Counts in one segment."""

    def __init__(self, executor: SegmentExecutor) -> None:
        self.executor = executor
        self._segment = executor.segment
        self._origin: FacetCounter | None = None
        self._values: dict[str, _Values] = {}
        self._periods: dict[tuple[str, Clock], _Periods] = {}

    def seeing(self, segment: Segment) -> "FacetCounter":
        """The same for the same segment with other articles deleted."""
        other = copy.copy(self)
        other.executor, other._segment = self.executor.seeing(segment), segment  # noqa: SLF001 - it is of this class
        other._origin = self  # noqa: SLF001 - kept, so that it is there for other states
        return other

    def count(
        self,
        plan: Plan,
        filters: Filters,
        facets: Sequence[str],
        deadline_ns: int,
        given: GivenSets,
        members: Members | None = None,
    ) -> Found:
        """The counts of these facets.

        Args:
            plan: of the query.
            filters: of the query.
            facets: of `FACETS`.
            deadline_ns: on the monotonic clock.
            given: the sets that the plan does not say how to find.
            members: articles that are not counted: it is said which of them match.

        Raises:
            DeadlineError: it took too long.
        """
        own = [choice for choice in filters.choices if choice.field in facets and choice.allowed]
        # What is excluded stays excluded: who has chosen a value still sees those beside it, and no more of the rest.
        others = tuple([_excluding(choice, facets) for choice in filters.choices])
        matching = self.executor.matching(plan, msgspec.structs.replace(filters, choices=others), deadline_ns, given)
        counts: dict[str, Counter[str]] = {}
        held: list[Held] = []
        rows = members.rows[among(matching, members.docnums)] if members else None
        for facet in facets:
            bitmap = matching
            for choice in own:
                if choice.field != facet:
                    bitmap = bitmap & self.executor.mask((choice,))
            if members:
                if own:
                    rows = members.rows[among(bitmap, members.docnums)]
                assert rows is not None
                held.append(Held(facet, rows))
                bitmap = bitmap & ~members.bitmap
            if facet in PERIODS:
                counts[facet] = self._by_period(facet, filters.clock, bitmap, deadline_ns)
            else:
                counts[facet] = self._by_value(facet, bitmap, deadline_ns)
        return Found(counts, held)

    def held(
        self, facet: str, clock: Clock, docs: NDArray[np.int64], deadline_ns: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], list[str]]:
        """What some articles hold of a facet: which of them, once for each value; which of the names; the names.

        Raises:
            DeadlineError: it took too long.
        """
        if facet in PERIODS:
            names, starts, periods = self._periods_by(facet, clock)
            found = np.searchsorted(starts, docs, side="right") - 1 if len(starts) else periods[docs].astype(np.int64)
            dated = np.flatnonzero((found >= 0) & (found < len(names)))
            return dated, found[dated], names
        ordinals, ends, _terms = self._values_by(facet)
        if len(ends):
            stops = ends[docs].astype(np.int64)
            counts = stops - np.where(docs > 0, ends[docs - 1], 0)
            nth = np.repeat(np.arange(len(docs)), counts)
            # The places before each article's stop, one after the other.
            held = ordinals[np.arange(len(nth)) + np.repeat(stops - np.cumsum(counts), counts)].astype(np.int64)
        else:
            nth = np.flatnonzero(ordinals[docs] != NONE)
            held = ordinals[docs[nth]].astype(np.int64)
        distinct, values = np.unique(held, return_inverse=True)
        return nth, values, self._names_of(facet, distinct, deadline_ns)

    def _by_value(self, field: str, bitmap: NDArray[np.uint64], deadline_ns: int) -> Counter[str]:
        ordinals, ends, terms = self._values_by(field)
        counts = np.zeros(len(terms), np.int64)
        if count_values(bitmap, ordinals, ends, deadline_ns, counts):
            raise DeadlineError
        held = np.flatnonzero(counts)
        names = self._names_of(field, held, deadline_ns)
        return Counter(dict(zip(names, counts[held].tolist(), strict=True)))

    def _names_of(self, field: str, ordinals: NDArray[np.int64], deadline_ns: int) -> list[str]:
        terms = self._values_by(field).terms
        names = []
        for nth, ordinal in enumerate(ordinals.tolist()):
            if nth % _NAMES == 0 and time.monotonic_ns() > deadline_ns:
                raise DeadlineError
            names.append(self._segment.key(terms[ordinal]).decode())
        return names

    def _values_by(self, field: str) -> _Values:
        if field not in self._values:
            self._values[field] = self._values_of(field)
        return self._values[field]

    def _values_of(self, field: str) -> _Values:
        ordinals, ends = self._segment.value_ordinals(field)
        found = ordinals.astype(np.uint32)
        if ends is None:
            found[ordinals == np.iinfo(ordinals.dtype).max] = NONE
        return _Values(
            found, np.empty(0, np.uint32) if ends is None else ends, range(*self._segment.fields[field]["terms"])
        )

    def _by_period(self, period: str, clock: Clock, bitmap: NDArray[np.uint64], deadline_ns: int) -> Counter[str]:
        names, starts, ordinals = self._periods_by(period, clock)
        counts = np.zeros(len(names), np.int64)
        if len(starts):
            late = count_stretches(bitmap, starts, deadline_ns, counts)
        else:
            late = count_values(bitmap, ordinals, np.empty(0, np.uint32), deadline_ns, counts)
        if late:
            raise DeadlineError
        return Counter({name: count for name, count in zip(names, counts.tolist(), strict=True) if count})

    def _periods_by(self, period: str, clock: Clock) -> _Periods:
        key = period, clock
        if key not in self._periods:
            self._periods[key] = self._stretches_of(period) if clock == "published" else self._periods_of(*key)
        return self._periods[key]

    def _periods_of(self, period: str, clock: Clock) -> _Periods:
        times = self._segment.times(clock)
        dated = times != NO_DATE_MS
        periods, nth = np.unique(periods_of(times[dated], period), return_inverse=True)
        ordinals = np.full(len(times), NONE, np.uint32)
        ordinals[dated] = nth
        return _Periods(periods.astype(str).tolist(), np.empty(0, np.int64), ordinals)

    def _stretches_of(self, period: str) -> _Periods:
        first = self.executor.view.dated
        times = periods_of(self._segment.published_ms[first:], period)
        begins = np.flatnonzero(np.append(True, times[1:] != times[:-1])) if len(times) else np.empty(0, np.int64)
        starts = np.append(begins + first, self._segment.size)
        return _Periods(times[begins].astype(str).tolist(), starts, np.empty(0, np.uint32))


def added(counts: Iterable[Counts]) -> Counts:
    """The sums of some counts."""
    counts = [one for one in counts if one]
    if len(counts) == 1:
        return counts[0]
    sums: dict[str, Counter[str]] = {}
    for one in counts:
        for facet, by_value in one.items():
            if facet in sums:
                sums[facet].update(by_value)
            else:
                sums[facet] = Counter(by_value)
    return sums


def chosen_of(facet: str, filters: Filters) -> list[str]:
    """The values of a facet that a filter names."""
    return [value for one in filters.choices if one.field == facet for value in one.allowed]


def shown(facet: str, counts: Mapping[str, int], filters: Filters, limit: int) -> Shown:
    """What is shown of a facet.

    Args:
        facet: of `FACETS`.
        counts: of its values that any article has.
        filters: under which they were counted; values that these choose are shown, also if no article has them.
        limit: how many values of a field are shown, beside those that are chosen.
    """
    if facet in PERIODS:
        return Shown(*timeline(facet, counts, filters.from_ms, filters.to_ms))
    chosen = chosen_of(facet, filters)
    every = {**dict.fromkeys(chosen, 0), **counts}
    ordered = sorted(every.items(), key=lambda item: (-item[1], item[0]))
    kept = ordered[:limit] + [item for item in ordered[limit:] if item[0] in chosen]
    left = [item for item in ordered[limit:] if item[0] not in chosen]
    return Shown(kept, len(left), sum(count for _, count in left))
