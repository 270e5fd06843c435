"""The broker: scatters a query over the partitions, gathers one page in the total order.

Contract: one message per process, never one per partition. What comes back is the same however the archive is
partitioned. A partition that fails or is late is named with its reason; its absence is never hidden.

Not here: processes (`pool.py`), what a leaf does (`leaf.py`), cursors (`cursor.py`).
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from search.leaf import Match, Slice
from search.messages import (
    Answered,
    Broken,
    Documents,
    DocumentsRequest,
    Done,
    EpochGone,
    Failed,
    FindRequest,
    OpenRequest,
    Parsed,
    ParseRequest,
    Refused,
    Reply,
    SearchRequest,
)
from search.parsing import QueryError
from search.pool import OPEN_DEADLINE_S, LeafPool
from search.query import Node, Query


class EpochGoneError(Exception):
    """The epoch is no longer kept."""


class LeafError(Exception):
    """A leaf could not answer; the message says why. `timeout` when it was late."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """One page of matches and where it came from."""

    matches: list[Match]
    """Best first in the direction asked for, at most the slice's size."""
    total: int
    """Of the partitions that answered."""
    partitions: int
    failed: dict[int, str]
    """Partition to reason."""


class Broker:
    """Scatter and gather over one pool."""

    def __init__(self, pool: LeafPool) -> None:
        self._pool = pool

    async def open(self, epoch: int, partitions: int) -> None:
        """Open an epoch in every process, so that no query has to wait for it.

        Raises:
            EpochGoneError, LeafError
        """
        deadline_s = time.monotonic() + OPEN_DEADLINE_S
        owners = self._pool.owners(partitions)
        requests = (self._pool.ask(slot, OpenRequest(epoch, share), deadline_s) for slot, share in owners)
        for replies in await asyncio.gather(*requests):
            _closing(replies)

    async def parse(self, epoch: int, text: str, deadline_s: float) -> Node:
        """The tree of a query text.

        Raises:
            QueryError: it cannot be executed.
            EpochGoneError, LeafError
        """
        request = ParseRequest(epoch, text)
        halfway_s = (time.monotonic() + deadline_s) / 2
        replies = await self._pool.ask(self._pool.least_busy(), request, halfway_s)
        if isinstance(replies[-1], Broken):  # any other process will do
            replies = await self._pool.ask(self._pool.least_busy(), request, deadline_s)
        reply = _closing(replies)
        if isinstance(reply, Refused):
            raise QueryError(reply.detail, reply.position)
        assert isinstance(reply, Parsed)
        return reply.node

    async def search(self, epoch: int, partitions: int, query: Query, part: Slice, deadline_s: float) -> Gathered:
        """One page of a query over all partitions.

        Raises:
            EpochGoneError
        """
        owners = self._pool.owners(partitions)
        answers = await asyncio.gather(
            *(
                self._pool.ask(slot, SearchRequest(epoch, share, query, part, deadline_s), deadline_s)
                for slot, share in owners
            )
        )
        matches: list[Match] = []
        total = 0
        failed: dict[int, str] = {}
        for (_slot, share), replies in zip(owners, answers, strict=True):
            missing = set(share)
            for reply in replies:
                match reply:
                    case Answered(partition=partition, answer=answer):
                        missing.discard(partition)
                        matches += answer.matches
                        total += answer.total
                    case Failed(partition=partition, reason=reason):
                        missing.discard(partition)
                        failed[partition] = reason
                    case EpochGone():
                        raise EpochGoneError
                    case Broken(detail=detail):
                        failed |= dict.fromkeys(missing, detail)
                    case Done():
                        pass
                    case _:
                        raise AssertionError(reply)
        matches.sort(key=lambda match: match.position, reverse=part.backwards)
        return Gathered(matches[: part.size], total, partitions, failed)

    async def documents(
        self,
        epoch: int,
        partitions: int,
        matches: list[Match],
        fields: frozenset[str],
        words: frozenset[str],
        deadline_s: float,
    ) -> list[dict[str, Any]]:
        """These stored fields of each match, in the order of `matches`.

        Raises:
            EpochGoneError, LeafError
        """
        wanted = []
        for slot, share in self._pool.owners(partitions):
            mine = [at for at, match in enumerate(matches) if match.address.partition in share]
            if mine:
                addresses = tuple(matches[at].address for at in mine)
                wanted.append((slot, mine, DocumentsRequest(epoch, addresses, fields, words)))
        answers = await asyncio.gather(
            *(self._pool.ask(slot, request, deadline_s) for slot, _mine, request in wanted)
        )
        found: list[dict[str, Any]] = [{} for _ in matches]
        for (_slot, mine, _request), replies in zip(wanted, answers, strict=True):
            reply = _closing(replies)
            assert isinstance(reply, Documents)
            for at, stored in zip(mine, reply.documents, strict=True):
                found[at] = stored
        return found

    async def find(
        self, epoch: int, partitions: int, partition: int, article_id: str, deadline_s: float
    ) -> dict[str, Any] | None:
        """The stored fields of one article, `None` if it is not in this epoch.

        Raises:
            EpochGoneError, LeafError
        """
        slot = next(slot for slot, share in self._pool.owners(partitions) if partition in share)
        reply = _closing(await self._pool.ask(slot, FindRequest(epoch, partition, article_id), deadline_s))
        assert isinstance(reply, Documents)
        return reply.documents[0] if reply.documents else None


def _closing(replies: list[Reply]) -> Reply:
    reply = replies[-1]
    if isinstance(reply, EpochGone):
        raise EpochGoneError
    if isinstance(reply, Broken):
        raise LeafError(reply.detail)
    return reply
