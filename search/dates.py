"""Dates and spans of time as users write them, and the moment that relative dates count from.

    2007-04-10              a day: whole, as an end it ends with its last moment
    2007-04-10T12:00:00Z    an instant
    now  -24h               hours before the origin
    today  yesterday        days, weeks, months and years before the day of the origin: a day, whole as above
    -7d  -2w  -3m  -1y

The *origin* is the time of a request, floored to the hour: answers of one hour are equal, and can be cached. It
is pinned in cursors, so that all pages of a walk count from the same moment.

Contract: what is read is bounded, and what it comes to is a function of the text and the origin, in UTC. Going back
by months, a day that the month does not have becomes its last: a month before 31 March is 28 or 29 February.

Not here: which parameters are dates (`parameters.py`), dates of articles (`indexer/dates.py`).
"""

import re
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from typing import Literal

import msgspec

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
RELATIVE_PATTERN = r"^(now|today|yesterday|-[0-9]{1,4}[hd]|-[0-9]{1,3}[wm]|-([0-9]{1,2}|100)y)$"
"""Relative dates: none is much more than a hundred years ago."""
SPAN_PATTERN = r"^([1-9][0-9]{0,3}[hd]|[1-9][0-9]{0,2}w|([1-9][0-9]?|100)y)$"
"""Spans of time."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_SPAN_MS = {"h": HOUR_MS, "d": DAY_MS, "w": 7 * DAY_MS, "y": 365 * DAY_MS}


class Relative(msgspec.Struct, frozen=True):
    """So many units before the origin."""

    unit: Literal["hour", "day", "month"]
    """Days and months count from the day of the origin."""
    count: int


_NAMED = {"now": Relative("hour", 0), "today": Relative("day", 0), "yesterday": Relative("day", 1)}
_UNITS = {
    "h": Relative("hour", 1),
    "d": Relative("day", 1),
    "w": Relative("day", 7),
    "m": Relative("month", 1),
    "y": Relative("month", 12),
}


Date = int | Relative
"""Milliseconds since 1970, or not known before the origin is."""


def read_date(text: str, *, end: bool) -> Date:
    """The first moment of what the text says; the first one after it as an `end`, if it is a day.

    Raises:
        ValueError: it says nothing, or goes back too far.
    """
    if re.fullmatch(RELATIVE_PATTERN, text):
        if text in _NAMED:
            return _NAMED[text]
        one = _UNITS[text[-1]]
        return Relative(one.unit, int(text[1:-1]) * one.count)
    try:
        if _DAY.fullmatch(text):
            since_epoch = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC) - _EPOCH
            # A day is whole: as an end it ends with its last moment. (Added here: no datetime follows 9999-12-31.)
            since_epoch += timedelta(days=1) if end else timedelta()
        else:
            since_epoch = datetime.fromisoformat(text) - _EPOCH
        return since_epoch // timedelta(milliseconds=1)
    except (ValueError, TypeError):  # TypeError: an instant without an offset
        raise ValueError(
            f"{text[:40]!r} is none of a date like 2007-04-10, an instant like 2007-04-10T12:00:00Z, now, today, "
            "yesterday, and -7d or the like, up to -9999h, -9999d, -999w, -999m and -100y"
        ) from None


def resolved(when: Date, origin_ms: int, *, end: bool) -> int:
    """When a date is, counted from an origin; arguments else as of `read_date`."""
    if isinstance(when, int):
        return when
    if when.unit == "hour":
        return origin_ms - when.count * HOUR_MS
    day_ms = origin_ms // DAY_MS * DAY_MS
    if when.unit == "month":
        day_ms = _months_before(day_ms, when.count)
    else:
        day_ms -= when.count * DAY_MS
    return day_ms + DAY_MS if end else day_ms


def _months_before(day_ms: int, count: int) -> int:
    day = _EPOCH + timedelta(milliseconds=day_ms)
    year, month = divmod(12 * day.year + day.month - 1 - count, 12)
    last = monthrange(year, month + 1)[1]
    return (day.replace(year=year, month=month + 1, day=min(day.day, last)) - _EPOCH) // timedelta(milliseconds=1)


def origin_of(now_s: float) -> int:
    """The origin of a request that comes at this time, in ms."""
    return int(now_s // 3600) * HOUR_MS


def read_span(text: str) -> int:
    """So many hours, days, weeks or years of 365 days, in ms.

    Raises:
        ValueError: it says nothing, or is too short or too long.
    """
    if not re.fullmatch(SPAN_PATTERN, text):
        raise ValueError(f"{text[:40]!r} is none of 1h to 9999h, 1d to 9999d, 1w to 999w and 1y to 100y")
    return int(text[:-1]) * _SPAN_MS[text[-1]]
