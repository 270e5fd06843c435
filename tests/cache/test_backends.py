"""Backends: bytes in, the same bytes out, within bounds of memory and time."""

import re
from collections.abc import Coroutine
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from cache.backends import (
    ENTRY_OVERHEAD_BYTES,
    Backend,
    CacheUrlError,
    FailFastRedisCache,
    MemoryCache,
    open_backend,
)
from cache.entry import ORDER_BYTES
from tests.cache.doubles import PATIENCE_S, Clock
from tests.redis_server import RedisServer

ALL_BYTES = bytes(range(256)) * 40


@pytest.mark.anyio
@pytest.mark.parametrize("value", [b"", b"\xff\xfe\x00", ALL_BYTES, b"b'abc'"], ids=len)
async def test_bytes_come_back_as_they_were(backend: Backend, value: bytes) -> None:
    """No encoding, no pickling: any bytes come back, and what was never kept is None."""
    name = f"test:{uuid4()}"
    assert await backend.get(name) is None
    assert await backend.put(name, value, 60.0, unless=lambda _there: False)
    assert await backend.get(name) == value
    await backend.reconnect()
    assert await backend.get(name) == value


@pytest.mark.anyio
async def test_what_is_there_may_speak_against_it(backend: Backend) -> None:
    """It is shown, as far as its order needs it; and what speaks against a value keeps its place."""
    name, shown = f"test:{uuid4()}", []

    def unless(there: object) -> bool:
        shown.append(there)
        return True

    assert await backend.put(name, ALL_BYTES, 60.0, unless=unless)
    assert not await backend.put(name, b"other", 60.0, unless=unless)
    (there,) = shown
    assert isinstance(there, bytes)
    assert ALL_BYTES.startswith(there)
    assert len(there) >= ORDER_BYTES
    assert await backend.get(name) == ALL_BYTES
    assert await backend.put(name, b"other", 60.0, unless=lambda _there: False)
    assert await backend.get(name) == b"other"


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
        await redis.set(names[0], b"value", ttl=90.5)
        await redis.set(names[1], b"value", ttl=0.0001)
        assert 80_000 < await redis.client.pttl(names[0]) <= 90_500
        assert await redis.client.pttl(names[1]) <= 1


@pytest.mark.anyio
async def test_memory_keeps_for_the_time_to_live(clock: Clock) -> None:
    """An entry is there until its time is over, and then leaves the memory when asked for."""
    memory = MemoryCache(1000, clock)
    await memory.set("name", b"value", ttl=2.0)
    clock.now_s += 1.9
    assert await memory.get("name") == b"value"
    clock.now_s += 0.1
    assert memory.size_bytes > 0
    assert await memory.get("name") is None
    assert memory.size_bytes == 0


@pytest.mark.anyio
async def test_no_memory_keeps_nothing() -> None:
    """A bound of 0 switches the memory off; it does not lift the bound."""
    memory = MemoryCache(0)
    await memory.set("name", b"", ttl=60.0)
    assert await memory.get("name") is None


def at_once(operation: Coroutine[object, object, object]) -> object:
    """The result of an operation that never waits; a wait would raise here."""
    with pytest.raises(StopIteration) as ended:
        operation.send(None)
    return ended.value.value


class MemoryUnderPressure(RuleBasedStateMachine):
    """A memory cache of 4 KB against a dictionary that forgets nothing."""

    names = st.sampled_from("abcdefgh")

    def __init__(self) -> None:
        super().__init__()
        self.memory = MemoryCache(4096)
        self.latest: dict[str, bytes] = {}

    @rule(name=names, size=st.integers(0, 5000))
    def keep(self, name: str, size: int) -> None:
        """Keep a value, small, large, or larger than the whole memory."""
        self.latest[name] = bytes(size)
        at_once(self.memory.set(name, self.latest[name], ttl=60.0))
        if size + 1 + ENTRY_OVERHEAD_BYTES <= 4096:
            assert at_once(self.memory.get(name)) == self.latest[name]

    @rule(name=names)
    def look(self, name: str) -> None:
        """What is found is the latest value; an older one never comes back."""
        assert at_once(self.memory.get(name)) in (None, self.latest.get(name))

    @invariant()
    def stays_within_its_bound(self) -> None:
        """The bound holds at every moment."""
        assert self.memory.size_bytes <= 4096


TestMemoryUnderPressure = MemoryUnderPressure.TestCase


@pytest.mark.anyio
async def test_the_least_recently_used_leaves_first() -> None:
    """What was looked at stays, what was not makes room."""
    memory = MemoryCache(3 * (ENTRY_OVERHEAD_BYTES + 11))
    for name in "abc":
        await memory.set(name, bytes(10), ttl=60.0)
    await memory.get("a")
    await memory.set("d", bytes(10), ttl=60.0)
    assert [await memory.get(name) is not None for name in "abcd"] == [True, False, True, True]


def test_the_settings_choose_the_backend() -> None:
    """No address means memory; every kind of address is taken, without connecting."""
    assert isinstance(open_backend(None, 1000), MemoryCache)
    for url in (
        "redis://localhost",
        "redis://user:secret@[::1]:6380/2",
        "rediss://host/0",
        "unix:///run/redis?db=1",
    ):
        assert isinstance(open_backend(url, 0), FailFastRedisCache)


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
        open_backend(url, 0)


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
        open_backend(url, 0)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


@given(st.integers(max_value=-1))
def test_negative_memory_is_an_error(memory_bytes: int) -> None:
    """A bound below 0 is a mistake."""
    with pytest.raises(ValueError, match="use 0 or more"):
        open_backend(None, memory_bytes)
