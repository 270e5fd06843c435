"""Hands bombs to the reading of feeds, and measures what each costs.

    python -m tests.indexer.bomb_harness --count 200 --seed 1 [--mutant NAME]

Contract: each bomb is drawn at random and read in a process of its own, which is watched for opening files and
connections. It must do neither and be refused with the one error that its layer documents, within `MAX_CPU_S` and
`MAX_RSS_BYTES` more memory than before (`MAX_VAST_CPU_S` and `MAX_VAST_RSS_BYTES` for what is not small and dense but
merely vast), or `AssertionError` is raised. Processor time is counted, since machines that run tests are busy.
`MUTANTS` are ways to break the guards, each of which must be found out.

Not here: single cases (`test_feed_xml.py`, `test_feed_fetch.py`), pages of crawls (`test_warc.py`).
"""

import argparse
import gzip
import json
import os
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from unittest.mock import patch

import zstandard

from indexer.feeds import unpacking, xml_tree
from indexer.feeds.errors import BodyRefusedError, FeedInvalidError
from indexer.feeds.fetch import MAX_BODY_BYTES
from indexer.feeds.formats import read_feed

URL = "https://news.example/feed"
MAX_CPU_S = 0.04
MAX_RSS_BYTES = 32 << 20
MAX_VAST_CPU_S = 1.0
MAX_VAST_RSS_BYTES = 64 << 20
_FORBIDDEN = ("open", "socket.connect", "socket.getaddrinfo", "subprocess.Popen")


class Bomb(NamedTuple):
    """A body as a server sends it."""

    name: str
    body: bytes
    encoding: str = ""
    vast: bool = False


class Cost(NamedTuple):
    """What a bomb did."""

    error: str
    cpu_s: float
    rss_bytes: int


def _laughs(random: Random) -> Bomb:
    depth, width = random.randint(5, 30), random.randint(5, 40)
    entities = b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * width) for n in range(1, depth))
    return Bomb("billion laughs", b'<!DOCTYPE r [<!ENTITY l0 "ha">%s]><r>&l%d;</r>' % (entities, depth - 1))


def _quadratic(random: Random) -> Bomb:
    size = random.randint(10_000, 500_000)
    return Bomb("quadratic", b'<!DOCTYPE r [<!ENTITY x "' + b"x" * size + b'">]><r>' + b"&x;" * size + b"</r>")


def _outside(random: Random) -> Bomb:
    target = random.choice(("file:///etc/passwd", "http://127.0.0.1:9/x.dtd", "/dev/zero"))
    form = random.choice(
        (
            '<!DOCTYPE r [<!ENTITY x SYSTEM "{0}">]><r>&x;</r>',
            '<!DOCTYPE r [<!ENTITY % x SYSTEM "{0}"> %x;]><r/>',
            '<!DOCTYPE r SYSTEM "{0}"><r>&x;</r>',
            '<!DOCTYPE r PUBLIC "-//X" "{0}" [<!ATTLIST r a CDATA "x">]><r/>',
        )
    )
    return Bomb("entity from outside", form.replace("{0}", target).encode(random.choice(("utf-8", "utf-16"))))


