"""What one flight does: find the answer of a key in the tiers, wait for that of another process, or load it.

Contract: a judge is asked once about each answer that is found. An answer that is none any more is given only as the
owner allows (`Tolerance`), as the judge bears, and while a newer one is loaded or cannot be.

Not here: what is known without a flight, and flights themselves (`read_through.py`, `flight.py`).
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from cache import metrics
from cache.entry import Entry
from cache.keys import Key
from cache.memory import Held, Memory
from cache.tier import LEASE_S, Tier

JITTER = 0.1
"""Share of the time to live by which lifetimes are spread, up and down, so that answers kept together do not
expire together. A key's place in the spread is its own (`Key.spread`)."""

ALONE_S = 2.0
"""How long other processes are not waited for after one was waited for in vain: they are too slow, or what Redis says
of them makes no sense."""

FIRST_POLL_S, LAST_POLL_S = 0.005, 0.025
"""How often it is looked whether the answer of another process has come: longer each time."""


class Loaded(Protocol):
    """What a loader returns: anything with these."""

    @property
    def body(self) -> bytes:
        """The answer."""
        ...

    @property
    def keep(self) -> bool:
        """Whether later callers may have it too; False for a partial answer, say."""
        ...

    @property
    def stamp(self) -> bytes:
        """What a judge is told of it."""
        ...

    @property
    def order(self) -> int:
        """Of two answers to a key, the newer has more."""
        ...


class Objector(Protocol):
    """Says of answers that were kept whether they still are."""

    @property
    def state(self) -> str:
        """By what it judges; under an equal one it always says the same."""
        ...

    async def objection(self, stamp: bytes) -> str | None:
        """What speaks against an answer with this stamp, as one of a few words; None if nothing does."""
        ...


class Judge(Objector, Protocol):
    """Says what may be given all the same."""

    def bears(self, objection: str, order: int) -> bool:
        """Whether it may be given all the same, for a while, if there is no better one yet."""
        ...

    def excuses(self, error: Exception) -> bool:
        """Whether an older answer is better than this error of a loader."""
        ...


@dataclass(frozen=True, slots=True)
class Tolerance:
    """For how long, in seconds, an answer may be given that is none any more; since it was last known to be one.

    Source: RFC 5861, whose `stale-while-revalidate` and `stale-if-error` these are.
    """

    while_loading_s: float = 0.0
    """While a newer one is loaded."""
    if_error_s: float = 0.0
    """When no newer one can be loaded."""


Where = Literal["memory", "redis"]


@dataclass(frozen=True, slots=True)
class Landing:
    """What a flight brings."""

    entry: Entry
    where: Where | None
    """`None` if it was loaded."""
    leased: bool = False
    """Whether others were told that this process loads."""
    stale_s: float = math.nan
    """How long ago it was last known to be the answer; not a number if it is."""
    reload: bool = False
    """Whether a newer one is to be loaded now that nobody waits for it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asks for."""

    key: Key
    held: Held | None
    """What memory has, of which it is not known whether it still is an answer."""
    flight: str
    """The key and the judge's state: whoever asks for both waits for the same."""
    load: Callable[[], Awaitable[Loaded]]
    judge: Judge
    patience_s: float

    @property
    def lease(self) -> str:
        """Under which processes tell each other who loads."""
        return Key.of(f"lease {self.flight}").name


@dataclass(slots=True)
class _Seen:
    """What was found that is no answer any more."""

    stamps: set[bytes] = field(default_factory=set)
    newest: Landing | None = None
    """Of those that are borne."""


