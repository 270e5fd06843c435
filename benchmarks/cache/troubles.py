"""Redis in trouble, under load: what callers notice, and how long after the trouble.

A server with a small memory is asked for addresses that Redis has, at a fixed rate, before, during and after each
trouble. What is wrong is an answer that differs from what was answered before anything happened; an error is any
other status, or none. It has recovered when an answer comes from Redis again.

Contract: each trouble begins with a Redis that is whole and filled, and is over when `heal` returns.

Not here: every byte that a server can say (`tests/cache/test_redis_trouble.py`).
"""

import asyncio
import contextlib
import itertools
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.cache.asking import address, plain
from benchmarks.live.figures import latencies
from benchmarks.live.schedule import evenly, on_schedule
from benchmarks.live.wire import Answer, Client
from tests.api_server import ApiServer
from tests.cache.wire import Wire, honest
from tests.redis_server import RedisServer

ADDRESSES = 200
RECOVERY_S = 20.0
"""By when it must have recovered."""
SMALL_MEMORY_BYTES = 1 << 16
_FROM_REDIS = "detail=redis"

Spoil = Callable[[int, bytes], bytes]


def _flip(_: int, piece: bytes) -> bytes:
    """A byte of each piece is another."""
    at = random.randrange(len(piece)) if piece else 0
    return piece[:at] + bytes([piece[at] ^ 0x20]) + piece[at + 1 :] if piece else piece


def _saying(what: bytes) -> Spoil:
    return lambda _number, _piece: what


class Scene:
    """A Redis, the wire to it, and who asks."""

    def __init__(self, redis: RedisServer, wire: Wire) -> None:
        self.redis = redis
        self.wire = wire

    def order(self, line: str) -> None:
        """Say something to the server."""
        self.redis.command(*line.encode().split())

    def spoil(self, how: Spoil) -> None:
        """Spoil what it says."""
        self.wire.spoil = how

    def delay(self, seconds: float) -> None:
        """Let it answer late."""
        self.wire.delay_s = seconds


class Trouble(NamedTuple):
    """Something that happens to Redis."""

    name: str
    begin: Callable[[Scene], None]
    heal: Callable[[Scene], None]
    again: Callable[[Scene], None] | None = None
    """Done ten times a second meanwhile."""


def _honest(scene: Scene) -> None:
    scene.spoil(honest)


def _nothing(_scene: Scene) -> None:
    pass


def _restart(scene: Scene) -> None:
    scene.redis.kill()
    scene.redis.start()


def _full(scene: Scene) -> None:
    scene.order("CONFIG SET maxmemory-policy noeviction")
    scene.order("CONFIG SET maxmemory 1")


def _roomy(scene: Scene) -> None:
    scene.order("CONFIG SET maxmemory 0")


def _evicting(scene: Scene) -> None:
    scene.order("CONFIG SET maxmemory-policy allkeys-random")
    scene.order("CONFIG SET maxmemory 2mb")


def _demote(scene: Scene) -> None:
    scene.order("REPLICAOF 127.0.0.1 1")


def _promote(scene: Scene) -> None:
    scene.order("REPLICAOF NO ONE")


def _fail_over(scene: Scene) -> None:
    """Another takes its place, with nothing in it, and is no primary yet."""
    _restart(scene)
    _demote(scene)


TROUBLES = (
    Trouble("refused", lambda scene: scene.redis.kill(), lambda scene: scene.redis.start()),
    Trouble("hung", lambda scene: scene.redis.hang(), lambda scene: scene.redis.resume()),
    Trouble("slow", lambda scene: scene.delay(0.02), lambda scene: scene.delay(0.0)),
    Trouble("too_slow", lambda scene: scene.delay(0.2), lambda scene: scene.delay(0.0)),
    Trouble("flushed", _nothing, _nothing, lambda scene: scene.order("FLUSHALL")),
    Trouble("full", _full, _roomy),
    Trouble("evicting", _evicting, _roomy),
    Trouble("read_only", _demote, _promote),
    Trouble("restarted", _nothing, _nothing, _restart),
    Trouble("failing_over", _fail_over, _promote),
    Trouble("damaged", lambda scene: scene.spoil(_flip), _honest),
    Trouble("cut_short", lambda scene: scene.spoil(lambda _, piece: piece[:-5]), _honest),
    Trouble("foreign", lambda scene: scene.spoil(_saying(b"HTTP/1.1 400 Bad Request\r\n\r\n")), _honest),
    Trouble("loading", lambda scene: scene.spoil(_saying(b"-LOADING Redis is loading the dataset\r\n")), _honest),
)


