"""Facets: how many of the matching articles hold each value of a field, or were published in each period.

A facet counts under all filters but the one on its own field: who has chosen a section still sees the others.

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

import numpy as np
from numpy.typing import NDArray

from partition.kernels.facets import NONE, count_stretches, count_values
from partition.schema import KEYWORD_FIELDS
from partition.segment import Segment
from search.executor import DeadlineError, GivenSets, SegmentExecutor
from search.plan import Plan
from search.query import Filters

PERIODS = {"day": "D", "month": "M", "year": "Y"}
"""Facet to NumPy's unit of time."""
FACETS = (*KEYWORD_FIELDS, *PERIODS)
MAX_PERIODS = 1000
_NAMES = 1000
"""Values that are read between looks at the clock."""

Counts = Mapping[str, Counter[str]]
"""Facet to value to articles."""


class Shown(NamedTuple):
    """What is shown of one facet."""

    counted: list[tuple[str, int]]
    """The most frequent values and those that are chosen, equally frequent ones by name; of periods the latest, in
    order of time."""
    other_values: int
    """How many more there are."""
    other_count: int
    """The sum of their counts."""


class _Values(NamedTuple):
    """The values of a segment's articles, as `kernels/facets.py` wants them."""

    ordinals: NDArray[np.uint32]
    ends: NDArray[np.uint32]
    terms: range


class _Periods(NamedTuple):
    """Stretches of docnums with equal periods."""

    starts: NDArray[np.int64]
    """Shape (periods + 1,)."""
    names: list[str]


class FacetCounter:
    """Counts in one segment."""

    def __init__(self, executor: SegmentExecutor) -> None:
        self.executor = executor
        self._segment = executor.segment
        self._origin: FacetCounter | None = None
        self._values: dict[str, _Values] = {}
        self._periods: dict[str, _Periods] = {}

    def seeing(self, segment: Segment) -> "FacetCounter":
        """The same for the same segment with other articles deleted."""
        other = copy.copy(self)
        other.executor, other._segment = self.executor.seeing(segment), segment  # noqa: SLF001 - it is of this class
        other._origin = self  # noqa: SLF001 - kept, so that it is there for other states
        return other

    def count(
        self, plan: Plan, filters: Filters, facets: Sequence[str], deadline_ns: int, given: GivenSets
    ) -> Counts:
        """The counts of these facets.

        Args:
            plan: of the query.
            filters: of the query.
            facets: of `FACETS`.
            deadline_ns: on the monotonic clock.
            given: the sets that the plan does not say how to find.

        Raises:
            DeadlineError: it took too long.
        """
        own = [choice for choice in filters.choices if choice.field in facets]
        others = tuple([choice for choice in filters.choices if choice.field not in facets])
        matching = self.executor.matching(
            plan, Filters(filters.published_from_ms, filters.published_to_ms, others), deadline_ns, given
        )
        counts: dict[str, Counter[str]] = {}
        for facet in facets:
            bitmap = matching
            for choice in own:
                if choice.field != facet:
                    bitmap = bitmap & self.executor.mask((choice,))
            count = self._by_period if facet in PERIODS else self._by_value
            counts[facet] = count(facet, bitmap, deadline_ns)
        return counts

    def _by_value(self, field: str, bitmap: NDArray[np.uint64], deadline_ns: int) -> Counter[str]:
        if field not in self._values:
            self._values[field] = self._values_of(field)
        ordinals, ends, terms = self._values[field]
        counts = np.zeros(len(terms), np.int64)
        if count_values(bitmap, ordinals, ends, deadline_ns, counts):
            raise DeadlineError
        by_name: Counter[str] = Counter()
        held = np.flatnonzero(counts)
        for nth, (ordinal, count) in enumerate(zip(held.tolist(), counts[held].tolist(), strict=True)):
            if nth % _NAMES == 0 and time.monotonic_ns() > deadline_ns:
                raise DeadlineError
            by_name[self._segment.key(terms[ordinal]).decode()] = count
        return by_name

    def _values_of(self, field: str) -> _Values:
        ordinals, ends = self._segment.value_ordinals(field)
        found = ordinals.astype(np.uint32)
        if ends is None:
            found[ordinals == np.iinfo(ordinals.dtype).max] = NONE
        return _Values(
            found, np.empty(0, np.uint32) if ends is None else ends, range(*self._segment.fields[field]["terms"])
        )

    def _by_period(self, period: str, bitmap: NDArray[np.uint64], deadline_ns: int) -> Counter[str]:
        if period not in self._periods:
            self._periods[period] = self._periods_of(period)
        starts, names = self._periods[period]
        counts = np.zeros(len(names), np.int64)
        if count_stretches(bitmap, starts, deadline_ns, counts):
            raise DeadlineError
        return Counter({name: count for name, count in zip(names, counts.tolist(), strict=True) if count})

    def _periods_of(self, period: str) -> _Periods:
        first = self.executor.view.dated
        times = self._segment.published_ms[first:].astype("M8[ms]").astype(f"M8[{PERIODS[period]}]")
        begins = np.flatnonzero(np.append(True, times[1:] != times[:-1])) if len(times) else np.empty(0, np.int64)
        return _Periods(np.append(begins + first, self._segment.size), [str(time) for time in times[begins]])


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


def shown(facet: str, counts: Mapping[str, int], limit: int, chosen: Sequence[str] = ()) -> Shown:
    """What is shown of a facet.

    Args:
        facet: of `FACETS`.
        counts: of its values that any article has.
        limit: how many values of a field are shown, beside those that are chosen.
        chosen: values that are shown in any case, also if no article has them.
    """
    if facet in PERIODS:
        ordered = sorted(counts.items())
        kept, left = ordered[-MAX_PERIODS:], ordered[:-MAX_PERIODS]
    else:
        every = {**dict.fromkeys(chosen, 0), **counts}
        ordered = sorted(every.items(), key=lambda item: (-item[1], item[0]))
        kept = ordered[:limit] + [item for item in ordered[limit:] if item[0] in chosen]
        left = [item for item in ordered[limit:] if item[0] not in chosen]
    return Shown(kept, len(left), sum(count for _, count in left))