def _filling(random: Random, size: int) -> bytes:
    unit = random.choice((b"\0", b" ", b"<item/>", b"ha"))
    return (b"<rss>" + unit * (size // len(unit)))[:size]


_PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda body: gzip.compress(body, 9),
    "deflate": lambda body: zlib.compress(body, 9),
    "zstd": zstandard.ZstdCompressor(level=3).compress,
}


def _packed(random: Random) -> Bomb:
    coding = random.choice(list(_PACKERS))
    body = _PACKERS[coding](_filling(random, random.randint(20, 60) << 20))
    named = coding == "deflate" or random.random() < 0.5
    return Bomb(f"{coding} 1000:1", body, coding if named else "")


def _nested(random: Random) -> Bomb:
    body = _filling(random, 30 << 20)
    codings = random.choices(("gzip", "zstd"), k=random.randint(2, 4))
    for coding in codings:
        body = _PACKERS[coding](body)
    encoding = random.choice(("", codings[-1], ", ".join(codings)))
    return Bomb("packed in packed", body, encoding)


def _members(random: Random) -> Bomb:
    """Very many small members, each of which packs well enough."""
    coding = random.choice(("gzip", "zstd"))
    member = _PACKERS[coding](b"x" * random.choice((90_000, 400_000)))
    return Bomb(f"{coding} in members", (member * (4_000_000 // len(member)))[:4_000_000], coding)


def _deep(random: Random) -> Bomb:
    depth = random.randint(2000, 500_000)
    form = random.choice((b"<a>" * depth, b"[" * depth, b'{"a":' * depth, b'[{"items":' * depth))
    return Bomb("deep", form)


def _wide(random: Random) -> Bomb:
    body = random.choice(
        (
            b"<rss>" + b"<b/>" * 1_000_000 + b"</rss>",
            b"<rss>" + b'<b a="1" b="2" c="3" d="4"/>' * 300_000 + b"</rss>",
            b"<rss><channel>" + b"<item/>" * 90_000 + b"</channel></rss>",
            b"<rss " + b" ".join(b'a%d=">"' % n for n in range(600_000)) + b"/>",
            b"[" + b"{}," * 190_000 + b"{}]",
            b"[" + b'"a",' * 390_000 + b'""]',
            b'{"version":"https://jsonfeed.org/version/1","items":[' + b"{}," * 190_000 + b"{}]}",
            b'{"uri":"a"}\n' * 60_000,
            b"[" + b'{"a":1},' * 190_000 + b"{}]",
            b'[{"a":' + b'[{"b":{}}],' * 95_000 + b"{}]",
        )
    )
    return Bomb("wide", body, vast=True)


KINDS = (_laughs, _quadratic, _outside, _packed, _nested, _members, _deep, _wide)


def _cost(bomb: Bomb, mutant: str) -> Cost:
    """Read it in a process of its own."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with ExitStack() as undo:
                if mutant:
                    undo.enter_context(MUTANTS[mutant]())
                os.write(theirs, json.dumps(_read(bomb)).encode())
        finally:
            os._exit(0)
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    assert told, f"{bomb.name}: the process died of it"
    return Cost(*json.loads(told))


def _read(bomb: Bomb) -> Cost:
    before = _peak_bytes(reset=True)
    began_s = time.process_time()
    forbidden: list[str] = []
    armed = [True]

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if armed[0] and event in _FORBIDDEN:
            forbidden.append(f"{event} {arguments[0]!r}"[:80])

    sys.addaudithook(hear)
    error = "nothing: it was read"
    try:
        body = unpacking.unpacked_body(URL, [bomb.body], bomb.encoding, max_bytes=MAX_BODY_BYTES)
        read_feed(body, None, URL)
    except (BodyRefusedError, FeedInvalidError) as refused:
        error = type(refused).__name__
    except Exception as unforeseen:  # noqa: BLE001 - it is told, in another process
        error = f"unforeseen {type(unforeseen).__name__}: {unforeseen}"[:200]
    armed[0] = False
    cpu_s = time.process_time() - began_s
    return Cost(forbidden[0] if forbidden else error, cpu_s, _peak_bytes() - before)


def _peak_bytes(*, reset: bool = False) -> int:
    """The most memory that this process has had, since it was reset."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) << 10


def explosions(*, count: int, seed: int, mutant: str = "", patience: float = 1.0) -> Iterator[tuple[Bomb, Cost]]:
    """Read so many bombs, of each kind in turn; gives each that cost as little as it should.

    Args:
        count: how many.
        seed: of what they are made.
        mutant: one of `MUTANTS`.
        patience: how many times the time is allowed, where the machine is shared with others.
    """
    random = Random(seed)
    for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
        # What is loaded at the first use must not be taken for a file that a bomb opens.
        read_feed("<rss/>".encode(encoding), None, URL)
    for number in range(count):
        bomb = KINDS[number % len(KINDS)](random)
        cost = _cost(bomb, mutant)
        what = f"{bomb.name} of {len(bomb.body):,} bytes {bomb.encoding}"
        assert cost.error in ("BodyRefusedError", "FeedInvalidError"), f"{what}: {cost.error}"
        most_s = patience * (MAX_VAST_CPU_S if bomb.vast else MAX_CPU_S)
        assert cost.cpu_s <= most_s, f"{what}: {cost.cpu_s:.3f} s"
        assert cost.rss_bytes <= (MAX_VAST_RSS_BYTES if bomb.vast else MAX_RSS_BYTES), (
            f"{what}: {cost.rss_bytes >> 20} MiB"
        )
        yield bomb, cost


class _Trusting(xml_tree._Parser):
    def __init__(self, *, target: object, **_forbidden: bool) -> None:
        super().__init__(target=target, forbid_dtd=False, forbid_entities=False, forbid_external=False)


MUTANTS: dict[str, Callable[[], Any]] = {
    "documents may declare": lambda: patch.object(xml_tree, "_Parser", _Trusting),
    "any ratio": lambda: patch.object(unpacking, "MAX_RATIO", 1_000_000),
    "zstd at once": lambda: patch.object(unpacking, "_ZSTD_SLICE_BYTES", 1 << 20),
    "any number of elements": lambda: patch.object(xml_tree, "MAX_ELEMENTS", 1 << 40),
    "any number of entries": lambda: patch("indexer.feeds.entries.MAX_ENTRIES", 1 << 40),
    "tags of any length": lambda: patch.object(xml_tree, "MAX_TAG_CHARS", 1 << 40),
}
"""Guards that are left out."""


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Hand bombs to the reading of feeds.")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mutant", choices=MUTANTS, default="")
    given = parser.parse_args()
    found = list(explosions(count=given.count, seed=given.seed, mutant=given.mutant))
    for vast in (False, True):
        costs = [cost for bomb, cost in found if bomb.vast == vast]
        sys.stdout.write(
            f"{len(costs):,} {'vast documents' if vast else 'bombs'} refused, at most in "
            f"{max((cost.cpu_s for cost in costs), default=0) * 1000:.0f} ms and "
            f"{max((cost.rss_bytes for cost in costs), default=0) / (1 << 20):.1f} MiB\n"
        )


if __name__ == "__main__":
    main()
