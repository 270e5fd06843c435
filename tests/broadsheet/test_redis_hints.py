"""Hints by Redis: heard by whoever listens, lost without harm, and there again when Redis is."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest

from broadsheet import redis_hints
from broadsheet.redis_hints import Sender, listen
from tests.redis_server import RedisServer

WAIT_S = 20


class Ear:
    """Hears one hint after the other."""

    def __init__(self) -> None:
        self._heard: asyncio.Queue[None] = asyncio.Queue()

    def hear(self) -> None:
        """One."""
        self._heard.put_nowait(None)

    async def next(self) -> None:
        """Wait for one."""
        async with asyncio.timeout(WAIT_S):
            await self._heard.get()

    @property
    def silent(self) -> bool:
        """Whether there is none."""
        return self._heard.empty()


@contextlib.asynccontextmanager
async def _listening(url: str) -> AsyncIterator[Ear]:
    """Somebody who listens, and has heard that listening has begun."""
    ear = Ear()
    task = asyncio.create_task(listen(url, ear.hear))
    try:
        await ear.next()
        yield ear
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def test_an_epoch_is_heard_of(redis_server: RedisServer) -> None:
    """Each listener hears when listening begins, and each hint."""

    async def scene() -> None:
        sender = Sender(redis_server.url)
        async with _listening(redis_server.url) as one, _listening(redis_server.url) as other:
            assert one.silent
            assert other.silent
            sender.send()
            await one.next()
            await other.next()
        sender.close()

    asyncio.run(scene())


def test_redis_may_go_and_come_back(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Meanwhile sending costs next to nothing; then hints are heard again, beginning with one for what was lost."""
    monkeypatch.setattr(redis_hints, "PAUSE_S", 0.1)

    async def scene() -> None:
        sender = Sender(redis_server.url)
        async with _listening(redis_server.url) as ear:
            redis_server.kill()
            started_s = time.monotonic()
            for _ in range(100):
                sender.send()
            assert time.monotonic() - started_s < WAIT_S
            redis_server.start()
            await ear.next()
            await asyncio.sleep(2 * redis_hints.PAUSE_S)  # the sender's own patience
            sender.send()
            await ear.next()
        sender.close()

    asyncio.run(scene())


def test_a_redis_that_hangs_holds_nobody_up(redis_server: RedisServer) -> None:
    """Sending gives up, and does not try again at once."""
    sender = Sender(redis_server.url)
    sender.send()
    redis_server.hang()
    started_s = time.monotonic()
    for _ in range(100):
        sender.send()
    assert time.monotonic() - started_s < 100 * redis_hints.TIMEOUT_S
    redis_server.resume()
    sender.close()
