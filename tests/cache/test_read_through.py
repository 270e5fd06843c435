"""Read-through: one load a key, what is kept and what is not, and the arithmetic of its counters."""

import asyncio
import random
from uuid import uuid4

import pytest

from cache.backends import Backend, MemoryCache
from cache.keys import Key
from cache.read_through import JITTER, Cached, ReadThrough
from tests.cache.doubles import Answer, Clock, Counted, Judging, Loader

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


async def test_miss_then_hit_with_age(backend: Backend, key: str, clock: Clock) -> None:
    """The first caller loads, later ones find; ages and times to live add up to the lifetime."""
    cache = ReadThrough(backend, ttl_s=100, wall_clock=clock)
    loader = Loader(Answer(b"\xff\x00body"))
    first = await ask(cache, key, loader)
    clock.now_s += 30
    second = await ask(cache, key, loader)
    assert (first.body, first.outcome, first.age_s) == (b"\xff\x00body", "miss", 0)
    assert (second.body, second.outcome, second.age_s) == (b"\xff\x00body", "hit", 30)
    assert first.ttl_s == pytest.approx(30 + second.ttl_s, abs=0.001)
    assert loader.calls == 1


async def test_lifetimes_are_spread(backend: Backend) -> None:
    """Answers kept at the same moment expire at different ones, within a tenth of the time to live."""
    cache = ReadThrough(backend, ttl_s=100)
    loader = Loader()
    ttls_s = {round((await ask(cache, str(uuid4()), loader)).ttl_s, 3) for _ in range(20)}
    assert len(ttls_s) > 15
    assert all(100 * (1 - JITTER) - 1 <= ttl_s <= 100 * (1 + JITTER) for ttl_s in ttls_s)


async def test_an_expired_answer_is_loaded_again(backend: Backend, key: str, clock: Clock) -> None:
    """After its lifetime an answer is not served, even if the backend still has it."""
    cache = ReadThrough(backend, ttl_s=100, wall_clock=clock)
    loader = Loader()
    await ask(cache, key, loader)
    clock.now_s += 111
    assert (await ask(cache, key, loader)).outcome == "miss"


async def test_another_epoch_in_the_key_is_another_answer(backend: Backend, key: str) -> None:
    """Nothing is purged: a new epoch in the key misses, and the old one is still there."""
    cache = ReadThrough(backend, ttl_s=100)
    await ask(cache, f"7 {key}", Loader(Answer(b"old")))
    assert (await ask(cache, f"8 {key}", Loader(Answer(b"new")))).body == b"new"
    again = await ask(cache, f"7 {key}", Loader(Answer(b"unused")))
    assert (again.body, again.outcome) == (b"old", "hit")


async def test_what_is_not_to_be_kept_is_not_kept(backend: Backend, key: str) -> None:
    """A partial answer goes to those who wait for it and is loaded afresh for the next."""
    cache = ReadThrough(backend, ttl_s=100)
    partial = Loader(Answer(b"partial", keep=False))
    answer = await ask(cache, key, partial)
    assert (answer.body, answer.outcome, answer.ttl_s) == (b"partial", "miss", 0)
    assert (await ask(cache, key, Loader(Answer(b"whole")))).body == b"whole"
    assert (await ask(cache, key, Loader(Answer(b"unused")))).body == b"whole"


@pytest.mark.parametrize("waits", [True, False], ids=["slow load", "instant load"])
async def test_a_thousand_callers_of_a_cold_key_cause_one_load(backend: Backend, key: str, waits: bool) -> None:
    """One load, however fast: no caller slips in between the answer and its being kept."""
    cache = ReadThrough(backend, ttl_s=100)
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


async def test_cancelled_callers_spare_the_rest(backend: Backend, key: str) -> None:
    """The caller that loads may go; the others get the answer, and it is kept."""
    cache = ReadThrough(backend, ttl_s=100)
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


async def test_errors_are_shared_and_not_kept(backend: Backend, key: str) -> None:
    """Those who wait get the loader's own error; the next caller loads again."""
    cache = ReadThrough(backend, ttl_s=100)
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


class LateBackend(MemoryCache):
    """A memory whose first reply is held back, as the network may do."""

    def __init__(self) -> None:
        super().__init__(1 << 20)
        self.asked = asyncio.Event()
        self.reply = asyncio.Event()

    async def _get(self, key: str, **kwargs: object) -> bytes | None:
        value = await super()._get(key, **kwargs)
        if not self.asked.is_set():
            self.asked.set()
            await self.reply.wait()
        return value


async def test_the_second_look_prevents_a_second_load() -> None:
    """The interleaving of step 4: nothing found, another flight comes and goes, then our own flight."""
    late = LateBackend()
    cache = ReadThrough(late, ttl_s=100)
    loader = Loader()
    counted = Counted("events", "result", "hit", "load", "shared", "recheck_hit")
    slow = asyncio.create_task(cache.get_or_load("key", loader, Judging()))
    await late.asked.wait()
    assert (await ask(cache, "key", loader)).outcome == "miss"
    late.reply.set()
    assert (await slow).outcome == "hit"
    assert loader.calls == 1
    assert counted.moved() == (0, 1, 0, 1)


