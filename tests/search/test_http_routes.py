"""The other routes over a real socket: articles by id, partitions, probes, documentation, and what is not there.

Not here: the search route (`test_http_search.py`), unexpected exceptions (`tests/web/test_edge.py`).
"""

import http.client
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from partition.types import Article
from search.shapes import ArticleAnswer, PartitionsAnswer
from tests.api_server import ApiServer, eventually, problem_of
from tests.archive import ODD_IDS, PARTITIONS, Archive, made_up, publish
from web.problem_types import TYPES
from web.times import iso


def raw(server: ApiServer, target: str, method: str = "GET") -> http.client.HTTPResponse:
    """The answer to a request whose address no client has tidied up; its body is read."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request(method, target)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response


def test_article_with_an_ordinary_id(server: ApiServer, archive: Archive) -> None:
    """Every member is there, as it was indexed."""
    article = next(article for article in archive.articles if article.id not in ODD_IDS)
    response = server.client.get(f"/v1/articles/{article.id}")
    answer = msgspec.json.decode(response.content, type=ArticleAnswer)
    assert answer.published_at == (None if article.published_ms is None else iso(article.published_ms))
    for name in ("id", "title", "body", "summary", "source", "section", "language", "url"):
        assert getattr(answer, name) == getattr(article, name)
    assert (answer.authors, answer.tags) == (list(article.authors), list(article.tags))
    assert (answer.version, answer.status) == (1, "usable")
    assert set(response.json()) == set(msgspec.to_builtins(answer))
    assert response.headers["Broadsheet-Epoch"] == "1"
    assert response.headers["Cache-Control"] == "public, max-age=0, must-revalidate"
    again = server.client.get(f"/v1/articles/{article.id}")
    assert again.content == response.content
    assert again.headers["Cache-Status"].startswith("broadsheet; hit")


@pytest.mark.parametrize("article_id", ODD_IDS, ids=lambda article_id: article_id[:25])
def test_article_with_an_odd_id(server: ApiServer, article_id: str) -> None:
    """Any id can be asked for, percent-encoded: slashes, percent signs, other scripts, 512 bytes."""
    response = server.client.get("/v1/articles/" + "".join(f"%{byte:02X}" for byte in article_id.encode()))
    assert response.status_code == 200
    assert response.json()["id"] == article_id
    assert raw(server, "/v1/articles/" + quote(article_id, safe="")).status == 200


def test_slash_in_an_id_must_be_encoded(server: ApiServer) -> None:
    """So that `{id}/versions` is never mistaken for an id, nor an id for it."""
    assert raw(server, "/v1/articles/x%2Fversions").status == 200
    problem_of(server.client.get("/v1/articles/x/versions"), 404, "article-not-found")
    problem_of(server.client.get("/v1/articles/Akaka/10Apr2007akaka175"), 404, "not-found")


@pytest.mark.parametrize("segment", ["nobody", "%00", "n0011%20", "N0011", "n0011%2F", "x" * 513, "%F0%9F%97%9E"])
def test_unknown_article(server: ApiServer, segment: str) -> None:
    """Ids are matched whole, case and blanks included."""
    body = problem_of(server.client.get(f"/v1/articles/{segment}"), 404, "article-not-found")
    assert body["instance"] == f"/v1/articles/{segment}"


def test_unknown_article_is_not_remembered(archive: Archive, tmp_path: Path) -> None:
    """An article can be read as soon as an epoch has it, though it was asked for before."""
    publish(tmp_path / "archive", archive.articles[:20])
    with ApiServer(tmp_path / "archive") as server:
        problem_of(server.client.get("/v1/articles/late"), 404, "article-not-found")
        publish(tmp_path / "archive", [Article(id="late", title="Late edition")])
        eventually(lambda: server.client.get("/v1/articles/late").status_code == 200)


@pytest.mark.parametrize(
    "target",
    [
        "/nothing",
        "/v1",
        "/v1/",
        "/v1/articles",
        "/v1/articles/",
        "/v1/articles/%ff",
        "/v1/searches",
        "/docs/problems/x",
    ],
)
def test_nothing_at_this_address(server: ApiServer, target: str) -> None:
    """The router's own refusals are problems like any other."""
    body = problem_of(server.client.get(target), 404, "not-found")
    assert body["instance"] == target


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_method_that_is_not_allowed(server: ApiServer, method: str) -> None:
    """405 with the methods that are, on every kind of route."""
    methods = frozenset({"GET", "HEAD"})
    articles = dict.fromkeys(("/v1/articles/n0011", "/v1/articles/a%2Fb"), methods | {"PUT", "DELETE"})
    read_only = dict.fromkeys(
        (
            "/v1/search",
            "/v1/partitions",
            "/readyz",
            "/docs",
            "/",
            "/v1/changes",
            "/v1/articles/n0011/versions",
            "/v1/articles/n0011/similar",
            "/v1/suggest",
        ),
        methods,
    )
    retry = {"/v1/articles/n0011/retry": {"POST"}}
    for target, allowed in {**articles, **read_only, **retry}.items():
        if method not in allowed:
            response = server.client.request(method, target)
            problem_of(response, 405, "method-not-allowed")
            assert set(response.headers["Allow"].split(", ")) == allowed


@pytest.mark.parametrize("target", ["/v1/partitions", "/v1/articles/n0011"])
def test_parameters_of_routes_that_have_none(server: ApiServer, target: str) -> None:
    """Unknown ones are refused there too."""
    body = problem_of(server.client.get(target + "?fields=id"), 400, "parameter-invalid")
    assert body["errors"][0]["parameter"] == "fields"


