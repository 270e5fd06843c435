"""Read-through: the answer for a key from the cache, or loaded once for all who ask, and then kept.

Contract: `get_or_load` raises what the loader raises and nothing else of its own. A key says what is asked, also
how much effort was allowed, if that can change the answer, because whoever asks first loads for all. Whether what was
kept still is the answer is for the judge of whoever asks to say; those who have a judge of another state load for
themselves. Loaders and judges bound their own time. Everything belongs to the event loop it is first used on.

Not here: keys' meaning, HTTP headers, how much memory keeps (`memory.py`), what a flight does (`finding.py`).
"""

import math
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Literal, NamedTuple

from cache import metrics
from cache.backends import Backend
from cache.breaker import Breaker
from cache.entry import Entry
from cache.finding import Asked, Finder, Judge, Landing, Loaded, Objector, Tolerance, Where
from cache.flight import Flights
from cache.keys import Key
from cache.memory import Held, Memory
from cache.tier import LEASE_S, Tier

Outcome = Literal["hit", "miss", "shared"]


class Cached(NamedTuple):
    """An answer, and where it came from."""

    name: str
    """Under which it may be asked for again (`ReadThrough.again`)."""
    body: bytes
    outcome: Outcome
    """`hit`: it was kept; `miss`: loaded for this caller; `shared`: another caller's flight brought it."""
    where: Where | None
    """In which tier a hit was found."""
    age_s: float
    """Seconds since it was loaded."""
    ttl_s: float
    """Seconds it may still be served; 0 if it was not to be kept."""
    stale_s: float | None = None
    """Seconds since it was last known to be the answer; `None` if it is."""


class ReadThrough:
    """The cache as callers see it.

    Args:
        memory: the first tier.
        backend: where answers are kept that other processes may have too; nowhere, if there is none.
        ttl_s: how long answers may be served, in seconds, give or take a tenth.
        tolerance: for how long those may that are none any more; not at all, if left out.
        breaker: decides when to go without the backend.
        wall_clock: seconds since 1970-01-01 UTC.

    Raises:
        ValueError: `ttl_s` is not positive.
    """

    def __init__(
        self,
        memory: Memory,
        backend: Backend | None,
        *,
        ttl_s: float,
        tolerance: Tolerance = Tolerance(),  # noqa: B008 - it is frozen
        breaker: Breaker | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        if ttl_s <= 0:
            raise ValueError(f"time to live is {ttl_s} s; use more than 0")
        self._wall_clock = wall_clock
        self._memory = memory
        self._tier = Tier(backend, breaker or Breaker(), wall_clock) if backend else None
        self._finder = Finder(memory, self._tier, ttl_s=ttl_s, tolerance=tolerance, wall_clock=wall_clock)
        self._flights: Flights[Landing] = Flights()

    async def get_or_load(
        self, key: str, load: Callable[[], Awaitable[Loaded]], judge: Judge, patience_s: float = LEASE_S
    ) -> Cached:
        """The answer for the key.

        1. What memory has, and the judge of this state has let pass, is the answer (hit).
        2. If a flight of this key and state is under way, wait for what it brings (shared). Else start one:
        3. Let the judge look at what memory has (hit).
        4. Look in Redis; a sound entry is the answer if the judge has no objection (hit), and goes to memory.
        5. Tell other processes that this one loads. If another does, wait for its answer (hit); not longer than
           `patience_s`, nor than `tier.LEASE_S`, since it may have ended.
        6. Load (miss), and put the answer into memory if the loader says so. Before that, or if it fails, what was
           found and is no answer any more may do for a while (`Tolerance`).
        7. Hand the answer, or the error, to all who wait.
        8. Load what was not waited for. Put what was loaded into Redis, and let other processes. Nobody waits for
           this, but the flight lasts until it is done, so that a caller who arrives meanwhile, and for whom memory
           has no room, joins it and does not load again.
        9. Release the key, in `finally`.

        Nothing waits between 1 and 2, so that nobody can load, keep and end in between.

        Args:
            key: what is asked.
            load: finds the answer.
            judge: says whether what was kept is the answer still.
            patience_s: how long the answer of another process is worth waiting for.

        Raises:
            Exception: whatever the loader raised; errors go to those who wait and are not remembered.
        """
        hashed = Key.of(key)
        held = self._memory.get(hashed.name)
        if held is not None and held.good_for == judge.state:
            return self._remembered(hashed.name, held)
        asked = Asked(hashed, held, f"{judge.state} {key}", load, judge, patience_s)
        shared = asked.flight in self._flights
        if shared:
            metrics.SHARED.inc()
        find, keep = partial(self._finder.find, asked), partial(self._finder.keep, asked)
        landing = await self._flights.fly(asked.flight, find, keep)
        outcome: Outcome = "shared" if shared else "hit" if landing.where else "miss"
        where = None if shared else landing.where
        stale_s = None if math.isnan(landing.stale_s) else landing.stale_s
        return self._cached(hashed.name, landing.entry, outcome, where, stale_s)

    def again(self, name: str, state: str) -> Cached | None:
        """What memory has under a name, if a judge of this state has let it pass before; waits for nothing."""
        held = self._memory.get(name)
        return self._remembered(name, held) if held is not None and held.good_for == state else None

    async def fetch(self, name: str, judge: Objector) -> Cached | None:
        """What Redis has under a name, if the judge has no objection; for those who found nothing by `again`."""
        if self._tier is None:
            return None
        key = Key.named(name)
        entry = await self._tier.look(key)
        if entry is None or await judge.objection(entry.stamp) is not None:
            return None
        self._memory.remember(name, entry, judge.state)
        metrics.FOUND_IN_REDIS.inc()
        return self._cached(name, entry, "hit", "redis")

    async def purge(self) -> int:
        """Drop everything that is kept; returns how many answers there were.

        What is being loaded is kept all the same: judges know that it was loaded before.

        Raises:
            BackendError: the backend did not say that all of it is gone; to be tried again.
        """
        count = self._memory.clear()
        return count + await self._tier.purge() if self._tier else count

    async def close(self) -> None:
        """End the flights, wait until what was answered is kept, and let go of the backend."""
        await self._flights.close()
        if self._tier:
            await self._tier.close()

    def _remembered(self, name: str, held: Held) -> Cached:
        metrics.FOUND_IN_MEMORY.inc()
        held.good_s = self._wall_clock()
        return self._cached(name, held.entry, "hit", "memory")

    def _cached(
        self, name: str, entry: Entry, outcome: Outcome, where: Where | None, stale_s: float | None = None
    ) -> Cached:
        age_s = entry.age_s(self._wall_clock())
        return Cached(name, entry.body, outcome, where, age_s, max(0.0, entry.lifetime_s - age_s), stale_s)
