"""Too much: several writers at a time offer ten times what the server can index, for a while, then stop.

The drain rate is that of the server when it is behind, measured just before. Each writer sends its bodies on a
schedule, refused or not, as careless callers do. One more is careful: refused, it waits as long as it was told.

Contract: every refusal's time counts from when its request was sent, body and all. What was acknowledged is told to
the feed; a body of which only some lines were taken is noted, since its job says which.

Not here: whether all of it is found in the end (`phases.py`), memory (`watching.py`).
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from benchmarks.live.feed import Feed
from benchmarks.live.figures import latencies, patience, ratio
from benchmarks.live.schedule import evenly, on_schedule
from benchmarks.live.wire import Client
from benchmarks.live.writing import BULK, NDJSON, taken
from indexer.log import EventLog, log_path

LINES = 200
TIMES = 10
MAX_AT_WORK = 64
"""Bodies of one writer on their way; further ones are counted as offered, and not sent."""
SURGE = 12_000
"""Articles from which the drain rate is measured."""
LATEST = 20
"""Refusals, the last of all, whose `Retry-After` is compared with what it then took."""
_LOOK_S = 0.05


class Reply(NamedTuple):
    """What came of one body."""

    accepted: int
    """Lines."""
    spent_s: float
    refused: bool
    retry_after_s: float | None


class Overload:
    """The writers and what came of it."""

    def __init__(self, root: Path, clients: Sequence[Client], careful: Client, feed: Feed) -> None:
        self._log = log_path(root)
        self._clients = clients
        self._careful = careful
        self._feed = feed
        self._forget()
        self.partial: list[tuple[str, list[str]]] = []
        """Of bodies of which only some lines were taken: the address of their results, and their ids."""

    def _forget(self) -> None:
        self.offered = self.unsent = 0
        self.accepted = [0] * len(self._clients)
        self.refusals: list[Reply] = []
        self.careful: list[Reply] = []
        self.errors: Counter[str] = Counter()

    def waiting(self) -> int:
        """Changes that are logged, and not indexed yet."""
        with EventLog(self._log) as log:
            return log.drain().waiting

    async def drained(self, to: int = 0) -> float:
        """Wait until so few are waiting; how long that took."""
        began_s = time.monotonic()
        while self.waiting() > to:  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(_LOOK_S)
        return time.monotonic() - began_s

    async def drain_rate(self) -> float:
        """Articles a second that the server takes and indexes when it is behind."""
        began_s = time.monotonic()
        await asyncio.gather(*map(self._surge, self._clients))
        await self.drained()
        return SURGE / (time.monotonic() - began_s)

    async def _surge(self, client: Client) -> None:
        left = SURGE // len(self._clients)
        while left > 0:
            reply = await self._post(client)
            left -= reply.accepted
            if not reply.accepted:
                await asyncio.sleep(reply.retry_after_s or _LOOK_S)

    async def offer(self, rate: float, seconds: float) -> None:
        """So many articles a second, of all writers together."""
        self._forget()
        each = rate / LINES / len(self._clients)
        over = asyncio.Event()
        careful = asyncio.create_task(self._be_careful(over))
        await asyncio.gather(
            *(on_schedule(evenly(each, seconds), partial(self._send, at)) for at in range(len(self._clients)))
        )
        over.set()
        await careful

    async def _send(self, at: int, _due_s: float) -> None:
        self.offered += LINES
        if self._clients[at].at_work >= MAX_AT_WORK:
            self.unsent += LINES
            return
        reply = await self._post(self._clients[at])
        self.accepted[at] += reply.accepted
        if reply.refused:
            self.refusals.append(reply)

    async def _be_careful(self, over: asyncio.Event) -> None:
        while not over.is_set():
            reply = await self._post(self._careful)
            self.careful.append(reply)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(reply.retry_after_s or _LOOK_S):
                    await over.wait()

    async def _post(self, client: Client) -> Reply:
        lines = self._feed.fresh(LINES)
        sent_s = time.monotonic()
        try:
            answer = await client.send("POST", BULK, lines.body, NDJSON)
        except (OSError, TimeoutError) as error:
            self.errors[type(error).__name__] += 1
            self._feed.doubtful(lines.ids)
            return Reply(0, time.monotonic() - sent_s, refused=False, retry_after_s=None)
        spent_s = answer.received_s - sent_s
        if taken(answer, lines):
            self._feed.written(lines.ids)
            return Reply(len(lines.ids), spent_s, refused=False, retry_after_s=None)
        if answer.status in {200, 202}:
            self.partial.append((orjson.loads(answer.body)["links"]["results"], lines.ids))
            self._feed.doubtful(lines.ids)
        elif answer.status not in {429, 503}:
            self.errors[f"status {answer.status} {answer.body[:200]!r}"] += 1
        told = answer.header("Retry-After")
        refused = answer.status in {429, 503}
        return Reply(0, spent_s, refused, float(told) if refused and told else None)

    def figures(self, took_s: float) -> dict[str, Any]:
        """What was offered, accepted and refused; `took_s` is how long it took until there was room again."""
        told = [one.retry_after_s for one in self.refusals if one.retry_after_s is not None]
        returned = [
            after.accepted > 0
            for before, after in zip(self.careful, self.careful[1:], strict=False)
            if before.refused
        ]
        return {
            "offered": self.offered,
            "unsent": self.unsent,
            "accepted": sum(self.accepted),
            "accepted_of_each": self.accepted,
            "partial_jobs": len(self.partial),
            "refused": len(self.refusals),
            "refused_without_retry_after": len(self.refusals) - len(told),
            "refusals": latencies(one.spent_s for one in self.refusals),
            "retry_after": patience(told[-LATEST:], took_s),
            "careful": {
                "sent": len(self.careful),
                "refused": sum(one.refused for one in self.careful),
                "came_back": len(returned),
                "accepted_when_it_came_back": ratio(sum(returned), len(returned)),
            },
            "errors": dict(self.errors),
        }