def test_request_id(server: ApiServer) -> None:
    """A sensible one is kept, in the header and in problems; another is replaced; without one, each gets its own."""
    assert server.client.get("/livez", headers={"X-Request-Id": "a.B_c-9"}).headers["X-Request-Id"] == "a.B_c-9"
    problem = server.client.get("/nothing", headers={"X-Request-Id": "mine"})
    assert problem_of(problem, 404, "not-found")["request_id"] == "mine"
    for bad in ("", "x" * 65, 'a"b', "a b", "{}"):
        made = server.client.get("/livez", headers={"X-Request-Id": bad}).headers["X-Request-Id"]
        assert made != bad
        assert len(made) == 16
    assert len({server.client.get("/livez").headers["X-Request-Id"] for _ in range(10)}) == 10


def test_partitions(server: ApiServer, archive: Archive) -> None:
    """The epoch, partition by partition, adds up."""
    response = server.client.get("/v1/partitions")
    answer = msgspec.json.decode(response.content, type=PartitionsAnswer)
    assert [state.partition for state in answer.data] == list(range(PARTITIONS))
    assert sum(state.articles for state in answer.data) == answer.articles == len(archive.articles)
    assert answer.epoch == int(response.headers["Broadsheet-Epoch"]) == 1
    assert all(state.size_bytes > 0 and state.segments == 1 and state.tombstones == 0 for state in answer.data)
    assert {(state.applied_seq, state.parked) for state in answer.data} == {(answer.applied_seq, 0)}
    through = server.search().headers["Broadsheet-Indexed-Through"]
    assert {f"{state.applied_seq}; {state.indexed_through}" for state in answer.data} == {through}
    assert response.headers["Cache-Control"] == "no-cache"


def test_probes(server: ApiServer) -> None:
    """Plain text for machines and people."""
    assert server.client.get("/livez").text == "live\n"
    assert server.client.get("/readyz").text == "ready: epoch 1\n"


def test_metrics_count_by_route_and_never_by_query(server: ApiServer) -> None:
    """What users ask for and look at is nobody's label."""
    server.search({"q": "wordthatnobodywrites"})
    server.client.get("/v1/articles/idthatnobodyhas")
    response = server.client.get("/metrics")
    assert response.headers["Content-Type"].startswith("text/plain")
    assert 'broadsheet_http_requests_total{method="GET",route="/v1/search",status="200"}' in response.text
    assert 'broadsheet_http_requests_total{method="GET",route="/v1/articles/{id}",status="404"}' in response.text
    assert "broadsheet_epoch 1.0" in response.text
    assert "nobody" not in response.text


def test_openapi_document_names_every_route(server: ApiServer) -> None:
    """The document describes what is served, and its references resolve."""
    document = server.client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert set(document["paths"]) == {
        "/v1/search",
        "/v1/articles/{id}",
        "/v1/articles/{id}/similar",
        "/v1/articles/{id}/bibtex",
        "/v1/articles/{id}/csl-json",
        "/v1/suggest",
        "/v1/articles/{id}/versions",
        "/v1/articles/{id}/retry",
        "/v1/changes",
        "/v1/parked",
        "/v1/takedowns",
        "/v1/exports",
        "/v1/exports/{id}",
        "/v1/partitions",
        "/v1/articles:bulk",
        "/v1/jobs/{id}",
        "/v1/jobs/{id}/results",
        "/v1/operations",
        "/livez",
        "/readyz",
        "/metrics",
    }

    def references(node: Any) -> set[str]:
        if isinstance(node, dict):
            own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
            return own.union(*map(references, node.values()))
        return set().union(*map(references, node)) if isinstance(node, list) else set()

    kinds = ("schemas", "examples", "headers", "parameters")
    named = {f"#/components/{kind}/{name}" for kind in kinds for name in document["components"][kind]}
    # No operation answers for addresses that none has.
    assert named - references(document) == {"#/components/examples/not-found"}
    assert references(document) <= named


def test_documentation_pages(server: ApiServer) -> None:
    """The API's page, and one for each problem at the address that its `type` gives; nothing comes from elsewhere."""
    docs = server.client.get("/docs")
    assert docs.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in docs.headers["Content-Security-Policy"]
    for slug, kind in TYPES.items():
        page = server.client.get(f"/docs/problems/{slug}")
        assert page.status_code == 200
        assert kind.title in page.text
        assert "://" not in page.text.replace("http://127.0.0.1", "").replace("http://www.w3.org", "")


def test_empty_archive_is_not_ready_until_something_is_published(tmp_path: Path) -> None:
    """503 with when to ask again, while the process is live; the first epoch is found without a restart."""
    with ApiServer(tmp_path, ready=False) as server:
        for target in ("/readyz", "/v1/search?q=budget", "/v1/articles/x", "/v1/partitions"):
            response = server.client.get(target)
            problem_of(response, 503, "not-ready")
            assert int(response.headers["Retry-After"]) >= 1
        problem_of(server.client.get("/v1/search?limit=0"), 400, "parameter-invalid")
        assert server.client.get("/").status_code == 503
        assert server.client.get("/docs").status_code == 200
        publish(tmp_path, made_up(30))
        eventually(lambda: server.client.get("/readyz").status_code == 200)
        assert server.page()["total"]["value"] == 30


@pytest.mark.parametrize(
    "parameter",
    [
        "fields=id",
        "fields=score",
        "facets=section",
        "explain=true",
        "explain_id=n0011",
        "highlight=true",
    ],
)
def test_the_page_has_its_own_idea_of_an_answer(server: ApiServer, parameter: str) -> None:
    """Parameters that decide what an answer holds change nothing on it."""
    plain = server.client.get("/?q=budget&limit=3")
    assert plain.status_code == 200
    assert server.client.get(f"/?q=budget&limit=3&{parameter}").text == plain.text
