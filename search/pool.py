"""The pool of Whoosh processes: what Whoosh executes cannot be stopped, so it runs where it can be killed.

Contract: a process does one request at a time; others wait for it in order, never past their deadline. A process that
does not answer by the deadline and a grace is killed and replaced; one that dies is replaced. A caller that is
cancelled leaves its request to finish by itself. Nothing here raises for what happens in a process: it is reported as
data.

Not here: what the requests do (`whoosh_process.py`).
"""

import asyncio
import contextlib
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import structlog
from prometheus_client import Counter

from search.messages import FRAME, Broken, MatchRequest, Ready, Reply, decode_reply, encode

KILL_GRACE_S = 0.2
"""How long after its deadline a process may still answer before it is killed."""

START_TIMEOUT_S = 60.0
"""How long a process may take to start."""

RETRY_S, MAX_RETRY_S = 0.2, 10.0
"""How long after a failed start it is tried again: at first, and when it has failed often."""

_REPLACED = Counter("broadsheet_whoosh_processes_replaced", "Whoosh processes that were replaced", ["reason"])
_log = structlog.get_logger()


class _Stream(asyncio.StreamReader):
    """What a process says; it is known at once when no more will come."""

    def __init__(self) -> None:
        super().__init__()
        self.ended = asyncio.Event()

    def feed_eof(self) -> None:
        """Called by the event loop."""
        super().feed_eof()
        self.ended.set()

    def set_exception(self, exc: Exception) -> None:
        """Called by the event loop in its stead when the process left something unread."""
        super().set_exception(exc)
        self.ended.set()


class _Process:
    """One running Whoosh process and the stream to it."""

    def __init__(self, process: "subprocess.Popen[bytes]", reader: _Stream, writer: asyncio.StreamWriter) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer

    @classmethod
    async def start(cls, root: Path) -> "_Process":
        """A process that is ready.

        Raises:
            OSError, EOFError, TimeoutError: it could not be started.
        """
        ours, theirs = socket.socketpair()
        # -P: a folder of the user's that is named like one of our rooms must not be imported instead.
        command = [sys.executable, "-P", "-m", "search.whoosh_process", str(theirs.fileno()), str(root)]
        process = await asyncio.to_thread(_spawn, command, theirs.fileno())
        theirs.close()
        loop, reader = asyncio.get_running_loop(), _Stream()
        transport, protocol = await loop.create_connection(lambda: asyncio.StreamReaderProtocol(reader), sock=ours)
        started = cls(process, reader, asyncio.StreamWriter(transport, protocol, reader, loop))
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                ready = await started._reply()
                assert isinstance(ready, Ready)
        except BaseException:
            await started.end()
            raise
        return started

    async def ask(self, request: MatchRequest) -> Reply:
        """The reply to one request."""
        self._writer.write(encode(request))
        await self._writer.drain()
        return await self._reply()

    async def _reply(self) -> Reply:
        (length,) = FRAME.unpack(await self._reader.readexactly(FRAME.size))
        reply: Reply = decode_reply(await self._reader.readexactly(length))
        return reply

    async def ended(self) -> None:
        """Wait until it has ended."""
        await self._reader.ended.wait()

    async def end(self) -> None:
        """Kill the process and wait until it is gone."""
        self._writer.close()
        self._process.kill()
        await asyncio.to_thread(self._process.wait)
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


