"""Reading the dates that news files carry, in the spellings they use.

Contract: `read_date` turns one value into UTC milliseconds since 1970-01-01 and a word for how sure that is,
and never raises, whatever the value. Accepted are ISO 8601 dates, week dates and instants (no offset means
UTC), RFC 2822 dates, and seconds or milliseconds since 1970. Everything else, and every moment outside the
years 1 to 9999, is `dropped`: a date that cannot be read must not cost the article.

Not here: what happens to a date in the future (`article.py`), the `from` and `to` of a query.
"""

import re
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_MIN_MS = (datetime(1, 1, 1, tzinfo=UTC) - _EPOCH) // _MILLISECOND
_MAX_MS = (datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC) - _EPOCH) // _MILLISECOND
_SECONDS_BELOW = 100_000_000_000
"""Numbers nearer to zero are seconds (up to the year 5138), others are milliseconds (from March 1973)."""
_MAX_CHARS = 64

# 14 digits (20190104120000) are no epoch, and 8 digits are an ISO 8601 day.
_NUMBER = re.compile(r"-?[0-9]{9,13}(?:\.[0-9]+)?")
_ISO_8601 = re.compile(
    r"(?P<day>[0-9]{4}-?(?:W[0-9]{2}-?[0-9]|[0-9]{2}-?[0-9]{2}))"
    r"(?:[T ](?P<time>[0-9:.,]+) ?(?P<zone>Z|UTC|GMT|[+-][0-9:]+)?)?"
)
# The standard library's parser guesses at any text, so only what looks like RFC 2822, 3.3 reaches it.
_RFC_2822 = re.compile(
    r"(?:[A-Z]{3},? +)?[0-9]{1,2} +[A-Z]{3} +(?:[0-9]{2}){1,2}"
    r" +[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?(?: +[!-~ ]+)?"
)


def read_date(value: Any) -> tuple[int | None, str]:
    """UTC milliseconds and confidence: `instant`, `day` (its first millisecond), `dropped` or `missing`."""
    if isinstance(value, str):
        value = value.strip().upper()
    if value is None or value == "":
        return None, "missing"
    try:
        ms, confidence = _parse(value)
    except (ValueError, OverflowError):
        return None, "dropped"
    return (ms, confidence) if _MIN_MS <= ms <= _MAX_MS else (None, "dropped")


def _parse(value: Any) -> tuple[int, str]:
    """As `read_date`, but unbounded and raising ValueError or OverflowError for what is no date."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _since_epoch(value), "instant"
    if not isinstance(value, str) or len(value) > _MAX_CHARS:
        raise ValueError("not a date")
    if _NUMBER.fullmatch(value):
        return _since_epoch(float(value)), "instant"
    if iso := _ISO_8601.fullmatch(value):
        day, time, zone = iso.group("day", "time", "zone")
        if time is None:
            return (date.fromisoformat(day) - _EPOCH.date()) // _MILLISECOND, "day"
        offset = "Z" if zone in ("UTC", "GMT") else zone or ""
        return _to_ms(datetime.fromisoformat(f"{day}T{time}{offset}")), "instant"
    if _RFC_2822.fullmatch(value):
        return _to_ms(parsedate_to_datetime(value)), "instant"
    raise ValueError("not a date")


def _since_epoch(number: float) -> int:
    if not _MIN_MS <= number <= _MAX_MS:  # also true of NaN
        raise ValueError("beyond the years 1 to 9999")
    return round(number * 1000 if abs(number) < _SECONDS_BELOW else number)


def _to_ms(moment: datetime) -> int:
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // _MILLISECOND
