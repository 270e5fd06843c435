"""Read-through: one load a key, what is kept and what is not, and the arithmetic of its counters."""

import asyncio
import random
from uuid import uuid4

import pytest

from cache.backends import FailFastRedisCache
from cache.finding import JITTER
from cache.memory import Memory
from cache.read_through import Cached, ReadThrough
from tests.cache.doubles import PATIENCE_S, Answer, Clock, Counted, Judging, Loader, Tiers
from tests.redis_server import RedisServer

pytestmark = pytest.mark.anyio


async def ask(cache: ReadThrough, key: str, loader: Loader, judge: Judging | None = None) -> Cached:
    """Ask, and wait until the answer is kept too."""
    answer = await cache.get_or_load(key, loader, judge or Judging())
    await cache._flights.settle()
    return answer


@pytest.fixture
def key() -> str:
    """A key of this test alone, since the Redis server is shared."""
    return str(uuid4())


async def test_miss_then_hit_with_age(tiers: Tiers, key: str, clock: Clock) -> None:
    """The first caller loads, later ones find; ages and times to live add up to the lifetime."""
    cache = tiers.cache(clock)
    loader = Loader(Answer(b"\xff\x00body"))
    first = await ask(cache, key, loader)
    clock.now_s += 30
    second = await ask(cache, key, loader)
    assert (first.body, first.outcome, first.age_s) == (b"\xff\x00body", "miss", 0)
    assert (second.body, second.outcome, second.age_s) == (b"\xff\x00body", "hit", 30)
    assert first.ttl_s == pytest.approx(30 + second.ttl_s, abs=0.001)
    assert loader.calls == 1


async def test_lifetimes_are_spread(tiers: Tiers) -> None:
    """Answers kept at the same moment expire at different ones, within a tenth of the time to live."""
    cache = tiers.cache()
    loader = Loader()
    ttls_s = {round((await ask(cache, str(uuid4()), loader)).ttl_s, 3) for _ in range(20)}
    assert len(ttls_s) > 15
    assert all(100 * (1 - JITTER) - 1 <= ttl_s <= 100 * (1 + JITTER) for ttl_s in ttls_s)


async def test_an_expired_answer_is_loaded_again(tiers: Tiers, key: str, clock: Clock) -> None:
    """After its lifetime an answer is not served, even if the backend still has it."""
    cache = tiers.cache(clock)
    loader = Loader()
    await ask(cache, key, loader)
    clock.now_s += 111
    assert (await ask(cache, key, loader)).outcome == "miss"


async def test_another_epoch_in_the_key_is_another_answer(tiers: Tiers, key: str) -> None:
    """Nothing is purged: a new epoch in the key misses, and the old one is still there."""
    cache = tiers.cache()
    await ask(cache, f"7 {key}", Loader(Answer(b"old")))
    assert (await ask(cache, f"8 {key}", Loader(Answer(b"new")))).body == b"new"
    again = await ask(cache, f"7 {key}", Loader(Answer(b"unused")))
    assert (again.body, again.outcome) == (b"old", "hit")


async def test_what_is_not_to_be_kept_is_not_kept(tiers: Tiers, key: str) -> None:
    """A partial answer goes to those who wait for it and is loaded afresh for the next."""
    cache = tiers.cache()
    partial = Loader(Answer(b"partial", keep=False))
    answer = await ask(cache, key, partial)
    assert (answer.body, answer.outcome, answer.ttl_s) == (b"partial", "miss", 0)
    assert (await ask(cache, key, Loader(Answer(b"whole")))).body == b"whole"
    assert (await ask(cache, key, Loader(Answer(b"unused")))).body == b"whole"


