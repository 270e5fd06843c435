"""Request parameters, declared once: checked by this, documented from this.

Contract: `parse` returns a value for every declared parameter or raises one `Problem` that names every offending
one. Unknown parameters, and single-value parameters given twice, are refused. Everything is bounded.

Not here: which parameters a route has (`search/parameters.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request

from web.problems import ParameterError, Problem

MAX_VALUES = 32
"""How often a parameter that may be repeated may be given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One query parameter."""

    name: str
    description: str
    schema: Mapping[str, Any]
    """JSON Schema of one value."""
    convert: Callable[[str], Any]
    """From text to value; raises ValueError with what is wrong and what is right."""
    default: Any = None
    repeated: bool = False
    """May be given several times; the value is a tuple."""
    example: Any = None


def query_pairs(request: Request) -> list[tuple[str, str]]:
    """The names and values of the query string, in order.

    Raises:
        Problem: `parameter-invalid`, when it is not UTF-8.
    """
    return pairs_of(request.scope["query_string"])


def pairs_of(query_string: bytes) -> list[tuple[str, str]]:
    """The same of a query string as it was sent.

    Raises:
        Problem: `parameter-invalid`.
    """
    try:
        raw = query_string.decode("ascii")
        return parse_qsl(raw, keep_blank_values=True, errors="strict", max_num_fields=200)
    except ValueError:  # not ASCII, not UTF-8 when decoded, or too many
        error = ParameterError("query string", "is not percent-encoded UTF-8 with at most 200 parameters")
        raise Problem("parameter-invalid", error.detail, [error]) from None


def parse(declared: Sequence[Parameter], given: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Values by parameter name.

    Args:
        declared: the route's parameters.
        given: names and values as they stood in the query string.

    Raises:
        Problem: `parameter-invalid`.
    """
    known = {parameter.name: parameter for parameter in declared}
    texts: dict[str, list[str]] = {}
    errors: list[ParameterError] = []
    for name, text in given:
        if name in known:
            texts.setdefault(name, []).append(text)
        else:
            errors.append(ParameterError(name[:100], _unknown(name, list(known))))
    values: dict[str, Any] = {}
    for parameter in declared:
        try:
            values[parameter.name] = _value(parameter, texts.get(parameter.name, []))
        except ValueError as error:
            errors.append(ParameterError(parameter.name, str(error)))
    if errors:
        detail = "; ".join(f"{error.parameter}: {error.detail}" for error in errors[:5])
        raise Problem("parameter-invalid", detail, errors=errors[:20])
    return values


def _value(parameter: Parameter, texts: list[str]) -> Any:
    if not parameter.repeated and len(texts) > 1:
        raise ValueError(f"given {len(texts)} times; it takes one value")
    if len(texts) > MAX_VALUES:
        raise ValueError(f"given {len(texts)} times; at most {MAX_VALUES} are allowed")
    if parameter.repeated:
        return tuple(parameter.convert(text) for text in texts)
    return parameter.convert(texts[0]) if texts else parameter.default


def _unknown(name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, n=1)
    return "there is no such parameter" + (f"; did you mean {close[0]}" if close else "")


def integer(low: int, high: int) -> Callable[[str], int]:
    """Converts whole numbers in [low, high]."""

    def convert(text: str) -> int:
        if not (text.isascii() and text.removeprefix("-").isdigit() and len(text) < 20 and low <= int(text) <= high):
            raise ValueError(f"{text[:40]!r} is not a whole number from {low} to {high}")
        return int(text)

    return convert


def choice(*allowed: str) -> Callable[[str], str]:
    """Converts one of a few words."""

    def convert(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"{text[:40]!r} is not one of {', '.join(allowed)}")
        return text

    return convert


def boolean(text: str) -> bool:
    """Converts `true` and `false`."""
    return choice("true", "false")(text) == "true"


def text_up_to(max_chars: int) -> Callable[[str], str]:
    """Converts text of bounded length without control characters."""

    def convert(text: str) -> str:
        if len(text) > max_chars:
            raise ValueError(f"has {len(text)} characters; {max_chars} are allowed")
        if any(character < " " or "\ud800" <= character <= "\udfff" for character in text):
            raise ValueError("holds a character that is not text")
        return text

    return convert
