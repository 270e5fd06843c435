"""Watching the figures: one look at the service for all who want it at the same time, and until when they watch.

Contract: a look is taken when somebody wants one and the last is older than that, in a thread; all who want one
meanwhile share it. Nobody looking, nothing is done. `MAX_WATCHING` watch at a time in one process, and another is
refused at once. Watching ends with the connection, with the process, and when the caller may read no more.

Not here: what is looked at (`sampling.py`), HTTP (`routes.py`).
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable

import structlog

from broadsheet.operations.sampling import Sample
from web.problems import Problem, retry_after
from web.streams import Ends, Places, is_over

EVERY_S = 1.0
FRESH_S = 0.9
"""A look that is not older will do: a little less than the time between two, which clocks may cut short."""
MAX_WATCHING = 50
_RETRY_S = 5

_log = structlog.get_logger()


class Watch:
    """Who watches, in one API process."""

    def __init__(self, look: Callable[[], Sample], stopping: asyncio.Event) -> None:
        """Args: what takes a look, in a thread; set when the process is to stop."""
        self._look = look
        self.places = Places(MAX_WATCHING, stopping, _refused)
        """Of those who watch; when all are taken the refusal is `overloaded`."""
        self._latest: Sample | None = None
        self._taken_s = 0.0
        self._under_way: asyncio.Task[Sample] | None = None

    async def now(self) -> Sample:
        """How things are, or were `FRESH_S` ago at most."""
        if self._latest is not None and time.monotonic() - self._taken_s < FRESH_S:
            return self._latest
        return await asyncio.shield(self._looking())

    def _looking(self) -> "asyncio.Task[Sample]":
        if self._under_way is None:
            self._under_way = asyncio.create_task(self._take())
        return self._under_way

    async def _take(self) -> Sample:
        try:
            taken_s = time.monotonic()
            self._latest = await asyncio.to_thread(self._look)
            self._taken_s = taken_s
            return self._latest
        finally:
            self._under_way = None

    async def stream(self, ends: Ends, allowed: Callable[[], bool]) -> AsyncGenerator[Sample, None]:
        """A look every `EVERY_S`, until one of `ends`, or the caller is not `allowed` any more."""
        while allowed() and not is_over(ends):
            looking = asyncio.ensure_future(self.now())
            await asyncio.wait((looking, *ends), return_when=asyncio.FIRST_COMPLETED)
            if not looking.done():
                looking.cancel()
                return
            try:
                sample = looking.result()
            except Exception:  # noqa: BLE001 - whoever comes again may see more
                _log.exception("figures cannot be told")
                return
            yield sample
            wait_s = self._taken_s + EVERY_S - time.monotonic()
            await asyncio.wait(ends, timeout=max(0.0, wait_s), return_when=asyncio.FIRST_COMPLETED)


def _refused() -> Problem:
    detail = f"{MAX_WATCHING} others watch; ask without a stream, or again later"
    return Problem("overloaded", detail, headers=retry_after(_RETRY_S))
