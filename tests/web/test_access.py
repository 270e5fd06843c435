"""Who may do what: roles, challenges, and requests that a web page may have made a browser send.

Not here: keys themselves (`test_keys.py`), servers (`test_guard.py`).
"""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.requests import Request

from web.access import Access
from web.keys import ROLES, Caller, Keys, Role, encode_keys, make_key
from web.problem_types import TYPES
from web.problems import Problem

NOW = datetime(2026, 1, 31, tzinfo=UTC)
MADE = {role: make_key(role, role, created_at=NOW) for role in ROLES}
CHALLENGE = 'Bearer realm="broadsheet"'


def request(method: str = "GET", *headers: tuple[str, str]) -> Request:
    """A request with these headers."""
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    return Request({"type": "http", "method": method, "path": "/", "headers": raw, "query_string": b""})


def bearing(text: str, method: str = "GET") -> Request:
    """A request with this key."""
    return request(method, ("Authorization", f"Bearer {text}"))


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    """A key of each role."""
    path = tmp_path / "keys"
    path.write_bytes(encode_keys(key for key, _ in MADE.values()))
    return Keys(path)


@pytest.fixture
def no_keys(tmp_path: Path) -> Keys:
    """There is no keys file."""
    return Keys(tmp_path / "no-keys")


def refused(access: Access, asked: Request, role: Role) -> Problem:
    """The problem that this request is answered with."""
    with pytest.raises(Problem) as caught:
        access.require(asked, role)
    assert "bs_" not in caught.value.detail.replace("bs_...", "")
    return caught.value


@pytest.mark.parametrize("public_reads", [True, False])
@pytest.mark.parametrize("loopback", [True, False])
@pytest.mark.parametrize("needed", ROLES)
@pytest.mark.parametrize("held", ROLES)
def test_roles_include_one_another(keys: Keys, held: Role, needed: Role, public_reads: bool, loopback: bool) -> None:
    """`admin` is allowed everything, `write` to read and write, `read` to read: wherever the server listens."""
    access = Access(keys, public_reads=public_reads, loopback=loopback)
    key, text = MADE[held]
    allowed = {"read": ("read",), "write": ("read", "write"), "admin": ("read", "write", "admin")}[held]
    for method in ("GET", "POST"):
        if needed in allowed:
            assert access.require(bearing(text, method), needed) == Caller(key.id, held)
        else:
            problem = refused(access, bearing(text, method), needed)
            assert problem.slug == "forbidden"
            assert problem.detail == f"the key {key.id} has role {held}; this needs {needed}"
            challenge = f'{CHALLENGE}, error="insufficient_scope", scope="{needed}"'
            assert problem.headers == {"WWW-Authenticate": challenge}


@pytest.mark.parametrize("headers", [(), (("Authorization", "Basic dTpw"),), (("X-Key", MADE["admin"][1]),)])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE", "BREW"])
def test_without_a_key(keys: Keys, method: str, headers: tuple[tuple[str, str], ...]) -> None:
    """Reading may be public, changing never is; who sent no key is asked for one: no error (RFC 6750, 3.1)."""
    asked = request(method, *headers)
    for public_reads in (True, False):
        access = Access(keys, public_reads=public_reads, loopback=True)
        for role in ROLES:
            if public_reads and role == "read" and method in {"GET", "HEAD"}:
                assert access.require(asked, role) == Caller("anonymous", "read")
            else:
                problem = refused(access, asked, role)
                assert (problem.slug, problem.headers) == ("unauthorized", {"WWW-Authenticate": CHALLENGE})


@pytest.mark.parametrize("header", ["Bearer", "Bearer x", f"Bearer {MADE['admin'][1]}0", "bearer \xff"], ids=range(4))
def test_a_bad_key_is_told_so(keys: Keys, header: str) -> None:
    """Also where none is needed: a client whose key has expired must notice."""
    for public_reads in (True, False):
        access = Access(keys, public_reads=public_reads, loopback=True)
        for role in ROLES:
            problem = refused(access, request("GET", ("Authorization", header)), role)
            assert problem.slug == "unauthorized"
            assert problem.headers == {"WWW-Authenticate": f'{CHALLENGE}, error="invalid_token"'}


def test_two_headers_are_no_key(keys: Keys) -> None:
    """Which of them a proxy looked at, nobody knows."""
    good = ("Authorization", f"Bearer {MADE['admin'][1]}")
    access = Access(keys, public_reads=True, loopback=True)
    assert access.require(request("GET", good), "admin").role == "admin"
    for first, second in ((good, good), (good, ("Authorization", "Bearer x")), (("Authorization", "Basic x"), good)):
        assert refused(access, request("GET", first, second), "write").slug == "unauthorized"


