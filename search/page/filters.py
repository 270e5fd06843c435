"""The filters of the search page: which values can be chosen, with their counts, and which are.

Contract: each value leads to the same search with it chosen, with it left out, or without it if it is chosen. What
narrows a search is listed, each with the address of the search without it.

Not here: the counts (`search/facets.py`), dates (`timeline.py`).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from search.page.links import Given, address_of, with_value, without, without_value
from search.parameters import FILTERS, MAX_FACET_LIMIT

LABELS = {"section": "Section", "source": "Source", "author": "Author", "tag": "Tag", "language": "Language"}
"""Of filters, in the order in which they are shown."""
assert LABELS.keys() == FILTERS.keys()


class Value(NamedTuple):
    """A value of a filter."""

    text: str
    matches: int
    selected: bool
    address: str
    """Of the search with it, or without it if it is selected."""
    excluding: str
    """Of the search of all that does not have it."""


class Group(NamedTuple):
    """A filter."""

    name: str
    label: str
    values: list[Value]
    others: int
    """Values that are not shown."""
    more: str | None
    """The address where more of them are."""


class Narrowing(NamedTuple):
    """Something that narrows a search."""

    label: str
    text: str
    excluded: bool
    address: str
    """Of the search without it."""


def groups_of(given: Given, facets: Mapping[str, Any]) -> list[Group]:
    """The filters of an answer's facets (`Facet`): those that leave something to choose."""
    groups = []
    for name, label in LABELS.items():
        facet = facets.get(name)
        if facet is None or (len(facet["values"]) < 2 and not any(one[0] == name for one in given)):
            continue
        values = [_value(given, name, one) for one in facet["values"]]
        others = facet["other"]["values"]
        shows_all = ("facet_limit", str(MAX_FACET_LIMIT))
        more = address_of((*without(given), shows_all)) + f"#filter-{name}" if others else None
        groups.append(Group(name, label, values, others, None if shows_all in given else more))
    return groups


def _value(given: Given, name: str, one: Mapping[str, Any]) -> Value:
    text, selected = one["value"], one.get("selected", False)
    changed = without_value(given, name, text) if selected else with_value(given, name, text)
    excluding = address_of(with_value(given, name, "!" + text))
    return Value(text, one["count"], selected, address_of(changed), excluding)


def narrowed_by(given: Given, dates: str) -> list[Narrowing]:
    """What narrows a search, besides its query; `dates` says its bounds in time, if it has any."""
    found = (
        [Narrowing("Date", dates, excluded=False, address=address_of(without(given, "from", "to")))] if dates else []
    )
    for name, text in given:
        if name in LABELS:
            address = address_of(without_value(given, name, text))
            found.append(Narrowing(LABELS[name], text.removeprefix("!"), text.startswith("!"), address))
    return found
