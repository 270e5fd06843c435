"""Read-through: the answer for a key from the cache, or loaded once for all who ask, and then kept.

Contract: `get_or_load` raises what the loader raises and nothing else of its own. A key says what is asked, also
how much effort was allowed, if that can change the answer, because whoever asks first loads for all. Whether what was
kept still is the answer is for the judge of whoever asks to say; those who have a judge of another state load for
themselves. Loaders and judges bound their own time. Everything belongs to the event loop it is first used on.

Not here: keys' meaning, HTTP headers, how much memory keeps (`memory.py`), Redis and its troubles (`tier.py`).
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple, Protocol

from cache import metrics
from cache.backends import Backend
from cache.breaker import Breaker
from cache.entry import Entry
from cache.flight import Flights
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


class Judge(Protocol):
    """Says of answers that were kept whether they still are."""

    @property
    def state(self) -> str:
        """By what it judges; under an equal one it always says the same."""
        ...

    async def objection(self, stamp: bytes) -> str | None:
        """What speaks against an answer with this stamp, as one of a few words; None if nothing does."""
        ...


Outcome = Literal["hit", "miss", "shared"]
Where = Literal["memory", "redis"]


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


@dataclass(frozen=True, slots=True)
class _Landing:
    """What a flight brings."""

    entry: Entry
    where: Where | None
    """`None` if it was loaded."""
    leased: bool = False
    """Whether others were told that this process loads."""


@dataclass(frozen=True, slots=True)
class _Asked:
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


class ReadThrough:
    """The cache as callers see it.

    Args:
        memory: the first tier.
        backend: where answers are kept that other processes may have too; nowhere, if there is none.
        ttl_s: how long answers may be served, in seconds, give or take `JITTER`.
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
        breaker: Breaker | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        if ttl_s <= 0:
            raise ValueError(f"time to live is {ttl_s} s; use more than 0")
        self._ttl_s = ttl_s
        self._wall_clock = wall_clock
        self._memory = memory
        self._tier = Tier(backend, breaker or Breaker(), wall_clock) if backend else None
        self._flights: Flights[_Landing] = Flights()
        self._alone_until_s = -math.inf

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
        6. Load (miss), and put the answer into memory if the loader says so.
        7. Hand the answer, or the error, to all who wait.
        8. Put it into Redis, and let other processes. Nobody waits for this, but the flight lasts until it is done,
           so that a caller who arrives meanwhile, and for whom memory has no room, joins it and does not load again.
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
        asked = _Asked(hashed, held, f"{judge.state} {key}", load, judge, patience_s)
        shared = asked.flight in self._flights
        if shared:
            metrics.SHARED.inc()
        landing = await self._flights.fly(asked.flight, partial(self._fly, asked), partial(self._keep, asked))
        outcome: Outcome = "shared" if shared else "hit" if landing.where else "miss"
        return self._cached(hashed.name, landing.entry, outcome, None if shared else landing.where)

    def again(self, name: str, state: str) -> Cached | None:
        """What memory has under a name, if a judge of this state has let it pass before; waits for nothing."""
        held = self._memory.get(name)
        return self._remembered(name, held) if held is not None and held.good_for == state else None

    async def fetch(self, name: str, judge: Judge) -> Cached | None:
        """What Redis has under a name, if the judge has no objection; for those who found nothing by `again`."""
        if self._tier is None:
            return None
        key = Key.named(name)
        entry = await self._tier.look(key)
        if entry is None or await judge.objection(entry.stamp) is not None:
            return None
        self._remember(name, entry, judge.state)
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

    async def _fly(self, asked: _Asked) -> _Landing:
        """Find the answer, or load it."""
        objected: set[bytes] = set()
        held = asked.held
        if held is not None and await self._passing(held.entry, asked.judge, objected):
            held.good_for = asked.judge.state
            metrics.FOUND_IN_MEMORY.inc()
            return _Landing(held.entry, "memory")
        leased: bool | None = None
        if self._tier is not None:
            entry = await self._passing(await self._tier.look(asked.key), asked.judge, objected)
            if entry is None:
                leased, entry = await self._take(self._tier, asked, objected)
                if leased is False and entry is None:
                    leased, entry = await self._wait(self._tier, asked, objected)
            if entry is not None:
                self._remember(asked.key.name, entry, asked.judge.state)
                metrics.FOUND_IN_REDIS.inc()
                return _Landing(entry, "redis", bool(leased))
        metrics.LOAD.inc()
        try:
            loaded = await asked.load()
        except Exception:
            if self._tier and leased:
                await self._tier.release(asked.lease)
            raise
        lifetime_s = self._ttl_s * (1 + JITTER * asked.key.spread) if loaded.keep else 0.0
        entry = Entry(loaded.body, self._wall_clock(), lifetime_s, loaded.stamp, loaded.order)
        if loaded.keep:
            self._remember(asked.key.name, entry, asked.judge.state)
        return _Landing(entry, None, bool(leased))

    async def _passing(self, entry: Entry | None, judge: Judge, objected: set[bytes]) -> Entry | None:
        """An entry, if it still is an answer; the stamps of those that are not are remembered."""
        if entry is None or entry.stamp in objected:
            return None
        objection = await judge.objection(entry.stamp)
        if objection is None:
            return entry
        objected.add(entry.stamp)
        metrics.OBJECTIONS.labels(objection).inc()
        return None

    async def _take(self, tier: Tier, asked: _Asked, objected: set[bytes]) -> tuple[bool | None, Entry | None]:
        """Tell other processes that this one loads (`False` if another does), and look once more."""
        if time.monotonic() < self._alone_until_s:
            return None, None
        taken, found = await tier.take(asked.lease, asked.key)
        entry = await self._passing(found, asked.judge, objected)
        if taken and entry is None:
            metrics.LEASE_TAKEN.inc()
        return taken, entry

    async def _wait(self, tier: Tier, asked: _Asked, objected: set[bytes]) -> tuple[bool | None, Entry | None]:
        """Wait for the answer of another process; without one, whether this one is the next to load."""
        end_s, pause_s = time.monotonic() + min(asked.patience_s, LEASE_S), FIRST_POLL_S
        while time.monotonic() + pause_s < end_s:
            await asyncio.sleep(pause_s)
            pause_s = min(1.5 * pause_s, LAST_POLL_S)
            leased, entry = await self._take(tier, asked, objected)
            if entry is not None:
                metrics.LEASE_WAITED.inc()
            if entry is not None or leased is not False:
                return leased, entry
        metrics.LEASE_LATE.inc()
        self._alone_until_s = time.monotonic() + ALONE_S
        return False, None

    def _remember(self, name: str, entry: Entry, state: str) -> None:
        held = self._memory.put(name, entry)
        if held.entry is entry:
            held.good_for = state

    async def _keep(self, asked: _Asked, landing: _Landing) -> None:
        if landing.where is None and landing.entry.lifetime_s <= 0:
            metrics.DECLINED.inc()
        if self._tier is None:
            return
        if landing.where is None and landing.entry.lifetime_s > 0:
            await self._tier.keep(asked.key, landing.entry)
        if landing.leased:
            await self._tier.release(asked.lease)

    def _remembered(self, name: str, held: Held) -> Cached:
        metrics.FOUND_IN_MEMORY.inc()
        return self._cached(name, held.entry, "hit", "memory")

    def _cached(self, name: str, entry: Entry, outcome: Outcome, where: Where | None) -> Cached:
        now_s = self._wall_clock()
        return Cached(name, entry.body, outcome, where, entry.age_s(now_s), entry.ttl_s(now_s))
