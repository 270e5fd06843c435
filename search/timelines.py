"""Timelines: periods of time one after the other, empty ones included, as a chart wants them.

Contract: a timeline runs from the period of the lower bound to that of the upper one; without a bound, from the first
or to the last period that is not empty. At most the latest `MAX_PERIODS` are shown, and it costs no more than these,
wherever the bounds are. Periods are as ISO 8601 writes them, in UTC.

Not here: what is counted (`facets.py`), what bounds say (`dates.py`).
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

PERIODS = {"day": "D", "month": "M", "year": "Y"}
"""Facet to NumPy's unit of time."""
MAX_PERIODS = 1000


class Timeline(NamedTuple):
    """What is shown of one."""

    counted: list[tuple[str, int]]
    """The latest periods and what is in each, in order of time."""
    other_periods: int
    """How many come before."""
    other_count: int
    """What is in these."""


def periods_of(times: NDArray[np.int64], period: str) -> NDArray[np.datetime64]:
    """The period of each time, in ms."""
    return times.astype("M8[ms]").astype(f"M8[{PERIODS[period]}]")


def timeline(period: str, counts: Mapping[str, int], from_ms: int | None, to_ms: int | None) -> Timeline:
    """What is shown of counts by period, between bounds as of `query.Filters`."""
    held = np.array(list(counts), f"M8[{PERIODS[period]}]")
    firsts = held if from_ms is None else periods_of(np.array([from_ms]), period)
    lasts = held if to_ms is None else periods_of(np.array([to_ms - 1]), period)
    if not (len(firsts) and len(lasts)):
        return Timeline([], 0, 0)
    first, last = int(firsts.astype(np.int64).min()), int(lasts.astype(np.int64).max())
    shown_first = max(first, last - MAX_PERIODS + 1)
    names = np.arange(shown_first, last + 1).astype(held.dtype).astype(str).tolist()
    counted = [(name, counts.get(name, 0)) for name in names]
    return Timeline(counted, max(0, shown_first - first), sum(counts.values()) - sum(count for _, count in counted))