class _Slot:
    """A place in the pool: a process, or its replacement, and the queue in front of it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._turn = asyncio.Lock()
        self._process: _Process | None = None
        self._watching: asyncio.Task[None] | None = None
        self._reviving: asyncio.Task[None] | None = None
        self._waiting = 0

    @property
    def busy(self) -> int:
        """How many requests wait, plus one while the process is at work or being replaced."""
        return self._waiting + self._turn.locked()

    async def start(self) -> None:
        """Start the process."""
        await self._turn.acquire()
        await self._attempt()
        if self._process is None:
            self._reviving = asyncio.create_task(self._revive(RETRY_S))

    async def _start(self) -> _Process:
        self._process = process = await _Process.start(self._root)
        self._watching = asyncio.create_task(self._watch(process))
        return process

    async def _watch(self, process: _Process) -> None:
        await process.ended()
        await self._turn.acquire()
        if self._process is process:
            self._replace("died")
        else:
            self._turn.release()

    async def ask(self, request: MatchRequest, deadline_s: float) -> Reply:
        """The reply to one request, by the deadline and a grace."""
        self._waiting += 1
        try:
            async with asyncio.timeout_at(_loop_time(deadline_s)):
                await self._turn.acquire()
        except TimeoutError:
            return Broken("timeout")
        finally:
            self._waiting -= 1
        try:
            async with asyncio.timeout_at(_loop_time(deadline_s + KILL_GRACE_S)):
                reply = await (self._process or await self._start()).ask(request)
        except TimeoutError:
            self._replace("timeout")
            return Broken("timeout")
        except (OSError, EOFError):
            self._replace("died")
            return Broken("died")
        except Exception as error:  # noqa: BLE001 - whatever it was, nobody knows what the stream holds next
            _log.error("whoosh process made no sense", reason=repr(error))
            self._replace("confused")
            return Broken("failed")
        self._turn.release()
        return reply

    def _replace(self, reason: str) -> None:
        """Kill the process; nobody gets a turn until another one is ready, or could not be started."""
        _REPLACED.labels(reason).inc()
        if self._reviving:  # it waits: the turn is ours
            self._reviving.cancel()
        self._reviving = asyncio.create_task(self._revive())

    async def _revive(self, wait_s: float = 0.0) -> None:
        """Start a process, again and again; a request that comes in between tries it too."""
        while True:
            if wait_s:
                await asyncio.sleep(wait_s)
                await self._turn.acquire()
            if wait_s and self._process:
                self._turn.release()
            else:
                await self._attempt()
            if self._process:
                return
            wait_s = min(2 * wait_s or RETRY_S, MAX_RETRY_S)

    async def _attempt(self) -> None:
        """Replace the process, and end the turn."""
        try:
            await self._end()
            await self._start()
        except Exception as error:  # noqa: BLE001 - it is tried again
            _log.error("whoosh process cannot be started", reason=repr(error))
        finally:
            self._turn.release()

    async def _end(self) -> None:
        process, self._process = self._process, None
        if self._watching:
            self._watching.cancel()
        if process:
            await process.end()

    async def close(self) -> None:
        """End the process, and any attempt to replace it."""
        if self._reviving:
            self._reviving.cancel()
            await asyncio.gather(self._reviving, return_exceptions=True)
        await self._end()


class WhooshPool:
    """The Whoosh processes of one API process."""

    def __init__(self, root: Path, *, processes: int) -> None:
        """Args: the data folder, and how many processes; they start when they are first asked, if not before."""
        self._slots = [_Slot(root) for _ in range(processes)]
        self._running: set[asyncio.Task[Reply]] = set()

    async def start(self) -> None:
        """Start all processes, so that no query waits for that."""
        await asyncio.gather(*(slot.start() for slot in self._slots))

    async def ask(self, request: MatchRequest, deadline_s: float) -> Reply:
        """The reply of the process with the least to do, by the monotonic clock's `deadline_s` and a grace."""
        slot = min(self._slots, key=lambda slot: slot.busy)
        task = asyncio.create_task(slot.ask(request, deadline_s))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        # Shielded: a reply that nobody reads any more must still be taken off the stream.
        return await asyncio.shield(task)

    async def close(self) -> None:
        """End all processes."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await asyncio.gather(*(slot.close() for slot in self._slots))


def _spawn(command: list[str], handle: int) -> "subprocess.Popen[bytes]":
    # An interrupt at the terminal reaches the whole group; the child inherits this thread's mask, and so is deaf to
    # it from its first moment.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    return subprocess.Popen(command, pass_fds=[handle], stdin=subprocess.DEVNULL)  # noqa: S603 - our own module


def _loop_time(monotonic_s: float) -> float:
    return asyncio.get_running_loop().time() + (monotonic_s - time.monotonic())
