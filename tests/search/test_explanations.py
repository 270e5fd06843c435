"""Explanations over a real socket: how the score of each article of a page comes about, and where is one that is not.

Not here: random trees and many layouts (`test_layouts.py`), how a query was executed (`test_faults.py`).
"""

from datetime import UTC, datetime
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from partition.scoring import ONE
from search.query import holds_phrase
from search.shapes import SearchAnswer
from tests.api_server import ApiServer, eventually
from tests.archive import Archive, publish
from tests.reference.naive import NaiveIndex
from tests.small_index import SmallIndex, article
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
        '"health reform"~2 OR museum^3 OR "road road"~3',
        "author:budget OR (budget +vote)",
        "budget OR (storm -reform) OR house",
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


def _place(server: ApiServer, article_id: str, **query: Any) -> dict[str, Any]:
    page = server.page({"limit": 1, "fields": "id", **query, "explain_id": article_id})
    assert "explanation" not in page["data"][0] if page["data"] else True
    return dict(msgspec.to_builtins(msgspec.convert(page, SearchAnswer, strict=True).explain)["article"])


@pytest.mark.parametrize(
    "query",
    [
        {"q": "budget"},
        {"q": "budget OR hou?e", "recency": "high"},
        {"q": "stor*", "sort": "newest"},
        {"sort": "oldest", "section": "Sport", "date_field": "modified"},
        {"sort": "newest", "from": "2007-04-10", "to": "2007-04-10"},
    ],
)
def test_a_place_is_that_on_the_pages(server: ApiServer, query: dict[str, str]) -> None:
    """With the score that it has there; also for what comes far behind."""
    (*items,) = server.page({**query, "fields": "id,score", "limit": 100})["data"]
    for nth in (0, 1, len(items) // 2, len(items) - 1):
        ranked = {"id": items[nth]["id"], "found": True, "reason": "ranked"}
        expected = {**ranked, "rank": nth + 1, "score": items[nth]["score"]}
        assert _place(server, items[nth]["id"], **query) == expected
    last = server.ids(query)[-1]
    assert _place(server, last, **query)["rank"] == server.page(query)["total"]["value"]


def test_each_thing_that_leaves_an_article_out_is_named(server: ApiServer, archive: Archive) -> None:
    """Clauses as they were analysed, filters and bounds, with what is the matter."""
    recent = [one for one in archive.articles if (one.published_ms or 0) > 10**12]
    one = next(one for one in recent if one.section == "Sport" and "Health" in one.tags)
    text = f'{one.title.split()[1].lower()} "zebra crossing" -({one.title.split()[0]} -zebra) (apple OR pear)'
    filters = {"section": ["Politics", "!sport"], "tag": "!health", "from": "2020-01-01", "to": "2000-01-01"}
    place = _place(server, one.id, q=text, **filters)
    assert {name: place[name] for name in ("id", "found", "reason")} == {
        "id": one.id,
        "found": False,
        "reason": "excluded",
    }
    named = place["excluded_by"]
    assert [entry["parameter"] for entry in named] == ["q", "q", "q", "section", "section", "tag", "from", "to"]
    kinds = [entry["clause"]["type"] for entry in named[:3]]
    assert sorted(kinds) == ["and", "or", "or"], "words and phrases are alternatives by language"
    details = [entry["detail"] for entry in named]
    assert sum("must match 1" in detail for detail in details) == 2
    assert "the article matches this, which is excluded" in details[:3]
    assert details[3:6] == [
        "the article has none of: politics",
        "the article has sport, which is excluded",
        "the article has health, which is excluded",
    ]
    assert details[6].endswith("which is too early")
    assert details[7].endswith("which is too late")


def test_an_article_without_a_date_passes_no_bound(server: ApiServer, archive: Archive) -> None:
    """Nor is it said to be early or late."""
    undated = next(one for one in archive.articles if one.published_ms is None)
    named = _place(server, undated.id, **{"from": "0001-01-01", "to": "9999-12-31"})["excluded_by"]
    detail = "it is not known when the article was published"
    assert named == [{"parameter": "from", "detail": detail}, {"parameter": "to", "detail": detail}]


def test_bounds_are_half_open(server: ApiServer, archive: Archive) -> None:
    """The first moment after a day is too late for it, and early enough for the next."""
    midnight_ms = int(datetime(2007, 4, 11, tzinfo=UTC).timestamp() * 1000)
    one = next(one for one in archive.articles if one.published_ms == midnight_ms)
    (late,) = _place(server, one.id, to="2007-04-10")["excluded_by"]
    assert late == {
        "parameter": "to",
        "detail": "the article was published at 2007-04-11T00:00:00Z, which is too late",
    }
    assert _place(server, one.id, **{"from": "2007-04-11"})["found"] is True


def test_words_that_stand_apart(tmp_path: Path) -> None:
    """Of a phrase it is said whether its words are there, but not as it wants them."""
    publish(tmp_path, [article("one", "prime minister"), article("two", "minister of the prime", body="prime")])
    with ApiServer(tmp_path) as server:
        (apart,) = _place(server, "two", q='"prime minister"')["excluded_by"]
        assert apart["detail"] == "the article holds these words, but not so close together in this order"
        assert apart["clause"] == msgspec.json.decode(msgspec.json.encode(tree('"prime minister"')))
        (missing,) = _place(server, "two", q='"prime number"')["excluded_by"]
        assert missing["detail"] == "the article does not match this"


def test_articles_that_are_not_there(tmp_path: Path) -> None:
    """Withdrawn ones as the changes tell, before and after in a walk; taken down ones; and those that never were."""
    with SmallIndex(tmp_path) as index:
        index.put(article("gone", "storm"), article("down", "storm"), article("here", "storm"), article("2", "storm"))
        index.log.append_statistics()
        index.publish()
        with ApiServer(tmp_path) as server:
            walk = {"q": "storm", "limit": 1, "fields": "id", "explain_id": "gone"}
            first = server.page(walk)
            before = first["explain"]["article"]
            assert before["reason"] == "ranked"
            index.withdraw("gone", "never")
            index.take_down("down")
            epoch = index.publish().epoch
            eventually(lambda: server.epoch() == epoch)
            reasons = {one: _place(server, one, q="storm")["reason"] for one in ("gone", "down", "never", "nobody")}
            expected = {"gone": "withdrawn", "down": "taken-down", "never": "unknown", "nobody": "unknown"}
            assert reasons == expected
            assert server.client.get(first["page"]["next"]).json()["explain"]["article"]["reason"] == "ranked"
            index.put(article("gone", "storm again"), article("later", "storm"))
            index.withdraw("later")
            epoch = index.publish().epoch
            eventually(lambda: server.epoch() == epoch)
            assert _place(server, "gone", q="storm")["found"] is True
            assert _place(server, "later", q="storm")["reason"] == "withdrawn"
            address = first["page"]["next"].replace("=gone", "=later")
            assert server.client.get(address).json()["explain"]["article"]["reason"] == "unknown"


_places = st.lists(st.integers(0, 12), max_size=6, unique=True).map(sorted)


@given(st.lists(_places, min_size=1, max_size=4), st.integers(0, 3))
def test_a_phrase_is_where_any_of_its_chains_is_short_enough(places: list[list[int]], slop: int) -> None:
    """Whatever stands where."""
    chains = [chain for chain in product(*places) if all(one < other for one, other in pairwise(chain))]
    assert holds_phrase(places, slop) == any(chain[-1] - chain[0] < len(places) + slop for chain in chains)
