"""The search route over a real socket: what every parameter does, and what travels in headers.

Not here: parameters that are wrong (`test_http_parameters.py`), facets (`test_http_facets.py`), cursors
(`test_http_cursors.py`), the other routes (`test_http_routes.py`), faults (`test_faults.py`).
"""

import itertools
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from partition.analysis import language_of, term_of
from partition.scoring import ONE
from partition.types import Article
from search.parameters import DEFAULT_FIELDS, FIELDS
from search.query import Filters, words_of
from search.shapes import SearchAnswer
from tests.api_server import AMPLE_MS, ApiServer
from tests.archive import PARTITIONS, Archive, publish
from tests.reference.naive import Hit, NaiveIndex
from tests.reference.passages import highlights
from tests.small_index import article
from tests.trees import tree

MIDNIGHT_MS = int(datetime(2007, 4, 10, tzinfo=UTC).timestamp() * 1000)
DAY_MS = 86_400_000
EVER_MS = 2**62


LANGUAGES = ("de", "en")
"""Of the archive."""


def as_json(value: Any) -> Any:
    """The value as it comes out of JSON."""
    return msgspec.json.decode(msgspec.json.encode(value))


def hits(naive: NaiveIndex, text: str, sort: str = "relevance") -> list[Hit]:
    """What the plain index finds."""
    node = msgspec.to_builtins(tree(text, LANGUAGES))
    return naive.search(node, msgspec.to_builtins(Filters()), sort)


def test_everything_by_default(server: ApiServer, archive: Archive) -> None:
    """Without parameters: the newest twenty of all articles, each with the usual fields."""
    page = server.page()
    assert len(page["data"]) == page["page"]["limit"] == 20
    assert all(tuple(item) == DEFAULT_FIELDS for item in page["data"])
    dates = [item["published_at"] for item in page["data"]]
    assert dates == sorted(dates, reverse=True)
    assert page["total"] == {"value": len(archive.articles), "relation": "eq", "unit": "article"}
    assert page["page"]["prev"] is None
    assert page["page"]["has_more"] is True
    partitions = {"total": PARTITIONS, "ok": PARTITIONS, "failed": []}
    assert page["coverage"] == {"complete": True, "partitions": partitions, "missed": []}
    assert page["facets"] == {}


@pytest.mark.parametrize("sort", ["relevance", "newest", "oldest"])
@pytest.mark.parametrize(
    "text",
    [
        "budget",
        "budget OR tariff",
        "health care -storm",
        '"health care"',
        '"health reform"~2 OR museum^3',
        "title:budget",
        "author:budget",
        "title:(storm OR bridge) senate",
        "elect*",
        "NOT budget",
        "nowhere",
    ],
)
def test_ranking_is_that_of_the_plain_index(server: ApiServer, naive: NaiveIndex, text: str, sort: str) -> None:
    """Ids, scores, order and totals over eight partitions are those of one naive loop."""
    page = server.page({"q": text, "sort": sort, "limit": 100, "fields": "id,score"})
    expected = hits(naive, text, sort)
    assert [(item["id"], item["score"] * ONE) for item in page["data"]] == [
        (hit.id, hit.score) for hit in expected[:100]
    ]
    assert page["total"]["value"] == len(expected)


def test_articles_without_a_date_come_last(server: ApiServer, archive: Archive) -> None:
    """Whichever way dates are sorted, and those with equal dates come in the same order both ways."""
    dated = {article.id: article.published_ms for article in archive.articles}
    newest, oldest = (server.ids({"sort": sort}) for sort in ("newest", "oldest"))
    missing = sum(moment is None for moment in dated.values())
    assert missing
    assert {dated[article_id] for article_id in newest[-missing:]} == {None}
    assert newest[-missing:] == oldest[-missing:]
    groups = [list(group) for _moment, group in itertools.groupby(newest[:-missing], key=dated.__getitem__)]
    assert oldest[:-missing] == [article_id for group in reversed(groups) for article_id in group]


def test_sort_is_relevance_with_a_query_and_newest_without(server: ApiServer) -> None:
    """As documented; blanks are no query."""
    query = {"q": "budget", "limit": 100}
    assert server.page(query)["data"] == server.page({**query, "sort": "relevance"})["data"]
    blank = {"q": "  ", "limit": 100}
    assert server.page(blank)["data"] == server.page({**blank, "sort": "newest"})["data"]


