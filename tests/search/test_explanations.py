"""Explanations over a real socket: how the score of each article of a page comes about.

Not here: random trees and many layouts (`test_layouts.py`), how a query was executed (`test_faults.py`).
"""

from typing import Any

import msgspec
import pytest

from partition.scoring import ONE
from search.answers import SearchAnswer
from tests.api_server import ApiServer
from tests.reference.naive import NaiveIndex
from tests.trees import tree

LANGUAGES = ("de", "en")
"""Of the archive."""


@pytest.mark.parametrize("sort", [{}, {"sort": "newest"}, {"recency": "low"}])
@pytest.mark.parametrize(
    "text",
    [
        "budget",
        "title:budget^2.5 OR storm",
        '"health care" -storm',
        '"health reform"~2 OR museum^3',
        "author:budget OR (budget +vote)",
        "elect* section:politics",
        "NOT budget",
        "section:sport",
        "",
    ],
)
def test_parts_of_scores(server: ApiServer, naive: NaiveIndex, text: str, sort: dict[str, str]) -> None:
    """Each item has what each clause that matches adds; that makes its score, to the last bit."""
    query = {"q": text, "limit": 60, "fields": "id,score", **({} if "recency" in sort and not text else sort)}
    plain, page = server.page(query), server.page({**query, "explain": "true"})
    node = msgspec.to_builtins(tree(text, LANGUAGES))
    assert msgspec.convert(page, SearchAnswer, strict=True).data[0].explanation
    for item, without in zip(page["data"], plain["data"], strict=True):
        assert list(item) == ["id", "score", "explanation"]
        explanation = item.pop("explanation")
        assert item == without
        assert explanation["parts"] == naive.parts(node, naive.articles[item["id"]])
        assert sum(part["score"] for part in explanation["parts"]) == explanation["sum"]
        assert ("decay" in explanation) == ("recency" in query)
        assert round(explanation["sum"] * ONE * explanation.get("decay", 1)) == item["score"] * ONE
    assert page["data"]
    assert "explain=true" in (page["page"]["next"] or "explain=true")


def _parts(server: ApiServer, text: str) -> list[list[dict[str, Any]]]:
    page = server.page({"q": text, "fields": "id,score", "limit": 100, "explain": "true"})
    for item in page["data"]:
        assert sum(part["score"] for part in item["explanation"]["parts"]) == item["score"]
    assert page["data"]
    return [item["explanation"]["parts"] for item in page["data"]]


def test_beginnings_and_wildcards_are_parts_as_they_are_looked_for(server: ApiServer) -> None:
    """With what the clause counts, whichever words they stand for; a wildcard may lose its ending, as words do."""
    for text, field, written, boost in (
        ("stor*", "text", "stor*", 1.0),
        ("hou?e^3", "text", "hou?", 3.0),
        ("title:bud?et", "title", "bud?et", 2.0),
    ):
        part = {"field": field, "term": written, "boost": boost, "score": boost}
        assert all(part in parts for parts in _parts(server, text))


def test_only_clauses_that_match_are_listed(server: ApiServer, naive: NaiveIndex) -> None:
    """Of alternatives those that the article holds; of excluded clauses none."""
    for text in ("storm OR hou?e", "(hou?e OR storm) -reform"):
        listed = {
            (item["id"], part["term"])
            for item in server.page({"q": text, "limit": 100, "explain": "true"})["data"]
            for part in item["explanation"]["parts"]
        }
        assert {term for _, term in listed} == {"storm", "hou?"}
        for article_id in {article_id for article_id, _ in listed}:
            stems = {word.partition("\x1f")[0] for word in naive.words(naive.articles[article_id], "text")}
            assert ("storm" in stems) == ((article_id, "storm") in listed)
            assert ("hous" in stems) == ((article_id, "hou?") in listed)
