"""A walk by cursor through many thousand hits, slow enough to meet many epochs, and what it should have met.

The state that a walk is in has the log sequence of `Broadsheet-Indexed-Through`. What it holds is told by the log
itself, replayed up to there without the index: the last version of each article, if it holds one of the words.

Contract: a walk goes on to the last page, whatever is published meanwhile. A page that is refused because the service
is full, or late, is asked for again: when the refusal says, or after a second.

Not here: comparing the two (`figures.compared`).
"""

import asyncio
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import quote_plus

import orjson

from benchmarks.live.figures import compared
from benchmarks.live.wire import Client
from indexer.log import EventLog, log_path
from partition.analysis import term_of
from partition.types import Article, hash64

LIMIT = 100
MAX_REFUSED = 1000
"""Pages of a walk that are asked for again."""
Order = Literal["relevance", "newest"]


class WalkError(Exception):
    """A page was refused."""


class Walked(NamedTuple):
    """One walk."""

    sort: Order
    words: Sequence[str]
    seq: int
    """Of the state that was walked."""
    total: int
    """As the first page said."""
    ids: list[str]
    refused: int
    """Pages that were asked for again."""
    spent_s: float


async def walk(client: Client, words: Sequence[str], sort: Order, seconds: float) -> Walked:
    """Walk through everything that holds any of the words, in about so many seconds.

    Raises:
        WalkError, ConnectionError, TimeoutError
    """
    target: str | None = f"/v1/search?q={quote_plus(' OR '.join(words))}&sort={sort}&limit={LIMIT}&fields=id"
    ids: list[str] = []
    seq = total = refused = 0
    began_s = time.monotonic()
    while target:
        answer = await client.get(target)
        if answer.status in {503, 504} and refused < MAX_REFUSED:
            refused += 1
            await asyncio.sleep(float(answer.header("Retry-After") or 1))
            continue
        if answer.status != 200:
            raise WalkError(f"after {len(ids):,} hits: status {answer.status} {answer.body[:300]!r}")
        page = orjson.loads(answer.body)
        ids += [hit["id"] for hit in page["data"]]
        if not seq:
            seq = int((answer.header("Broadsheet-Indexed-Through") or "0").partition(";")[0])
            total = page["total"]["value"]
        target = page["page"]["next"]
        due_s = began_s + seconds * len(ids) / max(1, total)
        await asyncio.sleep(max(0.0, due_s - time.monotonic()))
    return Walked(sort, words, seq, total, ids, refused, time.monotonic() - began_s)


def checked(root: Path, walked: Walked) -> dict[str, Any]:
    """The walk held against the log."""
    truth = _truth(root, walked.words, walked.seq)
    if walked.sort == "newest":
        truth.sort(key=_newest_first)
    ids = [article_id for article_id, _published_ms in truth]
    found = compared(walked.ids, ids, ordered=walked.sort == "newest")
    if walked.total != len(ids):
        found["right"] = False
    return {
        "sort": walked.sort,
        "seq": walked.seq,
        "seconds": round(walked.spent_s, 1),
        "refused": walked.refused,
        **found,
    }


def _newest_first(entry: tuple[str, int | None]) -> tuple[bool, int, int, str]:
    article_id, published_ms = entry
    return published_ms is None, -(published_ms or 0), hash64(article_id), article_id


def _truth(root: Path, words: Sequence[str], seq: int) -> list[tuple[str, int | None]]:
    """Id and publication time of each article that holds any of the words after this log sequence."""
    terms = {term_of(word) for word in words}
    # All forms of these words begin like their terms; the last letter may change (policy, polici).
    form = re.compile(rf"(?<!\w)(?:{'|'.join(term[:-1] for term in terms)})\w*", re.IGNORECASE)

    def holds(article: Article) -> bool:
        return any(term_of(found) in terms for text in (article.title, article.body) for found in form.findall(text))

    with EventLog(log_path(root)) as log:
        return [
            (event.article_id, event.article.published_ms)
            for partition in range(log.partitions)
            for event in log.read(partition, 0, seq)
            if event.article and holds(event.article)
        ]