def test_keys_make_reads_private_only_if_they_are_needed(keys: Keys, no_keys: Keys) -> None:
    """What everybody may read every cache may keep."""
    assert Access(keys, public_reads=False, loopback=True).reads_need_a_key
    assert not Access(keys, public_reads=True, loopback=True).reads_need_a_key
    assert not Access(no_keys, public_reads=False, loopback=True).reads_need_a_key


def test_without_keys_strangers_change_nothing(no_keys: Keys) -> None:
    """Should a server without keys be reachable after all, it is read at most."""
    asked = request("POST", ("Host", "localhost"))
    for public_reads in (True, False):
        access = Access(no_keys, public_reads=public_reads, loopback=False)
        for role in ROLES:
            assert refused(access, asked, role).slug == "unauthorized"


HOST, PORT = "Host", "127.0.0.1:8000"
FROM_HERE: list[tuple[tuple[str, str], ...]] = [
    ((HOST, "localhost"),),
    ((HOST, "LocalHost:8000"),),
    ((HOST, "127.0.0.1"),),
    ((HOST, PORT),),
    ((HOST, "127.255.0.254:1"),),
    ((HOST, "[::1]"),),
    ((HOST, "[::1]:65535"),),
    ((HOST, PORT), ("Origin", f"http://{PORT}")),
    ((HOST, PORT), ("Origin", f"https://{PORT}")),
    ((HOST, "LOCALHOST"), ("Origin", "http://localhost")),
    ((HOST, PORT), ("Sec-Fetch-Site", "same-origin"), ("Origin", f"http://{PORT}")),
    ((HOST, PORT), ("Sec-Fetch-Site", "none")),
    ((HOST, PORT), ("Authorization", "Bearer whatever")),
]
FROM_ELSEWHERE: list[tuple[tuple[str, str], ...]] = [
    (),
    ((HOST, ""),),
    ((HOST, "evil.example"),),
    ((HOST, "evil.example:8000"),),
    ((HOST, "localhost.evil.example"),),
    ((HOST, "127.0.0.1.evil.example"),),
    ((HOST, "evil.example#localhost"),),
    ((HOST, "evil@localhost"),),
    ((HOST, "localhost:8000:1"),),
    ((HOST, "localhost\n"),),
    ((HOST, "128.0.0.1"),),
    ((HOST, "0.0.0.0:8000"),),
    ((HOST, "[::]"),),
    ((HOST, "[::2]"),),
    ((HOST, "192.168.0.1"),),
    ((HOST, PORT), (HOST, "evil.example")),
    ((HOST, PORT), ("Origin", "http://evil.example")),
    ((HOST, PORT), ("Origin", "null")),
    ((HOST, PORT), ("Origin", "")),
    ((HOST, PORT), ("Origin", "http://127.0.0.1:3000")),
    ((HOST, PORT), ("Origin", "http://localhost:8000")),
    ((HOST, PORT), ("Origin", f"http://{PORT}.evil.example")),
    ((HOST, PORT), ("Origin", f"http://{PORT}"), ("Origin", "http://evil.example")),
    ((HOST, "evil.example"), ("Origin", "http://evil.example"), ("Sec-Fetch-Site", "same-origin")),
    ((HOST, PORT), ("Sec-Fetch-Site", "cross-site")),
    ((HOST, PORT), ("Sec-Fetch-Site", "same-site")),
    ((HOST, PORT), ("Sec-Fetch-Site", "none"), ("Sec-Fetch-Site", "cross-site")),
    ((HOST, PORT), ("Origin", f"http://{PORT}"), ("Sec-Fetch-Site", "cross-site")),
]


@pytest.mark.parametrize("headers", FROM_HERE)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_without_keys_this_machine_may_write(
    no_keys: Keys, method: str, headers: tuple[tuple[str, str], ...]
) -> None:
    """Programs, and pages of the server itself."""
    access = Access(no_keys, public_reads=True, loopback=True)
    for role in ROLES:
        assert access.require(request(method, *headers), role) == Caller("anonymous", "admin")


@pytest.mark.parametrize("headers", FROM_ELSEWHERE)
def test_without_keys_no_web_page_may_write(no_keys: Keys, headers: tuple[tuple[str, str], ...]) -> None:
    """A name that leads here, a page of another origin: refused, by whatever method, and read at most."""
    access = Access(no_keys, public_reads=False, loopback=True)
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        for role in ROLES:
            problem = refused(access, request(method, *headers), role)
            assert (problem.slug, TYPES[problem.slug].status, problem.headers) == ("forbidden", 403, {})
    assert refused(access, request("GET", *headers), "write").slug == "forbidden"
    assert access.require(request("GET", *headers), "read") == Caller("anonymous", "admin")