@pytest.mark.parametrize("waits", [True, False], ids=["slow load", "instant load"])
async def test_a_thousand_callers_of_a_cold_key_cause_one_load(tiers: Tiers, key: str, waits: bool) -> None:
    """One load, however fast: no caller slips in between the answer and its being kept."""
    cache = tiers.cache()
    loader = Loader()
    if waits:
        loader.gate.clear()
    callers = [asyncio.create_task(cache.get_or_load(key, loader, Judging())) for _ in range(1000)]
    await loader.called.wait()
    loader.gate.set()
    answers = await asyncio.gather(*callers)
    await cache._flights.settle()
    assert loader.calls == 1
    assert {answer.body for answer in answers} == {b"body"}
    assert sum(answer.outcome == "miss" for answer in answers) == 1


async def test_cancelled_callers_spare_the_rest(tiers: Tiers, key: str) -> None:
    """The caller that loads may go; the others get the answer, and it is kept."""
    cache = tiers.cache()
    loader = Loader()
    loader.gate.clear()
    callers = [asyncio.create_task(cache.get_or_load(key, loader, Judging())) for _ in range(10)]
    await loader.called.wait()
    for caller in callers[:9]:
        caller.cancel()
    await asyncio.gather(*callers[:9], return_exceptions=True)
    loader.gate.set()
    assert (await callers[9]).body == b"body"
    assert (await ask(cache, key, loader)).body == b"body"
    assert loader.calls == 1


async def test_errors_are_shared_and_not_kept(tiers: Tiers, key: str) -> None:
    """Those who wait get the loader's own error; the next caller loads again."""
    cache = tiers.cache()
    loader = Loader(LookupError("once"))
    loader.gate.clear()
    callers = [asyncio.create_task(cache.get_or_load(key, loader, Judging())) for _ in range(10)]
    await loader.called.wait()
    await asyncio.sleep(0)
    loader.gate.set()
    errors = await asyncio.gather(*callers, return_exceptions=True)
    assert all(error is loader.answer for error in errors)
    loader.answer = Answer(b"better")
    assert (await ask(cache, key, loader)).outcome == "miss"


class CountingRedis(FailFastRedisCache):
    """A Redis that counts how often it is asked."""

    asked = 0

    async def get(self, key: str, *_: object, **__: object) -> object:
        """Count, and ask."""
        self.asked += 1
        return await super().get(key)


@pytest.mark.parametrize("memory_bytes", [0, 1 << 20])
async def test_a_crowd_asks_redis_once(redis_url: str, key: str, memory_bytes: int) -> None:
    """However many arrive before the answer does, or while it is being kept."""
    counting = CountingRedis(redis_url, timeout_s=PATIENCE_S)
    cache = ReadThrough(Memory(memory_bytes), counting, ttl_s=100)
    loader = Loader()
    loader.gate.clear()
    first = asyncio.create_task(cache.get_or_load(key, loader, Judging()))
    await loader.called.wait()
    crowd = [asyncio.create_task(cache.get_or_load(key, loader, Judging())) for _ in range(100)]
    await asyncio.sleep(0)
    loader.gate.set()
    assert {answer.outcome for answer in await asyncio.gather(*crowd)} == {"shared"}
    assert (await first).outcome == "miss"
    assert counting.asked == 1
    await cache.close()


async def test_what_redis_had_is_in_memory_then(redis_url: str, key: str) -> None:
    """Another process kept it: it is asked for once."""
    counting = CountingRedis(redis_url, timeout_s=PATIENCE_S)
    other, cache = (ReadThrough(Memory(1 << 20), counting, ttl_s=100) for _ in range(2))
    judge = Judging()
    await ask(other, key, Loader(Answer(b"body", stamp=b"1")))
    counting.asked = 0
    answers = [await ask(cache, key, Loader(), judge) for _ in range(3)]
    assert [(answer.body, answer.outcome, answer.where) for answer in answers] == [
        (b"body", "hit", "redis"),
        (b"body", "hit", "memory"),
        (b"body", "hit", "memory"),
    ]
    assert (counting.asked, judge.asked) == (1, [b"1"])
    await cache.close()


