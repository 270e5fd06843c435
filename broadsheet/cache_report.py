"""What a server's metrics say of its cache: from their text to figures, and from figures to lines for people.

Contract: whatever text a server sent becomes `Figures` or a `NoFiguresError`. Figures are counts, and no label of
theirs can command a terminal.

Not here: asking for them (`cache_commands.py`), counting (`cache/metrics.py`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from broadsheet.cache_backend import RedisMemory
from broadsheet.listing import safe

PREFIX = "broadsheet_cache_"
"""Of the names of all metrics of the cache; here they go without it."""
COUNTERS = {
    "events": "requests",
    "writes": "loaded, to Redis",
    "leases": "leases",
    "objections": "objections",
    "stale": "older ones given",
    "reloads": "reloads",
    "evictions": "evictions",
    "backend_errors": "Redis errors",
    "rejected_entries": "rejected entries",
}
"""What is counted, each by one label, and what people call it."""
NUMBERS = ("memory_entries", "memory_bytes", "flights", "breaker_open")
"""What is counted or measured without a label."""

_LOADED = "load"
_TIERS = {"memory": "memory", "redis": "redis", "shared": "shared", _LOADED: "loaded"}
"""Where a request may be answered, the nearest first, and what people call it."""
_BEYOND = 1 << 63
"""No count of ours is as large."""


class NoFiguresError(ValueError):
    """The text holds no figures of a cache of ours."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a server has counted of its cache since it was started, and what it measures now."""

    counted: Mapping[str, Mapping[str, int]]
    """By counter and label; labels that there was nothing to count of may be missing."""
    numbers: Mapping[str, int]

    @property
    def requests(self) -> int:
        """All of them."""
        return sum(self.counted["events"].values())

    @property
    def hit_rate(self) -> float | None:
        """Share of the requests that loaded nothing; those that waited for another's load did not."""
        return 1 - self.counted["events"].get(_LOADED, 0) / self.requests if self.requests else None


def read_figures(text: str) -> Figures:
    """The figures in a text in the format of Prometheus.

    Raises:
        NoFiguresError: there are none.
    """
    try:
        families = {one.name: _counts(one) for one in text_string_to_metric_families(text) if _is_ours(one.name)}
    except (ValueError, IndexError) as error:  # how the parser says that it cannot read something
        raise NoFiguresError(str(error)) from None
    if PREFIX + "events" not in families:
        raise NoFiguresError(f"there is no {PREFIX}events")
    return Figures(
        {name: families.get(PREFIX + name, {}) for name in COUNTERS},
        {name: sum(families.get(PREFIX + name, {}).values()) for name in NUMBERS},
    )


def _is_ours(name: str) -> bool:
    return name.startswith(PREFIX) and name.removeprefix(PREFIX) in (*COUNTERS, *NUMBERS)


def _counts(family: Metric) -> dict[str, int]:
    """The samples of a metric by the value of their label, which is empty where there is none."""
    found: dict[str, int] = {}
    for sample in family.samples:
        if not 0 <= sample.value < _BEYOND:
            raise NoFiguresError(f"{family.name} is no count")
        label = safe(next(iter(sample.labels.values()), ""))
        found[label] = found.get(label, 0) + int(sample.value)
    return found


def as_object(figures: Figures, redis: RedisMemory | str | None) -> dict[str, Any]:
    """The figures for machines, and what Redis says of its memory, or why it says nothing, if there is one."""
    told = {"problem": safe(redis)} if isinstance(redis, str) else asdict(redis) if redis else None
    totals = {"requests": figures.requests, "hit_rate": figures.hit_rate}
    return {**totals, **figures.counted, **figures.numbers, "redis_server": told}


def lines_of(figures: Figures, redis: RedisMemory | str | None) -> Iterator[str]:
    """The same for people."""
    rate = figures.hit_rate
    yield _row("hit rate", "there were no requests yet" if rate is None else f"{rate:.1%}")
    for name, heading in COUNTERS.items():
        for at, row in enumerate(_rows(figures, name)):
            yield _row("" if at else heading, row)
    numbers = figures.numbers
    yield _row("memory", f"{numbers['memory_entries']:,} entries, {numbers['memory_bytes']:,} bytes")
    yield _row("flights", f"{numbers['flights']:,} now")
    yield _row("breaker", "open: a process goes without Redis now" if numbers["breaker_open"] else "closed")
    if redis:
        for at, row in enumerate(_rows_of_redis(redis)):
            yield _row("" if at else "Redis server", row)


def _rows(figures: Figures, name: str) -> Iterator[str]:
    """What was counted under each label: of requests the nearest tier first, else what there is most of."""
    counts = figures.counted[name]
    if name == "events":
        for label, shown in _TIERS.items():
            count = counts.get(label, 0)
            share = f"{count / figures.requests:>9.1%}" if figures.requests else ""
            yield f"{shown:<14}{count:>12,}{share}"
    elif any(counts.values()):
        for label, count in sorted(counts.items(), key=lambda one: (-one[1], one[0])):
            if count:
                yield f"{label:<14}{count:>12,}"
    else:
        yield "none"


def _rows_of_redis(redis: RedisMemory | str) -> Iterator[str]:
    if isinstance(redis, str):
        yield f"does not say: {safe(redis)}"
        return
    bound = f"of {redis.max_bytes:,} bytes" if redis.max_bytes else "bytes, without a bound: set maxmemory"
    yield f"{redis.used_bytes:,} {bound}"
    full = ": nothing more is kept once it is full, set allkeys-lfu" if redis.policy == "noeviction" else ""
    yield f"policy {safe(redis.policy)}{full}"
    yield f"{redis.evicted_keys:,} keys evicted"


def _row(heading: str, told: str) -> str:
    return f"{heading:<18}{told}"
