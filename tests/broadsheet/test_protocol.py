"""What a request may say before it is answered: more than that ends the connection, and the server goes on.

Not here: addresses that are too long and yet were read (`tests/search/test_fuzz.py`).
"""

import contextlib
import socket

import pytest

from broadsheet.protocol import MAX_HEAD_BYTES
from tests.api_server import ApiServer

ENOUGH = 1024 * MAX_HEAD_BYTES
"""Bytes after which a server that still listens would listen for ever: sockets hold up to ten megabytes."""
BEGINNING = b"GET /livez HTTP/1.1\r\nHost: x\r\n"
CHUNKED = b"POST /livez HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


def _said(server: ApiServer, beginning: bytes, more: bytes) -> tuple[int, bytes]:
    """How many bytes could be said until the connection was closed, and what was heard then."""
    heard = b""
    with socket.create_connection(("127.0.0.1", server.port), 10) as caller:
        said = caller.send(beginning)
        with contextlib.suppress(ConnectionError):
            while said < ENOUGH:
                said += caller.send(more)
        with contextlib.suppress(ConnectionError):
            while chunk := caller.recv(1 << 16):
                heard += chunk
    return said, heard


@pytest.mark.parametrize(
    ("beginning", "more"),
    [
        (b"GET /livez?", b"x" * 50_000),
        (BEGINNING + b"X-Long: ", b"x" * 50_000),
        (BEGINNING, b"X-Short: x\r\n" * 5000),
        (BEGINNING + b"X", b"x" * 50_000),
        (CHUNKED + b"0\r\n", b"X-Trailer: x\r\n" * 5000),
        (CHUNKED + b"1;", b"x" * 50_000),
    ],
    ids=["address", "header", "headers", "name of a header", "trailers", "extension of a chunk"],
)
def test_a_request_without_end(server: ApiServer, beginning: bytes, more: bytes) -> None:
    """The connection is closed long before megabytes were taken in; others are answered as before."""
    said, heard = _said(server, beginning, more)
    assert said < ENOUGH
    assert not heard or b"HTTP/1.1 400" in heard
    assert server.client.get("/livez").status_code == 200


def test_a_long_body_is_no_long_head(server: ApiServer) -> None:
    """It is for the route to say whether it wants one; and one connection takes any number of requests."""
    body = b"x" * (4 * MAX_HEAD_BYTES)
    for _ in range(3):
        assert server.client.post("/livez", content=body).status_code == 405
    for _ in range(300):
        assert server.client.get("/livez", headers={"X-Some": "x" * 1000}).status_code == 200


def test_what_is_no_request_does_not_flood_the_log(server: ApiServer) -> None:
    """It is warned of once a second, however many there are."""
    for _ in range(40):
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            connection.sendall(b"no request\r\n\r\n")
            assert connection.recv(12) == b"HTTP/1.1 400"
    assert 1 <= server.log().count("Invalid HTTP request received.") <= 10
