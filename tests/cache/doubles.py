"""Stand-ins of the cache's tests: a clock, a loader, and a reader of counters.

Not here: stand-ins for Redis; tests use a real server.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from prometheus_client import REGISTRY

from cache import metrics
from cache.backends import Backend
from cache.memory import Memory
from cache.read_through import ReadThrough

PATIENCE_S = 10.0
"""Timeout of Redis operations where a test is not about timeouts: a busy machine must not fail it."""


@dataclass(frozen=True)
class Tiers:
    """Of which tiers caches are made."""

    memory_bytes: int
    backend: Backend | None
    _made: list[ReadThrough] = field(default_factory=list)

    def cache(self, clock: Callable[[], float] = time.time, ttl_s: float = 100) -> ReadThrough:
        """Another process with these tiers, as far as caches know."""
        made = ReadThrough(Memory(self.memory_bytes, clock), self.backend, ttl_s=ttl_s, wall_clock=clock)
        self._made.append(made)
        return made

    async def close(self) -> None:
        """Close all caches: what one of them still keeps would open a connection that nobody closes."""
        for cache in self._made:
            await cache.close()
        if self.backend:
            await self.backend.close()


@dataclass
class Clock:
    """A clock that moves when told to."""

    now_s: float = 1_000.0

    def __call__(self) -> float:
        """Seconds since some moment."""
        return self.now_s


@dataclass(frozen=True)
class Answer:
    """What loaders of these tests return."""

    body: bytes
    keep: bool = True
    stamp: bytes = b""
    order: int = 0


@dataclass
class Judging:
    """A judge that says what it is told to, and counts how often it is asked."""

    state: str = "now"
    objections: dict[bytes, str] = field(default_factory=dict)
    """By stamp."""
    asked: list[bytes] = field(default_factory=list)
    borne: tuple[str, ...] = ()
    """Objections that it bears, if the answer is not of an order below `least`."""
    least: int = 0
    excused: tuple[type[Exception], ...] = ()
    """Errors that are worse than an older answer."""

    def bears(self, objection: str, order: int) -> bool:
        """As it was told."""
        return objection in self.borne and order >= self.least

    def excuses(self, error: Exception) -> bool:
        """As it was told."""
        return isinstance(error, self.excused)

    async def objection(self, stamp: bytes) -> str | None:
        """What it was told."""
        self.asked.append(stamp)
        return self.objections.get(stamp)


@dataclass
class Loader:
    """A loader that counts its calls and waits at a gate, which stands open at first."""

    answer: Answer | Exception = field(default_factory=lambda: Answer(b"body"))
    calls: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    called: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    async def __call__(self) -> Answer:
        """Load."""
        self.calls += 1
        self.called.set()
        await self.gate.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Counted:
    """How far counters have moved since this was made."""

    def __init__(self, name: str, label: str, *values: str) -> None:
        self._series = [(f"broadsheet_cache_{name}_total", {label: value}) for value in values]
        self._start = self._read()

    def _read(self) -> list[float]:
        for told in (metrics.FOUND_IN_MEMORY, metrics.FOUND_IN_REDIS, metrics.EVICTED, metrics.NOT_ADMITTED):
            told.tell()
        return [REGISTRY.get_sample_value(name, labels) or 0 for name, labels in self._series]

    def moved(self) -> tuple[int, ...]:
        """The difference, value by value."""
        return tuple(int(now - start) for now, start in zip(self._read(), self._start, strict=True))