async def test_again(tiers: Tiers, key: str, clock: Clock) -> None:
    """What memory has may be had without asking a judge of the same state once more, for as long as it lives."""
    cache = tiers.cache(clock)
    first = await ask(cache, key, Loader(), Judging(state="1"))
    if not tiers.memory_bytes:
        assert cache.again(first.name, "1") is None
        return
    found = cache.again(first.name, "1")
    assert found
    assert (found.body, found.outcome, found.where) == (b"body", "hit", "memory")
    assert cache.again(first.name, "2") is None
    await ask(cache, key, Loader(), Judging(state="2"))
    assert cache.again(first.name, "2")
    assert cache.again("another name", "2") is None
    clock.now_s += 111
    assert cache.again(first.name, "2") is None


async def test_gets_are_hits_and_loads_and_shares(tiers: Tiers, key: str) -> None:
    """Every request is one event, also if it fails or its caller goes while it waits."""
    cache = tiers.cache()
    counted = Counted("events", "result", "memory", "redis", "shared", "load")
    choose = random.Random(7)
    loaders = [
        Loader(LookupError("bad") if number == 0 else Answer(b"x", keep=number % 2 == 0)) for number in range(8)
    ]
    asked = 0
    for _ in range(20):
        picked = [choose.randrange(8) for _ in range(30)]
        callers = [asyncio.create_task(cache.get_or_load(f"{key} {one}", loaders[one], Judging())) for one in picked]
        await asyncio.gather(*callers, return_exceptions=True)
        asked += len(callers)
    memory, redis, shared, loads = counted.moved()
    assert memory + redis + shared + loads == asked
    assert loads == sum(loader.calls for loader in loaders)
    assert min(memory + redis, shared) > 0


async def test_close_keeps_what_was_answered(redis_url: str, key: str) -> None:
    """An answer on its way to Redis is not lost by closing."""
    caches = [ReadThrough(Memory(0), FailFastRedisCache(redis_url, timeout_s=PATIENCE_S), ttl_s=100) for _ in "12"]
    await caches[0].get_or_load(key, Loader(), Judging())
    await caches[0].close()
    assert (await ask(caches[1], key, Loader(Answer(b"unused")))).outcome == "hit"
    await caches[1].close()


async def test_purge_empties_both_tiers(redis_server: RedisServer, key: str) -> None:
    """Nothing is left that anybody could be given, and it is told how much there was."""
    redis = FailFastRedisCache(redis_server.url, timeout_s=PATIENCE_S)
    cache = ReadThrough(Memory(1 << 20), redis, ttl_s=100)
    await ask(cache, key, Loader())
    assert await cache.purge() == 2
    assert redis_server.command(b"DBSIZE") == b":0\r\n"
    assert (await ask(cache, key, Loader(Answer(b"new")))).body == b"new"
    await cache.close()


async def test_fetch_finds_what_redis_has(redis_url: str, key: str) -> None:
    """If the judge has no objection at sight; then memory has it too."""
    redis = [FailFastRedisCache(redis_url, timeout_s=PATIENCE_S) for _ in "12"]
    one, other = (ReadThrough(Memory(1 << 20), backend, ttl_s=100) for backend in redis)
    first = await ask(one, key, Loader(Answer(b"body", stamp=b"1")))
    assert await other.fetch(first.name, Judging(objections={b"1": "unknown"})) is None
    assert other.again(first.name, "now") is None
    found = await other.fetch(first.name, Judging())
    assert found
    assert (found.body, found.outcome, found.where) == (b"body", "hit", "redis")
    assert other.again(first.name, "now")
    await one.purge()
    assert await one.fetch(first.name, Judging()) is None
    assert await ReadThrough(Memory(1 << 20), None, ttl_s=100).fetch(first.name, Judging()) is None
    await one.close()
    await other.close()


async def test_a_time_to_live_must_be_positive() -> None:
    """Without a lifetime nothing could be kept."""
    with pytest.raises(ValueError, match="time to live is 0 s"):
        ReadThrough(Memory(0), None, ttl_s=0)


