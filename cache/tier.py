"""The second tier: a backend that processes share, whose troubles stay inside.

Contract: `look` gives an entry that has proved itself, or nothing; `keep` keeps one or does not; `take` says who
loads, as far as that is known. None of them raises or takes longer than the backend's timeouts, and while the breaker
is open none takes any time. What a backend returns is believed only after `entry.decode`; if it is not an answer, the
connections it may have come over are dropped too, since a connection out of step would give everyone the wrong reply.

Not here: loading, flights, lifetimes, what this process keeps itself (`memory.py`).
"""

import time
from collections.abc import Callable
from secrets import token_bytes

from cache import metrics
from cache.backends import Backend, BackendBusyError, BackendError, BackendRefusedError
from cache.breaker import Breaker
from cache.entry import Entry, Fault, decode, encode, order_of
from cache.keys import Key

LEASE_S = 1.0
"""How long others leave the loading to a process that may have ended meanwhile."""

MAX_PENDING_WRITES = 64
"""Writes under way at once; what comes on top is not kept, so that a slow backend cannot fill the memory."""


class Tier:
    """A backend behind a breaker.

    Args:
        backend: Where entries are kept.
        breaker: Decides when to go without the backend.
        wall_clock: Seconds since 1970-01-01 UTC; dates entries, which other processes read.
    """

    def __init__(self, backend: Backend, breaker: Breaker, wall_clock: Callable[[], float] = time.time) -> None:
        self._backend = backend
        self._breaker = breaker
        self._wall_clock = wall_clock
        self._pending_writes = 0
        self._token = token_bytes(16)
        """What this process is told from others by."""

    async def look(self, key: Key) -> Entry | None:
        """The entry kept for this key, if there is a sound one and the backend is there."""
        if not self._breaker.allows():
            return None
        try:
            raw = await self._backend.get(key.name)
            self._breaker.succeeded()
            return await self._believed(raw, key)
        except BackendError as error:
            self._blame(error)
        return None

    async def keep(self, key: Key, entry: Entry) -> None:
        """Keep the entry for its lifetime, if the backend is there and takes it, and has no newer one."""
        if self._pending_writes >= MAX_PENDING_WRITES or not self._breaker.allows():
            metrics.SKIPPED.inc()
            return
        self._pending_writes += 1
        try:
            encoded = encode(entry, key.digest)
            kept = await self._backend.put(
                key.name, encoded, entry.lifetime_s, unless=lambda there: order_of(there) > entry.order
            )
            self._breaker.succeeded()
            (metrics.KEPT if kept else metrics.OUTDATED).inc()
        except BackendError as error:
            self._blame(error)
            metrics.FAILED.inc()
        finally:
            self._pending_writes -= 1

    async def take(self, name: str, key: Key) -> tuple[bool | None, Entry | None]:
        """Be the process that does what the name stands for, for `LEASE_S`; and look once more.

        `False` if another process is; `None` if it cannot be known. Who did it before has kept the entry before it
        let others: so it is there, if this process is the one now.
        """
        if not self._breaker.allows():
            return None, None
        try:
            taken, raw = await self._backend.take(name, self._token, LEASE_S, key.name)
            self._breaker.succeeded()
            return taken, await self._believed(raw, key)
        except BackendError as error:
            self._blame(error)
        return None, None

    async def release(self, name: str) -> None:
        """Let others, if it is still this one; else it lapses."""
        if not self._breaker.allows():
            return
        try:
            await self._backend.release(name, self._token)
            self._breaker.succeeded()
        except BackendError as error:
            self._blame(error)

    async def purge(self) -> int:
        """Drop everything that is kept; returns how much there was.

        Raises:
            BackendError: it is not known that all of it is gone.
        """
        return await self._backend.purge()

    async def close(self) -> None:
        """Let go of the backend."""
        await self._backend.close()

    async def _believed(self, raw: object, key: Key) -> Entry | None:
        """The entry in what the backend returned.

        Raises:
            BackendError
        """
        if raw is None:
            return None
        found = decode(raw, key.digest, self._wall_clock())
        if isinstance(found, Entry):
            return found
        metrics.REJECTED_ENTRIES.labels(found).inc()
        if found is not Fault.EXPIRED:
            await self._backend.reconnect()
        return None

    def _blame(self, error: BackendError) -> None:
        """Open the breaker for silence only: an error reply costs no time, being busy is our own doing."""
        if isinstance(error, BackendBusyError):
            kind = "busy"
        elif isinstance(error, BackendRefusedError):
            kind = "refused"
            self._breaker.succeeded()
        else:
            kind = "unavailable"
            self._breaker.failed(error)
        metrics.BACKEND_ERRORS.labels(kind).inc()
