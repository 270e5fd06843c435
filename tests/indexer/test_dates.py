"""The spellings of dates: each in its own words, and what is dropped."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.dates import read_date


def _ms(*parts: int) -> int:
    return round(datetime(*parts, tzinfo=UTC).timestamp() * 1000)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("value", "expected_ms"),
    [
        ("2019-01-04T12:00:00Z", _ms(2019, 1, 4, 12)),
        (" 2019-01-04t12:00:00z ", _ms(2019, 1, 4, 12)),
        ("2019-01-04T12:00:00.250+02:00", _ms(2019, 1, 4, 10) + 250),
        ("2019-01-04 12:00:00 -0500", _ms(2019, 1, 4, 17)),
        ("2019-01-04 12:00:00 UTC", _ms(2019, 1, 4, 12)),
        ("2019-01-04T12:00", _ms(2019, 1, 4, 12)),
        ("20190104T120000Z", _ms(2019, 1, 4, 12)),
        ("Fri, 04 Jan 2019 12:00:00 +0100", _ms(2019, 1, 4, 11)),
        ("4 Jan 2019 12:00 GMT", _ms(2019, 1, 4, 12)),
        ("Fri, 04 Jan 2019 12:00:00 EST", _ms(2019, 1, 4, 17)),
        (1546603200, _ms(2019, 1, 4, 12)),
        (1546603200.5, _ms(2019, 1, 4, 12) + 500),
        (1546603200250, _ms(2019, 1, 4, 12) + 250),
        ("1546603200", _ms(2019, 1, 4, 12)),
        ("1546603200250", _ms(2019, 1, 4, 12) + 250),
        (0, 0),
        (-86400, _ms(1969, 12, 31)),
        ("0001-01-01T00:00:00Z", _ms(1, 1, 1)),
    ],
)
def test_an_instant_is_read_in_every_common_spelling(value: Any, expected_ms: int) -> None:
    """ISO 8601, RFC 2822 and epoch numbers give UTC milliseconds; no offset means UTC."""
    assert read_date(value) == (expected_ms, "instant")


@pytest.mark.parametrize("value", ["2019-01-04", "20190104", "2019-W01-5"])
def test_a_day_is_its_first_millisecond(value: str) -> None:
    """A date without a time is the whole UTC day."""
    assert read_date(value) == (_ms(2019, 1, 4), "day")


@pytest.mark.parametrize("value", [None, "", "  \n"])
def test_no_value_is_missing(value: Any) -> None:
    """An absent date is not a broken one."""
    assert read_date(value) == (None, "missing")


@pytest.mark.parametrize(
    "value",
    [
        *(
            "0000-01-01",
            "2019-02-30",
            "2019-13-01",
            "2019-02-30T10:00:00Z",
            "2019",
            "2019-01",
            "20190104120000",
        ),
        *("2019-01-04T25:00:00Z", "2019-01-04T12:00:00+99:99", "0001-01-01T00:00:00+05:00"),
        *(
            "9999-12-31T23:59:59-05:00",
            "yesterday",
            "4 Foo 2019 12:00:00",
            "32 Jan 2019 12:00:00 GMT",
            "4 Jan 2019 12:00:00 +99999999999999999",
            "²" * 10,
        ),
        *(
            "1" * 5000,
            pytest.param(10**5000, id="5001 digits"),
            -(10**15),
            1e300,
            float("nan"),
            float("inf"),
            True,
            [],
            {},
            b"2019-01-04",
        ),
    ],
)
def test_what_is_no_date_is_dropped(value: Any) -> None:
    """Impossible days, unknown spellings, other types, and moments outside the years 1 to 9999."""
    assert read_date(value) == (None, "dropped")


@given(st.datetimes(timezones=st.timezones()))
def test_every_instant_survives_iso_8601(moment: datetime) -> None:
    """Whatever the time zone, an instant that can be written is read back, to the millisecond."""
    ms, confidence = read_date(moment.isoformat())
    exact = (moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000
    if confidence == "instant":
        assert ms is not None
        assert abs(ms - exact) <= 1
    else:
        assert moment.year in (1, 9999) or moment.utcoffset().microseconds  # type: ignore[union-attr]


@given(st.one_of(st.text(), st.from_regex(r"[0-9A-Za-z+:., -]{0,40}", fullmatch=True), st.floats(), st.integers()))
def test_nothing_raises(value: Any) -> None:
    """Any text and any number gives a bounded moment, or none."""
    ms, confidence = read_date(value)
    assert (ms is None) == (confidence in ("dropped", "missing"))
    assert ms is None or _ms(1, 1, 1) <= ms < _ms(9999, 12, 31) + 86_400_000
