"""Redis in trouble: answers stay right, time is lost once, and the cache comes back by itself."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from cache.backends import REDIS_TIMEOUT_S, FailFastRedisCache
from cache.breaker import COOLDOWN_S, Breaker
from cache.entry import Entry, encode
from cache.keys import Key
from cache.memory import Memory
from cache.read_through import Cached, ReadThrough
from tests.cache.doubles import PATIENCE_S, Answer, Clock, Counted, Judging, Loader
from tests.cache.wire import Wire, honest
from tests.redis_server import RedisServer

pytestmark = pytest.mark.anyio

KEY = "a key"
OTHER_KEY = "another key"

FIRST_MISS_S = 0.5
"""Bound on the first answer from a hung server: 0.05 s and room for a busy machine; clients' defaults take 5 s."""


async def ask(cache: ReadThrough, loader: Loader, key: str = KEY) -> Cached:
    """Ask, and wait until the answer is kept too."""
    answer = await cache.get_or_load(key, loader, Judging())
    await cache._flights.settle()
    return answer


@asynccontextmanager
async def opened(url: str, clock: Clock, timeout_s: float = PATIENCE_S) -> AsyncIterator[ReadThrough]:
    """A cache on the server, whose cool-down waits for the clock; closed even if the test fails."""
    redis = FailFastRedisCache(url, timeout_s=timeout_s)
    cache = ReadThrough(Memory(0), redis, ttl_s=100, breaker=Breaker(clock=clock))
    try:
        yield cache
    finally:
        await cache.close()


@pytest.fixture
async def cache(redis_server: RedisServer, clock: Clock) -> AsyncIterator[ReadThrough]:
    """A cache that is never in a hurry."""
    async with opened(redis_server.url, clock) as patient:
        yield patient


@pytest.fixture
async def hasty(redis_server: RedisServer, clock: Clock) -> AsyncIterator[ReadThrough]:
    """A cache with the timeout it has in production, which has found its server."""
    async with opened(redis_server.url, clock, REDIS_TIMEOUT_S) as hasty:
        assert await recovers(hasty, clock)
        yield hasty


async def recovers(cache: ReadThrough, clock: Clock) -> bool:
    """Whether the cache finds its backend again, a few cool-downs from now: a busy machine may need another."""
    for _ in range(5):
        clock.now_s += COOLDOWN_S
        loader = Loader()
        await ask(cache, loader)
        if (await ask(cache, loader)).outcome == "hit":
            return True
    return False


async def test_flushed(cache: ReadThrough, redis_server: RedisServer) -> None:
    """After FLUSHALL everything is loaded again, and kept again."""
    loader = Loader()
    await ask(cache, loader)
    redis_server.command(b"FLUSHALL")
    assert [(await ask(cache, loader)).outcome for _ in range(2)] == ["miss", "hit"]


async def test_killed_and_restarted(cache: ReadThrough, redis_server: RedisServer, clock: Clock) -> None:
    """Killed: one failure, then nobody asks it any more. Restarted: found again after the cool-down."""
    loader = Loader()
    await ask(cache, loader)
    counted = Counted("backend_errors", "kind", "unavailable")
    redis_server.kill()
    assert {(await ask(cache, loader)).body for _ in range(50)} == {b"body"}
    assert counted.moved() == (1,)
    clock.now_s += COOLDOWN_S
    assert {(await ask(cache, loader)).outcome for _ in range(50)} == {"miss"}
    assert counted.moved() == (2,)
    redis_server.start()
    assert await recovers(cache, clock)


