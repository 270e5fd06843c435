"""Addresses of the page: a search as its address says it, and the same one with something else about it.

Contract: what is given is pairs as they stood in the address, in their order, without empty ones. An address that is
made here begins at the first page again, since a cursor belongs to one query and order.

Not here: what parameters say (`search/parameters.py`).
"""

from collections.abc import Collection
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from partition.analysis import exact

Given = tuple[tuple[str, str], ...]
OWN = frozenset({"fields", "facets", "highlight", "explain", "explain_id"})
"""Parameters that decide what an answer holds: the page has its own."""
_BEGINS_AGAIN = frozenset({"cursor", "facet_limit"})


def given_of(pairs: Collection[tuple[str, str]]) -> Given:
    """What was given, as far as the page takes it."""
    return tuple((name, text) for name, text in pairs if text and name not in OWN)


def address_of(given: Given) -> str:
    """The address of a search."""
    return "/?" + urlencode(given) if given else "/"


def api_address_of(given: Given) -> str:
    """The address of the same search in the API."""
    return "/v1/search" + ("?" + urlencode(given) if given else "")


def without(given: Given, *names: str) -> Given:
    """The same search without these parameters, from its first page."""
    return tuple((name, text) for name, text in given if name not in names and name not in _BEGINS_AGAIN)


def without_value(given: Given, name: str, value: str) -> Given:
    """The same search without one value of a filter, whichever way it is written; `!value` is another value."""
    return tuple(pair for pair in without(given) if pair[0] != name or not same_value(pair[1], value))


def with_value(given: Given, name: str, value: str) -> Given:
    """The same search with one more value of a filter; what excludes the value is left out."""
    negated = value[1:] if value.startswith("!") else "!" + value
    return (*without_value(without_value(given, name, negated), name, value), (name, value))


def same_value(one: str, other: str) -> bool:
    """Whether a filter takes two texts for the same value."""
    return one.startswith("!") == other.startswith("!") and exact(one.removeprefix("!")) == exact(
        other.removeprefix("!")
    )


def at_cursor(given: Given, address: str | None) -> str | None:
    """The page's own address for one of the API, which differs from what is given by its cursor only."""
    if address is None:
        return None
    cursors = parse_qs(urlsplit(address).query).get("cursor", [])
    return address_of((*without(given), *(("cursor", cursor) for cursor in cursors)))


def article_address(article_id: str, q: str = "") -> str:
    """The address of an article, in which the words of `q` are to be marked."""
    return "/articles/" + quote(article_id, safe="") + ("?" + urlencode([("q", q)]) if q else "")
