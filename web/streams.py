"""Answers that last: places for those who wait or watch, when that ends, and Server-Sent Events.

Contract: there are so many places in one process, and another one is refused at once. Waiting ends with the
connection and with the process; a place is given back however it ends. A stream takes its place before it begins; it
also ends when its caller takes nothing for `SEND_S`, without a regular end, which nobody would see.

Not here: what is told, how often, and whether the caller still may read (`indexer/watching.py`,
`broadsheet/operations/watching.py`).
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, MutableMapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Any

from starlette.datastructures import Headers
from starlette.types import Scope, Send

from web.openapi import EVENT_STREAM

SEND_S = 30.0
"""How long a caller may take nothing of a stream."""

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Ends = Sequence["asyncio.Task[Any]"]
"""Whichever is done first ends the waiting."""


class Places:
    """The places of those who wait.

    Args:
        most: how many there are.
        stopping: set when the process is to stop.
        refused: makes what is raised when all are taken.
    """

    def __init__(self, most: int, stopping: asyncio.Event, refused: Callable[[], Exception]) -> None:
        self._most = most
        self._stopping = stopping
        self._refused = refused
        self.taken = 0
        """How many are."""

    @contextlib.asynccontextmanager
    async def take(self, receive: Receive) -> AsyncIterator[Ends]:
        """Take one, for whoever is heard by `receive`.

        Raises:
            Exception: what `refused` makes.
        """
        if self.taken >= self._most:
            raise self._refused()
        self.taken += 1
        ends = (asyncio.create_task(_gone(receive)), asyncio.create_task(self._stopping.wait()))
        try:
            yield ends
        finally:
            self.taken -= 1
            for end in ends:
                end.cancel()


def is_over(ends: Ends) -> bool:
    """Whether the waiting is to end."""
    return any(end.done() for end in ends)


async def _gone(receive: Receive) -> None:
    """Return when whoever asked has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass


class EventStream:
    """Server-Sent Events; an ASGI app that answers one request.

    Args:
        place: takes the caller's place.
        pieces: the events, as bytes, until they end by themselves or with `Ends`.
        headers: of the answer, besides those of any stream.
    """

    def __init__(
        self,
        place: Callable[[Receive], AbstractAsyncContextManager[Ends]],
        pieces: Callable[[Ends], AsyncGenerator[bytes, None]],
        headers: dict[str, str],
    ) -> None:
        self._place = place
        self._pieces = pieces
        # Proxies that collect answers before they hand them on are asked not to.
        self._headers = Headers({**headers, "Content-Type": EVENT_STREAM, "X-Accel-Buffering": "no"})

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        async with self._place(receive) as ends:
            await send({"type": "http.response.start", "status": 200, "headers": self._headers.raw})
            try:
                async with aclosing(self._pieces(ends)) as pieces:
                    async for piece in pieces:
                        async with asyncio.timeout(SEND_S):
                            await send({"type": "http.response.body", "body": piece, "more_body": True})
            except TimeoutError:
                return
            await send({"type": "http.response.body", "body": b"", "more_body": False})
