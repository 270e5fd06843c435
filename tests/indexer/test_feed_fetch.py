"""Fetching: what a server says arrives, what it should not be asked is not, and it cannot take long or much."""

import gzip
import random
import socket
import ssl
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from indexer.feeds.errors import AddressRefusedError, BodyRefusedError, FetchFailedError
from indexer.feeds.fetch import Fetched, NotModified, fetch
from indexer.feeds.unpacking import unpacked_body
from tests.indexer.feed_server import CERTIFICATE, FeedServer, answer

FEED = b"<rss><channel><title>News</title></channel></rss>"


@pytest.fixture
def server() -> Iterator[FeedServer]:
    """A server without answers yet."""
    with FeedServer() as running:
        yield running


def _fetched(url: str, **how: object) -> Fetched:
    found = fetch(url, allow_private=True, **how)  # type: ignore[arg-type]
    assert isinstance(found, Fetched)
    return found


def _resolver(*addresses: str) -> Callable[[str, int], Sequence[str]]:
    return lambda _host, _port: addresses


def test_what_the_server_says_arrives(server: FeedServer) -> None:
    """Body, address, type, charset, validators and hints; the request names the host and no user."""
    headers = {
        "Content-Type": 'Application/RSS+XML; Charset="ISO-8859-1"',
        "ETag": '"v1"',
        "Last-Modified": "Mon, 02 Jan 2006 15:04:05 GMT",
        "Cache-Control": "private, max-age=600",
        "Retry-After": "120",
    }
    server.answers["/feed?a=%C3%A9"] = answer(FEED, headers=headers)
    found = _fetched(server.url + "/feed?a=é#top")
    assert (found.body, found.url, found.permanent_url) == (
        FEED,
        server.url + "/feed?a=é",
        server.url + "/feed?a=é#top",
    )
    assert (found.content_type, found.charset) == ("application/rss+xml", "ISO-8859-1")
    assert (found.etag, found.last_modified) == ('"v1"', "Mon, 02 Jan 2006 15:04:05 GMT")
    assert (found.max_age_s, found.retry_after_s) == (600, 120)
    assert f"\r\nHost: 127.0.0.1:{server.port}\r\n".encode() in server.requests[0]
    assert b"If-None-Match" not in server.requests[0]


def test_what_has_not_changed_is_not_sent_again(server: FeedServer) -> None:
    """Validators go out as they came; 304 keeps them, and is an error where none were sent."""
    server.answers["/feed"] = answer(status="304 Not Modified", headers={"Cache-Control": "max-age=60"})
    found = fetch(server.url + "/feed", etag='W/"v1"', last_modified="yesterday", allow_private=True)
    assert type(found) is NotModified
    assert (found.etag, found.last_modified, found.max_age_s) == ('W/"v1"', "yesterday", 60)
    assert b'\r\nIf-None-Match: W/"v1"\r\n' in server.requests[0]
    assert b"\r\nIf-Modified-Since: yesterday\r\n" in server.requests[0]
    with pytest.raises(FetchFailedError, match="the server answers 304"):
        fetch(server.url + "/feed", allow_private=True)


def test_a_validator_that_is_no_header_is_left_out(server: FeedServer) -> None:
    """What a hostile server said once must not become a header of ours, nor an error each time."""
    server.answers["/feed"] = answer(FEED)
    _fetched(server.url + "/feed", etag='"a"\r\nX-Evil: 1', last_modified="\u2603")
    assert b'If-None-Match: "a" X-Evil: 1\r\n' in server.requests[0]
    assert b"If-Modified-Since" not in server.requests[0]


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "identity": bytes,
    "gzip": gzip.compress,
    "x-gzip": lambda body: gzip.compress(body[:9]) + gzip.compress(body[9:]),
    "deflate": zlib.compress,
    "Deflate": lambda body: zlib.compress(body)[2:-4],
    "zstd": zstandard.ZstdCompressor().compress,
}


