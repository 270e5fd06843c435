"""Answers that are none any more: given only where the owner allows it, the judge bears it, and for so long."""

import asyncio
from collections.abc import Callable
from uuid import uuid4

import pytest

from cache.backends import FailFastRedisCache
from cache.finding import Tolerance
from cache.memory import Memory
from cache.read_through import Cached, ReadThrough
from tests.cache.doubles import PATIENCE_S, Answer, Clock, Counted, Judging, Loader

pytestmark = pytest.mark.anyio

OLD, NEW = Answer(b"old", stamp=b"1", order=1), Answer(b"new", stamp=b"2", order=2)


@pytest.fixture(params=["memory", "redis"])
async def made(request: pytest.FixtureRequest, redis_url: str, clock: Clock) -> Callable[..., ReadThrough]:
    """Makes a cache with a tolerance, that has `OLD` under the key, in one of the tiers."""

    def make(**tolerance: float) -> ReadThrough:
        allowed = Tolerance(**tolerance)
        if request.param == "memory":
            return ReadThrough(Memory(1 << 20, clock), None, ttl_s=100, tolerance=allowed, wall_clock=clock)
        redis = FailFastRedisCache(redis_url, timeout_s=PATIENCE_S)
        return ReadThrough(Memory(0, clock), redis, ttl_s=100, tolerance=allowed, wall_clock=clock)

    return make


@pytest.fixture
def key() -> str:
    """A key of this test alone."""
    return str(uuid4())


def bearing() -> Judging:
    """A judge who objects to `OLD`, and bears it."""
    return Judging(state="2", objections={b"1": "changed"}, borne=("changed",), excused=(OSError,))


async def ask(cache: ReadThrough, key: str, loader: Loader, judge: Judging) -> Cached:
    """Ask, and wait for what nobody waits for."""
    answer = await cache.get_or_load(key, loader, judge)
    await cache._flights.settle()
    return answer


async def test_while_a_newer_one_is_loaded(made: Callable[..., ReadThrough], key: str, clock: Clock) -> None:
    """All get the older one at once, the newer one is loaded once, and then all get that."""
    cache, judge, loader = made(while_loading_s=10), bearing(), Loader(NEW)
    stale, reloads = Counted("stale", "reason", "while_loading"), Counted("events", "result", "load")
    await ask(cache, key, Loader(OLD), Judging(state="1"))
    clock.now_s += 4
    loader.gate.clear()
    answers = [await cache.get_or_load(key, loader, judge) for _ in range(5)]
    assert [(one.body, one.stale_s) for one in answers] == [(b"old", 4)] * 5
    assert [one.outcome for one in answers] == ["hit", *["shared"] * 4]
    await loader.called.wait()
    loader.gate.set()
    await cache._flights.settle()
    newer = await ask(cache, key, Loader(), judge)
    assert (newer.body, newer.stale_s, loader.calls) == (b"new", None, 1)
    assert (stale.moved(), reloads.moved()) == ((1,), (1,))
    await cache.close()


@pytest.mark.parametrize("reason", ["not allowed", "too old", "not borne", "knows too little"])
async def test_else_it_is_waited_for(made: Callable[..., ReadThrough], key: str, clock: Clock, reason: str) -> None:
    """What was taken down, say, or is older than its reader's own write."""
    cache = made(while_loading_s=0 if reason == "not allowed" else 10)
    judge = bearing()
    await ask(cache, key, Loader(OLD), Judging(state="1"))
    clock.now_s += 11 if reason == "too old" else 4
    if reason == "not borne":
        judge.objections[b"1"] = "redaction"
    judge.least = 2 if reason == "knows too little" else 0
    assert (await ask(cache, key, Loader(NEW), judge)).body == b"new"
    await cache.close()


async def test_if_no_newer_one_can_be_loaded(made: Callable[..., ReadThrough], key: str, clock: Clock) -> None:
    """For some time, if the error is a fault and not what is said now; then it is told."""
    cache, judge = made(if_error_s=10), bearing()
    fault, said = Loader(OSError("broken")), Loader(LookupError("there is no such article"))
    stale = Counted("stale", "reason", "if_error")
    await ask(cache, key, Loader(OLD), Judging(state="1"))
    clock.now_s += 4
    for _ in range(2):
        answer = await ask(cache, key, fault, judge)
        assert (answer.body, answer.outcome, answer.stale_s) == (b"old", "hit", 4)
    with pytest.raises(LookupError):
        await ask(cache, key, said, judge)
    assert stale.moved() == (2,)
    assert fault.calls == 2
    clock.now_s += 7
    with pytest.raises(OSError, match="broken"):
        await ask(cache, key, fault, judge)
    assert (await ask(cache, key, Loader(NEW), judge)).body == b"new"
    await cache.close()


async def test_off_is_off(made: Callable[..., ReadThrough], key: str) -> None:
    """Even if it was an answer this very moment."""
    cache = made()
    await ask(cache, key, Loader(OLD), Judging(state="1"))
    with pytest.raises(OSError, match="broken"):
        await ask(cache, key, Loader(OSError("broken")), bearing())
    await cache.close()


async def test_what_was_an_answer_a_moment_ago_is_a_moment_old(key: str, clock: Clock) -> None:
    """However long ago it was made: it counts when it was last known to be one."""
    cache = ReadThrough(Memory(1 << 20, clock), None, ttl_s=100, tolerance=Tolerance(5, 5), wall_clock=clock)
    await ask(cache, key, Loader(OLD), Judging(state="1"))
    clock.now_s += 40
    await ask(cache, key, Loader(), Judging(state="1.5"))
    clock.now_s += 2
    assert cache.again((await ask(cache, key, Loader(), Judging(state="1.5"))).name, "1.5")
    clock.now_s += 3
    judge = bearing()
    answer = await ask(cache, key, Loader(NEW), judge)
    assert (answer.body, answer.stale_s) == (b"old", 3)


async def test_a_failed_reload_is_tried_again(made: Callable[..., ReadThrough], key: str, clock: Clock) -> None:
    """At the next request; nobody hears of it."""
    cache, judge, loader = made(while_loading_s=50), bearing(), Loader(OSError("broken"))
    await ask(cache, key, Loader(OLD), Judging(state="1"))
    for _ in range(3):
        clock.now_s += 1
        assert (await ask(cache, key, loader, judge)).body == b"old"
    assert loader.calls == 3
    loader.answer = NEW
    assert (await ask(cache, key, loader, judge)).body == b"old"
    assert (await ask(cache, key, loader, judge)).body == b"new"
    await cache.close()


async def test_of_two_processes_one_reloads(redis_url: str, key: str, clock: Clock) -> None:
    """The other goes on with the older one until the newer one is there."""
    redis = [FailFastRedisCache(redis_url, timeout_s=PATIENCE_S) for _ in "12"]
    caches = [
        ReadThrough(Memory(0, clock), one, ttl_s=100, tolerance=Tolerance(10), wall_clock=clock) for one in redis
    ]
    await ask(caches[0], key, Loader(OLD), Judging(state="1"))
    loader = Loader(NEW)
    loader.gate.clear()
    judges = [bearing() for _ in caches]
    first = await caches[0].get_or_load(key, loader, judges[0])
    await loader.called.wait()
    second = await ask(caches[1], key, loader, judges[1])
    assert (first.body, second.body, loader.calls) == (b"old", b"old", 1)
    loader.gate.set()
    await asyncio.gather(*(cache._flights.settle() for cache in caches))
    assert (await ask(caches[1], key, Loader(), judges[1])).body == b"new"
    for cache in caches:
        await cache.close()
