"""Articles that are like one, over a real socket.

Not here: many layouts (`test_layouts.py`), what the shared parameters do (`test_http_search.py`).
"""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from partition.scoring import ONE
from partition.types import Article
from search.parameters import DEFAULT_FIELDS
from search.query import Choice, Filters
from search.shapes import SimilarAnswer
from search.similar import MAX_CHARS, MAX_TERMS
from tests.api_server import AMPLE_MS, ApiServer, eventually, problem_of
from tests.archive import Archive, publish
from tests.reference.naive import NaiveIndex
from tests.small_index import SmallIndex, article


def _similar(server: ApiServer, article_id: str, **parameters: Any) -> dict[str, Any]:
    address = f"/v1/articles/{quote(article_id, safe='')}/similar"
    response = server.client.get(address, params={"timeout_ms": AMPLE_MS, **parameters})
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    assert set(body) == set(msgspec.to_builtins(msgspec.convert(body, SimilarAnswer, strict=True)))
    return body


def _expected(naive: NaiveIndex, article_id: str, filters: Filters) -> list[tuple[str, int]]:
    """All that is like an article, as the plain index finds it."""
    terms = [{"type": "term", "field": "text", "text": term, "boost": 1.0} for term, *_ in _told(naive, article_id)]
    node = {"type": "or", "clauses": terms, "minimum": 1}
    hits = naive.search(node, msgspec.to_builtins(filters), "relevance")
    return [(hit.id, hit.score) for hit in hits if hit.id != article_id]


def _told(naive: NaiveIndex, article_id: str) -> list[tuple[str, int, float]]:
    return naive.telling(naive.articles[article_id])


@pytest.mark.parametrize("nth", [0, 3, 7, 100, 399])
def test_it_is_the_search_for_the_most_telling_terms(
    server: ApiServer, archive: Archive, naive: NaiveIndex, nth: int
) -> None:
    """Without the article itself, which matches best of all; the ten best, with the usual fields."""
    article_id = archive.articles[nth].id
    page = _similar(server, article_id)
    assert all(tuple(item) == DEFAULT_FIELDS for item in page["data"])
    expected = _expected(naive, article_id, Filters())
    assert [(item["id"], item["score"] * ONE) for item in page["data"]] == expected[:10]
    told = [(one["term"], one.get("language"), one["tf"], one["idf"]) for one in page["terms"]]
    plain = [
        (term.partition("\x1f")[0], term.partition("\x1f")[2] or "en", *rest)
        for term, *rest in _told(naive, article_id)
    ]
    assert told == plain
    assert page["coverage"]["complete"] is True


def test_limit_filters_and_fields(server: ApiServer, archive: Archive, naive: NaiveIndex) -> None:
    """As of a search; also where a filter leaves the article out anyway."""
    one = next(one for one in archive.articles if one.section == "Sport")
    for section in ("Sport", "Politics"):
        filters = Filters(choices=(Choice("section", (section.lower(),)),))
        page = _similar(server, one.id, section=section, limit=100, fields="id,score", highlight="true")
        expected = _expected(naive, one.id, filters)
        assert len(expected) > 20
        assert [(item["id"], item["score"] * ONE) for item in page["data"]] == expected[:100]
        assert all(list(item) == ["id", "score", "highlights"] for item in page["data"])
        assert "<mark>" in str(page["data"][0]["highlights"])
    bounds = {"from": "2007-02-01", "to": "2007-03-31", "date_field": "modified", "limit": 100}
    for item in _similar(server, one.id, fields="modified_at", **bounds)["data"]:
        assert "2007-02" <= item["modified_at"] < "2007-04"


def test_second_answer_comes_from_the_cache(server: ApiServer, archive: Archive) -> None:
    """By the article and everything that was asked."""
    address = f"/v1/articles/{archive.articles[20].id}/similar"
    seen = set()
    for asked in (
        {},
        {"limit": 3},
        {"fields": "id"},
        {"section": "Sport"},
        {"highlight": "true"},
        {"from": "2007-04-01"},
    ):
        first, again = (server.client.get(address, params={"timeout_ms": AMPLE_MS, **asked}) for _ in range(2))
        assert first.headers["Cache-Status"] == "broadsheet; fwd=miss"
        assert again.headers["Cache-Status"].startswith("broadsheet; hit")
        assert again.content == first.content
        seen.add(first.content)
    assert len(seen) == 6
    other = server.client.get(f"/v1/articles/{archive.articles[21].id}/similar", params={"timeout_ms": AMPLE_MS})
    assert other.headers["Cache-Status"] == "broadsheet; fwd=miss"


@pytest.mark.parametrize("name", ["q", "cursor", "sort", "total", "facets", "explain", "allow_partial", "recency"])
def test_parameters_that_it_does_not_have(server: ApiServer, name: str) -> None:
    """There is one page, in one order."""
    body = problem_of(server.client.get(f"/v1/articles/n0011/similar?{name}=true"), 400, "parameter-invalid")
    assert [error["parameter"] for error in body["errors"]] == [name]


def test_articles_that_are_not_there(tmp_path: Path) -> None:
    """404 and 410, as of the article itself; what comes later is waited for."""
    with SmallIndex(tmp_path) as index:
        index.put(article("one", "storm"), article("down", "storm"), article("x/similar", "storm"))
        index.log.append_statistics()
        index.publish()
        with ApiServer(tmp_path) as server:
            assert len(_similar(server, "one")["data"]) == 2
            assert [one["id"] for one in _similar(server, "x/similar")["data"]] != []
            (seq,) = index.take_down("down")
            index.publish()
            eventually(lambda: server.client.get("/v1/articles/down").status_code == 410)
            problem_of(server.client.get("/v1/articles/down/similar"), 410, "article-taken-down")
            assert [one["id"] for one in _similar(server, "one", min_seq=seq)["data"]] == ["x/similar"]
            for unknown in ("nobody", "y" * 513):
                problem_of(server.client.get(f"/v1/articles/{unknown}/similar"), 404, "article-not-found")
            late = {"min_seq": 10_000, "timeout_ms": 100}
            problem_of(server.client.get("/v1/articles/one/similar", params=late), 503, "not-indexed-yet")


def test_articles_that_are_like_none(tmp_path: Path) -> None:
    """One without words, and one whose words no other has."""
    publish(tmp_path, [Article(id="bare", title="?!"), article("own", "zebra"), article("other", "storm")])
    with ApiServer(tmp_path) as server:
        for article_id in ("bare", "own"):
            page = _similar(server, article_id)
            assert (page["data"], page["terms"]) == ([], [])


def test_only_the_beginning_of_a_text_is_looked_at(tmp_path: Path) -> None:
    """And no more than so many of its terms are taken."""
    words = [f"w{number}x" for number in range(MAX_TERMS + 5)]
    long = " ".join(words).ljust(MAX_CHARS) + " beyond"
    with SmallIndex(tmp_path, partitions=1) as index:
        index.put(article("a", "storm", body=long), article("b", "storm", body=long + " beyond"))
        index.log.append_statistics()
        index.publish()
    with ApiServer(tmp_path) as server:
        terms = [one["term"] for one in _similar(server, "a")["terms"]]
    assert terms == ["storm", *sorted(words)][:MAX_TERMS]
