"""The mix of requests: shares, walks and article reads."""

import json
from collections import Counter
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from loadtests.answers import WrongAnswerError
from loadtests.queries import QueryStream
from loadtests.traffic import Request, Traffic

HITS = 10_000


def served(request: Request, *, overlap: int = 0) -> bytes:
    """The answer of a right server with `HITS` hits for any query; pages of a wrong one overlap."""
    if request.article_id is not None:
        return json.dumps({"id": request.article_id}).encode()
    parameters = parse_qs(urlsplit(request.path).query)
    at = int(parameters.get("cursor", ["0"])[0])
    first = max(at - overlap, 0)
    return json.dumps(
        {
            "data": [{"id": f"{parameters['q'][0]}/{number}"} for number in range(first, first + 20)],
            "page": {"next": f"/v1/search?q={parameters['q'][0]}&cursor={at + 20}" if at + 20 < HITS else None},
            "total": {"value": HITS},
            "coverage": {"complete": True},
        }
    ).encode()


def replay(traffic: Traffic, count: int) -> list[Request]:
    """`count` requests, each answered rightly before the next is drawn."""
    requests = []
    for _ in range(count):
        request = traffic.next_request()
        traffic.accept(request, 200, served(request))
        requests.append(request)
    return requests


def next_page(traffic: Traffic) -> Request:
    """The next request for a page of a walk, not yet answered; those before it are, rightly."""
    while (request := traffic.next_request()).kind != "page":
        traffic.accept(request, 200, served(request))
    return request


def test_four_in_five_requests_are_searches() -> None:
    """The shares of the kinds hold, and the searches are the stream, in order."""
    queries = [f"query{number}" for number in range(5_000)]
    requests = replay(Traffic(QueryStream(queries), seed=1), 5_000)
    kinds = Counter(request.kind for request in requests)
    assert kinds["search"] == pytest.approx(4_000, rel=0.03)
    assert kinds["page"] == pytest.approx(600, rel=0.1)
    assert kinds["article"] == pytest.approx(400, rel=0.1)
    asked = [parse_qs(urlsplit(request.path).query)["q"][0] for request in requests if request.kind == "search"]
    assert asked == queries[: kinds["search"]]


def test_walks_go_deep() -> None:
    """A walk takes 20 pages on average; some go past 50."""
    requests = replay(Traffic(QueryStream([f"q{number}" for number in range(10_000)]), seed=2), 10_000)
    pages = [parse_qs(urlsplit(request.path).query) for request in requests if request.kind == "page"]
    walks = Counter(page["q"][0] for page in pages)
    assert len(pages) / len(walks) == pytest.approx(20, rel=0.2)
    assert max(walks.values()) > 50
    assert max(int(page["cursor"][0]) for page in pages) == max(walks.values()) * 20


def test_articles_read_are_hits_just_shown_with_their_ids_percent_encoded() -> None:
    """An id with a slash is one segment of the path."""
    requests = replay(Traffic(QueryStream(["vote"]), seed=3), 500)
    reads = [request for request in requests if request.kind == "article"]
    assert reads
    for request in reads:
        prefix, _, segment = request.path.rpartition("/")
        assert prefix == "/v1/articles"
        assert unquote(segment) == request.article_id
        assert "%2F" in segment


def test_until_there_is_an_answer_everything_is_a_search() -> None:
    """Whatever lot is drawn, nothing is paged or read that no answer has shown."""
    traffic = Traffic(QueryStream(["vote"]), seed=4)
    assert {traffic.next_request().kind for _ in range(200)} == {"search"}


def test_a_walk_that_repeats_an_id_is_found_and_ended() -> None:
    """One id in common with any earlier page is enough."""
    traffic = Traffic(QueryStream(["vote"]), seed=5)
    request = next_page(traffic)
    with pytest.raises(WrongAnswerError, match="repeated within a walk"):
        traffic.accept(request, 200, served(request, overlap=1))
    assert next_page(traffic).walk is not request.walk


def test_an_empty_page_of_a_walk_is_wrong() -> None:
    """A page that was announced has hits."""
    traffic = Traffic(QueryStream(["vote"]), seed=6)
    request = next_page(traffic)
    empty = json.dumps(
        {"data": [], "page": {"next": None}, "total": {"value": HITS}, "coverage": {"complete": True}}
    ).encode()
    with pytest.raises(WrongAnswerError, match="empty"):
        traffic.accept(request, 200, empty)