@pytest.mark.parametrize("coding", PACKERS)
@pytest.mark.parametrize("size", [0, 1, 50, 300_000])
def test_every_packing_gives_the_same_body(server: FeedServer, coding: str, size: int) -> None:
    """As the header names it; deflate with and without the zlib wrapping; gzip in several members."""
    body = random.Random(size).randbytes(size).hex().encode()[:size]
    server.answers["/feed"] = answer(PACKERS[coding](body), headers={"Content-Encoding": coding})
    assert _fetched(server.url + "/feed").body == body


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_a_packed_file_is_recognised_by_its_content(server: FeedServer, coding: str) -> None:
    """Some serve `feed.xml.gz` as it lies on the disk, without saying how it is packed."""
    server.answers["/feed"] = answer(PACKERS[coding](FEED))
    assert _fetched(server.url + "/feed").body == FEED


def _bomb(coding: str) -> bytes:
    zeros = b"\0" * (9 << 20)
    return PACKERS[coding](zeros)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "Deflate", "zstd"])
def test_a_bomb_costs_nothing(coding: str) -> None:
    """1,000 times its size: refused after a step or two, with less memory than one of its windows."""
    bomb = _bomb(coding)
    assert len(bomb) < 20_000
    tracemalloc.start()
    try:
        with pytest.raises(BodyRefusedError, match="more than 100 times its size"):
            unpacked_body("http://a.example/", [bomb], coding, max_bytes=10_000_000)
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("inner", ["gzip", "zstd"])
@pytest.mark.parametrize("outer", ["gzip", "deflate", "zstd"])
def test_what_is_packed_twice_is_refused(inner: str, outer: str) -> None:
    """Whether the header admits it or not; else a bomb in a bomb would have the ratio squared."""
    nested = PACKERS[outer](PACKERS[inner](FEED))
    with pytest.raises(BodyRefusedError, match="the body is packed twice"):
        unpacked_body("http://a.example/", [nested], outer, max_bytes=10_000_000)
    with pytest.raises(BodyRefusedError, match="the body is packed 2 times"):
        unpacked_body("http://a.example/", [nested], f"{inner}, {outer}", max_bytes=10_000_000)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "Deflate", "zstd"])
def test_a_body_cut_anywhere_is_refused(coding: str) -> None:
    """Half a feed must not pass for a whole one."""
    packed = PACKERS[coding](FEED)
    for cut in range(5, len(packed)):
        with pytest.raises(BodyRefusedError, match=r"damaged \w+ data"):
            unpacked_body("http://a.example/", [packed[:cut]], coding, max_bytes=10_000_000)


@given(st.binary(max_size=300), st.sampled_from(["", "gzip", "deflate", "zstd", "br", "gzip,gzip", ",,", "\xff"]))
def test_any_bytes_are_a_body_or_refused(body: bytes, encoding: str) -> None:
    """Nothing else comes out of unpacking."""
    with suppress(BodyRefusedError):
        assert len(unpacked_body("http://a.example/", [body[:3], body[3:]], encoding, max_bytes=200)) <= 200


@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_a_body_has_a_limit(server: FeedServer, coding: str) -> None:
    """To the byte, before and after unpacking, however it is sent."""
    body = random.Random(1).randbytes(5000).hex().encode()
    server.answers["/feed"] = answer(PACKERS[coding](body), headers={"Content-Encoding": coding})
    assert _fetched(server.url + "/feed", max_bytes=10_000).body == body
    with pytest.raises(BodyRefusedError, match="longer than 9,999 bytes"):
        _fetched(server.url + "/feed", max_bytes=9_999)


def test_an_endless_body_is_left(server: FeedServer) -> None:
    """A server that never stops sending is heard until the limit and no longer."""
    sent = []

    def endless(_request: bytes) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n\r\n"
        while True:
            sent.append(65536)
            yield b"x" * 65536

    server.answers["/feed"] = endless
    with pytest.raises(BodyRefusedError, match="longer than 1,000,000 bytes"):
        _fetched(server.url + "/feed", max_bytes=1_000_000)
    # What lies in the buffers of the two sockets was sent in vain.
    assert sum(sent) < 20_000_000


