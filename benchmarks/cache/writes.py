"""The cache while articles are written: what stays warm, and whether it is ever wrong.

The log is asked in order, at a rate, half of its queries for all of their words and half for any; each of a server
that has a cache, with a Redis that has room for all answers, and of its twin on the same archive, whose cache forgets
at once. A repeat whose fresh answer is what it was the last time it was asked should be a hit. Every answer is
compared with its twin's.

Contract: only answers of the same epoch are compared; where an epoch came between the two, both are asked again, up
to `TRIES` times.

Not here: every kind of query and of change (`tests/search/test_dependence.py`).
"""

import asyncio
import shutil
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from benchmarks.cache.asking import address, counted, epoch_of, is_hit, plain
from benchmarks.live.feed import Feed
from benchmarks.live.figures import latencies
from benchmarks.live.wire import Answer, Client
from tests.api_server import ApiServer
from tests.redis_server import RedisServer

ARTICLES_A_SECOND = 100
LINES = 25
"""Of one request to write."""
TEXTS = 5_000
TRIES = 5
AT_WORK = 4
PAUSE_AFTER = 60.0
"""Seconds without a hit or an answer after which something is wrong."""


class Repeats:
    """Of one kind of query, what became of those that were asked before."""

    def __init__(self) -> None:
        self.asked = self.unchanged = self.hits = 0
        self.last: dict[str, bytes] = {}
        """By query, what its twin last answered."""

    def add(self, query: str, fresh: bytes, *, hit: bool) -> None:
        """A query was asked, and this is what it should be answered."""
        if query in self.last:
            self.asked += 1
            if self.last[query] == fresh:
                self.unchanged += 1
                self.hits += hit
        self.last[query] = fresh

    def figures(self) -> dict[str, Any]:
        """As they are reported."""
        share = round(self.hits / self.unchanged, 4) if self.unchanged else None
        return {"repeats": self.asked, "unchanged": self.unchanged, "hits": self.hits, "share": share}


class Comparison:
    """The log, asked of both."""

    def __init__(self, queries: Sequence[str], rate: float) -> None:
        self._queries = queries
        self._rate = rate
        self.repeats = {"and": Repeats(), "or": Repeats()}
        self.compared = self.skipped = self.wrong = 0
        self.examples: list[str] = []
        self.errors: Counter[str] = Counter()
        self.hits_s: list[float] = []
        self.misses_s: list[float] = []

    async def ask(self, port: int, twin_port: int) -> None:
        """All of them."""
        numbers, began_s = iter(range(len(self._queries))), time.monotonic()

        async def one_after_the_other(ours: Client, twin: Client) -> None:
            for number in numbers:
                await asyncio.sleep(max(0.0, began_s + number / self._rate - time.monotonic()))
                await self._both(number, ours, twin)

        async with Client(port) as ours, Client(twin_port) as twin, asyncio.TaskGroup() as tasks:
            for _ in range(AT_WORK):
                tasks.create_task(one_after_the_other(ours, twin))

    async def _both(self, number: int, ours: Client, twin: Client) -> None:
        words = self._queries[number].split()
        kind, query = ("and", " ".join(words)) if number % 2 else ("or", " OR ".join(words))
        for _ in range(TRIES):
            began_s = time.monotonic()
            answer = await ours.get(address(query))
            (self.hits_s if is_hit(answer) else self.misses_s).append(answer.received_s - began_s)
            fresh = await twin.get(address(query))
            if answer.status != 200 or fresh.status != 200:
                self.errors[f"{answer.status}/{fresh.status}"] += 1
                return
            if epoch_of(answer) == epoch_of(fresh):
                self._compare(kind, query, answer, fresh)
                return
        self.skipped += 1

    def _compare(self, kind: str, query: str, answer: Answer, fresh: Answer) -> None:
        self.compared += 1
        right = plain(fresh.body)
        if plain(answer.body) != right:
            self.wrong += 1
            self.examples.append(query)
        self.repeats[kind].add(query, right, hit=is_hit(answer))


def compared(root: Path, folder: Path, queries: Sequence[str], rate: float) -> dict[str, Any]:
    """The figures.

    Args:
        root: an archive, which is copied.
        folder: where to.
        queries: what is asked.
        rate: how many a second.
    """
    copy = folder / "written"
    shutil.copytree(root, copy)
    over = threading.Event()
    comparison = Comparison(queries, rate)
    with (
        closing(RedisServer()) as redis,
        ApiServer(copy, indexer=True, builders=1, redis_url=redis.url) as server,
        ApiServer(copy, cache_ttl_s=0.001) as twin,
    ):
        began_s, first = time.monotonic(), server.epoch()
        writer = Writer(server.port, over)
        writer.start()
        try:
            asyncio.run(comparison.ask(server.port, twin.port))
        finally:
            over.set()
            writer.join()
        took_s, epochs, events = time.monotonic() - began_s, server.epoch() - first, counted(server)
    return {
        "seconds": round(took_s, 1),
        "queries_a_second": round(len(queries) / took_s, 1),
        "articles_a_second": round(writer.written / took_s, 1),
        "epochs": epochs,
        "compared": comparison.compared,
        "skipped": comparison.skipped,
        "wrong": comparison.wrong,
        "examples": comparison.examples[:10],
        "errors": dict(comparison.errors),
        "repeats": {kind: repeats.figures() for kind, repeats in comparison.repeats.items()},
        "hits": latencies(comparison.hits_s),
        "misses": latencies(comparison.misses_s),
        "objections": {name: value for name, value in events.items() if "objections" in name},
    }


class Writer(threading.Thread):
    """Writes articles at a rate, until it is over."""

    def __init__(self, port: int, over: threading.Event) -> None:
        super().__init__()
        self._port = port
        self._over = over
        self._feed = Feed([], texts=TEXTS, seed=5, corrections=0.1)
        self.written = 0

    def run(self) -> None:
        """Write."""
        connection = HTTPConnection("127.0.0.1", self._port, timeout=PAUSE_AFTER)
        began_s = time.monotonic()
        while not self._over.wait(max(0.0, began_s + self.written / ARTICLES_A_SECOND - time.monotonic())):
            lines = self._feed.mixed(LINES)
            connection.request("POST", "/v1/articles:bulk", lines.body, {"Content-Type": "application/x-ndjson"})
            response = connection.getresponse()
            response.read()
            if response.status in {200, 202}:
                self._feed.written(lines.ids)
                self.written += LINES
        connection.close()
