"""Figures as people read them: a value of the answer by its path, and how it is written.

Contract: the script of the page writes figures by the same names and in the same way (`ops.js`), so that a figure
stands in the page once, with its path. What is not known is an en dash.

Not here: figures (`shapes.py`), the page (`ops.html`).
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

from broadsheet.operations.shapes import OperationsAnswer, Span

UNKNOWN = "–"  # noqa: RUF001 - an en dash is what is meant
_BYTES = ("B", "kB", "MB", "GB", "TB")


def count(value: float) -> str:
    """A number of things."""
    return f"{value:,.0f}"


def rate(value: float) -> str:
    """So many per second."""
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def size(value: float) -> str:
    """Bytes, in powers of a thousand."""
    unit = 0
    while value >= 1000 and unit < len(_BYTES) - 1:
        value /= 1000
        unit += 1
    return f"{value:.0f} {_BYTES[unit]}" if unit == 0 or value >= 100 else f"{value:.1f} {_BYTES[unit]}"


def milliseconds(value: float) -> str:
    """A short time."""
    if value >= 1000:
        return f"{value / 1000:.2f} s"
    return f"{value:.0f} ms" if value >= 10 else f"{value:.1f} ms"


def seconds(value: float) -> str:
    """A time that may be long."""
    if value >= 7200:
        return f"{value / 3600:.0f} h"
    if value >= 120:
        return f"{value / 60:.0f} min"
    return f"{value:.0f} s" if value >= 10 else f"{value:.1f} s"


def share(value: float) -> str:
    """A share of a whole."""
    return f"{value * 100:.1f} %"


def clock(value: float | str) -> str:
    """A time of day, UTC; of Unix milliseconds or an ISO 8601 time."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else datetime.fromtimestamp(value / 1000, tz=UTC)
    return f"{moment:%H:%M:%S}"


def span(value: Span) -> str:
    """Over which time something was counted."""
    return "since the start" if value.seconds is None else f"over {value.seconds:.0f} s"


def came(value: str) -> str:
    """Where the answer of a search came from, or the type of its problem."""
    return {"load": "searched for", "shared": "with another", "hit": "cache"}.get(value, value)


def text(value: object) -> str:
    """As it is."""
    return str(value)


FORMATS: Mapping[str, Callable[[Any], str]] = {
    one.__name__: one for one in (count, rate, size, milliseconds, seconds, share, clock, span, came, text)
}


def figure(answer: OperationsAnswer | None, path: str, form: str) -> Markup:
    """The element that shows a figure.

    Args:
        answer: what is known; `None` where that is for others.
        path: members from the answer on; `span` is the last minute, or all time where that is not known.
        form: of `FORMATS`.
    """
    first, *names = path.split(".")
    value: Any = None
    if answer is not None:
        value = (answer.minute or answer.total) if first == "span" else getattr(answer, first)
    for name in names:
        value = None if value is None else getattr(value, name)
    shown = UNKNOWN if value is None else FORMATS[form](value)
    return Markup('<span data-figure="{}" data-form="{}">{}</span>').format(path, form, shown)
