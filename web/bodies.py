"""The bodies of write requests: how much of them one process takes in at a time, and from whom.

Contract: what is being received is bounded, in bytes for those that are read whole and in number for those that are
read as they arrive; no client has more than half of either. What is too much is refused at once. A body that does not
come is waited for `PATIENCE_S`, and no longer.

Not here: what is done with them (the routes).
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from starlette.requests import Request

from web.problems import Problem, retry_after

PATIENCE_S = 30.0
"""For a body that is read whole, and for each piece of another one."""


class Shares:
    """So much of something, on one event loop."""

    def __init__(self, whole: int) -> None:
        self._whole = whole
        self._taken: Counter[str] = Counter()

    @contextmanager
    def taken(self, client: str, amount: int = 1) -> Iterator[None]:
        """Have that much, for as long as the block takes.

        Raises:
            Problem: `overloaded`.
        """
        mine = self._taken[client] + amount
        if mine > self._whole // 2 or self._taken.total() + amount > self._whole:
            raise Problem("overloaded", "too many bodies are being received", headers=retry_after(1))
        self._taken[client] = mine
        try:
            yield
        finally:
            self._taken[client] -= amount
            if not self._taken[client]:
                del self._taken[client]


def claimed_bytes(request: Request, most: int) -> int:
    """How long the body of a request is, as far as it says so; `most` where it does not, or says more than that."""
    text = request.headers.get("content-length", "")
    return min(int(text), most) if text.isdecimal() else most


async def read_body(request: Request, most: int) -> bytes:
    """The body of a request, if it is not longer than `most` bytes.

    Raises:
        Problem: `body-too-large`, `body-too-slow`.
    """
    pieces, size = [], 0
    try:
        async with asyncio.timeout(PATIENCE_S):
            async for piece in request.stream():
                size += len(piece)
                if size > most:
                    raise Problem("body-too-large", f"it may have {most:,} bytes as JSON")
                pieces.append(piece)
    except TimeoutError:
        raise _too_slow() from None
    return b"".join(pieces)


async def body_pieces(request: Request) -> AsyncIterator[bytes]:
    """The body of a request as it arrives.

    Raises:
        Problem: `body-too-slow`.
        ClientDisconnect
    """
    stream = aiter(request.stream())
    while True:
        try:
            async with asyncio.timeout(PATIENCE_S):
                piece = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise _too_slow() from None
        if piece:
            yield piece


def _too_slow() -> Problem:
    # What else comes of it is no request.
    return Problem("body-too-slow", f"nothing came for {PATIENCE_S:g} s", headers={"Connection": "close"})