class Finder:
    """Finds answers.

    Args:
        memory: the first tier.
        tier: the second, if there is one.
        ttl_s: how long answers may be served, in seconds, give or take `JITTER`.
        tolerance: for how long those may that are none any more.
        wall_clock: seconds since 1970-01-01 UTC.
    """

    def __init__(
        self,
        memory: Memory,
        tier: Tier | None,
        *,
        ttl_s: float,
        tolerance: Tolerance,
        wall_clock: Callable[[], float],
    ) -> None:
        self._memory = memory
        self._tier = tier
        self._ttl_s = ttl_s
        self._tolerance = tolerance
        self._wall_clock = wall_clock
        self._alone_until_s = -math.inf

    async def find(self, asked: Asked) -> Landing:
        """Find the answer, or load it.

        Raises:
            Exception: whatever the loader raised.
        """
        seen = _Seen()
        held = asked.held
        if held is not None and await self._passing(held.entry, "memory", asked.judge, seen, held.good_s):
            held.good_for, held.good_s = asked.judge.state, self._wall_clock()
            metrics.FOUND_IN_MEMORY.inc()
            return Landing(held.entry, "memory")
        leased: bool | None = None
        if self._tier is not None:
            entry = await self._far(await self._tier.look(asked.key), asked, seen)
            if entry is None and not self._may_wait(seen):
                leased, entry = await self._take(self._tier, asked, seen)
                if leased is False and entry is None:
                    leased, entry = await self._wait(self._tier, asked, seen)
            if entry is not None:
                self._remember(asked, entry)
                metrics.FOUND_IN_REDIS.inc()
                return Landing(entry, "redis", bool(leased))
        if seen.newest is not None and self._may_wait(seen):
            metrics.STALE_WHILE_LOADING.inc()
            (metrics.FOUND_IN_MEMORY if seen.newest.where == "memory" else metrics.FOUND_IN_REDIS).inc()
            return seen.newest
        metrics.LOAD.inc()
        try:
            entry = await self._load(asked)
        except Exception as error:
            if self._tier and leased:
                await self._tier.release(asked.lease)
            old = seen.newest
            if old is None or old.stale_s >= self._tolerance.if_error_s or not asked.judge.excuses(error):
                raise
            metrics.STALE_IF_ERROR.inc()
            return replace(old, reload=False)
        return Landing(entry, None, bool(leased))

    async def keep(self, asked: Asked, landing: Landing) -> None:
        """What is left to do when nobody waits any more."""
        if landing.reload:
            landing = await self._reloaded(asked) or landing
        loaded = landing.where is None
        if loaded and landing.entry.lifetime_s <= 0:
            metrics.DECLINED.inc()
        if self._tier is None:
            return
        if loaded and landing.entry.lifetime_s > 0:
            await self._tier.keep(asked.key, landing.entry)
        if landing.leased:
            await self._tier.release(asked.lease)

    async def _reloaded(self, asked: Asked) -> Landing | None:
        """A newer answer than the one that was given."""
        leased: bool | None = None
        if self._tier is not None:
            leased, entry = await self._take(self._tier, asked, _Seen())
            if entry is not None:
                self._remember(asked, entry)
                return Landing(entry, "redis", bool(leased))
            if leased is False:  # another process loads it
                return None
        try:
            entry = await self._load(asked)
        except Exception:  # noqa: BLE001 - nobody waits for it: it is tried again when it is asked for again
            metrics.RELOAD_FAILED.inc()
            if self._tier and leased:
                await self._tier.release(asked.lease)
            return None
        metrics.RELOADED.inc()
        return Landing(entry, None, bool(leased))

    async def _load(self, asked: Asked) -> Entry:
        """A fresh answer, which memory has from now on, if it may.

        Raises:
            Exception: whatever the loader raised.
        """
        loaded = await asked.load()
        lifetime_s = self._ttl_s * (1 + JITTER * asked.key.spread) if loaded.keep else 0.0
        entry = Entry(loaded.body, self._wall_clock(), lifetime_s, loaded.stamp, loaded.order)
        if loaded.keep:
            self._remember(asked, entry)
        return entry

    async def _passing(self, entry: Entry, where: Where, judge: Judge, seen: _Seen, good_s: float) -> Entry | None:
        """An entry, if it still is an answer; the stamps of those that are not are remembered.

        Args:
            entry: what was found.
            where: in which tier.
            judge: who knows.
            seen: where those go that are none any more.
            good_s: when it was last known to be an answer, by the wall clock.
        """
        if entry.stamp in seen.stamps:
            return None
        objection = await judge.objection(entry.stamp)
        if objection is None:
            return entry
        seen.stamps.add(entry.stamp)
        metrics.OBJECTIONS.labels(objection).inc()
        newest = seen.newest
        if judge.bears(objection, entry.order) and (newest is None or newest.entry.order <= entry.order):
            stale_s = max(0.0, self._wall_clock() - good_s)
            seen.newest = Landing(entry, where, stale_s=stale_s, reload=True)
        return None

    async def _far(self, entry: Entry | None, asked: Asked, seen: _Seen) -> Entry | None:
        """What Redis has, if it still is an answer; it is known to have been one when it was made."""
        return entry and await self._passing(entry, "redis", asked.judge, seen, entry.created_s)

    def _may_wait(self, seen: _Seen) -> bool:
        """Whether an older answer will do while a newer one is loaded."""
        return seen.newest is not None and seen.newest.stale_s < self._tolerance.while_loading_s

    async def _take(self, tier: Tier, asked: Asked, seen: _Seen) -> tuple[bool | None, Entry | None]:
        """Tell other processes that this one loads (`False` if another does), and look once more."""
        if time.monotonic() < self._alone_until_s:
            return None, None
        taken, found = await tier.take(asked.lease, asked.key)
        entry = await self._far(found, asked, seen)
        if taken and entry is None:
            metrics.LEASE_TAKEN.inc()
        return taken, entry

    async def _wait(self, tier: Tier, asked: Asked, seen: _Seen) -> tuple[bool | None, Entry | None]:
        """Wait for the answer of another process; without one, whether this one is the next to load."""
        end_s, pause_s = time.monotonic() + min(asked.patience_s, LEASE_S), FIRST_POLL_S
        while time.monotonic() + pause_s < end_s:
            await asyncio.sleep(pause_s)
            pause_s = min(1.5 * pause_s, LAST_POLL_S)
            leased, entry = await self._take(tier, asked, seen)
            if entry is not None:
                metrics.LEASE_WAITED.inc()
            if entry is not None or leased is not False:
                return leased, entry
        metrics.LEASE_LATE.inc()
        self._alone_until_s = time.monotonic() + ALONE_S
        return False, None

    def _remember(self, asked: Asked, entry: Entry) -> None:
        self._memory.remember(asked.key.name, entry, asked.judge.state)
