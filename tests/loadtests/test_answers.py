"""What counts as a right answer."""

import json
from typing import Any

import pytest

from loadtests.answers import Page, WrongAnswerError, cache_hit, check_article, page_of


def answer(**changes: Any) -> bytes:
    """A right page of hits, with `changes`."""
    right: dict[str, Any] = {
        "data": [{"id": "a/1"}, {"id": "b?2"}],
        "page": {"next": "/v1/search?q=vote&cursor=xyz", "prev": None, "limit": 20, "has_more": True},
        "total": {"value": 1234, "relation": "eq", "unit": "article"},
        "coverage": {"complete": True, "partitions": {"total": 8, "ok": 8, "failed": []}},
    }
    return json.dumps({**right, **changes}).encode()


def test_a_right_page_is_read() -> None:
    """Its ids in order and the way to the next page; none at the end, and no hits are an answer too."""
    assert page_of(200, answer()) == Page(("a/1", "b?2"), "/v1/search?q=vote&cursor=xyz")
    assert page_of(200, answer(data=[], page={"next": None})) == Page((), None)


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (503, answer(), "status 503"),
        (0, b"", "no response"),
        (200, b"<html>", "not JSON"),
        (200, b"[]", "not a JSON object"),
        (200, b"{}", "no page of hits"),
        (200, answer(data=[{"title": "no id"}]), "no page of hits"),
        (200, answer(data=[{"id": 7}]), "no page of hits"),
        (200, answer(total=None), "no page of hits"),
        (200, answer(coverage={"complete": False}), "partial"),
        (200, answer(data=[{"id": "a"}, {"id": "a"}]), "repeated within a page"),
        (200, answer(page={"next": "http://203.0.113.9/v1/search?q=vote"}), "not a path"),
        (200, answer(page={"next": 2}), "not a path"),
    ],
)
def test_a_wrong_page_is_told_from_a_right_one(status: int, body: bytes, reason: str) -> None:
    """Each breach of the contract has a reason of its own."""
    with pytest.raises(WrongAnswerError, match=reason):
        page_of(status, body)


def test_an_article_must_be_the_one_that_was_asked_for() -> None:
    """Its id is compared; a status other than 200 is named."""
    check_article(200, b'{"id": "Akaka/10Apr2007akaka175"}', "Akaka/10Apr2007akaka175")
    with pytest.raises(WrongAnswerError, match="not the article"):
        check_article(200, b'{"id": "another"}', "Akaka/10Apr2007akaka175")
    with pytest.raises(WrongAnswerError, match="status 410"):
        check_article(410, b"{}", "Akaka/10Apr2007akaka175")


@pytest.mark.parametrize(
    ("header", "hit"),
    [
        ("broadsheet; hit", True),
        ("broadsheet; hit; ttl=12", True),
        ("broadsheet; fwd=miss", False),
        ("broadsheet; fwd=miss; stored", False),
        ("edge; fwd=miss, broadsheet; hit", True),
        ("edge; hit", None),
        ("", None),
        (None, None),
    ],
)
def test_the_cache_status_of_our_cache_is_read(header: str | None, hit: bool | None) -> None:
    """Only the member that names our cache counts (RFC 9211)."""
    assert cache_hit(header) is hit
