"""The driver that waits: takes the steps of operations in the thread of the caller.

Contract: it holds a connection while an operation reads a stream, and gives it back however the operation ends.

Not here: what is done (the operations), the same for event loops (`awaiting.py`).
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack
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
Articles = Iterable[Mapping[str, Any]]


class Blocking:
    """Takes the steps of operations; any number of threads may use it together."""

    def __init__(self, address: Address, clock: Callable[[], float], sleep: Callable[[float], object]) -> None:
        """Args: the server; a monotonic clock; how pauses are made."""
        self._address, self._clock, self._sleep = address, clock, sleep
        self._http = httpx2.Client(**address.settings())

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def run(self, operation: Operation[T], articles: Articles = ()) -> T:
        """What an operation comes to; `articles` are those that it takes."""
        with ExitStack() as held:
            connection = _Connection(self._http, self._address, self._clock, held)
            source, reply, failure = iter(articles), None, None
            step: Step | Emit[T] | Done[T]
            while not isinstance(step := advance(operation, reply, failure), Done):
                assert not isinstance(step, Emit)
                reply, failure = self._taken(step, connection, source)
            value: T = step.value
            return value

    def iterate(self, stream: Stream[T], articles: Articles = ()) -> Generator[T]:
        """What an operation emits."""
        with ExitStack() as held:
            connection = _Connection(self._http, self._address, self._clock, held)
            source, reply, failure = iter(articles), None, None
            step: Step | Emit[T] | Done[None]
            while not isinstance(step := advance(stream, reply, failure), Done):
                if isinstance(step, Emit):
                    reply = failure = None
                    yield step.value
                else:
                    reply, failure = self._taken(step, connection, source)

    def _taken(
        self, step: Step, connection: "_Connection", source: Iterator[Mapping[str, Any]]
    ) -> tuple[Any, Interrupted | None]:
        """What comes of a step, or that the connection broke."""
        if isinstance(step, Pause):
            return self._sleep(step.seconds), None
        try:
            if isinstance(step, Request):
                return connection.send(step), None
            if step is READ:
                return connection.read(), None
        except (httpx2.TransportError, httpx2.DecodingError) as error:
            return None, interrupted(error)
        except Interrupted as broken:
            return None, broken
        return next(source, None), None


class _Connection:
    """What one operation asks over."""

    def __init__(self, http: httpx2.Client, address: Address, clock: Callable[[], float], held: ExitStack) -> None:
        self._http, self._address, self._clock, self._held = http, address, clock, held
        self._pieces: Iterator[bytes] = iter(())

    def send(self, request: Request) -> Answer:
        """The answer; of a stream that begins, without its body."""
        self._held.close()
        response = self._held.enter_context(self._http.stream(**self._address.sent(request)))
        if request.stream and response.is_success:
            self._pieces = response.iter_bytes()
            return answer_of(response, b"")
        collected = Collected(self._address.timeout_of(request), self._clock)
        for piece in response.iter_bytes():
            collected.add(piece)
        self._held.close()
        return answer_of(response, collected.body)

    def read(self) -> bytes:
        """The next piece of the stream; empty at its end."""
        return next(self._pieces, b"")
