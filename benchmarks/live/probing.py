"""From acknowledged to searchable: articles with a word of their own, and the first search that finds each.

The clock starts when the last byte of the acknowledgement has arrived, and stops when the last byte of an answer
that holds the article has. Most probes wait: one search with `min_seq`, which the server answers when it has indexed
so far. One of `POLLING_EVERY` polls: an ordinary search every `POLL_S`, until one finds it. Neither can flatter,
since only an answer that shows the article counts: waiting adds a round trip, polling up to `POLL_S` and their load.

Contract: probes are told to the feed as any other article, when they were looked for: nobody corrects or withdraws
them before.

Not here: figures of both together (`phases.py`).
"""

import asyncio
from collections import Counter
from itertools import count

import orjson

from benchmarks.live.feed import Feed
from benchmarks.live.schedule import evenly, on_schedule
from benchmarks.live.wire import Answer, Client
from benchmarks.live.writing import BULK, NDJSON, address_of

POLL_S = 0.05
POLLING_EVERY = 5
GIVE_UP_S = 30.0


class Prober:
    """A writer that looks for what it wrote."""

    def __init__(self, client: Client, feed: Feed) -> None:
        self._client = client
        self._feed = feed
        self._numbers = count()
        self.waited_s: list[float] = []
        self.polled_s: list[float] = []
        self.put_s: list[float] = []
        """From sent to acknowledged."""
        self.errors: Counter[str] = Counter()

    async def probe(self, rate: float, seconds: float) -> None:
        """Probes at this rate."""
        await on_schedule(evenly(rate, seconds), self._probe)

    async def _probe(self, due_s: float) -> None:
        number = next(self._numbers)
        article_id, mark = f"probe-{number:07d}", f"probe{number:07d}x"
        article = {"id": article_id, "title": f"Probe {mark}", "body": "It was seen at once.", "tags": ["probe"]}
        self._feed.doubtful([article_id])
        try:
            # By each of the two ways in which articles come.
            if number % 4 < 2:
                answer = await self._client.send("PUT", address_of(article_id), orjson.dumps(article))
            else:
                answer = await self._client.send("POST", BULK, orjson.dumps(article) + b"\n", NDJSON)
            if answer.status not in {200, 202}:
                self.errors[f"write: status {answer.status} {answer.body[:200]!r}"] += 1
                return
            self.put_s.append(answer.received_s - due_s)
            if number % POLLING_EVERY == 0:
                kept, condition = self.polled_s, ""
            else:
                kept, condition = self.waited_s, f"&min_seq={orjson.loads(answer.body)['min_seq']}&timeout_ms=30000"
            try:
                found = await self._found(f"/v1/search?q={mark}{condition}", answer.received_s + GIVE_UP_S)
            finally:
                self._feed.written([article_id])
        except (OSError, TimeoutError) as error:
            self.errors[type(error).__name__] += 1
            return
        if _total(found) == 1:
            kept.append(found.received_s - answer.received_s)
        else:
            self.errors[f"not found: status {found.status}"] += 1

    async def _found(self, target: str, give_up_s: float) -> Answer:
        """The first answer that shows one article, or the last of all."""
        while True:
            answer = await self._client.get(target)
            if _total(answer) == 1 or answer.received_s > give_up_s:
                return answer
            await asyncio.sleep(POLL_S)


def _total(answer: Answer) -> int:
    if answer.status != 200:
        return -1
    return int(orjson.loads(answer.body)["total"]["value"])
