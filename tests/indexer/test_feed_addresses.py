"""Addresses: no packet leaves for a host that is not public, in whatever disguise, whoever resolves it."""

import socket
from collections.abc import Callable, Iterator, Sequence
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.feeds.addresses import is_public, parse_address
from indexer.feeds.errors import AddressRefusedError, FeedError, FetchFailedError
from indexer.feeds.fetch import fetch
from tests.indexer.feed_server import FeedServer, answer


@pytest.fixture
def server() -> Iterator[FeedServer]:
    """A server without answers yet."""
    with FeedServer() as running:
        yield running


def _resolver(*addresses: str) -> Callable[[str, int], Sequence[str]]:
    return lambda _host, _port: addresses


REFUSED = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",  # noqa: S104 - refused, not listened on
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::808:808",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "2001:db8::1",
    "2606:4700::5efe:7f00:1",
    "2606:4700::200:5efe:a00:1",
    "100::1",
    "3fff::1",
    "5f00::1",
    "192.88.99.1",
    "192.0.0.8",
    "::ffff:0:7f00:1",
    "nonsense",
]
PUBLIC = ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]


@pytest.mark.parametrize("number", REFUSED)
def test_no_packet_leaves_for_an_address_that_is_not_public(server: FeedServer, number: str) -> None:
    """Whatever IPv6 wraps it in, also beside a public one; a real listener hears nothing."""
    for addresses in ([number], ["127.0.0.1", number], ["93.184.216.34", number]):
        with pytest.raises(AddressRefusedError, match="no public address; allow private addresses"):
            fetch(f"http://feeds.example:{server.port}/", resolver=_resolver(*addresses))
    assert server.settled() == 0


@pytest.mark.parametrize("port", [1, 22, 25, 110, 445, 1023])
def test_ports_of_other_services_are_refused(port: int) -> None:
    """Before any name is resolved; whoever may ask private hosts may ask these, too."""
    asked = []

    def resolver(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        raise OSError("unknown")

    with pytest.raises(AddressRefusedError, match=f"port {port} belongs to another service"):
        fetch(f"http://feeds.example:{port}/", resolver=resolver)
    assert asked == []
    for fine, how in ((80, False), (443, False), (1024, False), (port, True)):
        with pytest.raises(FetchFailedError, match="unknown"):
            fetch(f"http://feeds.example:{fine}/", resolver=resolver, allow_private=how)


def test_public_addresses_are_public() -> None:
    """The check does not refuse everything."""
    assert [number for number in PUBLIC if not is_public(number)] == []


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_what_is_public_is_global(address: object) -> None:
    """No address passes that the standard library calls local, wrapped or not."""
    number = ip_address(str(address))
    if is_public(str(number)):
        assert number.is_global or getattr(number, "ipv4_mapped", None) or getattr(number, "sixtofour", None)
        assert not number.is_multicast


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("file:///etc/passwd", "the scheme is 'file'"),
        ("gopher://a.example/", "the scheme is 'gopher'"),
        ("ftp://a.example/", "the scheme is 'ftp'"),
        ("//a.example/", "the scheme is 'missing'"),
        ("http://user@a.example/", "the address holds a user name"),
        ("http://good.example@127.0.0.1/", "the address holds a user name"),
        ("http://a.example\\@127.0.0.1/", "backslash"),
        ("http://a.example/a b", "space"),
        ("http://a.example/\r\nX: y", "control character"),
        ("http://127.1/", "number in disguise"),
        ("http://2130706433/", "number in disguise"),
        ("http://0x7f000001/", "number in disguise"),
        ("http://0x7f.0.0.1/", "number in disguise"),
        ("http://0177.0.0.1/", "number in disguise"),
        ("http://127.0.0.1./", "number in disguise"),
        ("http://\uff11\uff12\uff17.1/", "number in disguise"),
        ("http://[::1", "cannot be read"),
        ("http://[1.2.3.4]/", "cannot be read|no IPv6 address"),
        ("http://a.example:0/", "the port is 0"),
        ("http://a.example:99999/", "cannot be read"),
        ("http://a.example:x/", "cannot be read"),
        ("http:///feed", "is no name"),
        ("http://a..b\u3002/", "cannot be read"),
        ("http://a.example/" + "x" * 3000, "3,017 characters"),
    ],
)
def test_addresses_that_are_none_are_refused_whoever_asks(url: str, problem: str) -> None:
    """Before any name is resolved."""

    def resolver(_host: str, _port: int) -> Sequence[str]:
        raise AssertionError

    with pytest.raises(AddressRefusedError, match=problem):
        fetch(url, allow_private=True, resolver=resolver)


