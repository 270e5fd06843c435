"""Backends: bytes in, the same bytes out, within bounds of memory and time."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import pytest
from redis.asyncio.client import Pipeline

from cache.backends import (
    LAST_LOOK_S,
    LAST_LOOKS,
    MAX_TOGETHER,
    REDIS_TIMEOUT_S,
    BackendUnavailableError,
    CacheUrlError,
    FailFastRedisCache,
    _in_time,
)
from cache.entry import ORDER_BYTES
from tests.cache.doubles import PATIENCE_S
from tests.redis_server import RedisServer

ALL_BYTES = bytes(range(256)) * 40


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[FailFastRedisCache]:
    """One that is never in a hurry."""
    async with FailFastRedisCache(redis_url, timeout_s=PATIENCE_S) as opened:
        yield opened


@pytest.mark.anyio
@pytest.mark.parametrize("value", [b"", b"\xff\xfe\x00", ALL_BYTES, b"b'abc'"], ids=len)
async def test_bytes_come_back_as_they_were(redis: FailFastRedisCache, value: bytes) -> None:
    """No encoding, no pickling: any bytes come back, and what was never kept is None."""
    name = f"test:{uuid4()}"
    assert await redis.get(name) is None
    assert await redis.put(name, value, 60.0, unless=lambda _there: False)
    assert await redis.get(name) == value
    await redis.reconnect()
    assert await redis.get(name) == value


@pytest.mark.anyio
async def test_what_is_there_may_speak_against_it(redis: FailFastRedisCache) -> None:
    """It is shown, as far as its order needs it; and what speaks against a value keeps its place."""
    name, shown = f"test:{uuid4()}", []

    def unless(there: object) -> bool:
        shown.append(there)
        return True

    assert await redis.put(name, ALL_BYTES, 60.0, unless=unless)
    assert not await redis.put(name, b"other", 60.0, unless=unless)
    (there,) = shown
    assert isinstance(there, bytes)
    assert ALL_BYTES.startswith(there)
    assert len(there) >= ORDER_BYTES
    assert await redis.get(name) == ALL_BYTES
    assert await redis.put(name, b"other", 60.0, unless=lambda _there: False)
    assert await redis.get(name) == b"other"


@pytest.mark.anyio
async def test_other_types_have_no_say(redis_url: str) -> None:
    """What another application keeps under a name of ours makes way, as it did for a plain SET."""
    name = f"test:{uuid4()}"
    async with FailFastRedisCache(redis_url, timeout_s=PATIENCE_S) as redis:
        await redis.client.rpush(name, b"a list")
        assert await redis.put(name, b"value", 60.0, unless=lambda _there: True)
        assert await redis.get(name) == b"value"


@pytest.mark.anyio
async def test_whoever_comes_first_stays(redis_server: RedisServer) -> None:
    """What somebody else keeps between the look and the writing is not written over."""
    name = f"test:{uuid4()}"
    async with FailFastRedisCache(redis_server.url, timeout_s=PATIENCE_S) as redis:
        await redis.put(name, b"first", 60.0, unless=lambda _there: False)

        def meanwhile(_there: object) -> bool:
            redis_server.command(b"SET", name.encode(), b"second")
            return False

        assert not await redis.put(name, b"third", 60.0, unless=meanwhile)
        assert await redis.get(name) == b"second"


@pytest.mark.anyio
async def test_redis_keeps_for_the_time_to_live(redis_url: str) -> None:
    """The lifetime is the server's business too, in milliseconds, and never rounds down to none."""
    names = f"test:{uuid4()}", f"test:{uuid4()}"
    async with FailFastRedisCache(redis_url, timeout_s=PATIENCE_S) as redis:
        await redis.put(names[0], b"value", 90.5, unless=lambda _there: False)
        await redis.put(names[1], b"value", 0.0001, unless=lambda _there: False)
        assert 80_000 < await redis.client.pttl(names[0]) <= 90_500
        assert await redis.client.pttl(names[1]) <= 1


@pytest.mark.anyio
async def test_many_are_asked_for_together(redis_server: RedisServer) -> None:
    """Each gets its own, whoever goes meanwhile; in few exchanges."""
    async with FailFastRedisCache(redis_server.url, timeout_s=PATIENCE_S) as redis:
        for number in range(0, 400, 2):
            await redis.put(f"test:{number}", b"%d" % number, 60.0, unless=lambda _there: False)
        asking = [asyncio.create_task(redis.get(f"test:{number}")) for number in range(400)]
        await asyncio.sleep(0)
        for gone in asking[::7]:
            gone.cancel()
        found = await asyncio.gather(*asking, return_exceptions=True)
        for number, value in enumerate(found):
            if number % 7:
                assert value == (b"%d" % number if number % 2 == 0 else None)
        stats = await redis.client.info("commandstats")
        assert stats["cmdstat_mget"]["calls"] <= 400 / MAX_TOGETHER + 2
        assert await redis.get("test:2") == b"2"