def published(low_ms: int = -EVER_MS, high_ms: int = EVER_MS) -> Callable[[Article], bool]:
    """Whether an article was published in [low, high)."""

    def inside(article: Article) -> bool:
        moment = article.published_ms
        return moment is not None and low_ms <= moment < high_ms

    return inside


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"section": "Politics"}, lambda a: a.section == "Politics"),
        ({"section": " POLITICS "}, lambda a: a.section == "Politics"),
        ({"section": ["Politics", "Arts & Leisure"]}, lambda a: a.section in {"Politics", "Arts & Leisure"}),
        ({"section": "!Politics"}, lambda a: a.section != "Politics"),
        ({"section": ["!Politics", "!Sport"]}, lambda a: a.section not in {"Politics", "Sport"}),
        ({"section": ["Politics", "!Politics"]}, lambda _: False),
        ({"section": "Nowhere"}, lambda _: False),
        ({"source": "öffentlicher funk"}, lambda a: a.source == "Öffentlicher Funk"),
        ({"author": "Élodie Budget"}, lambda a: "Élodie Budget" in a.authors),
        ({"author": ["Ann Storm", "!Bo Vote"]}, lambda a: "Ann Storm" in a.authors and "Bo Vote" not in a.authors),
        ({"tag": "health"}, lambda a: "Health" in a.tags),
        ({"language": "de-at"}, lambda a: a.language == "de-AT"),
        (
            {"section": "Sport", "source": ["Wire", "The Post"], "tag": "!veterans"},
            lambda a: a.section == "Sport" and a.source != "Öffentlicher Funk" and "veterans" not in a.tags,
        ),
        ({"from": "2007-04-10"}, published(MIDNIGHT_MS)),
        ({"to": "2007-04-10"}, published(high_ms=MIDNIGHT_MS + DAY_MS)),
        ({"from": "2007-04-10", "to": "2007-04-10"}, published(MIDNIGHT_MS, MIDNIGHT_MS + DAY_MS)),
        ({"from": "2007-04-10T12:00:00+02:00"}, published(MIDNIGHT_MS + 10 * 3_600_000)),
        ({"to": "2007-04-10T23:59:59.999Z"}, published(high_ms=MIDNIGHT_MS + DAY_MS - 1)),
        (
            {"from": "2007-04-10T23:59:59.999Z", "to": "2007-04-11T00:00:00Z"},
            published(MIDNIGHT_MS + DAY_MS - 1, MIDNIGHT_MS + DAY_MS),
        ),
        ({"from": "1900-01-01", "to": "1969-12-31"}, published(high_ms=0)),
        ({"from": "0001-01-01", "to": "9999-12-31"}, published()),
        ({"from": "2007-04-11", "to": "2007-04-10"}, lambda _: False),
    ],
    ids=lambda value: None if callable(value) else str(value),
)
def test_filters(
    server: ApiServer, archive: Archive, parameters: dict[str, Any], expected: Callable[[Article], bool]
) -> None:
    """A filter keeps exactly the articles it describes; days are whole, instants are exclusive ends."""
    found = server.ids(parameters)
    assert len(found) == len(set(found))
    assert set(found) == {article.id for article in archive.articles if expected(article)}


@pytest.mark.parametrize("name", FIELDS)
def test_each_field(server: ApiServer, archive: Archive, name: str) -> None:
    """An item holds what was asked for, as the article has it."""
    stored = {article.id: article for article in archive.articles}
    for item in server.page({"q": "budget", "limit": 100, "fields": f"id,{name}"})["data"]:
        assert list(item) == list(dict.fromkeys(["id", name]))
        article, value = stored[item["id"]], item[name]
        match name:
            case "published_at" | "modified_at":
                expected_ms = getattr(article, name.replace("_at", "_ms"))
                found_ms = value and datetime.fromisoformat(value).timestamp() * 1000
                assert found_ms == expected_ms
            case "indexed_at":
                assert datetime.fromisoformat(value) <= datetime.now(UTC)
            case "score":
                assert value > 0
            case "snippet":
                assert "<mark>" in value or "budget" not in article.body
            case "version":
                assert value == 1
            case "story_id" | "copies":
                assert value  # `test_http_stories.py` looks which
            case _:
                assert value == as_json(getattr(article, name))


@pytest.mark.parametrize("text", ["budget", '"health care" OR tarif*', "author:storm", ""])
@pytest.mark.parametrize("fields", ["title,body,summary,language", "id,snippet,title,body,summary,language"])
def test_highlights(server: ApiServer, text: str, fields: str) -> None:
    """Each item has them, last, on request: where in the title and the body the words of the query stand."""
    query = {"q": text, "limit": 50, "fields": fields}
    plain, page = server.page(query), server.page({**query, "highlight": "true"})
    wanted = sorted(words_of(tree(text, LANGUAGES)))
    is_wanted = re.compile("|".join(wanted).replace("*", ".*") or "$^").fullmatch
    for item, without in zip(page["data"], plain["data"], strict=True):
        assert list(item) == [*without, "highlights"]
        language = language_of(item["language"])
        expected = highlights(
            item["title"],
            item["body"],
            lambda term: is_wanted(term) is not None,
            lambda word, language=language: term_of(word, language),  # type: ignore[misc] # a default is no argument
        )
        assert item.pop("highlights") == expected
        assert item == without
    assert "highlight=true" in page["page"]["next"]
    assert server.page({**query, "highlight": "false"})["data"] == plain["data"]


def test_highlights_of_an_article_without_a_body(tmp_path: Path) -> None:
    """Passages are of its summary."""
    publish(tmp_path, [article("one", "Storm", summary="A storm, and 🗞 storms.")])
    with ApiServer(tmp_path) as server:
        (item,) = server.page({"q": "storm", "fields": "id", "highlight": "true"})["data"]
    assert item["highlights"]["passages"] == [
        {
            "html": "A <mark>storm</mark>, and 🗞 <mark>storms</mark>.",
            "start": 0,
            "end": 22,
            "offsets": [[2, 7], [15, 21]],
        }
    ]