async def test_never_there(clock: Clock, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A server that was never started is no error either, and closing is clean."""
    async with opened(f"unix://{tmp_path_factory.mktemp('none') / 'socket'}", clock) as cache:
        assert (await ask(cache, Loader())).outcome == "miss"


async def test_hung_and_resumed(hasty: ReadThrough, redis_server: RedisServer, clock: Clock) -> None:
    """Hung: the first caller waits for one timeout, later ones not at all. Resumed: found again."""
    loader = Loader()
    counted = Counted("backend_errors", "kind", "unavailable")
    redis_server.hang()
    start_s = time.monotonic()
    assert (await ask(hasty, loader)).body == b"body"
    assert time.monotonic() - start_s < FIRST_MISS_S
    start_s = time.monotonic()
    assert {(await ask(hasty, loader)).body for _ in range(100)} == {b"body"}
    assert time.monotonic() - start_s < FIRST_MISS_S
    assert counted.moved() == (1,)
    redis_server.resume()
    assert await recovers(hasty, clock)


async def test_hung_under_a_crowd(hasty: ReadThrough, redis_server: RedisServer) -> None:
    """Hung while 300 callers ask for 300 keys: more than there are connections, and none waits its turn for long."""
    redis_server.hang()
    start_s = time.monotonic()
    loaders = [Loader(Answer(b"%d" % number)) for number in range(300)]
    asked = (hasty.get_or_load(f"{KEY} {number}", loader, Judging()) for number, loader in enumerate(loaders))
    answers = await asyncio.gather(*asked)
    assert time.monotonic() - start_s < 2 * FIRST_MISS_S
    assert [answer.body for answer in answers] == [b"%d" % number for number in range(300)]


@pytest.mark.parametrize("line", ["CONFIG SET maxmemory 1", "REPLICAOF 127.0.0.1 1"], ids=["full", "read only"])
async def test_refused_writes_leave_reads_alone(cache: ReadThrough, redis_server: RedisServer, line: str) -> None:
    """A server that takes no more still gives what it has; nobody gives up on it."""
    loader = Loader()
    await ask(cache, loader)
    errors = Counted("backend_errors", "kind", "refused", "unavailable")
    writes = Counted("writes", "result", "kept", "failed")
    assert redis_server.command(*line.encode().split()) == b"+OK\r\n"
    assert [(await ask(cache, loader, OTHER_KEY)).outcome for _ in range(2)] == ["miss", "miss"]
    assert (await ask(cache, loader)).outcome == "hit"
    assert errors.moved() == (4, 0)  # the lease, and the answer
    assert writes.moved() == (0, 2)


async def test_evicting(cache: ReadThrough, redis_server: RedisServer) -> None:
    """A server that evicts at random makes misses, never wrong answers."""
    assert redis_server.command(b"CONFIG", b"SET", b"maxmemory", b"3mb") == b"+OK\r\n"
    assert redis_server.command(b"CONFIG", b"SET", b"maxmemory-policy", b"allkeys-random") == b"+OK\r\n"
    outcomes = set()
    for _ in range(2):
        for number in range(100):
            body = number.to_bytes(4, "big") * 10_000
            answer = await ask(cache, Loader(Answer(body)), f"{KEY} {number}")
            assert answer.body == body
            outcomes.add(answer.outcome)
    assert outcomes == {"hit", "miss"}


SOUND = encode(Entry(b"wrong", time.time(), 1e6), Key.of(KEY).digest)
UNPICKLED = b"cbuiltins\nprint\n(S'unpickled'\ntR."


@pytest.mark.parametrize(
    ("fault", "value"),
    [
        ("foreign", b'{"someone": "else"}'),
        ("foreign", UNPICKLED),
        ("foreign", b""),
        ("damaged", SOUND[:-1] + b"!"),
        ("damaged", SOUND[:20]),
        ("other_key", encode(Entry(b"wrong", time.time(), 1e6), Key.of(OTHER_KEY).digest)),
        ("expired", encode(Entry(b"wrong", time.time() - 100, 1.0), Key.of(KEY).digest)),
        ("version", SOUND[:5] + b"\x09" + SOUND[6:]),
    ],
    ids=["JSON", "a pickle", "nothing", "changed", "cut", "another key", "old", "later version"],
)
async def test_what_is_no_entry_of_ours_is_a_miss(
    cache: ReadThrough, redis_server: RedisServer, capsys: pytest.CaptureFixture[str], fault: str, value: bytes
) -> None:
    """Foreign, damaged, misplaced or old: loaded again, written over, and never unpickled."""
    counted = Counted("rejected_entries", "fault", fault)
    assert redis_server.command(b"SET", Key.of(KEY).name.encode(), value) == b"+OK\r\n"
    answers = [await ask(cache, Loader(Answer(b"right"))) for _ in range(2)]
    assert [(answer.body, answer.outcome) for answer in answers] == [(b"right", "miss"), (b"right", "hit")]
    assert counted.moved() == (2,)  # both looks of the first request
    assert "unpickled" not in capsys.readouterr().out


async def test_the_wrong_type_is_a_miss(cache: ReadThrough, redis_server: RedisServer) -> None:
    """A list under our name is a miss that is written over, and no reason to give up."""
    counted = Counted("backend_errors", "kind", "refused", "unavailable")
    assert redis_server.command(b"LPUSH", Key.of(KEY).name.encode(), b"a") == b":1\r\n"
    loader = Loader()
    assert [(await ask(cache, loader)).outcome for _ in range(2)] == ["miss", "hit"]
    assert counted.moved() == (0, 0)


def _flip(_: int, piece: bytes) -> bytes:
    return bytes(byte ^ 0x55 for byte in piece)


SPOILERS: dict[str, Callable[[int, bytes], bytes]] = {
    "flipped": _flip,
    "body flipped": lambda _, piece: piece[:-4] + _flip(0, piece[-4:-3]) + piece[-3:],
    "cut short": lambda _, piece: piece[:-5],
    "nothing": lambda _, __: b"",
    "loading": lambda _, __: b"-LOADING Redis is loading the dataset in memory\r\n",
    "no access": lambda _, __: b"-NOAUTH Authentication required.\r\n",
    "integer": lambda _, __: b":42\r\n",
    "nested": lambda _, __: b"*1\r\n" * 1000 + b":1\r\n",
    "endless": lambda _, __: b"$1000000000\r\n",
    "negative": lambda _, __: b"$-7\r\n",
    "push": lambda _, __: b">2\r\n+invalidate\r\n*1\r\n+x\r\n",
    "http": lambda _, __: b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "twice": lambda _, piece: piece + piece,
}


@pytest.mark.parametrize("spoil", SPOILERS.values(), ids=SPOILERS)
@pytest.mark.parametrize("moment", ["connected", "connecting"])
async def test_garbage_on_the_wire_costs_one_miss(
    redis_server: RedisServer, clock: Clock, spoil: Callable[[int, bytes], bytes], moment: str
) -> None:
    """Whatever comes back, the answer is right, it comes in time, and an honest wire heals the cache."""
    async with Wire(redis_server.url) as wire, opened(wire.url, clock, REDIS_TIMEOUT_S) as cache:
        loader = Loader()
        if moment == "connected":
            await ask(cache, loader)
        wire.spoil = spoil
        start_s = time.monotonic()
        for _ in range(5):
            assert (await ask(cache, loader)).body == b"body"
        assert time.monotonic() - start_s < 2 * FIRST_MISS_S
        wire.spoil = honest
        assert await recovers(cache, clock)


async def test_nothing_is_tried_twice(redis_server: RedisServer, clock: Clock) -> None:
    """A reply that does not come is not asked for again: retries would multiply the time an outage costs."""
    async with Wire(redis_server.url) as wire, opened(wire.url, clock) as cache:
        await ask(cache, Loader())
        wire.spoil = SPOILERS["nothing"]
        await ask(cache, Loader())
        assert wire.connections == 1


async def test_a_slow_handshake_is_one_wait(redis_server: RedisServer, clock: Clock) -> None:
    """The timeout bounds the sum: a new connection takes several replies, each of which is in time."""
    async with Wire(redis_server.url) as wire, opened(f"{wire.url}?db=1", clock, REDIS_TIMEOUT_S) as cache:
        wire.delay_s = 0.04
        counted = Counted("backend_errors", "kind", "unavailable")
        assert (await ask(cache, Loader())).body == b"body"
        assert counted.moved() == (1,)
        wire.delay_s = 0.0
        assert await recovers(cache, clock)


@pytest.mark.parametrize("stale", [b"$5\r\nstale\r\n", b"*1\r\n$5\r\nstale\r\n"], ids=["no answer", "another's"])
async def test_a_connection_out_of_step_is_dropped(redis_server: RedisServer, clock: Clock, stale: bytes) -> None:
    """Replies that lag one behind belong to other keys: refused, and the connection does not stay in use."""
    async with Wire(redis_server.url) as wire, opened(wire.url, clock) as cache:
        one, other = Loader(Answer(b"one")), Loader(Answer(b"other"))
        await ask(cache, one, KEY)
        await ask(cache, other, OTHER_KEY)
        lagging = stale

        def lag(connection: int, piece: bytes) -> bytes:
            nonlocal lagging
            if connection == 1:
                piece, lagging = lagging, piece
            return piece

        wire.spoil = lag
        answers = [await ask(cache, one, KEY), await ask(cache, other, OTHER_KEY)]
        assert [answer.body for answer in answers] == [b"one", b"other"]
        clock.now_s += COOLDOWN_S
        assert [(await ask(cache, one, KEY)).outcome, (await ask(cache, other, OTHER_KEY)).outcome] == [
            "hit",
            "hit",
        ]
        assert wire.connections == 2


async def test_cancelled_callers_never_get_anothers_reply(redis_server: RedisServer) -> None:
    """Callers cancelled at any moment end there; every value echoes its key, and no connection is lost."""
    async with FailFastRedisCache(redis_server.url, timeout_s=PATIENCE_S, connections=8) as redis:
        for number in range(50):
            await redis.put(f"test:{number}", b"%d" % number, 100.0, unless=lambda _there: False)
        choose = random.Random(7)

        async def echo() -> bool:
            number = choose.randrange(50)
            return bool(await redis.get(f"test:{number}") == b"%d" % number)

        completed = 0
        for _ in range(260):
            callers = [asyncio.create_task(echo()) for _ in range(40)]
            cancelled = set()
            for caller in callers:
                if choose.random() < 0.6:
                    await asyncio.sleep(choose.random() * 0.0005)
                    if caller.cancel():
                        cancelled.add(caller)
            await asyncio.wait(callers)
            assert all(caller.cancelled() if caller in cancelled else caller.result() for caller in callers)
            completed += len(callers) - len(cancelled)
        assert 0 < completed < 260 * 40
        (_, _), (in_use, _) = redis.client.connection_pool.get_connection_count()
        assert in_use == 0
