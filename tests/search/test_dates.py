"""Dates as users write them: what they come to, counted from the moment of a request.

Not here: what is found by them (`test_http_time.py`).
"""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.dates import DAY_MS, HOUR_MS, RELATIVE_PATTERN, SPAN_PATTERN, origin_of, read_date, read_span, resolved

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def ms(text: str) -> int:
    """Milliseconds since 1970 of an instant."""
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(milliseconds=1)


ORIGIN_MS = ms("2024-03-31T15:00:00Z")


@pytest.mark.parametrize(
    ("text", "begins", "ends"),
    [
        ("now", "2024-03-31T15:00:00Z", "2024-03-31T15:00:00Z"),
        ("-0h", "2024-03-31T15:00:00Z", "2024-03-31T15:00:00Z"),
        ("-24h", "2024-03-30T15:00:00Z", "2024-03-30T15:00:00Z"),
        ("today", "2024-03-31T00:00:00Z", "2024-04-01T00:00:00Z"),
        ("yesterday", "2024-03-30T00:00:00Z", "2024-03-31T00:00:00Z"),
        ("-7d", "2024-03-24T00:00:00Z", "2024-03-25T00:00:00Z"),
        ("-2w", "2024-03-17T00:00:00Z", "2024-03-18T00:00:00Z"),
        ("-1m", "2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z"),
        ("-13m", "2023-02-28T00:00:00Z", "2023-03-01T00:00:00Z"),
        ("-3m", "2023-12-31T00:00:00Z", "2024-01-01T00:00:00Z"),
        ("-1y", "2023-03-31T00:00:00Z", "2023-04-01T00:00:00Z"),
        ("-100y", "1924-03-31T00:00:00Z", "1924-04-01T00:00:00Z"),
        ("2007-04-10", "2007-04-10T00:00:00Z", "2007-04-11T00:00:00Z"),
        ("2007-04-10T12:00:00+02:00", "2007-04-10T10:00:00Z", "2007-04-10T10:00:00Z"),
    ],
)
def test_dates(text: str, begins: str, ends: str) -> None:
    """Hours count from the origin; days and what is longer are whole days, that a month has."""
    assert resolved(read_date(text, end=False), ORIGIN_MS, end=False) == ms(begins)
    assert resolved(read_date(text, end=True), ORIGIN_MS, end=True) == ms(ends)


def test_a_year_before_a_leap_day_is_the_last_of_february() -> None:
    """As a month before the 31st is the last of its month."""
    assert resolved(read_date("-1y", end=False), ms("2024-02-29T00:00:00Z"), end=False) == ms("2023-02-28T00:00:00Z")


@pytest.mark.parametrize(
    "text",
    [
        *("", "-", "7d", "+7d", "-d", "-7", "- 7d", "-7 d", "-7D", "-1.5d", "-٣d", "Now", "now-1d", "now\n", "-7d\n"),
        *("-101y", "-1000m", "-10000d", "-10000h", "-1000w", "-" + "9" * 5000 + "d"),
    ],
)
def test_what_is_no_date_says_what_is(text: str) -> None:
    """Also what goes too far back: there is a date for it."""
    with pytest.raises(ValueError, match=r"none of a date like .* up to -9999h, -9999d, -999w, -999m and -100y"):
        read_date(text, end=False)


@given(st.from_regex(RELATIVE_PATTERN, fullmatch=True), st.integers(0, 2**42), st.booleans())
def test_what_is_documented_is_read(text: str, now_ms: int, end: bool) -> None:
    """From whatever hour: a moment in the hundred years before it, or the end of its day."""
    origin_ms = origin_of(now_ms / 1000)
    assert 0 <= now_ms - origin_ms < HOUR_MS
    assert origin_ms % HOUR_MS == 0
    found = resolved(read_date(text, end=end), origin_ms, end=end)
    assert origin_ms - 101 * 366 * DAY_MS < found <= origin_ms + DAY_MS
    is_a_day = text != "now" and not text.endswith("h")
    assert found - resolved(read_date(text, end=False), origin_ms, end=False) == DAY_MS * (end and is_a_day)


@pytest.mark.parametrize(
    ("text", "hours"),
    [("1h", 1), ("36h", 36), ("7d", 168), ("2w", 336), ("1y", 8760), ("100y", 876_000)],
)
def test_spans(text: str, hours: int) -> None:
    """Hours, days, weeks, and years of 365 days."""
    assert read_span(text) == hours * HOUR_MS


@pytest.mark.parametrize(
    "text", ["", "0h", "0d", "101y", "10000d", "1000w", "007d", "1m", "-1d", "1", "d", "1.5d", "1D", "٣d", "7d\n"]
)
def test_what_is_no_span_says_what_is(text: str) -> None:
    """Nothing shorter than an hour, nothing longer than a hundred years."""
    with pytest.raises(ValueError, match="none of 1h to 9999h, 1d to 9999d, 1w to 999w and 1y to 100y"):
        read_span(text)


@given(st.from_regex(SPAN_PATTERN, fullmatch=True))
def test_spans_that_are_documented_are_read(text: str) -> None:
    """All of them."""
    assert HOUR_MS <= read_span(text) <= 100 * 365 * DAY_MS
