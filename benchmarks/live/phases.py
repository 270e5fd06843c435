"""The phases, one after the other, at one server.

    peak      searches in closed loops
    quiet     searches at half of the peak, or another share
    live      the same, while articles, corrections, withdrawals and probes are written, and two walks are under way
    grown     as quiet, when all of that is indexed
    overload  too much is offered; the walks go on, and some search
    end       everything that was acknowledged is there, once, and found

Contract: `complaints` says what broke a promise. Latencies break none here: they belong to a machine.

Not here: making the archive and starting the server (`__main__.py`).
"""

import asyncio
from argparse import Namespace
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from benchmarks.live.ending import ended
from benchmarks.live.feed import Feed
from benchmarks.live.figures import latencies, ratio
from benchmarks.live.overload import TIMES, Overload
from benchmarks.live.probing import Prober
from benchmarks.live.searching import Readers
from benchmarks.live.walking import Walked, checked, walk
from benchmarks.live.watching import Watch, summary
from benchmarks.live.wire import Client
from benchmarks.live.writing import Writers
from tests.api_server import ApiServer

CLOSED_LOOPS = (4, 8, 16)
"""Readers at a time, to find the peak."""
PROBES_PER_S = 5.0
_SEARCHED_OVERLOADED = 0.1
"""As a share of the peak."""


class Run:
    """One run of all phases."""

    def __init__(self, root: Path, server: ApiServer, given: Namespace, keys: Sequence[str], feed: Feed) -> None:
        self._root, self._server, self._given, self._feed = root, server, given, feed
        self._keys = keys
        self.complaints: list[str] = []

    async def figures(self) -> dict[str, Any]:
        """Everything."""
        given = self._given
        live_s = given.minutes * 60
        async with AsyncExitStack() as stack:
            reading, probing, *writing = [
                await stack.enter_async_context(Client(self._server.port, key))
                for key in (None, self._keys[0], *self._keys[1:])
            ]
            readers = Readers(reading, given.queries)
            await readers.closed(CLOSED_LOOPS[-1], given.quiet_s / 4)
            peaks = [await readers.closed(count, given.quiet_s / 4) for count in CLOSED_LOOPS]
            rate = max(peaks) * given.load
            report: dict[str, Any] = {"peak": dict(zip(map(str, CLOSED_LOOPS), map(round, peaks), strict=True))}
            report["quiet"] = await self._quiet(readers, rate, seed=1)
            walks_s = 0.9 * (live_s + given.overload_s)
            walks = asyncio.gather(
                *(walk(reading, given.walk, sort, walks_s) for sort in ("relevance", "newest")),
                return_exceptions=True,
            )
            report["live"] = await self._live(readers, writing, probing, rate, live_s)
            overload = Overload(self._root, writing, probing, self._feed)
            await overload.drained()
            report["grown"] = await self._quiet(readers, rate, seed=3)
            report["overload"] = await self._overload(overload, readers, max(peaks) * _SEARCHED_OVERLOADED)
            walked = await walks
            report["end"], wrong = await ended(self._root, reading, self._feed, overload.partial, self._server.client)
            self.complaints += wrong
        report["walks"] = [self._checked(one) for one in walked]
        report["ratios"] = {
            f"search {name} with writes": ratio(report["live"]["search"][name], report["quiet"]["search"][name])
            for name in ("p50_ms", "p95_ms", "p99_ms")
        }
        return {**report, "complaints": self.complaints}

    async def _quiet(self, readers: Readers, rate: float, *, seed: int) -> dict[str, Any]:
        with Watch(self._root, self._server.pid) as watch:
            stream = await readers.open(rate, self._given.quiet_s, seed)
        self._complain("search", stream.errors)
        return {"search": stream.figures(), "server": summary(watch.samples)}

    async def _live(
        self, readers: Readers, writing: Sequence[Client], probing: Client, rate: float, seconds: float
    ) -> dict[str, Any]:
        writers, prober = Writers(writing, self._feed), Prober(probing, self._feed)
        with Watch(self._root, self._server.pid) as watch:
            stream, *_ = await asyncio.gather(
                readers.open(rate, seconds, 2),
                writers.write(self._given.rate, seconds),
                writers.withdraw(seconds),
                prober.probe(PROBES_PER_S, seconds),
            )
        for name, errors in (("search", stream.errors), ("write", writers.errors), ("probe", prober.errors)):
            self._complain(name, errors)
        return {
            "search": stream.figures(),
            "writes": {"rate": self._given.rate, **writers.figures()},
            "searchable": {
                "all": latencies([*prober.waited_s, *prober.polled_s]),
                "waited": latencies(prober.waited_s),
                "polled": latencies(prober.polled_s),
            },
            "acknowledged": latencies(prober.put_s),
            "server": summary(watch.samples),
        }

    async def _overload(self, overload: Overload, readers: Readers, rate: float) -> dict[str, Any]:
        drain = await overload.drain_rate()
        seconds, bound = self._given.overload_s, self._given.max_backlog
        with Watch(self._root, self._server.pid) as watch:
            stream, _ = await asyncio.gather(readers.open(rate, seconds, 4), overload.offer(TIMES * drain, seconds))
            room_s = await overload.drained(bound * 9 // 10)
            drained_s = room_s + await overload.drained()
        found = overload.figures(room_s)
        self._complain("overload", overload.errors)
        if found["refused_without_retry_after"]:
            self.complaints.append(f"overload: {found['refused_without_retry_after']} refusals without Retry-After")
        return {
            "drain_per_s": round(drain),
            **found,
            "drained_s": round(drained_s, 1),
            "search": stream.figures(),
            "server": summary(watch.samples),
        }

    def _checked(self, walked: Walked | BaseException) -> dict[str, Any]:
        if isinstance(walked, BaseException):
            self.complaints.append(f"walk: {walked}")
            return {"right": False, "error": str(walked)}
        found = checked(self._root, walked)
        if not found["right"]:
            self.complaints.append(f"walk: {found}")
        return found

    def _complain(self, name: str, errors: Counter[str]) -> None:
        self.complaints += [f"{name}: {count} times {what}" for what, count in errors.items()]
