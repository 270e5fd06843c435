"""What the cache tells Prometheus: counters and gauges on the default registry, one set a process.

Contract: every `get_or_load` that is not cancelled before it has looked counts as exactly one event: gets =
memory + redis + shared + load, and so does every `again` that finds something. Labels come from fixed sets; keys are
never labels. What happens at every hit is told `TELL_S` late (`Told`).

Not here: serving `/metrics`.
"""

import asyncio

from prometheus_client import Counter, Gauge

TELL_S = 0.1
"""Seconds until what was counted is told."""


class Told:
    """A counter that is told now and then: where there are several processes, that takes a fifth of a hit.

    For one event loop at a time; without one it is told at once. What was not told when the process ends is lost.
    """

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._count = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    def inc(self) -> None:
        """One more."""
        self._count += 1
        if self._loop is not None and not self._loop.is_closed():
            return
        try:
            self._loop = asyncio.get_running_loop()
            self._loop.call_later(TELL_S, self.tell)
        except RuntimeError:
            self.tell()

    def tell(self) -> None:
        """Tell it now."""
        count, self._count, self._loop = self._count, 0, None
        self._counter.inc(count)


EVENTS = Counter(
    "broadsheet_cache_events",
    "Requests to the cache: memory, redis = found there; shared = waited for another caller's flight; load = loaded. "
    "They add up to all requests.",
    ["result"],
)
FOUND_IN_MEMORY = Told(EVENTS.labels("memory"))
FOUND_IN_REDIS = Told(EVENTS.labels("redis"))
SHARED = EVENTS.labels("shared")
LOAD = EVENTS.labels("load")

WRITES = Counter(
    "broadsheet_cache_writes",
    "What became of loaded answers in Redis: kept; declined = the loader said not to; outdated = there was a newer "
    "one; skipped = Redis was away or too many writes were pending; failed = Redis did not take it.",
    ["result"],
)
KEPT = WRITES.labels("kept")
DECLINED = WRITES.labels("declined")
OUTDATED = WRITES.labels("outdated")
SKIPPED = WRITES.labels("skipped")
FAILED = WRITES.labels("failed")

LEASES = Counter(
    "broadsheet_cache_leases",
    "Loads of which other processes were told: taken = this one loads; waited = another did, and its answer came; "
    "late = another did, and nothing came in time.",
    ["result"],
)
LEASE_TAKEN = LEASES.labels("taken")
LEASE_WAITED = LEASES.labels("waited")
LEASE_LATE = LEASES.labels("late")

STALE = Counter(
    "broadsheet_cache_stale",
    "Answers given that were none any more, as the settings allow: while_loading = a newer one was loaded meanwhile; "
    "if_error = none could be loaded.",
    ["reason"],
)
STALE_WHILE_LOADING = STALE.labels("while_loading")
STALE_IF_ERROR = STALE.labels("if_error")
RELOADS = Counter(
    "broadsheet_cache_reloads",
    "Loads that no request waited for, as an older answer was given: loaded; failed = it is tried again.",
    ["result"],
)
RELOADED = RELOADS.labels("loaded")
RELOAD_FAILED = RELOADS.labels("failed")

EVICTIONS = Counter(
    "broadsheet_cache_evictions",
    "Answers that the memory had no room for: evicted = made room for others; not_admitted = were asked for less "
    "often than those that are there.",
    ["reason"],
)
EVICTED = Told(EVICTIONS.labels("evicted"))
NOT_ADMITTED = Told(EVICTIONS.labels("not_admitted"))
MEMORY_BYTES = Gauge("broadsheet_cache_memory_bytes", "Answers in memory, in bytes", multiprocess_mode="livesum")
MEMORY_ENTRIES = Gauge("broadsheet_cache_memory_entries", "Answers in memory", multiprocess_mode="livesum")

BACKEND_ERRORS = Counter(
    "broadsheet_cache_backend_errors",
    "Operations Redis did not do: unavailable = no sensible reply in time; refused = an error reply; "
    "busy = no connection was free in time.",
    ["kind"],
)
REJECTED_ENTRIES = Counter(
    "broadsheet_cache_rejected_entries",
    "What Redis returned but could not be used, by fault.",
    ["fault"],
)
OBJECTIONS = Counter(
    "broadsheet_cache_objections",
    "Sound entries that were found and were no answers any more, by what their judge said.",
    ["reason"],
)
FLIGHTS = Gauge(
    "broadsheet_cache_flights",
    "Loads and writes under way.",
    multiprocess_mode="livesum",
)
BREAKER_OPEN = Gauge(
    "broadsheet_cache_breaker_open",
    "1 while the process goes without Redis, else 0.",
    multiprocess_mode="livemax",
)
