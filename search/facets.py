"""Facets: how many of the matching articles hold each value of a field, or lie in each period of time.

A facet counts under all filters, but for the values that are chosen of its own field: who has chosen a section still
sees the others; but not the articles of sections that are excluded.

Contract: counts are exact, add up over segments and partitions, and say the same however the archive is partitioned.
Values are as the index holds them (`analysis.exact`), periods as ISO 8601 writes them, in UTC; articles without a
date are in no period.

Not here: which articles match (`share.py`), which values an article holds (`values.py`), how values are spelled
(`spellings.py`), names of parameters (`parameters.py`).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from partition.kernels.facets import ARTICLES, ENDS, VALUES, VALUES_SIZE, count_stretches, count_values
from search.deadline import DeadlineError
from search.query import Choice, Filters
from search.timelines import PERIODS, timeline
from search.values import Names, Stretches, Values


class Tally(NamedTuple):
    """How many articles hold each value of one facet."""

    counts: NDArray[np.int64]
    """By number."""
    names: Names

    def by_name(self) -> dict[str, int]:
        """The values that any article holds."""
        held = np.flatnonzero(self.counts)
        return {self.names.names[at]: int(self.counts[at]) for at in held.tolist()}


Counts = Mapping[str, Tally]
"""By facet."""
NOTHING = Tally(np.empty(0, np.int64), Names())


class Shown(NamedTuple):
    """What is shown of one facet."""

    counted: list[tuple[str, int]]
    """The most frequent values and those that are chosen, equally frequent ones by name; of periods a timeline
    (`timelines.py`)."""
    other_values: int
    """How many more there are."""
    other_count: int
    """The sum of their counts."""


class FacetTable:
    """What the articles of several segments hold of one facet, ready to be counted."""

    def __init__(self, held: Sequence[Values | Stretches], words: NDArray[np.int64], names: Names) -> None:
        """Args: what each segment's articles hold, its first word in a set of all (and the end), and all names."""
        self._held = held  # kernels have only the addresses
        self._words = words
        self._names = names
        self._table = np.zeros((len(held), 4), np.int64)
        stretches = [np.empty((0, 3), np.int64)]
        for at, one in enumerate(held):
            match one:
                case Stretches(starts, numbers):
                    places = starts + 64 * words[at]
                    stretches.append(np.stack((places[:-1], places[1:], numbers.astype(np.int64)), axis=1))
                case Values(numbers, ends):
                    row = self._table[at]
                    row[VALUES], row[VALUES_SIZE] = numbers.ctypes.data, len(numbers)
                    row[ENDS], row[ARTICLES] = ends.ctypes.data if len(ends) else 0, len(ends)
        self._stretches = np.concatenate(stretches)

    def count(self, bitmap: NDArray[np.uint64], deadline_ns: int) -> Tally:
        """The counts of a set.

        Raises:
            DeadlineError: it took too long.
        """
        counts = np.zeros(len(self._names), np.int64)
        if count_stretches(bitmap, self._stretches, deadline_ns, counts):
            raise DeadlineError
        if self._table.any() and count_values(bitmap, self._words, self._table, deadline_ns, counts):
            raise DeadlineError
        return Tally(counts, self._names)


def of_others(filters: Filters, facets: Sequence[str]) -> Filters:
    """What filters say of all fields but those that are counted, and what they exclude of these.

    What is excluded stays excluded: who has chosen a value still sees those beside it, and no more of the rest.
    """
    choices = tuple([Choice(one.field, denied=one.denied) if one.field in facets else one for one in filters.choices])
    return msgspec.structs.replace(filters, choices=choices)


def own_of(filters: Filters, facets: Sequence[str]) -> list[Choice]:
    """What filters choose of the fields that are counted."""
    return [one for one in filters.choices if one.field in facets and one.allowed]


def added(counts: Iterable[Counts]) -> Counts:
    """The sums of some counts, which are of the same archive."""
    sums: dict[str, Tally] = {}
    for one in counts:
        for facet, tally in one.items():
            sums[facet] = _sum(sums[facet], tally) if facet in sums else tally
    return sums


def _sum(one: Tally, other: Tally) -> Tally:
    fewer, more = sorted((one.counts, other.counts), key=len)  # values get numbers while others count
    counts = more.copy()
    counts[: len(fewer)] += fewer
    return Tally(counts, one.names)


def chosen_of(facet: str, filters: Filters) -> list[str]:
    """The values of a facet that a filter names."""
    return [value for one in filters.choices if one.field == facet for value in one.allowed]


def shown(facet: str, tally: Tally, filters: Filters, limit: int) -> Shown:
    """What is shown of a facet.

    Args:
        facet: of `values.FACETS`.
        tally: the counts of its values.
        filters: under which they were counted; values that these choose are shown, also if no article has them.
        limit: how many values of a field are shown, beside those that are chosen.
    """
    if facet in PERIODS:
        return Shown(*timeline(facet, tally.by_name(), filters.from_ms, filters.to_ms))
    counts, names = tally
    held = np.flatnonzero(counts)
    frequent = held
    if len(held) > limit:  # what cannot be among the first needs no name
        frequent = held[counts[held] >= np.partition(counts[held], -limit)[-limit]]
    every = {names.names[at]: int(counts[at]) for at in frequent.tolist()}
    chosen = chosen_of(facet, filters)
    for name in chosen:
        number = names.number(name)
        every[name] = int(counts[number]) if number is not None and number < len(counts) else 0
    ordered = sorted(every.items(), key=lambda item: (-item[1], item[0]))
    kept = ordered[:limit] + [item for item in ordered[limit:] if item[0] in chosen]
    known = sum(count > 0 for _name, count in kept)
    return Shown(kept, len(held) - known, int(counts.sum()) - sum(count for _name, count in kept))