def test_fields_keep_the_order_they_were_given_in(server: ApiServer) -> None:
    """Once each."""
    page = server.page({"fields": "title,id,title", "limit": 1})
    assert [list(item) for item in page["data"]] == [["title", "id"]]


def test_total_can_be_left_out(server: ApiServer) -> None:
    """`total=none` costs nothing else."""
    query = {"q": "budget", "limit": 5, "fields": "id"}
    page, counted = server.page({**query, "total": "none"}), server.page({**query, "total": "exact"})
    assert page["total"] is None
    assert page["data"] == counted["data"]
    assert page["page"]["has_more"] is True


@pytest.mark.parametrize(
    ("parameters", "size"), [({"limit": 1}, 1), ({"limit": 100}, 100), ({"limit": "007"}, 7), ({"q": "nowhere"}, 0)]
)
def test_limit(server: ApiServer, parameters: dict[str, Any], size: int) -> None:
    """A page holds as many articles as asked for."""
    assert len(server.page(parameters)["data"]) == size


def test_headers_of_an_answer(server: ApiServer, archive: Archive) -> None:
    """What is volatile travels outside the body."""
    response = server.search({"q": "budget", "limit": 3, "fields": "id"})
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Broadsheet-Epoch"] == "1"
    sequence, moment = response.headers["Broadsheet-Indexed-Through"].split("; ")
    assert int(sequence) == len(archive.articles) + 1  # and the statistics event
    assert datetime.fromisoformat(moment) <= datetime.now(UTC)
    assert response.headers["Cache-Control"] == "public, max-age=0, must-revalidate"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    spent = dict(entry.split(";dur=") for entry in response.headers["Server-Timing"].split(", "))
    assert {"scatter", "documents"} <= set(spent)
    assert all(float(milliseconds) >= 0 for milliseconds in spent.values())


def test_links(server: ApiServer) -> None:
    """`Link` and the body name the same pages, relative, with parameters in canonical order."""
    response = server.client.get(f"/v1/search?fields=id&limit=3&q=budget%20vote&timeout_ms={AMPLE_MS}")
    first, page = response.links["first"]["url"], response.json()["page"]
    assert first == f"/v1/search?q=budget+vote&limit=3&fields=id&timeout_ms={AMPLE_MS}"
    assert response.links["next"]["url"] == page["next"]
    assert page["next"].startswith(first + "&cursor=")
    assert "prev" not in response.links
    second = server.client.get(page["next"])
    assert second.links["prev"]["url"] == second.json()["page"]["prev"]
    assert second.links["first"]["url"] == first
    assert second.json()["page"]["prev"].startswith(first + "&cursor=")


def test_second_answer_comes_from_the_cache_byte_for_byte(server: ApiServer) -> None:
    """`Cache-Status` says so; the spelling of the query does not matter to the articles."""
    query = {"q": "veterans harvest", "limit": 17}
    miss, hit = server.search(query), server.search(query)
    assert miss.headers["Cache-Status"] == "broadsheet; fwd=miss"
    assert "Age" not in miss.headers
    assert hit.headers["Cache-Status"].startswith("broadsheet; hit; ttl=")
    assert re.fullmatch(r"broadsheet; hit; ttl=[1-9]\d*; detail=memory", hit.headers["Cache-Status"])
    assert int(hit.headers["Age"]) >= 0
    understood = server.search({"limit": 17, "q": "veterans harvest"})
    assert understood.headers["Server-Timing"].startswith("cache;dur=")
    assert understood.content == hit.content
    assert hit.content == miss.content
    assert hit.headers["Link"] == miss.headers["Link"]
    spelled = server.page({"q": "  Harvest   VETERANS", "limit": 17})
    assert spelled["data"] == miss.json()["data"]


def test_answers_have_the_documented_shape(server: ApiServer) -> None:
    """Every member is of the documented type, and none is undocumented."""
    for parameters in (
        {"limit": 100, "fields": ",".join(FIELDS)},
        {"q": "budget", "highlight": "true"},
        {"q": "budget", "total": "none"},
        {"q": "nowhere"},
    ):
        body = server.page(parameters)
        answer = msgspec.convert(body, SearchAnswer, strict=True)
        assert set(body) == set(msgspec.to_builtins(answer))
        datetime.fromisoformat(answer.as_of)


def test_head_is_get_without_a_body(server: ApiServer) -> None:
    """Same status and headers, no content."""
    address = f"/v1/search?q=coast&limit=2&timeout_ms={AMPLE_MS}"
    got, head = server.client.get(address), server.client.head(address)
    assert head.status_code == 200
    assert head.content == b""
    for name in ("Content-Length", "Content-Type", "Broadsheet-Epoch", "Link"):
        assert head.headers[name] == got.headers[name]
    refused = server.client.head("/v1/search?limit=0")
    assert refused.status_code == 400
    assert refused.content == b""
