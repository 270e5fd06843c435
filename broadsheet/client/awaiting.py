"""The driver for event loops: takes the steps of operations without holding up others.

Contract: as of `blocking.py`. Where the caller is cancelled, the connection is given back.

Not here: what is done (the operations), the same for threads (`blocking.py`).
"""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, aclosing
from typing import Any, TypeVar

import httpx2

from broadsheet.client.connecting import Address, Collected, answer_of, interrupted
from broadsheet.client.steps import (
    READ,
    Answer,
    Done,
    Emit,
    Interrupted,
    Operation,
    Pause,
    Request,
    Step,
    Stream,
    advance,
)

T = TypeVar("T")
Articles = AsyncIterable[Mapping[str, Any]] | Iterable[Mapping[str, Any]]


class Awaiting:
    """Takes the steps of operations; any number of tasks of one event loop may use it together."""

    def __init__(
        self, address: Address, clock: Callable[[], float], sleep: Callable[[float], Awaitable[object]]
    ) -> None:
        """Args: the server; a monotonic clock; how pauses are made."""
        self._address, self._clock, self._sleep = address, clock, sleep
        self._http = httpx2.AsyncClient(**address.settings())

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def run(self, operation: Operation[T], articles: Articles = ()) -> T:
        """What an operation comes to; `articles` are those that it takes."""
        async with AsyncExitStack() as held, aclosing(_each(articles)) as source:
            connection = _Connection(self._http, self._address, self._clock, held)
            reply, failure = None, None
            step: Step | Emit[T] | Done[T]
            while not isinstance(step := advance(operation, reply, failure), Done):
                assert not isinstance(step, Emit)
                reply, failure = await self._taken(step, connection, source)
            value: T = step.value
            return value

    async def iterate(self, stream: Stream[T], articles: Articles = ()) -> AsyncGenerator[T]:
        """What an operation emits."""
        async with AsyncExitStack() as held, aclosing(_each(articles)) as source:
            connection = _Connection(self._http, self._address, self._clock, held)
            reply, failure = None, None
            step: Step | Emit[T] | Done[None]
            while not isinstance(step := advance(stream, reply, failure), Done):
                if isinstance(step, Emit):
                    reply = failure = None
                    yield step.value
                else:
                    reply, failure = await self._taken(step, connection, source)

    async def _taken(
        self, step: Step, connection: "_Connection", source: AsyncIterator[Mapping[str, Any]]
    ) -> tuple[Any, Interrupted | None]:
        """What comes of a step, or that the connection broke."""
        if isinstance(step, Pause):
            return await self._sleep(step.seconds), None
        try:
            if isinstance(step, Request):
                return await connection.send(step), None
            if step is READ:
                return await connection.read(), None
        except (httpx2.TransportError, httpx2.DecodingError) as error:
            return None, interrupted(error)
        except Interrupted as broken:
            return None, broken
        return await anext(source, None), None


async def _each(articles: Articles) -> AsyncGenerator[Mapping[str, Any]]:
    if isinstance(articles, AsyncIterable):
        async for article in articles:
            yield article
    else:
        for article in articles:
            yield article


class _Connection:
    """What one operation asks over."""

    def __init__(
        self, http: httpx2.AsyncClient, address: Address, clock: Callable[[], float], held: AsyncExitStack
    ) -> None:
        self._http, self._address, self._clock, self._held = http, address, clock, held
        self._pieces: AsyncIterator[bytes] | None = None

    async def send(self, request: Request) -> Answer:
        """The answer; of a stream that begins, without its body."""
        await self._held.aclose()
        response = await self._held.enter_async_context(self._http.stream(**self._address.sent(request)))
        if request.stream and response.is_success:
            self._pieces = response.aiter_bytes()
            return answer_of(response, b"")
        collected = Collected(self._address.timeout_of(request), self._clock)
        async for piece in response.aiter_bytes():
            collected.add(piece)
        await self._held.aclose()
        return answer_of(response, collected.body)

    async def read(self) -> bytes:
        """The next piece of the stream; empty at its end."""
        assert self._pieces
        return await anext(self._pieces, b"")
