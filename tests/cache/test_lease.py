"""Leases: of several processes that ask for one key at the same time, one loads."""

import asyncio
import time
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from cache.backends import FailFastRedisCache
from cache.finding import ALONE_S
from cache.keys import Key
from cache.memory import Memory
from cache.read_through import ReadThrough
from cache.tier import LEASE_S
from tests.cache.doubles import PATIENCE_S, Answer, Counted, Judging, Loader
from tests.redis_server import RedisServer

pytestmark = pytest.mark.anyio

SOON_S = 0.3
"""Much less than a lease, and much more than a look takes."""


@pytest.fixture
async def caches(redis_url: str) -> AsyncIterator[list[ReadThrough]]:
    """Two of them, as two processes have them: they share nothing but Redis."""
    redis = [FailFastRedisCache(redis_url, timeout_s=PATIENCE_S) for _ in range(2)]
    opened = [ReadThrough(Memory(1 << 20), one, ttl_s=100) for one in redis]
    yield opened
    for cache in opened:
        await cache.close()


@pytest.fixture
def key() -> str:
    """A key of this test alone."""
    return str(uuid4())


async def test_a_stampede_on_two_processes_is_one_load(caches: list[ReadThrough], key: str) -> None:
    """A thousand callers of a cold key."""
    loader, leases = Loader(), Counted("leases", "result", "taken", "waited", "late")
    loader.gate.clear()
    callers = [asyncio.create_task(caches[one % 2].get_or_load(key, loader, Judging())) for one in range(1000)]
    await asyncio.sleep(SOON_S)
    loader.gate.set()
    answers = await asyncio.gather(*callers)
    assert loader.calls == 1
    assert {answer.body for answer in answers} == {b"body"}
    assert leases.moved() == (1, 1, 0)


async def test_a_lease_is_left_when_the_answer_is_there(redis_server: RedisServer) -> None:
    """Nobody who comes later finds a lease, whether there was an answer, one that is not kept, or an error."""
    redis = FailFastRedisCache(redis_server.url, timeout_s=PATIENCE_S)
    cache = ReadThrough(Memory(1 << 20), redis, ttl_s=100)
    for answer in (Answer(b"body"), Answer(b"partial", keep=False), LookupError("once")):
        asked = cache.get_or_load(str(answer), Loader(answer), Judging())
        await asyncio.gather(asked, return_exceptions=True)
        await cache._flights.settle()
    names = await redis.client.keys("*")
    assert names == [Key.of(str(Answer(b"body"))).name.encode()]
    await cache.close()


async def test_what_is_not_kept_is_loaded_by_each(caches: list[ReadThrough], key: str) -> None:
    """Who waited for an answer that does not come loads as soon as it is known, and not after the lease."""
    loader = Loader(Answer(b"partial", keep=False))
    loader.gate.clear()
    callers = [asyncio.create_task(cache.get_or_load(key, loader, Judging())) for cache in caches]
    await asyncio.sleep(SOON_S)
    loader.gate.set()
    start_s = time.monotonic()
    assert {answer.outcome for answer in await asyncio.gather(*callers)} == {"miss"}
    assert time.monotonic() - start_s < LEASE_S - SOON_S
    assert loader.calls == 2


async def test_a_process_that_ended_is_waited_for_no_longer_than_its_lease(
    caches: list[ReadThrough], key: str
) -> None:
    """And after that nobody is waited for, for a while: something is wrong."""
    gone, loader, leases = Loader(), Loader(), Counted("leases", "result", "taken", "late")
    gone.gate.clear()
    left = asyncio.create_task(caches[0].get_or_load(key, gone, Judging()))
    await gone.called.wait()
    start_s = time.monotonic()
    assert (await caches[1].get_or_load(key, loader, Judging())).outcome == "miss"
    assert 0.5 * LEASE_S < time.monotonic() - start_s < LEASE_S + SOON_S
    assert leases.moved() in {(1, 1), (2, 0)}  # it may have lapsed just before
    left.cancel()


async def test_patience_is_the_callers(caches: list[ReadThrough], key: str) -> None:
    """Who has little time waits less, and then does without leases."""
    slow, loader, leases = Loader(), Loader(), Counted("leases", "result", "taken", "late")
    slow.gate.clear()
    slowly = asyncio.create_task(caches[0].get_or_load(key, slow, Judging()))
    await slow.called.wait()
    start_s = time.monotonic()
    assert (await caches[1].get_or_load(key, loader, Judging(), 0.05)).outcome == "miss"
    assert time.monotonic() - start_s < SOON_S
    assert leases.moved() == (1, 1)
    await caches[1].get_or_load(f"another {key}", loader, Judging())
    assert leases.moved() == (1, 1)
    assert ALONE_S > SOON_S
    slow.gate.set()
    await slowly


async def test_another_state_is_another_lease(caches: list[ReadThrough], key: str) -> None:
    """Who judges by a newer state does not wait for what is loaded for an older one."""
    slow = Loader(Answer(b"old", stamp=b"1", order=1))
    slow.gate.clear()
    slowly = asyncio.create_task(caches[0].get_or_load(key, slow, Judging(state="1")))
    await slow.called.wait()
    start_s = time.monotonic()
    new = await caches[1].get_or_load(key, Loader(Answer(b"new", stamp=b"2", order=2)), Judging(state="2"))
    assert new.body == b"new"
    assert time.monotonic() - start_s < SOON_S
    slow.gate.set()
    assert (await slowly).body == b"old"


async def test_an_older_answer_is_judged_once_while_waiting(caches: list[ReadThrough], key: str) -> None:
    """What lies there until the new one comes is not looked at again at each poll."""
    await caches[0].get_or_load(key, Loader(Answer(b"old", stamp=b"1", order=1)), Judging(state="1"))
    await caches[0]._flights.settle()
    loader = Loader(Answer(b"new", stamp=b"2", order=2))
    loader.gate.clear()
    judges = [Judging(state="2", objections={b"1": "changed"}) for _ in caches]
    asked = zip(caches, judges, strict=True)
    callers = [asyncio.create_task(cache.get_or_load(key, loader, judge)) for cache, judge in asked]
    await asyncio.sleep(SOON_S)
    loader.gate.set()
    assert {answer.body for answer in await asyncio.gather(*callers)} == {b"new"}
    assert loader.calls == 1
    assert sorted(judge.asked for judge in judges) == [[b"1"], [b"1", b"2"]]