def test_hosts_are_read_as_the_connection_will() -> None:
    """Case, international names, brackets, ports and queries."""
    parsed = parse_address("HTTPS://BÜCHER.example:8443/ä b%20?q=ö#x".replace(" ", ""))
    assert (parsed.scheme, parsed.host, parsed.port) == ("https", "xn--bcher-kva.example", 8443)
    assert parsed.target == "/%C3%A4b%20?q=%C3%B6"
    assert parse_address("http://[2606:4700::1111]/").host == "2606:4700::1111"


def test_a_redirect_is_checked_like_the_first_address(server: FeedServer) -> None:
    """A public host may not hand over to a private one, nor to another scheme, nor from https to http."""
    with FeedServer() as private:
        for location in (
            f"http://localhost:{private.port}/",
            f"http://169.254.169.254:{private.port}/",
            f"http://[::ffff:127.0.0.1]:{private.port}/",
            f"http://0x7f000001:{private.port}/",
            "file:///etc/passwd",
            "gopher://a.example/",
            "http://[",
        ):
            server.answers["/feed"] = answer(status="302 Found", headers={"Location": location})
            # No test can reach a public host, so the server has to stand in for one.
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr("indexer.feeds.addresses.is_public", lambda number: number == "public")
                patched.setattr("indexer.feeds.connecting.socket.create_connection", _dial({"public": "127.0.0.1"}))
                with pytest.raises(AddressRefusedError):
                    fetch(
                        f"http://feeds.example:{server.port}/feed",
                        resolver=lambda host, _port: ["public"] if host == "feeds.example" else [host],
                    )
        assert private.settled() == 0
    assert len(server.requests) == 7


def _dial(numbers: dict[str, str]) -> Callable[..., object]:
    dial = socket.create_connection
    return lambda where, timeout: dial((numbers[where[0]], where[1]), timeout=timeout)


def test_a_resolver_that_changes_its_mind_is_asked_once(server: FeedServer) -> None:
    """What was checked is what is connected to: the second answer of a rebinding resolver is never heard."""
    asked = []

    def rebinding(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        # An address for documentation, which nobody has, then this machine.
        return ["192.0.2.1"] if len(asked) == 1 else ["127.0.0.1"]

    connected = []

    def dial(where: tuple[str, int], timeout: float) -> object:  # noqa: ARG001 - the signature is the library's
        connected.append(where[0])
        raise ConnectionRefusedError("nobody is there")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("indexer.feeds.addresses.is_public", lambda number: number == "192.0.2.1")
        patched.setattr("indexer.feeds.connecting.socket.create_connection", dial)
        with pytest.raises(FetchFailedError, match="nobody is there"):
            fetch(f"http://feeds.example:{server.port}/", resolver=rebinding)
    assert (asked, connected) == (["feeds.example"], ["192.0.2.1"])
    assert server.settled() == 0


@given(st.text(max_size=60), st.sampled_from(["", "http://", "https://a.example", "http://["]))
def test_any_text_is_an_address_or_refused(text: str, prefix: str) -> None:
    """Nothing else comes out of reading an address."""
    try:
        parsed = parse_address(prefix + text)
    except FeedError:
        return
    assert parsed.host.isascii()
    assert parsed.target.isascii()
    assert not set(parsed.target) & set(" \r\n\0")
