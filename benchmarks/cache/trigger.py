"""What is left of a trouble when it is over: nothing should keep a service down that could serve.

Searches that mostly nobody asked before come at a share of what the server computes without any cache, from callers
who try three times, as far as a budget allows. Then, for a while, something happens; then it stops. Goodput is what
was answered within a second, counted second by second.

Contract: the same load before, during and after; a caller tries again as soon as it was refused or has waited a
second.

Source: N. Bronson et al., "Metastable Failures in Distributed Systems", HotOS 2021.

Not here: answers that are wrong (`troubles.py`).
"""

import asyncio
import contextlib
import itertools
import random
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.cache.asking import address
from benchmarks.live.schedule import evenly, on_schedule
from benchmarks.live.wire import Client
from tests.api_server import ApiServer
from tests.redis_server import RedisServer

SHARE = 0.8
TRIES = 3
BUDGET = 0.1
"""Tries again for each search that is asked: callers that have used it up give up at once."""
PATIENCE_S = 1.0
POPULAR = 500
"""Queries that half of the searches are for: what is cached of them is lost with the cache."""
BURST = 5


class Callers:
    """Who asks, and how much of it is answered in time."""

    def __init__(self, client: Client, popular: Sequence[str], others: Iterator[str]) -> None:
        """Args: connections; the addresses that half of the searches are for; those that nobody asked for before."""
        self._client = client
        self._popular = popular
        self._others = others
        self._draw = random.Random(3)
        self.good: Counter[int] = Counter()
        """By second in which it was due."""
        self.sent = self.asked = 0
        self._tokens = 10.0

    async def one(self, due_s: float) -> None:
        """A search, tried up to `TRIES` times."""
        target = self._draw.choice(self._popular) if self._draw.random() < 0.5 else next(self._others)
        self.asked += 1
        self._tokens = min(10.0, self._tokens + BUDGET)
        for attempt in range(TRIES):
            if attempt:
                if self._tokens < 1:
                    return
                self._tokens -= 1
            self.sent += 1
            with contextlib.suppress(ConnectionError, TimeoutError):
                async with asyncio.timeout(PATIENCE_S):
                    answer = await self._client.get(target)
                if answer.status == 200:
                    self.good[int(due_s)] += 1
                    return

    async def capacity(self, seconds: float) -> float:
        """Searches a second that are computed, two at a time."""
        over_s, done = time.monotonic() + seconds, itertools.count()

        async def loop() -> None:
            while time.monotonic() < over_s:
                await self._client.get(next(self._others))
                next(done)

        await asyncio.gather(loop(), loop())
        return next(done) / seconds


Trigger = Callable[[RedisServer, Callers, float, float], Coroutine[None, None, None]]
"""Does something for so many seconds, at a server that is offered so many searches a second."""


async def _flushed(redis: RedisServer, _callers: Callers, _rate: float, seconds: float) -> None:
    over_s = time.monotonic() + seconds
    while time.monotonic() < over_s:
        redis.command(b"FLUSHALL")
        await asyncio.sleep(0.1)


async def _hung(redis: RedisServer, _callers: Callers, _rate: float, seconds: float) -> None:
    redis.hang()
    await asyncio.sleep(seconds)
    redis.resume()


async def _burst(_redis: RedisServer, callers: Callers, rate: float, seconds: float) -> None:
    await on_schedule(evenly((BURST - 1) * rate, seconds), callers.one)


TRIGGERS: dict[str, Trigger] = {"flushed": _flushed, "hung": _hung, "burst": _burst}


async def triggered(root: Path, queries: Sequence[str], *, seconds: float) -> dict[str, Any]:
    """The figures of each trigger, which lasts so long."""
    different = [address(query) for query in dict.fromkeys(queries)]
    others = itertools.cycle(different[POPULAR:])
    found: dict[str, Any] = {}
    with contextlib.closing(RedisServer()) as redis:
        server = await asyncio.to_thread(lambda: ApiServer(root, redis_url=redis.url, cache_bytes=1 << 16))
        with contextlib.closing(server):
            for name, trigger in TRIGGERS.items():
                async with Client(server.port) as client:
                    callers = Callers(client, different[:POPULAR], others)
                    capacity = await callers.capacity(seconds / 2)
                    found[name] = {
                        "capacity": round(capacity, 1),
                        **await _one(redis, callers, trigger, SHARE * capacity, seconds),
                    }
    return found


async def _one(redis: RedisServer, callers: Callers, trigger: Trigger, rate: float, seconds: float) -> dict[str, Any]:
    began_s = time.monotonic()
    load = asyncio.create_task(on_schedule(evenly(rate, 4 * seconds), callers.one))
    await asyncio.sleep(seconds)
    triggering = asyncio.create_task(trigger(redis, callers, rate, seconds))
    await asyncio.sleep(seconds)
    over_s = time.monotonic()
    await asyncio.gather(triggering, load)
    by_second = [callers.good[second] for second in range(int(began_s) + 1, int(began_s + 4 * seconds))]
    before = by_second[: max(1, int(seconds) - 1)]
    last = by_second[-max(1, int(seconds)) :]
    after = [callers.good[second] for second in range(int(over_s) + 1, int(began_s + 4 * seconds))]
    usual = sum(before) / len(before)
    return {
        "rate": round(rate, 1),
        "goodput_before": round(usual, 1),
        "goodput_least": min(by_second),
        "goodput_after": round(sum(last) / len(last), 1),
        "back_within_s": next((at for at in range(len(after)) if _steady(after[at:], usual)), None),
        "sent_for_asked": round(callers.sent / callers.asked, 2),
    }


def _steady(seconds: Sequence[int], usual: float) -> bool:
    """Whether as much is answered as before, over the next seconds."""
    some = seconds[:3]
    return sum(some) >= 0.95 * usual * len(some)


def tables(found: dict[str, Any]) -> Iterator[str]:
    """A line for each trigger."""
    yield f"{'trigger':14}{'rate':>7}{'before':>8}{'least':>7}{'after':>7}{'back within s':>14}"
    for name, row in found.items():
        yield (
            f"{name:14}{row['rate']:7}{row['goodput_before']:8}{row['goodput_least']:7}{row['goodput_after']:7}"
            f"{row['back_within_s'] if row['back_within_s'] is not None else 'never':>14}"
        )
