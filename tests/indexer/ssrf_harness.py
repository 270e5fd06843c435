"""Tries to lead the fetching of feeds into a private network, and counts the connections that are begun.

    python -m tests.indexer.ssrf_harness --count 2000 --seed 1 [--mutant NAME]

Contract: each attempt is an address, drawn at random, that leads to a private host in some disguise: spelled as
octal, hexadecimal or short numbers, wrapped into IPv6, behind a name that resolves to it (alone, beside public
addresses, or only when it is asked a second time), by another scheme or port, or by redirects of a public server;
some lead nowhere else and must be read. The interpreter reports every connection before it is begun (audit event
`socket.connect`), and has it refused, so that no packet leaves; names are resolved here. Any connection but to the
public host, or to a port of another service on it, a fourth redirect, or an end later than the deadline raises
`AssertionError`. 127.77.0.1 stands in for the public host, since no test can reach one; `MUTANTS` are ways to break
the guards, each of which must be found out.

Not here: single cases, and that public addresses are public (`test_feed_addresses.py`).
"""

import argparse
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from random import Random
from typing import Any
from unittest.mock import patch

from indexer.feeds import addresses, connecting
from indexer.feeds.errors import FeedError
from indexer.feeds.fetch import MAX_REDIRECTS, Fetched, fetch
from tests.indexer.feed_server import FeedServer, answer

PUBLIC = "127.77.0.1"
DEADLINE_S = 2.0
_PRIVATE_4 = (
    "127.0.0.1",
    "10.0.0.7",
    "172.16.5.4",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",  # noqa: S104 - not listened on
    "127.1.2.3",
)
_PRIVATE_6 = ("::1", "::", "fe80::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1", "3fff::1", "64:ff9b:1::1")
_SCHEMES = ("file", "gopher", "ftp", "dict", "ldap", "data", "jar", "HTTPX", "ws", "")
_REDIRECTS = ("301 Moved", "302 Found", "303 Other", "307 Moved", "308 Moved")

_begun: list[tuple[str, int]] = []
"""Host and port of every connection of this process, while somebody listens."""
_listening = False


def _is_public(host: str, port: int) -> bool:
    number = ip_address(host)
    plain = number.ipv4_mapped or number if isinstance(number, IPv6Address) else number
    return str(plain) == PUBLIC and (port >= 1024 or port in (80, 443))


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if _listening and event == "socket.connect" and isinstance(arguments[1], tuple):
        host, port = str(arguments[1][0]), int(arguments[1][1])
        _begun.append((host, port))
        if not _is_public(host, port):
            raise ConnectionRefusedError("not from here, whatever is broken")


@contextmanager
def _connections() -> Iterator[list[tuple[str, int]]]:
    """What is begun in the meantime."""
    global _listening  # noqa: PLW0603 - an audit hook stays for ever, so it must be told
    _begun.clear()
    _listening = True
    try:
        yield _begun
    finally:
        _listening = False


sys.addaudithook(_hear)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way in."""

    url: str
    names: dict[str, list[list[str]]]
    """Host name to its addresses, each time it is asked; the last for ever."""
    pages: dict[str, bytes]
    """What the public server answers."""
    fine: bool
    """Whether it leads to the public server only, and is to be read."""


class _Drawing:
    """Draws attempts."""

    def __init__(self, random: Random, port: int) -> None:
        self._random = random
        self._port = port
        self._names: dict[str, list[list[str]]] = {}

    def attempt(self) -> Attempt:
        """The next one."""
        self._names = {"public.example": [[PUBLIC]]}
        pages = {"/feed": answer(b"<rss/>")}
        fine = self._random.random() < 0.15
        url = f"http://public.example:{self._port}/feed" if fine else self._private()
        hops = self._random.choice((0, 0, 1, 1, 2, 3, 3, 4, 5))
        for hop in range(hops):
            status = self._random.choice(_REDIRECTS)
            pages[f"/{hop}"] = answer(status=status, headers={"Location": url.encode().decode("latin-1")})
            url = f"http://public.example:{self._port}/{hop}"
        return Attempt(url, self._names, pages, fine and hops <= MAX_REDIRECTS)

    def _private(self) -> str:
        """An address that leads to a private host."""
        kind = self._random.choice(
            ("number", "number", "wrapped", "wrapped", "name", "name", "scheme", "user", "port")
        )
        host = self._random.choice(_PRIVATE_4)
        port = self._random.choice((80, 8080, self._port))
        match kind:
            case "number":
                return f"http://{self._spelled(host)}:{port}/"
            case "wrapped":
                return f"http://[{self._wrapped(host)}]:{port}/"
            case "name":
                return f"http://{self._name(host)}:{port}/"
            case "scheme":
                return f"{self._random.choice(_SCHEMES)}://{host}:{port}/etc/passwd"
            case "user":
                form = self._random.choice(
                    ("public.example@{}", "public.example:80@{}", "public.example\\@{}", "{}#@public.example")
                )
                return f"http://{form.format(host)}:{port}/"
            case _:
                return f"http://public.example:{self._random.choice((1, 22, 25, 53, 110, 445, 1023))}/"

    def _spelled(self, host: str) -> str:
        number = int(IPv4Address(host))
        parts = [int(part) for part in host.split(".")]
        spelled = self._random.choice(
            (
                host,
                str(number),
                hex(number),
                oct(number).replace("0o", "0"),
                ".".join(self._random.choice((str, hex, lambda n: f"0{n:o}", lambda n: f"{n:08}"))(n) for n in parts),
                f"{parts[0]}.{number & 0xFFFFFF}",
                f"{parts[0]}.{parts[1]}.{number & 0xFFFF}",
                f"{host}.",
                host.replace(".", "\u3002"),
                "".join(chr(ord(char) + 0xFEE0) if char.isdigit() else char for char in host),
                host.replace(".", "%2e"),
            )
        )
        return spelled.upper() if self._random.random() < 0.1 else spelled

    def _wrapped(self, host: str) -> str:
        number = int(IPv4Address(host))
        high, low = number >> 16, number & 0xFFFF
        return self._random.choice(
            (
                self._random.choice(_PRIVATE_6),
                f"::ffff:{host}",
                f"::FFFF:{high:x}:{low:x}",
                f"::{host}",
                f"::ffff:0:{high:x}:{low:x}",
                f"64:ff9b::{host}",
                f"2002:{high:x}:{low:x}::1",
                f"2606:4700::5efe:{high:x}:{low:x}",
                f"2001:0:808:808::{high ^ 0xFFFF:x}:{low ^ 0xFFFF:x}",
            )
        )

    def _name(self, host: str) -> str:
        name = self._random.choice(("localhost", "internal.example", "metadata", "a.b.example."))
        target = self._random.choice((host, self._wrapped(host), self._random.choice(_PRIVATE_6)))
        self._names[name] = self._random.choice(
            ([[target]], [[PUBLIC, target]], [[target, PUBLIC]], [[PUBLIC], [target]], [[PUBLIC], [PUBLIC], [target]])
        )
        return name


class _Resolver:
    """Answers from a table, and reads numbers as the system's resolver does: in all their spellings."""

    def __init__(self, names: dict[str, list[list[str]]]) -> None:
        self._names = names
        self._asked: dict[str, int] = {}

    def __call__(self, host: str, _port: int) -> Sequence[str]:
        times = self._asked[host] = self._asked.get(host, 0) + 1
        if host in self._names:
            found = self._names[host]
            return found[min(times, len(found)) - 1]
        try:
            return [socket.inet_ntoa(socket.inet_aton(host))]
        except OSError:
            return [str(ip_address(host))]


