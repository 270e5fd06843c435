"""The pool of leaf processes: whatever Whoosh executes runs here, and can be killed.

Contract: partition p belongs to process p mod n, so that each process opens and caches only its own. A process does
one request at a time; others wait for it in order, never past their deadline. A process that does not answer by the
deadline and a grace is killed and replaced; one that dies is replaced. A caller that is cancelled leaves its request
to finish by itself. Nothing here raises for what happens in a process: it is reported as data.

Not here: what the requests do (`leaf_process.py`), merging answers (`broker.py`).
"""

import asyncio
import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import structlog
from prometheus_client import Counter

from search.messages import (
    FRAME,
    Answered,
    Broken,
    Done,
    Failed,
    OpenRequest,
    Reply,
    Request,
    decode_reply,
    encode,
)

KILL_GRACE_S = 0.2
"""How long after its deadline a process may still answer before it is killed."""

OPEN_DEADLINE_S = 60.0
"""How long opening an epoch may take: verifying the files reads every byte."""

_REPLACED = Counter("broadsheet_leaf_processes_replaced", "Leaf processes that were replaced", ["reason"])
_log = structlog.get_logger()


class _Process:
    """One running leaf process and the stream to it."""

    def __init__(
        self, process: "subprocess.Popen[bytes]", reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer

    @classmethod
    async def start(cls, root: Path) -> "_Process":
        ours, theirs = socket.socketpair()
        # -P: a folder of the user's that is named like one of our rooms must not be imported instead.
        command = [sys.executable, "-P", "-m", "search.leaf_process", str(theirs.fileno()), str(root)]
        process = await asyncio.to_thread(_spawn, command, theirs.fileno())
        theirs.close()
        reader, writer = await asyncio.open_connection(sock=ours)
        return cls(process, reader, writer)

    async def ask(self, request: Request) -> AsyncIterator[Reply]:
        """The replies to one request, the closing one last."""
        self._writer.write(encode(request))
        await self._writer.drain()
        while True:
            (length,) = FRAME.unpack(await self._reader.readexactly(FRAME.size))
            reply = decode_reply(await self._reader.readexactly(length))
            yield reply
            if not isinstance(reply, Answered | Failed):
                return

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
        self._opened: OpenRequest | None = None
        """What a replacement must open before it may answer: queries have no time for that."""
        self._reviving: asyncio.Task[None] | None = None
        self._waiting = 0

    @property
    def busy(self) -> int:
        """How many requests wait, plus one while the process is at work or being replaced."""
        return self._waiting + self._turn.locked()

    async def ask(self, request: Request, deadline_s: float) -> list[Reply]:
        """All replies to one request; `Broken` after those that came in time when the rest did not."""
        self._waiting += 1
        try:
            async with asyncio.timeout_at(_loop_time(deadline_s)):
                await self._turn.acquire()
        except TimeoutError:
            return [Broken("timeout")]
        finally:
            self._waiting -= 1
        replies: list[Reply] = []
        try:
            async with asyncio.timeout_at(_loop_time(deadline_s + KILL_GRACE_S)):
                if self._process is None:
                    self._process = await _Process.start(self._root)
                async for reply in self._process.ask(request):
                    replies.append(reply)  # noqa: PERF401 - those before a timeout must be kept
        except TimeoutError:
            replies.append(Broken("timeout"))
            self._replace("timeout")
        except Exception as error:  # noqa: BLE001 - whatever it was, nobody knows what the stream holds next
            gone = isinstance(error, OSError | EOFError)
            replies.append(Broken("the leaf process died" if gone else f"the leaf process made no sense: {error}"))
            self._replace("died" if gone else "confused")
        else:
            if isinstance(request, OpenRequest) and isinstance(replies[-1], Done):
                self._opened = request
            self._turn.release()
        return replies

    def _replace(self, reason: str) -> None:
        """Kill the process; nobody gets a turn until another one is ready."""
        _REPLACED.labels(reason).inc()
        self._reviving = asyncio.create_task(self._revive())

    async def _revive(self) -> None:
        try:
            await self._end()
            self._process = await _Process.start(self._root)
            if self._opened:
                async with asyncio.timeout(OPEN_DEADLINE_S):
                    async for _reply in self._process.ask(self._opened):
                        pass
        except Exception as error:  # noqa: BLE001 - the next request tries again
            _log.error("leaf process cannot be replaced", reason=repr(error))
            await self._end()
        finally:
            self._turn.release()

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process:
            await process.end()

    async def close(self) -> None:
        """End the process, and any attempt to replace it."""
        if self._reviving:
            self._reviving.cancel()
            await asyncio.gather(self._reviving, return_exceptions=True)
        await self._end()


class LeafPool:
    """The leaf processes of one API process."""

    def __init__(self, root: Path, *, processes: int) -> None:
        """Args: the data folder, and how many processes; they start when they are first asked."""
        self._slots = [_Slot(root) for _ in range(processes)]
        self._running: set[asyncio.Task[list[Reply]]] = set()

    def __len__(self) -> int:
        return len(self._slots)

    def owners(self, partitions: int) -> list[tuple[int, tuple[int, ...]]]:
        """Slot and its partitions, for each slot that has any."""
        shares = ((slot, tuple(range(slot, partitions, len(self._slots)))) for slot in range(len(self._slots)))
        return [(slot, share) for slot, share in shares if share]

    def least_busy(self) -> int:
        """The slot with the least to do."""
        return min(range(len(self._slots)), key=lambda slot: self._slots[slot].busy)

    async def ask(self, slot: int, request: Request, deadline_s: float) -> list[Reply]:
        """The replies of one process to one request, by the monotonic clock's `deadline_s` and a grace."""
        task = asyncio.create_task(self._slots[slot].ask(request, deadline_s))
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