class CountingBackend(MemoryCache):
    """A memory that counts how often it is asked."""

    asked = 0

    async def _get(self, key: str, **kwargs: object) -> bytes | None:
        self.asked += 1
        return await super()._get(key, **kwargs)


async def test_who_finds_a_flight_does_not_ask_the_backend() -> None:
    """A crowd that arrives while a key is being loaded costs the backend nothing."""
    counting = CountingBackend(1 << 20)
    cache = ReadThrough(counting, ttl_s=100)
    loader = Loader()
    loader.gate.clear()
    first = asyncio.create_task(cache.get_or_load("key", loader, Judging()))
    await loader.called.wait()
    crowd = [asyncio.create_task(cache.get_or_load("key", loader, Judging())) for _ in range(100)]
    await asyncio.sleep(0)
    loader.gate.set()
    assert {answer.outcome for answer in await asyncio.gather(*crowd)} == {"shared"}
    assert (await first).outcome == "miss"
    assert counting.asked == 3  # the two looks of the first caller, and whether there is something newer


async def test_gets_are_hits_and_loads_and_shares(backend: Backend, key: str) -> None:
    """Every request is one event, also if it fails or its caller goes while it waits."""
    cache = ReadThrough(backend, ttl_s=100)
    counted = Counted("events", "result", "hit", "shared", "recheck_hit", "load")
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
    hits, shared, rechecked, loads = counted.moved()
    assert hits + shared + rechecked + loads == asked
    assert loads == sum(loader.calls for loader in loaders)
    assert min(hits, shared) > 0


async def test_close_keeps_what_was_answered(key: str) -> None:
    """An answer on its way to the backend is not lost by closing."""
    memory = MemoryCache(1 << 20)
    cache = ReadThrough(memory, ttl_s=100)
    await cache.get_or_load(key, Loader(), Judging())
    await cache.close()
    assert await memory.get(Key.of(key).name) is not None


async def test_a_time_to_live_must_be_positive() -> None:
    """Without a lifetime nothing could be kept."""
    with pytest.raises(ValueError, match="time to live is 0 s"):
        ReadThrough(MemoryCache(0), ttl_s=0)


async def test_several_caches_live_in_one_process(key: str) -> None:
    """Metrics are the process's own: a second cache registers nothing twice and shares no flight."""
    caches = [ReadThrough(MemoryCache(1 << 20), ttl_s=100) for _ in range(2)]
    loader = Loader()
    assert [(await ask(cache, key, loader)).outcome for cache in caches] == ["miss", "miss"]


async def test_an_answer_that_is_objected_to_is_loaded_again(backend: Backend, key: str) -> None:
    """The judge is shown the stamp; what it objects to is not served, and what is loaded instead takes its place."""
    cache = ReadThrough(backend, ttl_s=100)
    old, new = Loader(Answer(b"old", stamp=b"1", order=1)), Loader(Answer(b"new", stamp=b"2", order=2))
    judge = Judging(objections={b"1": "changed"})
    counted = Counted("objections", "reason", "changed", "redaction")
    await ask(cache, key, old)
    assert (await ask(cache, key, new, judge)).body == b"new"
    assert judge.asked == [b"1"]
    assert counted.moved() == (2, 0)  # also inside the flight
    again = await ask(cache, key, Loader(Answer(b"unused")), judge)
    assert (again.body, again.outcome) == (b"new", "hit")


async def test_a_judgement_holds_for_its_state(backend: Backend, key: str) -> None:
    """A judge is asked once about an entry, and again when it judges by another state, or about another entry."""
    cache = ReadThrough(backend, ttl_s=100)
    await ask(cache, key, Loader(Answer(b"body", stamp=b"1")))
    one, other = Judging(state="1"), Judging(state="2")
    for _ in range(3):
        await ask(cache, key, Loader(), one)
    for _ in range(3):
        await ask(cache, key, Loader(), other)
    assert (one.asked, other.asked) == ([b"1"], [b"1"])
    other.objections[b"1"] = "changed"
    assert (await ask(cache, key, Loader(), other)).outcome == "hit"  # as it said before
    third = Judging(state="3", objections={b"1": "changed"})
    await ask(cache, key, Loader(Answer(b"more", stamp=b"2")), third)
    assert (await ask(cache, key, Loader(), other)).body == b"more"
    assert other.asked == [b"1", b"2"]


async def test_what_is_newer_stays(backend: Backend, key: str) -> None:
    """Whoever is behind loads for itself, and does not put that in the place of a newer answer."""
    cache = ReadThrough(backend, ttl_s=100)
    behind = Judging(state="1", objections={b"2": "newer"})
    writes = Counted("writes", "result", "kept", "outdated")
    await ask(cache, key, Loader(Answer(b"new", stamp=b"2", order=2)))
    for _ in range(2):
        answer = await ask(cache, key, Loader(Answer(b"old", stamp=b"1", order=1)), behind)
        assert (answer.body, answer.outcome) == (b"old", "miss")
    assert writes.moved() == (1, 2)
    assert (await ask(cache, key, Loader())).body == b"new"


async def test_other_states_have_other_flights(backend: Backend, key: str) -> None:
    """Who judges by a newer state does not take what is being loaded for an older one."""
    cache = ReadThrough(backend, ttl_s=100)
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