async def test_several_caches_live_in_one_process(key: str) -> None:
    """Metrics are the process's own: a second cache registers nothing twice and shares no flight."""
    caches = [ReadThrough(Memory(1 << 20), None, ttl_s=100) for _ in range(2)]
    loader = Loader()
    assert [(await ask(cache, key, loader)).outcome for cache in caches] == ["miss", "miss"]


async def test_an_answer_that_is_objected_to_is_loaded_again(tiers: Tiers, key: str) -> None:
    """The judge is shown the stamp; what it objects to is not served, and what is loaded instead takes its place."""
    cache = tiers.cache()
    old, new = Loader(Answer(b"old", stamp=b"1", order=1)), Loader(Answer(b"new", stamp=b"2", order=2))
    judge = Judging(state="later", objections={b"1": "changed"})
    counted = Counted("objections", "reason", "changed", "redaction")
    await ask(cache, key, old)
    assert (await ask(cache, key, new, judge)).body == b"new"
    assert judge.asked == [b"1"]
    assert counted.moved() == (1, 0)
    again = await ask(cache, key, Loader(Answer(b"unused")), judge)
    assert (again.body, again.outcome) == (b"new", "hit")


async def test_a_judgement_holds_for_its_state(key: str) -> None:
    """A judge is asked once about what memory has, and again when it judges by another state, or something else."""
    cache = ReadThrough(Memory(1 << 20), None, ttl_s=100)
    await ask(cache, key, Loader(Answer(b"body", stamp=b"1")), Judging(state="1"))
    one, other = Judging(state="1"), Judging(state="2")
    for judge in (one, one, other, other):
        await ask(cache, key, Loader(), judge)
    assert (one.asked, other.asked) == ([], [b"1"])  # what was loaded in a state is good in it
    other.objections[b"1"] = "changed"
    assert (await ask(cache, key, Loader(), other)).outcome == "hit"  # as it said before
    third = Judging(state="3", objections={b"1": "changed"})
    await ask(cache, key, Loader(Answer(b"more", stamp=b"2")), third)
    assert (await ask(cache, key, Loader(), other)).body == b"more"
    assert other.asked == [b"1", b"2"]


async def test_what_is_newer_stays(tiers: Tiers, key: str) -> None:
    """Whoever is behind loads for itself, and does not put that in the place of a newer answer."""
    cache = tiers.cache()
    behind = Judging(state="1", objections={b"2": "newer"})
    await ask(cache, key, Loader(Answer(b"new", stamp=b"2", order=2)))
    for _ in range(2):
        answer = await ask(cache, key, Loader(Answer(b"old", stamp=b"1", order=1)), behind)
        assert (answer.body, answer.outcome) == (b"old", "miss")
    assert (await ask(cache, key, Loader())).body == b"new"


async def test_other_states_have_other_flights(tiers: Tiers, key: str) -> None:
    """Who judges by a newer state does not take what is being loaded for an older one."""
    cache = tiers.cache()
    slow, quick = Loader(Answer(b"old", stamp=b"1", order=1)), Loader(Answer(b"new", stamp=b"2", order=2))
    slow.gate.clear()
    old = asyncio.create_task(cache.get_or_load(key, slow, Judging(state="1")))
    await slow.called.wait()
    newer = Judging(state="2", objections={b"1": "changed"})
    assert (await ask_alone(cache, key, quick, newer)).body == b"new"
    slow.gate.set()
    assert (await old).body == b"old"
    await cache._flights.settle()
    assert (await ask(cache, key, Loader(), newer)).body == b"new"


async def ask_alone(cache: ReadThrough, key: str, loader: Loader, judge: Judging) -> Cached:
    """Ask, and wait until this answer is kept: others may be on their way."""
    answer = await cache.get_or_load(key, loader, judge)
    flight = cache._flights._under_way.get(f"{judge.state} {key}")
    if flight:
        await flight.task
    return answer
