"""The steps of which every operation of the client consists, and of which none is taken here.

    operation (a generator) -- Request, READ, TAKE, Pause, Emit --> driver
    operation               <-- Answer, bytes, an article, nothing -- driver

Contract: an operation yields steps and is sent what came of each; where the connection broke, `Interrupted` is thrown
into it. It holds no socket, no thread and no event loop. So each is written once, for the client that waits
(`blocking.py`) and the one that is awaited (`awaiting.py`).

Not here: what is asked again (`asking.py`), the operations.
"""

from collections.abc import Generator, Mapping
from enum import Enum
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

T = TypeVar("T")
V = TypeVar("V")


class Request(NamedTuple):
    """A request of HTTP; its answer is an `Answer`."""

    method: str
    target: str
    """Path and query, below the address of the server."""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    timeout_s: float = 0
    """For a connection, for each piece of the answer, and for all of it but a stream; 0 is the client's own."""
    stream: bool = False
    """Whether the body of a success is read by `READ`, piece by piece."""


class Answer(NamedTuple):
    """An answer of HTTP; of a stream that begins, without its body."""

    status: int
    headers: Mapping[str, str]
    """Under names in small letters."""
    body: bytes


class Reading(Enum):
    """Steps that say nothing but their name."""

    READ = "the next piece of the stream; empty at its end"
    TAKE = "the next article of those that the caller gave; None at their end"


READ, TAKE = Reading.READ, Reading.TAKE


class Pause(NamedTuple):
    """Wait."""

    seconds: float


class Emit(NamedTuple, Generic[V]):
    """Hand a value to the caller."""

    value: V


class Done(NamedTuple, Generic[V]):
    """What an operation has come to; drivers make it of the generator's end."""

    value: V


class Interrupted(Exception):  # noqa: N818 - thrown in, not raised at callers
    """The connection could not be made, broke, or was silent for too long."""


Step: TypeAlias = Request | Reading | Pause
Operation: TypeAlias = Generator[Step, Any, T]
"""Comes to one value."""
Stream: TypeAlias = Generator[Step | Emit[V], Any, None]
"""Emits values."""


def advance(
    operation: Generator[Step | Emit[V], Any, T], reply: object, failure: Interrupted | None
) -> Step | Emit[V] | Done[T]:
    """The next step of an operation, given what came of the one before."""
    try:
        return operation.throw(failure) if failure else operation.send(reply)
    except StopIteration as end:
        return Done(end.value)