@pytest.mark.anyio
async def test_all_who_wait_hear_of_it(redis_server: RedisServer) -> None:
    """Not one group after another: that would take a timeout each."""
    async with FailFastRedisCache(redis_server.url) as redis:
        await redis.get("test:1")
        redis_server.hang()
        start_s = time.monotonic()
        found = await asyncio.gather(*(redis.get(f"test:{number}") for number in range(500)), return_exceptions=True)
        assert time.monotonic() - start_s < 8 * REDIS_TIMEOUT_S < 500 / MAX_TOGETHER * REDIS_TIMEOUT_S
        assert {type(one) for one in found} == {BackendUnavailableError}
        redis_server.resume()


@pytest.mark.anyio
async def test_one_at_a_time_has_a_name(redis_url: str) -> None:
    """Until it is released or lapses; who has it no longer takes nothing from who has."""
    name, key = f"test:{uuid4()}", f"test:{uuid4()}"
    async with FailFastRedisCache(redis_url, timeout_s=PATIENCE_S) as redis:
        assert await redis.take(name, b"one", 60.0, key) == (True, None)
        assert await redis.take(name, b"one", 60.0, key) == (True, None)
        assert await redis.take(name, b"two", 60.0, key) == (False, None)
        await redis.put(key, b"kept", 60.0, unless=lambda _there: False)
        assert await redis.take(name, b"two", 60.0, key) == (False, b"kept")
        await redis.release(name, b"two")
        assert await redis.take(name, b"two", 60.0, key) == (False, b"kept")
        await redis.release(name, b"one")
        assert await redis.take(name, b"two", 0.001, key) == (True, b"kept")
        await asyncio.sleep(0.05)
        assert await redis.take(name, b"six", 60.0, key) == (True, b"kept")
        await redis.release(name, b"two")
        assert await redis.client.get(name) == b"six"


@pytest.mark.anyio
async def test_a_lease_that_makes_no_sense(redis_url: str) -> None:
    """What is no token of anybody's is not believed, whatever it is."""
    name = f"test:{uuid4()}"
    async with FailFastRedisCache(redis_url, timeout_s=PATIENCE_S) as redis:
        await redis.client.set(name, b"something else")
        with pytest.raises(BackendUnavailableError, match="makes no sense"):
            await redis.take(name, b"one", 60.0, "test:key")


@pytest.mark.anyio
async def test_what_another_took_meanwhile_stays(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that lapsed between the look and the release is another's."""
    name = f"test:{uuid4()}"

    def meanwhile(_self: Pipeline) -> None:
        redis_server.command(b"SET", name.encode(), b"other")
        multi(_self)

    multi: Callable[[Pipeline], None] = Pipeline.multi
    async with FailFastRedisCache(redis_server.url, timeout_s=PATIENCE_S) as redis:
        assert await redis.take(name, b"one", 60.0, "test:key") == (True, None)
        monkeypatch.setattr(Pipeline, "multi", meanwhile)
        await redis.release(name, b"one")
        assert await redis.client.get(name) == b"other"


@pytest.mark.parametrize(
    "url", ["redis://localhost", "redis://user:secret@[::1]:6380/2", "rediss://host/0", "unix:///run/redis?db=1"]
)
def test_every_kind_of_address_is_taken(url: str) -> None:
    """Without connecting."""
    FailFastRedisCache(url)


def test_the_server_cannot_change_our_timeouts() -> None:
    """Maintenance notifications, which the client takes by default over TCP, are off."""
    pool: Any = FailFastRedisCache("redis://localhost").client.connection_pool
    assert not pool.maint_notifications_enabled()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:6379",
        "http://localhost",
        "redis://",
        "redis://host:99999",
        "redis://host/news",
        "redis://[::1",
        "redis://host?no_such_option=1",
        "redis://host?db=x",
        "unix://",
        "redis://{host}:port",
    ],
)
def test_a_bad_address_is_an_error_that_names_the_setting(url: str) -> None:
    """The error says what was set and what would be right, at start and not at the first request."""
    with pytest.raises(CacheUrlError, match=f"BROADSHEET_REDIS_URL is '{re.escape(url.partition('?')[0])}', which"):
        FailFastRedisCache(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://user:secret@host",
        "redis://:sec/secret@host:port",
        "unix://?password=secret",
        "redis://:x@/secret@h/y",
    ],
)
def test_errors_do_not_show_passwords(url: str) -> None:
    """Addresses carry passwords, and errors are logged."""
    with pytest.raises(CacheUrlError) as caught:
        FailFastRedisCache(url)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


async def _turns(count: int) -> None:
    """As many turns of the event loop, each of which something else holds up."""
    for _ in range(count):
        time.sleep(4 * LAST_LOOK_S)  # noqa: ASYNC251 - it is what holds it up
        await asyncio.sleep(0)


@pytest.mark.anyio
async def test_a_busy_loop_is_not_taken_for_a_slow_server() -> None:
    """Time is up when a few looks in a row were in time and found nothing, or when it has taken far too long."""
    async with _in_time(LAST_LOOK_S, 60):
        await _turns(10 * LAST_LOOKS)
    with pytest.raises(TimeoutError):
        async with _in_time(LAST_LOOK_S, 0.05):
            await _turns(1000)
    with pytest.raises(TimeoutError):
        async with _in_time(LAST_LOOK_S, 60):
            await asyncio.sleep(60)
