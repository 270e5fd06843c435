"""Refusals as exceptions, and where the key goes."""

import ssl

import pytest

from broadsheet import client as errors
from broadsheet.client import Client, ProblemError, Retry
from tests.api_server import ApiServer
from tests.broadsheet.scripted_server import ScriptedServer, answer, problem
from tests.indexer.feed_server import CERTIFICATE, FeedServer
from web.problem_types import TYPES

ONCE = Retry(attempts=1)
KINDS: dict[str, type[ProblemError]] = {
    "parameter-invalid": errors.InvalidError,
    "query-invalid": errors.InvalidError,
    "cursor-invalid": errors.InvalidError,
    "cursor-mismatch": errors.InvalidError,
    "unauthorized": errors.AccessError,
    "forbidden": errors.AccessError,
    "article-invalid": errors.InvalidError,
    "body-invalid": errors.InvalidError,
    "body-too-large": errors.InvalidError,
    "body-too-slow": errors.UnavailableError,
    "media-type-unsupported": errors.InvalidError,
    "version-conflict": errors.ConflictError,
    "article-taken-down": errors.TakenDownError,
    "job-not-found": errors.NotFoundError,
    "job-not-cancelable": errors.ConflictError,
    "idempotency-busy": errors.ConflictError,
    "idempotency-mismatch": errors.InvalidError,
    "not-found": errors.NotFoundError,
    "article-not-found": errors.NotFoundError,
    "method-not-allowed": ProblemError,
    "cursor-expired": errors.CursorExpiredError,
    "uri-too-long": errors.InvalidError,
    "internal": ProblemError,
    "overloaded": errors.UnavailableError,
    "log-unusable": errors.UnavailableError,
    "not-ready": errors.UnavailableError,
    "not-indexed-yet": errors.UnavailableError,
    "partial-results": errors.UnavailableError,
    "timeout": errors.UnavailableError,
}


@pytest.mark.parametrize("slug", TYPES)
def test_every_problem_is_an_exception(slug: str) -> None:
    """Of the documented kind, with everything that the body says."""
    about = {"errors": [{"parameter": "q", "detail": "no", "position": 3}], "coverage": {"ok": 7}}
    with (
        ScriptedServer(problem(slug, "it is so", about, Retry_After="4")) as server,
        Client(server.url, retry=ONCE) as client,
        pytest.raises(ProblemError) as raised,
    ):
        client.search("a")
    error = raised.value
    assert type(error) is KINDS[slug]
    assert (error.slug, error.status, error.title) == (slug, TYPES[slug].status, TYPES[slug].title)
    assert (error.detail, error.instance, error.request_id) == ("it is so", "/v1/search", "r-1")
    assert error.errors == (errors.ParameterFault("q", "no", 3),)
    assert (error.members["coverage"], error.retry_after_s) == ({"ok": 7}, 4.0)
    assert str(error) == f"it is so ({TYPES[slug].status} {slug})"


def test_a_real_refusal(server: ApiServer) -> None:
    """The parameters that are wrong are named, and the request can be found in the log."""
    with Client(server.url) as client, pytest.raises(errors.InvalidError) as refused:
        client.search("a", limit=1000, sort="best")  # type: ignore[arg-type]
    assert {one.parameter for one in refused.value.errors} == {"limit", "sort"}
    assert refused.value.request_id
    with Client(server.url) as client, pytest.raises(errors.InvalidError, match="did you mean limit"):
        client.search("a", limits=3)  # type: ignore[call-arg]
    with Client(server.url) as client, pytest.raises(errors.NotFoundError) as missing:
        client.article("nowhere")
    assert missing.value.slug == "article-not-found"


@pytest.mark.parametrize(
    ("told", "status", "detail"),
    [
        (answer(403, b"<html>\n<b>Blocked</b> by   policy", "text/html"), 403, "<html> <b>Blocked</b> by policy"),
        (answer(502, b"\xff" * 9000, "text/plain"), 502, "\ufffd" * 300),
        (answer(500, b"{broken", "application/problem+json"), 500, "{broken"),
        (answer(500, b"[1]", "application/problem+json"), 500, "[1]"),
        (answer(404, b"", "text/plain"), 404, ""),
        (answer(599, b"?", "text/plain"), 599, "?"),
        (answer(400, {"type": 7, "detail": None, "errors": "no"}, "application/problem+json"), 400, ""),
    ],
)
def test_refusals_of_others(told: bytes, status: int, detail: str) -> None:
    """What a proxy says is an exception, too: without a slug, with its text, cut and on one line."""
    with (
        ScriptedServer(told) as server,
        Client(server.url, retry=ONCE) as client,
        pytest.raises(ProblemError) as refused,
    ):
        client.search("a")
    assert (refused.value.status, refused.value.slug, refused.value.detail) == (status, "", detail)


@pytest.mark.parametrize(
    "told",
    [
        answer(200, b"<html>", "text/html"),
        answer(200, b"", "application/json"),
        answer(200, {"data": []}),
        answer(200, b"\xff\xfe", "application/json"),
    ],
)
def test_answers_of_others(told: bytes) -> None:
    """What answers 200 and is no Broadsheet is told from one."""
    with (
        ScriptedServer(told) as server,
        Client(server.url, retry=ONCE) as client,
        pytest.raises(errors.AnswerError, match="what it answers is no SearchAnswer"),
    ):
        client.search("a")


