"""Read-through: the answer for a key from the cache, or loaded once for all who ask, and then kept.

Contract: `get_or_load` raises what the loader raises and nothing else of its own. A key says what is asked, also
how much effort was allowed, if that can change the answer, because whoever asks first loads for all. Whether what was
kept still is the answer is for the judge of whoever asks to say; those who have a judge of another state load for
themselves. Loaders and judges bound their own time. Everything belongs to the event loop it is first used on.

Not here: keys' meaning, HTTP headers, backends and their troubles (`tier.py`).
"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, Protocol

from cache import metrics
from cache.backends import Backend
from cache.breaker import Breaker
from cache.entry import Entry
from cache.flight import Flights
from cache.keys import Key
from cache.tier import Tier

JITTER = 0.1
"""Share of the time to live by which lifetimes are spread, up and down, so that answers kept together do not
expire together. A key's place in the spread is its own (`Key.spread`)."""


MAX_JUDGED = 20_000
"""Entries of which the judgement is remembered."""


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


@dataclass(frozen=True, slots=True)
class Cached:
    """An answer, and where it came from."""

    body: bytes
    outcome: Outcome
    """`hit`: it was kept; `miss`: loaded for this caller; `shared`: another caller's flight brought it."""
    age_s: float
    """Seconds since it was loaded."""
    ttl_s: float
    """Seconds it may still be served; 0 if it was not to be kept."""


@dataclass(frozen=True, slots=True)
class _Landing:
    """What a flight brings."""

    key: Key
    entry: Entry
    outcome: Outcome


class ReadThrough:
    """The cache as callers see it.

    Args:
        backend: Where answers are kept.
        ttl_s: How long answers may be served, in seconds, give or take `JITTER`.
        breaker: Decides when to go without the backend.
        wall_clock: Seconds since 1970-01-01 UTC.

    Raises:
        ValueError: `ttl_s` is not positive.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        ttl_s: float,
        breaker: Breaker | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        if ttl_s <= 0:
            raise ValueError(f"time to live is {ttl_s} s; use more than 0")
        self._ttl_s = ttl_s
        self._wall_clock = wall_clock
        self._tier = Tier(backend, breaker or Breaker(), wall_clock)
        self._flights: Flights[_Landing] = Flights()
        self._judged: dict[str, tuple[str, bytes, str | None]] = {}
        """By name, what was said under which state about an entry with which stamp."""

    async def get_or_load(self, key: str, load: Callable[[], Awaitable[Loaded]], judge: Judge) -> Cached:
        """The answer for the key.

        1. If a flight of this key and state is under way, wait for what it brings (shared).
        2. Look in the backend. A sound entry is the answer if the judge has no objection (hit).
        3. Start a flight; or join the one that another caller started while this one was looking (shared).
        4. Inside the flight, look again (hit). Without it one key could be loaded twice in a row: A looks and
           finds nothing; before A hears of it, the flight of B, which looked earlier, loads, keeps and ends;
           A then finds no flight to join.
        5. Load (miss).
        6. Hand the answer, or the error, to all who wait.
        7. Keep the answer if the loader says so. Nobody waits for this, but the flight lasts until it is
           done, so that a caller arriving meanwhile joins it and does not load again.
        8. Release the key, in `finally`.

        Raises:
            Exception: whatever the loader raised; errors go to those who wait and are not remembered.
        """
        hashed, flight = Key.of(key), f"{judge.state} {key}"
        if flight not in self._flights:
            entry = await self._look(hashed, judge)
            if entry is not None:
                metrics.HIT.inc()
                return self._cached(entry, "hit")
        shared = flight in self._flights
        if shared:
            metrics.SHARED.inc()
        landing = await self._flights.fly(flight, partial(self._look_and_load, hashed, load, judge), self._keep)
        return self._cached(landing.entry, "shared" if shared else landing.outcome)

    async def purge(self) -> int:
        """Drop everything that is kept; returns how many answers there were.

        What is being loaded is kept all the same: judges know that it was loaded before.

        Raises:
            BackendError: the backend did not say that all of it is gone; to be tried again.
        """
        return await self._tier.purge()

    async def close(self) -> None:
        """End the flights, wait until what was answered is kept, and let go of the backend."""
        await self._flights.close()
        await self._tier.close()

    async def _look(self, key: Key, judge: Judge) -> Entry | None:
        """What is kept, if it still is an answer."""
        entry = await self._tier.look(key)
        if entry is None:
            return None
        state, stamp, objection = self._judged.get(key.name, ("", b"", None))
        if (state, stamp) != (judge.state, entry.stamp):
            objection = await judge.objection(entry.stamp)
            if len(self._judged) >= MAX_JUDGED:
                self._judged.clear()
            self._judged[key.name] = judge.state, entry.stamp, objection
        if objection is not None:
            metrics.OBJECTIONS.labels(objection).inc()
            return None
        return entry

    async def _look_and_load(self, key: Key, load: Callable[[], Awaitable[Loaded]], judge: Judge) -> _Landing:
        entry = await self._look(key, judge)
        if entry is not None:
            metrics.RECHECK_HIT.inc()
            return _Landing(key, entry, "hit")
        metrics.LOAD.inc()
        loaded = await load()
        lifetime_s = self._ttl_s * (1 + JITTER * key.spread) if loaded.keep else 0.0
        entry = Entry(loaded.body, self._wall_clock(), lifetime_s, loaded.stamp, loaded.order)
        return _Landing(key, entry, "miss")

    async def _keep(self, landing: _Landing) -> None:
        if landing.outcome == "hit":
            return
        if landing.entry.lifetime_s > 0:
            await self._tier.keep(landing.key, landing.entry)
        else:
            metrics.DECLINED.inc()

    def _cached(self, entry: Entry, outcome: Outcome) -> Cached:
        now_s = self._wall_clock()
        return Cached(entry.body, outcome, entry.age_s(now_s), entry.ttl_s(now_s))
