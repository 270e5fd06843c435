"""Watching the feed of changes: who waits for what comes next, how many at most, and until when.

Contract: nobody waits beyond the deadline, the end of the connection or that of the process. `MAX_WATCHING` wait at a
time in one process, and another is refused at once. The log is read in threads; those who ask for the same at the
same time, as all do who have seen everything when an epoch comes, share one look at it.

Not here: what is read (`changes.py`), HTTP (`change_routes.py`).
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from pathlib import Path

import structlog
from prometheus_client import Gauge

from indexer.changes import Changes, changes
from indexer.events import LogError
from partition.manifest import RootManifest
from web.problems import Problem, retry_after
from web.streams import Ends, Places, Receive, is_over

MAX_WATCHING = 100
HEARTBEAT_S = 15.0
_STREAM_PAGE = 100
_RETRY_S = 5

_WATCHING = Gauge(
    "broadsheet_changes_watching", "Requests that wait for changes, streams among them", multiprocess_mode="livesum"
)
_log = structlog.get_logger()


class Feed:
    """The feed of one archive, as one API process knows it."""

    def __init__(
        self,
        root: Path,
        current: Callable[[], RootManifest | None],
        reach: Callable[[int, float], Awaitable[bool]],
        stopping: asyncio.Event,
    ) -> None:
        """Follow the archive at `root`.

        Args:
            root: the data folder.
            current: the epoch that queries are answered from.
            reach: waits until it has applied a sequence, or a moment of `time.monotonic` has come.
            stopping: set when the process is to stop.
        """
        self.root = root
        self._current = current
        self._reach = reach
        self.places = Places(MAX_WATCHING, stopping, _refused)
        """Of those who wait; when all are taken the refusal is `overloaded`."""
        self._under_way: dict[tuple[int, int, int], asyncio.Task[Changes]] = {}

    def current(self) -> RootManifest:
        """The epoch that everything is told of.

        Raises:
            Problem: `not-ready`.
        """
        manifest = self._current()
        if manifest is None:
            raise Problem("not-ready", "no epoch is open yet", headers={"Retry-After": "1"})
        return manifest

    async def page(self, after: int, limit: int) -> Changes:
        """What is known after a sequence.

        Raises:
            LogError, Problem
        """
        manifest = self.current()
        if after >= manifest.applied_seq:
            return changes(self.root, manifest, after, limit)  # without a look at the log
        key = (manifest.epoch, after, limit)
        task = self._under_way.get(key)
        if task is None:
            reading = asyncio.to_thread(changes, self.root, manifest, after, limit)
            task = self._under_way[key] = asyncio.create_task(reading)

            def over(done: "asyncio.Task[Changes]") -> None:
                del self._under_way[key]
                _ = done.cancelled() or done.exception()  # perhaps nobody is left who looks at it

            task.add_done_callback(over)
        return await asyncio.shield(task)

    async def poll(self, after: int, limit: int, wait_s: int, receive: Receive) -> Changes:
        """The same, as soon as there is something, or after so many seconds.

        Raises:
            LogError
            Problem: `overloaded`.
        """
        page = await self.page(after, limit)
        if page.notices or not wait_s:
            return page
        deadline_s = time.monotonic() + wait_s
        async with self.watching(receive) as ends:
            while not page.notices and time.monotonic() < deadline_s and not is_over(ends):
                if not page.has_more:
                    await self._moved(page.through, deadline_s, ends)
                page = await self.page(page.through, limit)
        return page

    @contextlib.asynccontextmanager
    async def watching(self, receive: Receive) -> AsyncIterator[Ends]:
        """Take one of the places of those who wait.

        Raises:
            Problem: `overloaded`.
        """
        async with self.places.take(receive) as ends:
            _WATCHING.inc()
            try:
                yield ends
            finally:
                _WATCHING.dec()

    async def stream(
        self, after: int, ends: Ends, allowed: Callable[[], bool]
    ) -> AsyncGenerator[Changes | None, None]:
        """Pages with something in them, as they come, and `None` where there was nothing for `HEARTBEAT_S`.

        It ends with `ends`, when the caller is not `allowed` any more, and when the log cannot be read.
        """
        beat_s = time.monotonic() + HEARTBEAT_S
        while allowed() and not is_over(ends):
            try:
                page = await self.page(after, _STREAM_PAGE)
            except LogError as error:
                _log.error("changes cannot be read", reason=str(error))
                return
            after = page.through
            if page.notices or time.monotonic() >= beat_s:
                yield page if page.notices else None
                beat_s = time.monotonic() + HEARTBEAT_S
            elif not page.has_more:
                await self._moved(after, beat_s, ends)

    async def _moved(self, seq: int, deadline_s: float, ends: Ends) -> None:
        """Wait until the index is further than that, or the waiting ends."""
        reached = asyncio.ensure_future(self._reach(seq + 1, deadline_s))
        try:
            await asyncio.wait((reached, *ends), return_when=asyncio.FIRST_COMPLETED)
        finally:
            reached.cancel()


def _refused() -> Problem:
    detail = f"{MAX_WATCHING} others wait for changes; ask without waiting, or again later"
    return Problem("overloaded", detail, headers=retry_after(_RETRY_S))
