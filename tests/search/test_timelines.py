"""Timelines: every period once, in order of time, from bound to bound.

Not here: what is counted in them (`test_facets.py`), over partitions (`test_layouts.py`).
"""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.timelines import MAX_PERIODS, PERIODS, Timeline, timeline
from tests.reference.naive import period_of
from tests.reference.naive import timeline as plain_timeline

DAY_MS = 86_400_000
_near = st.integers(-400 * DAY_MS, 400 * DAY_MS)


@given(
    times=st.lists(_near, max_size=6),
    period=st.sampled_from(sorted(PERIODS)),
    lower=st.none() | _near,
    upper=st.none() | _near,
)
def test_periods_follow_one_another(times: list[int], period: str, lower: int | None, upper: int | None) -> None:
    """As a walk from day to day says; nothing is in them but what was counted between the bounds."""
    counts: dict[str, int] = {}
    for time_ms in times:
        if (lower is None or time_ms >= lower) and (upper is None or time_ms < upper):
            name = period_of(period, time_ms)
            counts[name] = counts.get(name, 0) + 1
    found = timeline(period, counts, lower, upper)
    assert found == (plain_timeline(period, counts, lower, upper), 0, 0)
    assert all(before < after for (before, _), (after, _) in pairwise(found.counted))
    assert sum(count for _, count in found.counted) == sum(counts.values())


def _ms(year: int, month: int = 1, day: int = 1) -> int:
    return int(datetime(year, month, day, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("counts", "from_ms", "to_ms", "expected"),
    [
        ({}, None, None, []),
        ({}, _ms(2024), None, []),
        ({}, None, _ms(2024), []),
        ({}, _ms(2024), _ms(2024, 3), [("2024-01", 0), ("2024-02", 0)]),
        ({}, _ms(2024), _ms(2024, 2, 2), [("2024-01", 0), ("2024-02", 0)]),
        ({}, _ms(2024, 3), _ms(2024), []),
        ({"2024-02": 7}, None, None, [("2024-02", 7)]),
        ({"2024-02": 7}, _ms(2023, 12, 31), None, [("2023-12", 0), ("2024-01", 0), ("2024-02", 7)]),
        ({"2024-02": 7}, None, _ms(2024, 3, 1) + 1, [("2024-02", 7), ("2024-03", 0)]),
    ],
)
def test_bounds_are_its_ends(
    counts: dict[str, int], from_ms: int | None, to_ms: int | None, expected: list[tuple[str, int]]
) -> None:
    """As far as they are given; the upper one is exclusive. Where nothing says where an end is, nothing is shown."""
    assert timeline("month", counts, from_ms, to_ms) == (expected, 0, 0)


def test_the_latest_periods_are_shown() -> None:
    """A thousand; what comes before is counted, periods and articles, however many that are."""
    counts = {f"{1000 + n}": n + 1 for n in range(MAX_PERIODS + 5)}
    found = timeline("year", dict(reversed(counts.items())), None, None)
    assert found == (list(counts.items())[5:], 5, 1 + 2 + 3 + 4 + 5)
    counted, other_periods, other_count = timeline("day", {"2024-02-29": 3}, _ms(1), _ms(9999))
    assert (len(counted), counted[-1], other_count) == (MAX_PERIODS, ("9998-12-31", 0), 3)
    assert other_periods == (_ms(9999) - _ms(1)) // DAY_MS - MAX_PERIODS
    assert timeline("day", {}, _ms(2024), _ms(2023)) == Timeline([], 0, 0)