@pytest.mark.parametrize(
    "content",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabcde\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"",
    ],
)
def test_a_broken_answer_is_an_error(server: FeedServer, content: bytes) -> None:
    """Bodies that break off, and servers of other protocols."""
    server.answers["/feed"] = content
    with pytest.raises(FetchFailedError, match="cannot be fetched"):
        _fetched(server.url + "/feed")


@pytest.mark.parametrize("status", [204, 206, 301, 404, 410, 500, 503])
def test_another_status_is_an_error_that_has_it(server: FeedServer, status: int) -> None:
    """With what the server asked for; a redirect to nowhere is one, too."""
    server.answers["/feed"] = answer(status=f"{status} Said So", headers={"Retry-After": "30"})
    with pytest.raises(FetchFailedError, match=rf"the server answers {status} Said So; \w") as caught:
        _fetched(server.url + "/feed")
    assert (caught.value.status, caught.value.retry_after_s) == (status, 30)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("Mon, 01 Jan 1990 00:00:00 GMT", 0),
        ("Fri, 01 Jan 2100 00:00:00 GMT", 366 * 86_400),
        (" 0 ", 0),
        ("9" * 12, 366 * 86_400),
        ("-5", None),
        ("9" * 5000, None),
        ("soon", None),
        ("Mon, 99 Jan 9999 99:99:99 GMT", None),
    ],
)
def test_retry_after_is_bounded(server: FeedServer, value: str, seconds: int | None) -> None:
    """Dates and seconds, whatever they are."""
    server.answers["/feed"] = answer(FEED, headers={"Retry-After": value})
    assert _fetched(server.url + "/feed").retry_after_s == seconds


def _drip(_request: bytes) -> Iterator[bytes]:
    # Short enough to come to its end, if nobody looks at the clock.
    for octet in answer(b"x" * 100):
        yield bytes([octet])
        time.sleep(0.01)


def _drip_headers(_request: bytes) -> Iterator[bytes]:
    yield b"HTTP/1.1 100 Continue\r\n\r\n"
    for _ in range(30):
        yield b"HTTP/1.1 100 Continue\r\n\r\n"
        time.sleep(0.05)
    yield answer(FEED)


def _stall(_request: bytes) -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
    time.sleep(1)


@pytest.mark.parametrize("slow", [_drip, _drip_headers, _stall])
def test_slow_servers_have_the_deadline_too(server: FeedServer, slow: Callable[[bytes], Iterator[bytes]]) -> None:
    """A byte now and then does not begin the time anew."""
    server.answers["/feed"] = slow
    began = time.monotonic()
    with pytest.raises(FetchFailedError, match=r"no whole answer within 0\.3 seconds"):
        _fetched(server.url + "/feed", deadline_s=0.3)
    assert time.monotonic() - began < 5


def test_a_slow_resolver_has_the_deadline_too() -> None:
    """The name is part of the fetch."""
    asleep = threading.Event()

    def resolver(_host: str, _port: int) -> Sequence[str]:
        asleep.wait(20)
        return ["127.0.0.1"]

    with pytest.raises(FetchFailedError, match=r"no whole answer within 0\.1 seconds"):
        _fetched("http://a.example/", deadline_s=0.1, resolver=resolver)
    asleep.set()


