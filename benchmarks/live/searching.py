"""Readers: searches from a query log, in a closed loop to find the peak, at a fixed rate to measure latency.

Contract: each search is computed: the server's cache forgets at once, and whatever says that it was a hit is counted.
An answer that is not whole is an error.

Not here: what else happens to the server meanwhile.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from benchmarks.live.figures import latencies
from benchmarks.live.schedule import on_schedule
from benchmarks.live.wire import Answer, Client
from loadtests.arrivals import poisson_arrivals
from loadtests.queries import read_queries

MAX_AT_WORK = 1000
"""Searches that wait for their answers; beyond that, the generator gives up on a search."""
_COMPLETE, _HIT = b'"coverage":{"complete":true', b"broadsheet; hit"


class Stream:
    """What came of searches at a rate."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.spent_s: list[float] = []
        """Of whole answers, from when each was due."""
        self.late_s: list[float] = []
        """By how much the generator was late."""
        self.errors: Counter[str] = Counter()
        self.hits = 0

    def figures(self) -> dict[str, Any]:
        """Latencies, errors, cache hits, and how late the generator was."""
        return {
            "rate": round(self.rate, 1),
            **latencies(self.spent_s),
            "errors": dict(self.errors),
            "cache_hits": self.hits,
            "sent_late_p99_ms": latencies(self.late_s)["p99_ms"],
        }


class Readers:
    """Whoever searches."""

    def __init__(self, client: Client, folder: Path) -> None:
        """Args: connections, and the folder with the query log.

        Raises:
            QueryLogError
        """
        self._client = client
        self._targets: Iterator[str] = cycle([f"/v1/search?q={quote_plus(text)}" for text in read_queries(folder)])

    async def closed(self, readers: int, seconds: float) -> float:
        """So many readers, each of whom asks again at once; whole answers a second.

        Raises:
            ConnectionError, TimeoutError
        """
        stop_s = time.monotonic() + seconds

        async def read() -> int:
            answered = 0
            while time.monotonic() < stop_s:
                answered += _is_whole(await self._client.get(next(self._targets)))
            return answered

        began_s = time.monotonic()
        answered = await asyncio.gather(*(read() for _ in range(readers)))
        return sum(answered) / (time.monotonic() - began_s)

    async def open(self, rate: float, seconds: float, seed: int) -> Stream:
        """Searches at this rate, on a schedule."""
        stream = Stream(rate)
        await on_schedule(poisson_arrivals(rate, seconds, seed), partial(self._ask, stream))
        return stream

    async def _ask(self, stream: Stream, due_s: float) -> None:
        stream.late_s.append(time.monotonic() - due_s)
        if self._client.at_work > MAX_AT_WORK:
            stream.errors["not asked: too many wait"] += 1
            return
        try:
            answer = await self._client.get(next(self._targets))
        except (OSError, TimeoutError) as error:
            stream.errors[type(error).__name__] += 1
            return
        if _is_whole(answer):
            stream.spent_s.append(answer.received_s - due_s)
            stream.hits += _HIT in answer.head
        else:
            stream.errors[f"status {answer.status}"] += 1


def _is_whole(answer: Answer) -> bool:
    return answer.status == 200 and _COMPLETE in answer.body
