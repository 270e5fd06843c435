"""A tier: bounds on what is pending, and what opens the breaker."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from cache.backends import FailFastRedisCache
from cache.breaker import Breaker
from cache.entry import Entry
from cache.keys import Key
from cache.tier import MAX_PENDING_WRITES, Tier
from tests.cache.doubles import PATIENCE_S, Counted

pytestmark = pytest.mark.anyio

ENTRY = Entry(b"body", 1_700_000_000.0, 1e9)


class GatedRedis(FailFastRedisCache):
    """A Redis whose writes wait at a gate."""

    def __init__(self, url: str) -> None:
        super().__init__(url, timeout_s=PATIENCE_S)
        self.gate = asyncio.Event()

    async def put(self, key: str, value: bytes, ttl: float, *, unless: Callable[[object], bool]) -> bool:
        """Wait, and write."""
        await self.gate.wait()
        return await super().put(key, value, ttl, unless=unless)


@pytest.fixture
async def gated(redis_url: str) -> AsyncIterator[GatedRedis]:
    """One of them."""
    async with GatedRedis(redis_url) as redis:
        yield redis


async def test_pending_writes_are_bounded(gated: GatedRedis) -> None:
    """While too many writes are pending, more are not kept; then they are again."""
    tier = Tier(gated, Breaker())
    counted = Counted("writes", "result", "kept", "skipped")
    pending = [asyncio.create_task(tier.keep(Key.of(str(number)), ENTRY)) for number in range(MAX_PENDING_WRITES)]
    await asyncio.sleep(0)
    await tier.keep(Key.of("too many"), ENTRY)
    assert counted.moved() == (0, 1)
    gated.gate.set()
    await asyncio.gather(*pending)
    await tier.keep(Key.of("not too many"), ENTRY)
    assert counted.moved() == (MAX_PENDING_WRITES + 1, 1)
    assert await tier.look(Key.of("too many")) is None
    assert await tier.look(Key.of("not too many")) == ENTRY


async def test_cancelled_writes_are_not_pending(gated: GatedRedis) -> None:
    """Who is cancelled while writing makes room."""
    tier = Tier(gated, Breaker())
    for number in range(MAX_PENDING_WRITES + 1):
        write = asyncio.create_task(tier.keep(Key.of(str(number)), ENTRY))
        await asyncio.sleep(0)
        write.cancel()
        await asyncio.gather(write, return_exceptions=True)
    gated.gate.set()
    await tier.keep(Key.of("key"), ENTRY)
    assert await tier.look(Key.of("key")) == ENTRY


async def test_being_busy_does_not_open_the_breaker(redis_url: str) -> None:
    """A crowd of our own callers says nothing about the server: some go without, nobody gives up on it."""
    breaker = Breaker()
    async with FailFastRedisCache(redis_url, connections=1) as redis:
        tier = Tier(redis, breaker)
        counted = Counted("backend_errors", "kind", "busy", "unavailable")
        async with redis._turns:
            assert await tier.look(Key.of("key")) is None
        assert counted.moved() == (1, 0)
        assert breaker.allows()