def test_a_silent_handshake_has_the_deadline_too() -> None:
    """Somebody accepts the connection and says nothing, in TLS or out of it."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        for scheme in ("http", "https"):
            with pytest.raises(FetchFailedError, match=r"no whole answer within 0\.2 seconds"):
                _fetched(f"{scheme}://127.0.0.1:{port}/", deadline_s=0.2)


def test_an_address_that_swallows_packets_leaves_time_for_the_next(server: FeedServer) -> None:
    """As where IPv6 leads nowhere: it has its share of what is left, whoever gives up first."""
    server.answers["/feed"] = answer(FEED)
    dial = socket.create_connection
    timeouts = []

    def swallowed(where: tuple[str, int], timeout: float) -> socket.socket:
        timeouts.append(timeout)
        if where[0] != "127.0.0.1":
            raise TimeoutError("timed out")
        return dial(where, timeout=timeout)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("indexer.feeds.connecting.socket.create_connection", swallowed)
        url = f"http://feeds.example:{server.port}/feed"
        resolver = _resolver("::1", "::2", "127.0.0.1")
        assert _fetched(url, resolver=resolver, deadline_s=9, clock=lambda: 0.0).body == FEED
    assert timeouts == [3.0, 4.5, 9.0]


def test_redirects_share_the_deadline(server: FeedServer) -> None:
    """Time is taken from a clock that can be set."""
    now = [100.0]

    def later(_request: bytes) -> Iterator[bytes]:
        now[0] += 4.0
        yield answer(status="302 Found", headers={"Location": "/feed"})

    server.answers["/feed"] = later
    with pytest.raises(FetchFailedError, match="no whole answer within 10 seconds"):
        _fetched(server.url + "/feed", clock=lambda: now[0])
    assert len(server.requests) == 3


def test_redirects_are_followed_and_told_apart(server: FeedServer) -> None:
    """The final address is the body's; the permanent one ends before the first that is temporary."""
    server.answers["/a"] = answer(status="301 Moved", headers={"Location": "b"})
    server.answers["/b"] = answer(status="308 Moved", headers={"Location": f"{server.url}/c"})
    server.answers["/c"] = answer(status="302 Found", headers={"Location": "/d"})
    server.answers["/d"] = answer(FEED)
    found = _fetched(server.url + "/a")
    assert (found.url, found.permanent_url) == (server.url + "/d", server.url + "/c")
    server.answers["/e"] = answer(status="301 Moved", headers={"Location": "/a"})
    with pytest.raises(FetchFailedError, match="redirects more than 3 times"):
        _fetched(server.url + "/e")


def test_the_next_address_is_tried(server: FeedServer) -> None:
    """A host with a dead address first is still reached, and `Host` is its name."""
    server.answers["/feed"] = answer(FEED)
    url = f"http://feeds.example:{server.port}/feed"
    assert _fetched(url, resolver=_resolver("::1", "127.0.0.1")).body == FEED
    assert f"\r\nHost: feeds.example:{server.port}\r\n".encode() in server.requests[0]
    with pytest.raises(FetchFailedError, match="the name has no address"):
        _fetched(url, resolver=_resolver())


def test_the_certificate_is_that_of_the_name() -> None:
    """It is checked against the host's name, not the number; unknown signers and other names are refused."""
    trusting = ssl.create_default_context(cafile=CERTIFICATE)
    with FeedServer({"/feed": answer(FEED)}, tls=True) as secure:
        here = _resolver("127.0.0.1")
        assert _fetched(secure.url + "/feed", resolver=here, tls=trusting).body == FEED
        with pytest.raises(FetchFailedError, match="self-signed certificate"):
            _fetched(secure.url + "/feed", resolver=here)
        with pytest.raises(FetchFailedError, match="Hostname mismatch"):
            _fetched(secure.url.replace("feeds", "news") + "/feed", resolver=here, tls=trusting)
        assert len(secure.requests) == 1


def test_encryption_is_not_given_up(server: FeedServer) -> None:
    """A redirect from https to http is refused, and nothing is sent there."""
    moved = answer(status="301 Moved", headers={"Location": server.url + "/feed"})
    trusting = ssl.create_default_context(cafile=CERTIFICATE)
    with (
        FeedServer({"/feed": moved}, tls=True) as secure,
        pytest.raises(AddressRefusedError, match="gives up encryption"),
    ):
        _fetched(secure.url + "/feed", resolver=_resolver("127.0.0.1"), tls=trusting)
    assert server.settled() == 0
