"""Which addresses may be asked for a feed: from a URL to the numeric addresses to connect to.

Contract: `parse_address` takes http and https without user names and nothing else, and refuses hosts that are
numbers in disguise (`127.1`, `0x7f000001`, `2130706433`). `public_addresses` asks the resolver once and refuses a
host of which any address is not public, whatever IPv6 wraps it in, and ports of other services. Who connects to
exactly these addresses cannot be led elsewhere by a resolver that changes its mind. Sources: RFC 3986, the IANA
special-purpose registries, RFC 4291, 6052 (NAT64), 3056 (6to4), 4380 (Teredo), 5214 (ISATAP).

Not here: connecting (`connecting.py`).
"""

import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Literal, cast
from urllib.parse import quote, urlsplit

from indexer.feeds.errors import AddressRefusedError

MAX_URL_CHARS = 2048
_PORTS = {"http": 80, "https": 443}
_FIRST_FREE_PORT = 1024
"""Ports below it belong to services with names (RFC 6335, 6): mail, remote shells, file systems."""
_GLOBAL_UNICAST = IPv6Network("2000::/3")
"""All that IANA gives out; the standard library takes the rest for global, but for what it knows by name."""
# Special ranges that Python 3.11 does not know, or not whole: documentation (RFC 9637), relays of 6to4 (RFC 7526),
# protocol assignments (RFC 6890).
_SPECIAL = (IPv6Network("3fff::/20"), IPv4Network("192.88.99.0/24"), IPv4Network("192.0.0.0/24"))
_NAT64 = IPv6Network("64:ff9b::/96")
_ISATAP = 0x5EFE
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9_])?\.?")
# What browsers call a host that ends in a number: resolvers read it as an IPv4 address, in many spellings.
_ENDS_IN_A_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?")
# Characters that an address may hold beside letters and digits; all others are percent-encoded.
_SAFE = "!$&'()*+,-./:;=?@_~%[]"


Resolver = Callable[[str, int], Sequence[str]]
"""From host and port to numeric addresses, the best first; it raises `OSError` where there are none."""


@dataclass(frozen=True, slots=True)
class Address:
    """A URL, taken apart."""

    url: str
    """As it is to be shown and joined with relative ones, without a fragment."""
    scheme: Literal["http", "https"]
    host: str
    """In lower case, in ASCII; an IPv6 address without its brackets."""
    port: int
    target: str
    """Path and query, percent-encoded."""


def parse_address(url: str) -> Address:
    """Take a URL apart.

    Raises:
        AddressRefusedError: it is none that may be asked, whoever allowed private addresses.
    """
    if len(url) > MAX_URL_CHARS:
        raise AddressRefusedError(url, f"the address has {len(url):,} characters", f"use at most {MAX_URL_CHARS:,}")
    if any(char <= " " or char in "\\\x7f" for char in url):
        raise AddressRefusedError(url, "the address holds a space, a backslash or a control character", "encode it")
    try:
        parts = urlsplit(url)
        port = parts.port
        host = (parts.hostname or "").encode("idna" if not (parts.hostname or "").isascii() else "ascii").decode()
        target = quote(parts.path or "/", safe=_SAFE) + (f"?{quote(parts.query, safe=_SAFE)}" if parts.query else "")
    except ValueError as error:
        raise AddressRefusedError(url, f"the address cannot be read ({error})", "correct it") from None
    if parts.scheme not in _PORTS:
        raise AddressRefusedError(url, f"the scheme is {parts.scheme or 'missing'!r}", "use http or https")
    if "@" in parts.netloc:
        raise AddressRefusedError(url, "the address holds a user name", "leave out what stands before the @")
    if port == 0:
        raise AddressRefusedError(url, "the port is 0", "use 1 to 65535")
    _check_host(url, host, bracketed="[" in parts.netloc)
    scheme = cast("Literal['http', 'https']", parts.scheme)
    return Address(url.partition("#")[0], scheme, host, port or _PORTS[scheme], target)


def public_addresses(address: Address, *, resolver: Resolver | None = None, allow_private: bool = False) -> list[str]:
    """The numeric addresses of a host, asked for once.

    Args:
        address: whose host.
        resolver: asked for names; the system's by default.
        allow_private: take addresses that are not public, too, and any port.

    Raises:
        AddressRefusedError: one of its addresses is not public, or the port is that of another service.
        OSError: there is no such host.
    """
    if not allow_private and address.port < _FIRST_FREE_PORT and address.port not in _PORTS.values():
        raise AddressRefusedError(
            address.url, f"port {address.port} belongs to another service", "use 80, 443 or one from 1024"
        )
    found = list((resolver or resolve)(address.host, address.port))
    if not found:
        raise OSError("the name has no address")
    for one in found:
        if not allow_private and not is_public(one):
            raise AddressRefusedError(
                address.url, f"{address.host} is at {one}, which is no public address", "allow private addresses"
            )
    return found


def resolve(host: str, port: int) -> list[str]:
    """The system's resolver: the distinct addresses in its order."""
    return list(dict.fromkeys(str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))


def is_public(text: str) -> bool:
    """Whether a numeric address belongs to the public internet, and so does every IPv4 address inside it."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    refused = (
        not address.is_global
        or address.is_multicast
        or address.is_reserved
        or address.is_unspecified
        or address.is_link_local
        or address.is_loopback
        or any(address in network for network in _SPECIAL)
    )
    if isinstance(address, IPv4Address):
        return not refused
    inside = _wrapped(address)
    if inside:
        # The wrapping itself may lie in a reserved range; what counts is where the packet ends up.
        return all(is_public(str(one)) for one in inside)
    return not refused and address in _GLOBAL_UNICAST


def _wrapped(address: IPv6Address) -> list[IPv4Address]:
    """The IPv4 addresses that an IPv6 address stands for."""
    low = IPv4Address(int(address) & 0xFFFF_FFFF)
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address.sixtofour is not None:
        return [address.sixtofour]
    if address.teredo is not None:
        return list(address.teredo)
    if address in _NAT64:
        return [low]
    isatap = int(address) >> 32 & 0xFDFF_FFFF == _ISATAP
    return [low] if isatap and address.is_global else []


def _check_host(url: str, host: str, *, bracketed: bool) -> None:
    if bracketed:
        try:
            IPv6Address(host)
        except ValueError:
            raise AddressRefusedError(url, f"{host!r} is no IPv6 address", "correct it") from None
    elif _ENDS_IN_A_NUMBER.fullmatch(host):
        try:
            IPv4Address(host)
        except ValueError:
            raise AddressRefusedError(
                url, f"the host {host!r} is a number in disguise", "write four decimal numbers, or a name"
            ) from None
    elif not _HOST.fullmatch(host):
        raise AddressRefusedError(url, f"the host {host!r} is no name", "correct it")
