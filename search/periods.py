"""Periods of time in the text of a query: `published:2007-04`, `modified:2007-01-01..2007-06-30`, `published:>=2008`.

Contract: a day, month or year is whole, in UTC, as a beginning and as an end; an instant is itself. Periods are half
open, [from_ms, to_ms), in milliseconds since 1970.

Not here: the parameters `from` and `to` (`parameters.py`).
"""

import re
from datetime import UTC, date, datetime, timedelta

from search.dates import DAY_MS
from search.query import Between, Clock

CLOCKS: tuple[Clock, ...] = ("published", "modified", "indexed")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PART = re.compile(r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d))?)?")
_RANGE = re.compile(
    r"\[(?P<first>\S+)\s+TO\s+(?P<last>\S+)\]"
    r"|(?P<from>[^.<>=]*(?:\.(?!\.)[^.<>=]*)*)\.\.(?P<to>\S*)"
    r"|(?P<sign>>=|>|<=|<)(?P<edge>\S+)"
    r"|(?P<only>\S+)"
)


class PeriodError(ValueError):
    """The text is no period; the message says what one looks like."""


def period_of(clock: Clock, text: str) -> Between:
    """The period that a text means, of one of `CLOCKS`.

    Raises:
        PeriodError
    """
    match = _RANGE.fullmatch(text)
    if match is None:
        raise PeriodError(_cure(text))
    if match["only"]:
        return Between(clock, *_span(match["only"]))
    if match["sign"]:
        first, end = _span(match["edge"])
        match match["sign"]:
            case ">=":
                return Between(clock, first, None)
            case ">":
                return Between(clock, end, None)
            case "<=":
                return Between(clock, None, end)
            case _:
                return Between(clock, None, first)
    start, stop = (match["first"], match["last"]) if match["first"] else (match["from"], match["to"])
    from_ms = None if start in {"", "*"} else _span(start)[0]
    to_ms = None if stop in {"", "*"} else _span(stop)[1]
    return Between(clock, from_ms, to_ms)


def _cure(text: str) -> str:
    return f"{text[:40]!r} is no period; write 2007, 2007-04, 2007-04-10, 2007-01..2007-06, or >=2007-04-10"


def _span(text: str) -> tuple[int, int]:
    """When a year, month, day or instant begins, and when what comes after it does."""
    try:
        if match := _PART.fullmatch(text):
            year, month, day = int(match["year"]), int(match["month"] or 1), int(match["day"] or 1)
            first = date(year, month, day)
            if match["day"]:
                return _ms(first), _ms(first) + DAY_MS
            months = year * 12 + month - 1 + (1 if match["month"] else 12)
            last = date(year, 12 if not match["month"] else month, 1)
            after = _ms(last) + 31 * DAY_MS if months >= 12 * 10_000 else _ms(date(months // 12, months % 12 + 1, 1))
            return _ms(first), after
        instant = datetime.fromisoformat(text)
        at = (instant - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, TypeError, OverflowError):  # TypeError: an instant without an offset
        raise PeriodError(_cure(text)) from None
    return at, at + 1


def _ms(day: date) -> int:
    return (day - _EPOCH.date()).days * DAY_MS