def attempts(*, count: int, seed: int, mutant: str = "") -> Iterator[Attempt]:
    """Make so many attempts; gives each that came to the end that it should."""
    random = Random(seed)
    with FeedServer() as private, FeedServer(host=PUBLIC) as public, ExitStack() as undo:
        if mutant:
            undo.enter_context(MUTANTS[mutant]())
        checked = addresses.is_public
        undo.enter_context(patch.object(addresses, "is_public", lambda number: number == PUBLIC or checked(number)))
        drawing = _Drawing(random, public.port)
        for _ in range(count):
            attempt = drawing.attempt()
            public.answers = dict(attempt.pages)
            public.requests.clear()
            began_s = time.monotonic()
            with _connections() as begun:
                try:
                    found = fetch(attempt.url, resolver=_Resolver(attempt.names), deadline_s=DEADLINE_S)
                except FeedError:
                    read = False
                else:
                    read = isinstance(found, Fetched)
                elsewhere = [one for one in begun if not _is_public(*one)]
            assert not elsewhere, f"{attempt} began a connection to {elsewhere}"
            assert len(public.requests) <= 1 + MAX_REDIRECTS, f"{attempt} made {len(public.requests)} requests"
            assert time.monotonic() - began_s < DEADLINE_S + 1, f"{attempt} took too long"
            if attempt.fine:
                assert read, f"{attempt} was refused"
            yield attempt
        assert private.settled() == 0


def _unresolved(address: addresses.Address, _deadline: object, resolver: Any, **_how: object) -> Sequence[str]:
    addresses.public_addresses(address, resolver=resolver)
    return list(resolver(address.host, address.port))


def _first_only(address: addresses.Address, _deadline: object, resolver: Any, **_how: object) -> Sequence[str]:
    found = list(resolver(address.host, address.port))
    addresses.public_addresses(address, resolver=lambda _host, _port: found[:1])
    return found[::-1]


MUTANTS: dict[str, Callable[[], Any]] = {
    "every address is public": lambda: patch.object(addresses, "is_public", lambda _number: True),
    "IPv6 wraps nothing": lambda: patch.object(addresses, "_wrapped", lambda _address: []),
    "resolved again to connect": lambda: patch.object(connecting, "_resolved", _unresolved),
    "only the first address is checked": lambda: patch.object(connecting, "_resolved", _first_only),
    "any port": lambda: patch.object(addresses, "_FIRST_FREE_PORT", 0),
    "ten redirects": lambda: patch("indexer.feeds.fetch.MAX_REDIRECTS", 10),
}
"""Guards that are left out."""


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Try to lead the fetching of feeds into a private network.")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mutant", choices=MUTANTS, default="")
    given = parser.parse_args()
    made = list(attempts(count=given.count, seed=given.seed, mutant=given.mutant))
    fine = sum(attempt.fine for attempt in made)
    sys.stdout.write(f"{len(made):,} attempts with seed {given.seed}: {fine:,} read, 0 connections elsewhere\n")


if __name__ == "__main__":
    main()
