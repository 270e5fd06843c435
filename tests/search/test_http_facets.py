"""Facets over a real socket: what is counted, shown, spelled and selected, on every page and in earlier states.

Not here: counting (`test_facets.py`), spelling (`test_spellings.py`), many layouts (`test_layouts.py`).
"""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from partition.analysis import exact
from search.query import Choice, Filters
from search.shapes import SearchAnswer
from search.timelines import MAX_PERIODS, PERIODS
from tests.api_server import ApiServer, eventually
from tests.archive import Archive, copied, publish
from tests.reference.naive import NaiveIndex, timeline
from tests.small_index import article
from tests.trees import tree

FIELDS = {"section": "section", "source": "source", "author": "author_name", "tag": "tag", "language": "language"}
FACETS = {**FIELDS, **{period: period for period in PERIODS}}
LIMIT = 10
"""Of values, when nothing is said."""


def _expected(naive: NaiveIndex, text: str, chosen: dict[str, list[str]], limit: int) -> dict[str, Any]:
    """All facets of a query under filters, as the plain index counts and spells them."""
    choices = []
    for name, values in chosen.items():
        allowed = tuple(value for value in values if not value.startswith("!"))
        denied = tuple(value[1:] for value in values if value.startswith("!"))
        choices.append(Choice(FIELDS[name], allowed, denied))
    node = msgspec.to_builtins(tree(text, ("de", "en")))
    counted = naive.facets(node, msgspec.to_builtins(Filters(choices=tuple(choices))), tuple(FACETS.values()))
    expected: dict[str, Any] = {}
    for name, facet in FACETS.items():
        if facet in PERIODS:
            periods = timeline(facet, counted[facet], None, None)
            shown_periods = [{"value": value, "count": count} for value, count in periods[-MAX_PERIODS:]]
            left = periods[:-MAX_PERIODS]
            expected[name] = {
                "values": shown_periods,
                "other": {"values": len(left), "count": sum(n for _, n in left)},
            }
            continue
        selected = {exact(value) for value in chosen.get(name, ()) if not value.startswith("!")}
        counts = {**dict.fromkeys(selected, 0), **counted[facet]}
        ordered = sorted(counts, key=lambda value: (-counts[value], value))
        shown = [value for nth, value in enumerate(ordered) if nth < limit or value in selected]
        spellings = naive.spellings(facet)
        expected[name] = {
            "values": [
                {"value": spellings.get(value, value), "count": counts[value]}
                | ({"selected": True} if value in selected else {})
                for value in shown
            ],
            "other": {
                "values": len(ordered) - len(shown),
                "count": sum(counts[value] for value in ordered if value not in shown),
            },
        }
    return expected


@pytest.mark.parametrize(
    "chosen",
    [
        {},
        {"tag": ["Veterans"]},
        {"tag": ["VETERANS", "health"], "section": ["Arts  & leisure"]},
        {"section": ["sport", "Nowhere"], "author": ["!Ann Storm"]},
        {"tag": ["!Veterans"], "language": ["!en"], "source": ["wire", "!The Post"]},
        {"author": ["Bo Vote", "!Élodie Budget"], "tag": ["Health"], "section": ["!Sport"]},
    ],
)
@pytest.mark.parametrize("limit", [None, 1, 2, 100])
def test_facets(server: ApiServer, naive: NaiveIndex, chosen: dict[str, list[str]], limit: int | None) -> None:
    """Counted under filters on other fields, spelled as the archive does; chosen ones marked, and never left out."""
    parameters: dict[str, Any] = {"q": "budget", "facets": ",".join(FACETS), "limit": 1, **chosen}
    if limit is not None:
        parameters["facet_limit"] = limit
    page = server.page(parameters)
    assert tuple(page["facets"]) == tuple(FACETS)
    assert page["facets"] == _expected(naive, "budget", chosen, limit or LIMIT)
    msgspec.convert(page, SearchAnswer, strict=True)
    assert server.page({**parameters, "total": "none"})["facets"] == page["facets"]
    assert page["data"] == server.page({**parameters, "facets": "section"})["data"]


def test_values_can_be_used_as_filters(server: ApiServer) -> None:
    """What is shown is taken, and finds as many as it counts."""
    for name, facet in server.page({"q": "budget", "facets": ",".join(FIELDS)})["facets"].items():
        assert facet["values"]
        for one in facet["values"]:
            page = server.page({"q": "budget", name: one["value"], "facets": name})
            assert page["total"]["value"] == one["count"]
            assert [each["value"] for each in page["facets"][name]["values"] if each.get("selected")] == [
                one["value"]
            ]


def test_links_keep_what_is_shown_of_facets(server: ApiServer) -> None:
    """Every page of a walk has the facets of the whole result, as many as were asked for."""
    first = server.page({"q": "budget", "facets": "section", "facet_limit": 2, "limit": 50})
    pages = list(server.walk(first))
    assert pages
    assert len(first["facets"]["section"]["values"]) == 2
    assert all(page["facets"] == first["facets"] for page in pages)


def test_a_walk_stays_with_the_spelling_it_began_with(archive: Archive, tmp_path: Path) -> None:
    """A newer article writes a section otherwise: new searches show that, the pages of earlier ones do not."""
    root = copied(archive.root, tmp_path / "archive")
    query = {"q": "budget", "facets": "section", "section": "politics", "limit": 5}
    with ApiServer(root) as server:
        first = server.page(query)
        epoch = publish(root, [article("late", "Budget", section="POLITICS", published_ms=2**41)])
        eventually(lambda: server.epoch() == epoch)
        newer = server.page(query)
        assert next(server.walk(first))["facets"] == first["facets"]
        (before,) = (one for one in first["facets"]["section"]["values"] if one.get("selected"))
        (after,) = (one for one in newer["facets"]["section"]["values"] if one.get("selected"))
        assert before["value"] == "Politics"
        assert after == {"value": "POLITICS", "count": before["count"] + 1, "selected": True}
