"""Writers: bulk bodies at a fixed rate of articles, and withdrawals one by one.

Contract: a body is sent when the schedule says, whether or not those before it were answered; each writer has a key
of its own. What was acknowledged is told to the feed, and so is what nobody knows of.

Not here: what is written (`feed.py`), more than the server can take (`overload.py`).
"""

from collections import Counter
from collections.abc import Sequence
from itertools import cycle
from typing import Any

import orjson

from benchmarks.live.feed import Feed, Lines
from benchmarks.live.figures import latencies
from benchmarks.live.schedule import evenly, on_schedule
from benchmarks.live.wire import Answer, Client

BULK = "/v1/articles:bulk"
NDJSON = "application/x-ndjson"
LINES = 100
"""Of a body."""
WITHDRAWALS_PER_S = 5.0


class Writers:
    """Whoever writes."""

    def __init__(self, clients: Sequence[Client], feed: Feed) -> None:
        self._clients = cycle(clients)
        self._feed = feed
        self.acknowledged = self.withdrawn = 0
        self.errors: Counter[str] = Counter()
        self._bulk_s: list[float] = []
        self._withdrawal_s: list[float] = []

    async def write(self, rate: float, seconds: float) -> None:
        """So many articles a second."""
        await on_schedule(evenly(rate / LINES, seconds), self._send)

    async def withdraw(self, seconds: float) -> None:
        """Articles that are there, one after the other."""
        await on_schedule(evenly(WITHDRAWALS_PER_S, seconds), self._withdraw)

    async def _send(self, due_s: float) -> None:
        lines = self._feed.mixed(LINES)
        self._feed.doubtful(lines.ids)
        try:
            answer = await next(self._clients).send("POST", BULK, lines.body, NDJSON)
        except (OSError, TimeoutError) as error:
            self.errors[f"bulk: {type(error).__name__}"] += 1
            return
        if taken(answer, lines):
            self._bulk_s.append(answer.received_s - due_s)
            self.acknowledged += len(lines.ids)
            self._feed.written(lines.ids)
        else:
            self.errors[f"bulk: status {answer.status} {answer.body[:200]!r}"] += 1

    async def _withdraw(self, due_s: float) -> None:
        article_id = self._feed.take()
        if article_id is None:
            return
        self._feed.doubtful([article_id])
        try:
            answer = await next(self._clients).send("DELETE", address_of(article_id))
        except (OSError, TimeoutError) as error:
            self.errors[f"withdrawal: {type(error).__name__}"] += 1
            return
        if answer.status in {200, 202}:
            self._withdrawal_s.append(answer.received_s - due_s)
            self.withdrawn += 1
            self._feed.withdrawn(article_id)
        else:
            self.errors[f"withdrawal: status {answer.status} {answer.body[:200]!r}"] += 1

    def figures(self) -> dict[str, Any]:
        """What was acknowledged, how long that took from when it was due, and errors."""
        return {
            "acknowledged": self.acknowledged,
            "withdrawn": self.withdrawn,
            "errors": dict(self.errors),
            "bulk": latencies(self._bulk_s),
            "withdrawal": latencies(self._withdrawal_s),
        }


def taken(answer: Answer, lines: Lines) -> bool:
    """Whether all lines of a body were acknowledged."""
    if answer.status not in {200, 202}:
        return False
    job = orjson.loads(answer.body)
    return bool(job["status"] != "failed" and job["progress"]["done"] == len(lines.ids))


def address_of(article_id: str) -> str:
    """Where an article is read and written."""
    return "/v1/articles/" + "".join(
        chr(byte) if chr(byte).isalnum() and byte < 128 else f"%{byte:02X}" for byte in article_id.encode()
    )
