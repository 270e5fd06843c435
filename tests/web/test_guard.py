"""The guard of real servers: every route, keys that change while they run, and what is never told.

Not here: all the ways to be refused (`test_access.py`).
"""

import http.client
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broadsheet.app import OPEN_PATHS
from tests.api_server import ApiServer, eventually, problem_of
from tests.archive import Archive, copied
from web.keys import ROLES, Key, encode_keys, make_key
from web.openapi import Operation, document

NOW = datetime.now(UTC)
MADE = {role: make_key(role, role, created_at=NOW) for role in ROLES}
EXPIRED = make_key("expired", "admin", created_at=NOW, expires_at=NOW - timedelta(seconds=1))
PAGES = (
    "/",
    "/articles/n0011",
    "/nothing",
    "/v1/articles/nobody",
    "/docsx",
    "/docs2/",
    "/livez/",
    "/LIVEZ",
    "//livez",
)
"""Addresses beside those of the OpenAPI document that need a key, whether anything is there or not."""


def bearer(text: str) -> dict[str, str]:
    """The header that holds a key."""
    return {"Authorization": f"Bearer {text}"}


def write(root: Path, *keys: Key) -> None:
    """Make these the keys of an archive."""
    (root / "keys.new").write_bytes(encode_keys(keys))
    (root / "keys.new").replace(root / "keys")


@pytest.fixture
def root(archive: Archive, tmp_path: Path) -> Path:
    """A copy of the archive, to be given keys."""
    return copied(archive.root, tmp_path / "copy")