class Load:
    """Requests at a rate, and what came of them."""

    def __init__(self, client: Client, expected: dict[str, bytes], rate: float) -> None:
        self._client = client
        self._expected = expected
        self._rate = rate
        self._targets = itertools.cycle(expected)

    async def put_on(self, seconds: float) -> dict[str, Any]:
        """For so long."""
        spent_s: list[float] = []
        found = {"asked": 0, "errors": 0, "wrong": 0, "from_redis": 0}

        async def ask(due_s: float) -> None:
            target = next(self._targets)
            found["asked"] += 1
            try:
                answer = await self._client.get(target)
            except (ConnectionError, TimeoutError):
                found["errors"] += 1
                return
            spent_s.append(answer.received_s - due_s)
            found["errors"] += answer.status != 200
            found["wrong"] += answer.status == 200 and plain(answer.body) != self._expected[target]
            found["from_redis"] += _from_redis(answer)

        await on_schedule(evenly(self._rate, seconds), ask)
        return {**found, **latencies(spent_s)}

    async def recovery_s(self) -> float | None:
        """How long it takes until Redis answers again; `None` if it does not."""
        began_s = time.monotonic()
        while time.monotonic() < began_s + RECOVERY_S:
            if _from_redis(await self._client.get(next(self._targets))):
                return round(time.monotonic() - began_s, 2)
        return None


def _from_redis(answer: Answer) -> bool:
    return _FROM_REDIS in (answer.header("Cache-Status") or "")


@asynccontextmanager
async def _scene(root: Path, queries: Sequence[str]) -> AsyncIterator[tuple[Scene, dict[str, bytes], Client]]:
    redis = RedisServer()
    with contextlib.closing(redis):
        async with Wire(redis.url) as wire:
            server = await asyncio.to_thread(
                lambda: ApiServer(root, redis_url=wire.url, cache_bytes=SMALL_MEMORY_BYTES)
            )
            with contextlib.closing(server):
                async with Client(server.port) as client:
                    expected = {}
                    for target in [address(query) for query in dict.fromkeys(queries)][:ADDRESSES]:
                        expected[target] = plain((await client.get(target)).body)
                    yield Scene(redis, wire), expected, client


async def troubled(root: Path, queries: Sequence[str], *, rate: float, seconds: float) -> dict[str, Any]:
    """The figures of each trouble, and those without any."""
    async with _scene(root, queries) as (scene, expected, client):
        load = Load(client, expected, rate)
        await load.put_on(len(expected) / rate)
        found: dict[str, Any] = {"none": await load.put_on(seconds)}
        for trouble in TROUBLES:
            found[trouble.name] = await _one(trouble, scene, load, seconds)
            await load.put_on(2 * len(expected) / rate)  # until all is there again
    return found


async def _one(trouble: Trouble, scene: Scene, load: Load, seconds: float) -> dict[str, Any]:
    async def again() -> None:
        while trouble.again:
            await asyncio.to_thread(trouble.again, scene)
            await asyncio.sleep(0.1)

    await asyncio.to_thread(trouble.begin, scene)
    repeating = asyncio.create_task(again())
    try:
        figures = await load.put_on(seconds)
    finally:
        repeating.cancel()
        await asyncio.gather(repeating, return_exceptions=True)
        await asyncio.to_thread(trouble.heal, scene)
    return {**figures, "recovery_s": await load.recovery_s()}


def tables(found: dict[str, Any]) -> Iterator[str]:
    """A line for each trouble."""
    names = "asked", "errors", "wrong", "p50 ms", "p99 ms", "max ms", "recovery s"
    yield f"{'trouble':14}" + "".join(
        f"{name:>{width}}" for name, width in zip(names, (7, 7, 6, 8, 8, 8, 11), strict=True)
    )
    for name, row in found.items():
        recovery = row.get("recovery_s", "")
        yield (
            f"{name:14}{row['asked']:7}{row['errors']:7}{row['wrong']:6}{row['p50_ms']:8}{row['p99_ms']:8}"
            f"{row['max_ms']:8}{'never' if recovery is None else recovery:>11}"
        )
