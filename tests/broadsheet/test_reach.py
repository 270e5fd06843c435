"""Who can reach a server: without keys this machine alone, wherever it is asked.

Not here: what callers may do (`tests/web/test_access.py`).
"""

import asyncio
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog

from broadsheet.app import create_app
from broadsheet.reach import KEYS_FILE, access_of, is_loopback
from broadsheet.settings import Settings, SettingsError
from tests import commands
from web.keys import encode_keys, make_key

EVERYWHERE = "0.0.0.0"  # noqa: S104 - which is refused
KEY, _TEXT = make_key("x", "admin", created_at=datetime.now(UTC))


@pytest.fixture(autouse=True)
def _logs_stay_as_they_are() -> Iterator[None]:
    """An app configures the logs of its process."""
    yield
    structlog.reset_defaults()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback(host: str) -> None:
    """By address or by name."""
    assert is_loopback(host)


@pytest.mark.parametrize("host", [EVERYWHERE, "::", "192.0.2.1", "::ffff:192.0.2.1", "no such host", "\0", "é" * 70])
def test_others(host: str) -> None:
    """Every address, one of a network, and what is no host."""
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("addresses", "loopback"),
    [(["127.0.0.1", "::1"], True), (["127.0.0.1", "192.0.2.1"], False), (["fe80::1%1", "::1"], False)],
)
def test_all_addresses_of_a_name_count(monkeypatch: pytest.MonkeyPatch, addresses: list[str], loopback: bool) -> None:
    """One that leads elsewhere is enough for others to come in."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    assert is_loopback("name") == loopback


def test_a_server_for_others_needs_keys(tmp_path: Path) -> None:
    """Refused with status 2 and the cure; the process that serves refuses too, whoever started it."""
    refused = commands.run("serve", "--data", tmp_path, "--host", EVERYWHERE)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("broadsheet: host '0.0.0.0' is not loopback, and there are no keys")
    assert f"`broadsheet keys add NAME --role admin --data {tmp_path}`" in refused.stderr
    settings = Settings(data=str(tmp_path), host=EVERYWHERE)
    app = create_app(settings)

    async def live() -> None:
        async with app.router.lifespan_context(app):
            pass

    with pytest.raises(SettingsError, match="is not loopback"):
        asyncio.run(live())
    assert list(tmp_path.iterdir()) == [], "nothing was begun"
    (tmp_path / KEYS_FILE).write_bytes(encode_keys([KEY]))
    access_of(settings)


def test_a_damaged_keys_file_stops_the_start(tmp_path: Path) -> None:
    """It is named: who set keys must not be served without them."""
    (tmp_path / KEYS_FILE).write_bytes(b"{")
    refused = commands.run("serve", "--data", tmp_path)
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"broadsheet: {tmp_path / KEYS_FILE}, line 1: not a key (")