def test_the_key_goes_to_the_server_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """No redirect is followed, no link that leads elsewhere, no proxy of the environment is asked."""
    with ScriptedServer() as elsewhere:
        monkeypatch.setenv("HTTP_PROXY", elsewhere.url)
        monkeypatch.setenv("http_proxy", elsewhere.url)
        monkeypatch.setenv("ALL_PROXY", elsewhere.url)
        moved = answer(302, b"", "text/plain", Location=f"{elsewhere.url}/v1/search")
        links = {"next": f"{elsewhere.url}/v1/search?cursor=a", "prev": None, "limit": 1, "has_more": True}
        coverage = {"complete": True, "partitions": {"total": 1, "ok": 1, "failed": []}, "missed": []}
        page: dict[str, object] = {
            "data": [{"id": "a"}],
            "page": links,
            "total": None,
            "coverage": coverage,
            "facets": {},
            "notes": [],
        }
        page |= {"did_you_mean": None, "as_of": "", "origin": None}
        away = [page, page | {"page": {**links, "next": "//elsewhere/v1/search"}}]
        expired = problem("cursor-expired", members={"links": {"resume": f"{elsewhere.url}/v1/search"}})
        with (
            ScriptedServer(moved, *[answer(200, one) for one in away], expired) as server,
            Client(server.url, key="bs_secret", retry=ONCE) as client,
        ):
            with pytest.raises(ProblemError) as redirected:
                client.search("a")
            assert redirected.value.status == 302
            for _ in range(2):
                walk = client.search_all("a")
                assert next(walk).id == "a"
                with pytest.raises(errors.AnswerError, match="which is not followed"):
                    next(walk)
            with pytest.raises(errors.AnswerError, match="which is not followed"):
                list(client.search_all("a", resume=True))
            assert {one.headers["authorization"] for one in server.asked} == {"Bearer bs_secret"}
        assert elsewhere.asked == []


def test_whom_it_trusts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over https nobody unknown, and no name that is another; others by a context or the environment."""
    page = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nlive\n"
    trusting = ssl.create_default_context(cafile=CERTIFICATE)
    trusting.check_hostname = False  # the certificate is for feeds.example
    with FeedServer({"/livez": page}, tls=True) as server:
        url = f"https://127.0.0.1:{server.port}"
        with (
            Client(url, retry=ONCE) as client,
            pytest.raises(errors.UnreachableError, match="self-signed certificate"),
        ):
            client.get("/livez")
        with Client(url, retry=ONCE, tls=trusting) as client:
            assert client.get("/livez") == b"live\n"
        monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
        with Client(url, retry=ONCE) as client, pytest.raises(errors.UnreachableError, match="IP address mismatch"):
            client.get("/livez")
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8000", "ftp://a/", "http://", "http://a/?q=1", "http://a/#b", "http://a:0/", "http://a b/", ""]
)
def test_addresses_that_cannot_be(url: str) -> None:
    """Refused at once, with an example of one that can."""
    with pytest.raises(ValueError, match=r"is no address of a server; give one such as http://127.0.0.1:8000"):
        Client(url)


def test_secrets_are_not_told() -> None:
    """Neither a password in an address, nor a key that is none, nor one that is."""
    for url, key in (("http://me:hush@a/", None), ("http://a/", "hush\r\nX: y"), ("http://a/", "hush é")):
        with pytest.raises(ValueError, match=r"leave out what stands before the @|the key is none") as refused:
            Client(url, key=key)
        assert "hush" not in str(refused.value)
    with Client("http://a/archive/", key="bs_secret") as client:
        assert repr(client) == "Client('http://a/archive')"


def test_a_path_before_the_api_is_kept() -> None:
    """As of a proxy that serves several: links are followed below it."""
    with ScriptedServer(problem("not-found"), problem("not-found")) as server:
        with Client(server.url + "/archive/", retry=ONCE) as client:
            with pytest.raises(errors.NotFoundError):
                client.search("a b")
            with pytest.raises(errors.NotFoundError):
                client.article("..")
        assert server.targets() == ["/archive/v1/search?q=a+b", "/archive/v1/articles/%2E%2E"]


def test_what_is_refused_before_anything_is_asked() -> None:
    """Arguments that no server could make sense of."""
    with ScriptedServer() as server, Client(server.url) as client:
        for call in (
            lambda: client.article(""),
            lambda: client.job("../articles/a"),
            lambda: client.get("v1/search"),
            lambda: next(client.search_all("a", allow_partial=True)),
            lambda: next(client.bulk([], key="")),
            lambda: next(client.bulk([], key="k" * 201)),
            lambda: next(client.bulk([], batch_bytes=0)),
            lambda: client.put_article("a", {"title": object()}),
            lambda: client.put_article("a", {"title": "\ud800"}),
        ):
            with pytest.raises(ValueError, match=r"\w"):
                call()
        assert server.asked == []
