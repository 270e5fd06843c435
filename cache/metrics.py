"""What the cache tells Prometheus: counters and gauges on the default registry, one set a process.

Contract: every `get_or_load` that is not cancelled before it has looked counts as exactly one event: gets =
hit + shared + recheck_hit + load. Labels come from fixed sets; keys are never labels.

Not here: serving `/metrics`.
"""

from prometheus_client import Counter, Gauge

EVENTS = Counter(
    "broadsheet_cache_events",
    "Requests to the cache: hit = found at once; shared = waited for another caller's flight; recheck_hit = "
    "found by the second look, inside the flight; load = loaded. They add up to all requests.",
    ["result"],
)
HIT = EVENTS.labels("hit")
SHARED = EVENTS.labels("shared")
RECHECK_HIT = EVENTS.labels("recheck_hit")
LOAD = EVENTS.labels("load")

WRITES = Counter(
    "broadsheet_cache_writes",
    "What became of loaded answers: kept; declined = the loader said not to; outdated = there was a newer one; "
    "skipped = the backend was away or too many writes were pending; failed = the backend did not take it.",
    ["result"],
)
KEPT = WRITES.labels("kept")
DECLINED = WRITES.labels("declined")
OUTDATED = WRITES.labels("outdated")
SKIPPED = WRITES.labels("skipped")
FAILED = WRITES.labels("failed")

BACKEND_ERRORS = Counter(
    "broadsheet_cache_backend_errors",
    "Operations the backend did not do: unavailable = no sensible reply in time; refused = an error reply; "
    "busy = no connection was free in time.",
    ["kind"],
)
REJECTED_ENTRIES = Counter(
    "broadsheet_cache_rejected_entries",
    "What the backend returned but could not be used, by fault.",
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
    "1 while the process goes without its cache backend, else 0.",
    multiprocess_mode="livemax",
)