@pytest.fixture(scope="module")
def keyed(archive: Archive, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A server whose archive is for those with a key."""
    root = copied(archive.root, tmp_path_factory.mktemp("keyed") / "copy")
    write(root, *(key for key, _ in (*MADE.values(), EXPIRED)))
    with ApiServer(root, public_reads=False) as running:
        yield running


def test_every_route_is_guarded(keyed: ApiServer) -> None:
    """What the document says of each: open to all, or for those with a key. What it does not know is closed."""
    described = keyed.client.get("/openapi.json").json()
    for path, methods in described["paths"].items():
        address = path.replace("{id}", "n0011")
        for method in methods.keys() - {"get"}:
            assert {"401", "403"} <= methods[method]["responses"].keys()
            problem_of(keyed.client.request(method, address), 401, "unauthorized")
            headers = bearer(MADE["read"][1])
            problem_of(keyed.client.request(method, address, headers=headers), 403, "forbidden")
        if "get" not in methods:
            continue
        operation = methods["get"]
        response = keyed.client.get(address)
        if operation["security"]:
            assert "401" in operation["responses"]
            problem_of(response, 401, "unauthorized")
        else:
            assert path in OPEN_PATHS
            assert "401" not in operation["responses"]
            assert response.status_code == 200
        needed = [role for one in operation["security"] for roles in one.values() for role in roles]
        for role, (_key, text) in MADE.items():
            answer = keyed.client.get(address, headers=bearer(text))
            if needed and ROLES.index(role) < ROLES.index(needed[0]):
                problem_of(answer, 403, "forbidden")
            else:
                assert answer.status_code in {200, 404}
    for address in PAGES:
        problem_of(keyed.client.get(address), 401, "unauthorized")
        assert keyed.client.get(address, headers=bearer(MADE["read"][1])).status_code in {200, 404}


def test_what_is_open_to_all(keyed: ApiServer) -> None:
    """Whether the service runs, and how it is used: the page that a refusal names can be read."""
    for address in (
        "/livez",
        "/readyz",
        "/openapi.json",
        "/docs",
        "/docs/docs.css",
        "/docs/problems/unauthorized",
        "/page.css",
    ):
        assert keyed.client.get(address).status_code == 200
        assert keyed.client.get(address, headers=bearer("bs_bad")).status_code == 200
        problem_of(keyed.client.post(address), 401, "unauthorized")


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
def test_no_method_gets_past_it(keyed: ApiServer, method: str) -> None:
    """Without a key all are 401; with one, the router says what there is."""
    refused = keyed.client.request(method, "/v1/search")
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, 'Bearer realm="broadsheet"')
    allowed = keyed.client.request(method, "/v1/search", headers=bearer(MADE["read"][1]))
    assert allowed.status_code == (200 if method == "HEAD" else 405)


def test_refusals_over_http(keyed: ApiServer) -> None:
    """A problem like any other, with the challenge of RFC 6750."""
    for text in (EXPIRED[1], MADE["read"][1][:-1], "x"):
        response = keyed.client.get("/v1/search", headers=bearer(text))
        problem_of(response, 401, "unauthorized")
        assert response.headers["WWW-Authenticate"] == 'Bearer realm="broadsheet", error="invalid_token"'
    page = keyed.client.get("/docs/problems/unauthorized")
    assert "broadsheet keys add" in page.text


@pytest.mark.parametrize("name", ["access_token", "key", "authorization", "Authorization"])
def test_a_key_in_the_address_counts_for_nothing(keyed: ApiServer, server: ApiServer, name: str) -> None:
    """Addresses are written to logs and histories."""
    text = MADE["admin"][1]
    problem_of(keyed.client.get("/v1/search", params={name: text}), 401, "unauthorized")
    refused = server.client.get("/v1/search", params={name: f"Bearer {text}"})
    problem_of(refused, 400, "parameter-invalid")
    assert text not in refused.text


def test_answers_for_those_with_a_key_are_private(keyed: ApiServer, server: ApiServer) -> None:
    """No shared cache may keep them; what everybody may read stays public."""
    for address in ("/v1/search?q=budget", "/v1/articles/n0011"):
        closed = keyed.client.get(address, headers=bearer(MADE["read"][1]))
        assert closed.headers["Cache-Control"] == "private, max-age=0, must-revalidate"
        assert closed.headers["Vary"] == "Authorization"
        assert "Vary" not in server.client.get(address).headers
        assert server.client.get(address).headers["Cache-Control"] == "public, max-age=0, must-revalidate"
    for address in ("/", "/articles/n0011", "/v1/partitions"):
        kept = keyed.client.get(address, headers=bearer(MADE["read"][1])).headers["Cache-Control"]
        assert "public" not in kept


def test_keys_change_without_a_restart(root: Path) -> None:
    """No keys, one, another beside it, the first revoked, the file gone: each is noticed within seconds."""
    (first, one), (second, two) = MADE["read"], MADE["write"]

    def status(text: str | None) -> int:
        return server.client.get("/v1/partitions", headers=bearer(text) if text else {}).status_code

    with ApiServer(root, public_reads=False) as server:
        assert (status(None), status(one)) == (200, 200), "without keys nobody is asked for one"
        write(root, first)
        eventually(lambda: status(None) == 401, timeout_s=10)
        assert (status(one), status(two)) == (200, 401)
        write(root, first, second)
        eventually(lambda: status(two) == 200, timeout_s=10)
        assert status(one) == 200
        write(root, second)
        eventually(lambda: status(one) == 401, timeout_s=10)
        assert status(two) == 200
        (root / "keys").unlink()
        eventually(lambda: status(two) == 401, timeout_s=10)
        assert status(None) == 401
        assert server.client.get("/livez").status_code == 200


def test_no_secret_is_ever_told(root: Path) -> None:
    """Good and bad keys, in headers, addresses and a damaged file: no log line and no metric holds one."""
    key, text = MADE["admin"]
    write(root, key, EXPIRED[0])
    sent = (bearer(text), bearer(text[:-1]), bearer(EXPIRED[1]), {"X-Request-Id": text, "X-Key": text})
    with ApiServer(root) as server:
        for headers in sent:
            for address in ("/v1/search?q=budget", f"/v1/search?key={text}", f"/{text}", f"/v1/articles/{text}", "/"):
                for method in ("GET", "POST"):
                    server.client.request(method, address, headers=headers)
        (root / "keys").write_text(text)
        eventually(lambda: server.client.get("/").is_success and "keys not read" in server.log(), timeout_s=10)
        told = server.log() + server.client.get("/metrics").text
    assert 'status="401"' in told
    for known in (text, EXPIRED[1]):
        assert known.rpartition("_")[2][:-1] not in told
    assert key.sha256 not in told


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 405),
        ({"Host": "localhost:1"}, 405),
        ({"Sec-Fetch-Site": "none"}, 405),
        ({"Host": "evil.example"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_without_keys_no_web_page_gets_past_it(
    server: ApiServer, method: str, headers: dict[str, str], status: int
) -> None:
    """What could change something is refused before it comes to a route, unless it comes from this machine itself."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request(method, "/v1/partitions", headers=headers)
    response = connection.getresponse()
    response.read()
    connection.close()
    assert response.status == status


def test_the_document_says_who_may_what() -> None:
    """A route for writers names the role and both refusals; one that is open names neither."""

    def described(role: str | None) -> tuple[list[dict[str, list[str]]], set[str]]:
        operation = Operation(path="/x", summary="X", description="X.", role=role)  # type: ignore[arg-type]
        made = document([operation], version="1")
        assert made["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
        one = made["paths"]["/x"]["get"]
        return one["security"], {status for status in one["responses"] if re.fullmatch("40[13]", status)}

    assert described(None) == ([], set())
    assert described("read") == ([{}, {"key": ["read"]}], {"401"})
    assert described("write") == ([{"key": ["write"]}], {"401", "403"})
    assert described("admin") == ([{"key": ["admin"]}], {"401", "403"})
