"""The timeline of the search page: how many matches there are in each day, month or year, and where each leads.

Contract: bars follow each other without a gap, from the first period that has matches (or the lower bound) to the
last. There are at most `MAX_BARS`, the latest: periods are as fine as that allows. Each leads to the same search of
its period only, whose timeline is finer.

Not here: the counts (`search/timelines.py`), drawing and brushing (`search.html`, `page.js`).
"""

from calendar import monthrange
from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

from search.dates import DAY_MS, Date
from search.page.links import Given, address_of, without

MAX_BARS = 120
_DAYS = 100
"""A search of so many days or fewer is shown by the day."""
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "June", "July", "Aug", "Sept", "Oct", "Nov", "Dec")


class Bar(NamedTuple):
    """One period."""

    label: str
    first: str
    """Its first day, as ISO 8601 writes it."""
    last: str
    matches: int
    height: float
    """From 0 to 100; what is not empty can be seen."""
    address: str
    """Of the same search in this period only."""


class Timeline(NamedTuple):
    """All periods."""

    unit: str
    bars: list[Bar]
    most: int
    """In one period."""
    earlier: int
    """Matches before the first bar."""
    base: str
    """The address of the same search of all time."""
    wider: list[tuple[str, str]]
    """Labels and addresses of the same search in longer periods, the longest first."""


def facets_for(start: Date | None, end: Date | None) -> tuple[str, ...]:
    """The facets that a timeline between these bounds is drawn from."""
    if isinstance(start, int) and isinstance(end, int) and end - start <= _DAYS * DAY_MS:
        return ("day",)
    return ("month", "year")


def timeline_of(given: Given, facets: Mapping[str, Any]) -> Timeline | None:
    """The timeline of an answer's facets (`Facet`), or `None` where no match has a date."""
    unit = next(
        (one for one in ("day", "month", "year") if one in facets and len(facets[one]["values"]) <= MAX_BARS), "year"
    )
    counted = [(one["value"], one["count"]) for one in facets.get(unit, {}).get("values", [])][-MAX_BARS:]
    most = max((count for _value, count in counted), default=0)
    if not most:
        return None
    base = without(given, "from", "to")
    bars = []
    for value, count in counted:
        first, last = _days_of(value)
        address = address_of((*base, ("from", first), ("to", last)))
        height = max(3.0, round(100 * count / most, 2)) if count else 0.0
        bars.append(Bar(label_of(value), first, last, count, height, address))
    total = sum(one["count"] for one in facets[unit]["values"]) + facets[unit]["other"]["count"]
    return Timeline(
        unit, bars, most, total - sum(bar.matches for bar in bars), address_of(base), _wider(given, base, bars)
    )


def _days_of(period: str) -> tuple[str, str]:
    match [int(part) for part in period.split("-")]:
        case [year]:
            return f"{year:04}-01-01", f"{year:04}-12-31"
        case [year, month]:
            return f"{period}-01", f"{period}-{monthrange(year, month)[1]}"
        case _:
            return period, period


def label_of(period: str) -> str:
    """A year, a month or a day, for people."""
    match period.split("-"):
        case [year, month]:
            return f"{_MONTHS[int(month) - 1]} {year}"
        case [year, month, day]:
            return f"{int(day)} {_MONTHS[int(month) - 1]} {year}"
        case _:
            return period


def dates_of(given: Given) -> str:
    """The bounds of a search in time, for people; empty if there are none."""
    bounds = dict(given)
    first, last = bounds.get("from", ""), bounds.get("to", "")
    for period in _periods(first):
        if _days_of(period) == (first, last):
            return label_of(period)
    if first and last:
        return f"{_told(first)} to {_told(last)}"
    return f"since {_told(first)}" if first else f"until {_told(last)}" if last else ""


def _told(bound: str) -> str:
    return label_of(bound) if _periods(bound) else bound


def _periods(bound: str) -> tuple[str, ...]:
    """The year, the month and the day that begin in, or are, a bound; none if it is relative or an instant."""
    try:
        day = date.fromisoformat(bound).isoformat()
    except ValueError:
        return ()
    return day[:4], day[:7], day


def _wider(given: Given, base: Given, bars: list[Bar]) -> list[tuple[str, str]]:
    """All time, then the year, then the month that the bounds lie in, as far as these are longer."""
    bounds = dict(given)
    first, last = bounds.get("from", ""), bounds.get("to", "")
    if not (first or last):
        return []
    found = [("All dates", address_of(base))]
    if bars and _periods(last):
        for period in _periods(first)[:2]:
            whole = _days_of(period)
            if last.startswith(period) and whole != (first, last):
                found.append((label_of(period), address_of((*base, ("from", whole[0]), ("to", whole[1])))))
    return found
