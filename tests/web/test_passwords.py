"""Keys as passwords: who reads with a browser.

Not here: what else keys allow (`test_access.py`).
"""

from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.requests import Request

from web.access import Access
from web.keys import ROLES, Keys, Role, encode_keys, make_key
from web.problems import Problem

MADE = {role: make_key(role, role, created_at=datetime(2026, 1, 31, tzinfo=UTC)) for role in ROLES}


@pytest.fixture
def access(tmp_path: Path) -> Access:
    """A key of each role, which reading needs."""
    path = tmp_path / "keys"
    path.write_bytes(encode_keys(key for key, _ in MADE.values()))
    return Access(Keys(path), public_reads=False, loopback=False)


def asking(method: str, credentials: str | None, accept: str = "text/html,*/*;q=0.8") -> Request:
    """A request of a browser; `credentials` as they stand behind `Basic`."""
    headers = [(b"accept", accept.encode())]
    if credentials is not None:
        headers.append((b"authorization", b"Basic " + credentials.encode()))
    return Request({"type": "http", "method": method, "path": "/", "headers": headers, "query_string": b""})


def basic(name: str, password: str) -> str:
    """Credentials as of RFC 7617."""
    return b64encode(f"{name}:{password}".encode()).decode()


@pytest.mark.parametrize("held", ROLES)
@pytest.mark.parametrize("name", ["", "ann", "bo: the name ends at its first colon? no, here", "é"])
def test_a_key_as_a_password_reads(access: Access, held: Role, name: str) -> None:
    """Whatever the name is, as long as it has no colon, which the password is behind."""
    key, text = MADE[held]
    asked = asking("GET", basic(name, text))
    if ":" in name:
        with pytest.raises(Problem):
            access.require(asked, "read")
    else:
        assert access.require(asked, "read").client == key.id


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
@pytest.mark.parametrize("needed", ["read", "write", "admin"])
def test_a_password_changes_nothing(access: Access, method: str, needed: Role) -> None:
    """A browser adds it by itself, also to what a page of another site makes it send."""
    with pytest.raises(Problem) as caught:
        access.require(asking(method, basic("", MADE["admin"][1])), needed)
    assert caught.value.slug == "unauthorized"
    assert "Basic" not in caught.value.headers["WWW-Authenticate"]


def test_a_password_is_no_more_than_a_reader_even_where_nothing_changes(access: Access) -> None:
    """What only writers may read, they read with a key of their own choosing."""
    with pytest.raises(Problem):
        access.require(asking("GET", basic("", MADE["admin"][1])), "write")


@pytest.mark.parametrize(
    "credentials", ["", "%%%", "bm9jb2xvbg==", b64encode(b"\xff:\xff").decode(), basic("", "bs_"), "A" * 2000]
)
def test_a_bad_password_is_refused(access: Access, credentials: str) -> None:
    """And asked for again."""
    with pytest.raises(Problem) as caught:
        access.require(asking("GET", credentials), "read")
    assert caught.value.slug == "unauthorized"
    assert "Basic" in caught.value.headers["WWW-Authenticate"]


def test_programs_are_not_asked_for_a_password(access: Access) -> None:
    """A page's own script must not make the browser ask in the middle of typing."""
    with pytest.raises(Problem) as caught:
        access.require(asking("GET", None, "application/json"), "read")
    assert caught.value.headers["WWW-Authenticate"] == 'Bearer realm="broadsheet"'
