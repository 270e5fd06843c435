"""HTTP/1.1 for a load generator: as little work as there can be between a schedule and a socket.

Contract: an answer has its status, head and body, and the moment (`time.monotonic`) at which its last byte arrived.
Only answers with a `Content-Length` are understood. A GET whose kept connection turned out to be closed is sent again
on a new one, since servers may close those that are idle.

Not here: what is asked.
"""

import asyncio
import time
from collections import deque
from typing import NamedTuple, Self, cast

_HEAD_END = b"\r\n\r\n"
PATIENCE_S = 60.0


class Answer(NamedTuple):
    """What was said."""

    status: int
    head: bytes
    body: bytes
    received_s: float

    def header(self, name: str) -> str | None:
        """The value of a header, `None` where there is none of this name."""
        wanted = name.lower().encode() + b":"
        for line in self.head.split(b"\r\n")[1:]:
            if line[: len(wanted)].lower() == wanted:
                return line[len(wanted) :].strip().decode()
        return None


class Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._body_at = self._stop = 0
        self._answer: asyncio.Future[Answer] | None = None
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It stands."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is not one by inheritance

    def connection_lost(self, error: Exception | None) -> None:
        """It is over; whoever waits is told."""
        self.closed = True
        if self._answer and not self._answer.done():
            self._answer.set_exception(ConnectionError(str(error or "closed without an answer")))

    def data_received(self, data: bytes) -> None:
        """Take in what has arrived."""
        self._received += data
        if not self._body_at:
            end = self._received.find(_HEAD_END)
            if end < 0:
                return
            self._body_at = end + len(_HEAD_END)
            self._stop = self._body_at + _content_length(self._received[: self._body_at])
        if len(self._received) < self._stop or self._answer is None:
            return
        head = bytes(self._received[: self._body_at])
        body = bytes(self._received[self._body_at : self._stop])
        answer = Answer(int(head[9:12]), head, body, time.monotonic())
        del self._received[: self._stop]
        self._body_at = self._stop = 0
        if not self._answer.done():
            self._answer.set_result(answer)
        self._answer = None

    @property
    def idle(self) -> bool:
        """Whether another request may be sent: not if the answer came before all of the last one was said."""
        assert self._transport
        return not self.closed and self._answer is None and not self._transport.get_write_buffer_size()

    def ask(self, request: bytes) -> "asyncio.Future[Answer]":
        """Send a request."""
        assert self._transport
        self._answer = asyncio.get_running_loop().create_future()
        if self.closed:
            self._answer.set_exception(ConnectionError("closed"))
        else:
            self._transport.write(request)
        return self._answer

    def close(self) -> None:
        """Drop it."""
        if self._transport:
            self._transport.abort()


def _content_length(head: bytearray) -> int:
    at = head.lower().find(b"\r\ncontent-length:")
    if at < 0:
        raise ValueError(f"an answer without Content-Length: {bytes(head[:200])!r}")
    return int(head[at + 17 : head.find(b"\r", at + 17)])


class Client:
    """As many connections to a port of this machine as there are requests at a time; an async context manager."""

    def __init__(self, port: int, key: str | None = None) -> None:
        self._port = port
        authorization = f"Authorization: Bearer {key}\r\n" if key else ""
        self._fixed = f" HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{authorization}".encode()
        self._idle: deque[Connection] = deque()
        self.at_work = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_raised: object) -> None:
        for connection in self._idle:
            connection.close()

    async def get(self, target: str) -> Answer:
        """`GET`.

        Raises:
            ConnectionError, TimeoutError
        """
        return await self._ask(b"GET " + target.encode() + self._fixed + b"\r\n", again=True)

    async def send(self, method: str, target: str, body: bytes = b"", media_type: str = "application/json") -> Answer:
        """Any other method.

        Raises:
            ConnectionError, TimeoutError
        """
        described = f"Content-Type: {media_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        return await self._ask(f"{method} {target}".encode() + self._fixed + described.encode() + body, again=False)

    async def _ask(self, request: bytes, *, again: bool) -> Answer:
        connection = self._idle.pop() if self._idle else None
        while connection and not connection.idle:
            connection.close()
            connection = self._idle.pop() if self._idle else None
        kept = connection is not None
        self.at_work += 1
        try:
            if connection is None:
                loop = asyncio.get_running_loop()
                _transport, connection = await loop.create_connection(Connection, "127.0.0.1", self._port)
            async with asyncio.timeout(PATIENCE_S):
                answer = await connection.ask(request)
        except BaseException as error:
            if connection:
                connection.close()
            if isinstance(error, ConnectionError) and kept and again:
                return await self._ask(request, again=False)
            raise
        finally:
            self.at_work -= 1
        if connection.idle:
            self._idle.append(connection)
        else:
            connection.close()
        return answer
