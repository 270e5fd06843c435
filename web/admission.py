"""Admission: a bounded number of requests at work, a short queue, and an immediate refusal beyond it.

Contract: at most `working` callers are inside at a time and at most `queued` wait; a further one is refused at once
with `overloaded` and a jittered `Retry-After`. One that waits longer than `wait_s`, or than it has time, is refused
too. Leaving always lets the longest waiting in.

Source of the rule: "Using load shedding to avoid overload", Amazon Builders' Library: refuse early and cheaply.

Not here: quotas by client.
"""

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator

from prometheus_client import Counter, Gauge

from web.problems import Problem, retry_after

_REFUSED = Counter("broadsheet_admission_refused", "Requests refused because the service was full")
_WORKING = Gauge("broadsheet_admission_working", "Requests at work", multiprocess_mode="livesum")
_QUEUED = Gauge("broadsheet_admission_queued", "Requests waiting to be admitted", multiprocess_mode="livesum")


class Admission:
    """The gate in front of expensive work."""

    def __init__(self, *, working: int, queued: int, wait_s: float) -> None:
        self._permits = asyncio.Semaphore(working)
        self._limit = queued
        self._queued = 0
        self._wait_s = wait_s

    @contextlib.asynccontextmanager
    async def admitted(self, deadline_s: float = math.inf) -> AsyncIterator[None]:
        """Wait for a place, hold it, give it back.

        Args:
            deadline_s: when it is too late, on the monotonic clock.

        Raises:
            Problem: `overloaded`.
        """
        if self._permits.locked() and self._queued >= self._limit:
            raise self._refusal()
        self._queued += 1
        _QUEUED.inc()
        try:
            async with asyncio.timeout(min(self._wait_s, deadline_s - time.monotonic())):
                await self._permits.acquire()
        except TimeoutError:
            raise self._refusal() from None
        finally:
            self._queued -= 1
            _QUEUED.dec()
        _WORKING.inc()
        try:
            yield
        finally:
            _WORKING.dec()
            self._permits.release()

    @staticmethod
    def _refusal() -> Problem:
        _REFUSED.inc()
        return Problem("overloaded", "all places are taken; ask again later", headers=retry_after(2))
