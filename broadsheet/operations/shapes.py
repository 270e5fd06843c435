"""What `GET /v1/operations` answers: the shapes of its JSON.

Contract: the route encodes these very types, and the OpenAPI document is made from them. Rates are per second.

Not here: where the figures come from (`sampling.py`), how they are computed (`counted.py`).
"""

import msgspec


class Answered(msgspec.Struct):
    """Requests answered, by what became of them."""

    ok: float
    """2xx and 3xx."""
    refused: float
    """4xx: the caller's mistake, or a key that will not do."""
    full: float
    """503: no room, no epoch, or partitions that did not answer."""
    late: float
    """504: nothing was found out in time."""
    failed: float
    """Any other 5xx: our fault."""


class Found(msgspec.Struct):
    """Requests to the cache, by where the answer was found."""

    memory: float
    redis: float
    shared: float
    """With another request that loaded it just then."""
    load: float
    """Nowhere: it was searched for."""


class Latency(msgspec.Struct):
    """How long searches took, from their arrival to the start of their answer."""

    count: int
    p50_ms: float | None
    """Percentiles are interpolated within buckets, as Prometheus does it; `null` where there were none."""
    p95_ms: float | None
    p99_ms: float | None


class Span(msgspec.Struct):
    """What was counted over a span of time."""

    seconds: float | None
    """How long that is; `null` for since the service was started."""
    answered: Answered
    """How many."""
    per_s: float | None
    """All of them, per second; `null` where `seconds` is."""
    errors: int
    """Those from 500 on."""
    searches: Latency
    cache: Found
    """How many."""
    hit_share: float | None
    """The share of the cache's requests that loaded nothing, 0 to 1."""
    turned_away: int
    """Searches refused because all places were taken."""
    events: int
    """Of the log, that the indexer applied."""
    events_per_s: float | None
    """The same per second; `null` where `seconds` is."""
    rounds: int
    """Of the indexer, that published an epoch."""
    round_s: float | None
    """What one took, on average."""


class Tick(msgspec.Struct):
    """One point of the time line: how things were, and what came since the tick before."""

    at_ms: int
    """Unix time."""
    seconds: float | None
    """Since the tick before; `null` where there is none, and then all rates are."""
    epoch: int
    articles: int
    backlog: int | None
    waiting_s: float | None
    working: int
    queued: int
    answered: Answered | None
    """Per second."""
    searches: list[int] | None
    """How many there were in each bucket of `bounds_ms`, and in a last one for what took longer."""
    p50_ms: float | None
    p99_ms: float | None
    cache: Found | None
    """Per second."""
    events: float | None
    """Per second."""
    epochs: float | None
    """Epochs published, per second."""
    round_s: float | None
    """What a round of the indexer took, on average."""


class EpochFigures(msgspec.Struct):
    """The epoch that answers."""

    epoch: int
    published_at: str
    age_s: float
    """How long ago that was; nothing is published while nothing is logged."""
    took_s: float
    """From the moment when its newest event was logged to that when it was published."""
    articles: int
    segments: int
    size_bytes: int
    statistics_epoch: int
    parked: int
    """Events that could not be applied (`/v1/parked`)."""
    applied_seq: int
    indexed_through: str
    """When that was logged."""
    slowest_process: int
    """The oldest epoch that any API process answers from."""


class LogFigures(msgspec.Struct):
    """The log, beside the epoch that answers."""

    last_seq: int
    backlog: int
    """Events that this epoch has not applied."""
    waiting_s: float
    """How long the oldest of them has waited; 0 where there are none."""
    max_backlog: int
    """How many may wait before no more are taken."""


class PartitionFigures(msgspec.Struct):
    """One partition of the epoch that answers."""

    partition: int
    articles: int
    tombstones: int
    segments: int
    size_bytes: int
    waiting: int
    """Events of the log that it has not applied."""


class JobFigures(msgspec.Struct):
    """Jobs of one kind that began within the last hour, or have not ended."""

    kind: str
    queued: int
    running: int
    succeeded: int
    failed: int
    canceled: int


class SlowSearch(msgspec.Struct):
    """One of the slowest searches of the last quarter of an hour."""

    at_ms: int
    spent_ms: float
    came: str
    """`load`, `shared` or `hit` as of the cache, or the type of the problem that was answered."""
    total: int | None
    """How many it found; `null` where that was not said."""
    query: str | None
    """Its `q`; `null` for callers who are not to know."""
    filters: str | None
    """Its other parameters, likewise."""


class FailureFigures(msgspec.Struct):
    """One of the latest answers from 500 on."""

    at_ms: int
    status: int
    problem: str
    method: str
    route: str
    request_id: str
    """As it was logged."""


class Gauges(msgspec.Struct):
    """What is measured now."""

    working: int
    """Searches at work."""
    queued: int
    """Searches that wait for a place."""
    cache_entries: int
    cache_bytes: int
    without_redis: bool
    """Whether a process goes without Redis, since that does not answer."""
    following: int
    """Requests that wait for changes, streams among them."""
    damaged: int
    """Partitions found damaged since the service was started."""


class OperationsAnswer(msgspec.Struct):
    """How the service fares."""

    at: str
    unreadable: list[str]
    """What could not be found out just now, and why; the members that it concerns are `null` or empty."""
    epoch: EpochFigures | None
    log: LogFigures | None
    partitions: list[PartitionFigures]
    jobs: list[JobFigures]
    now: Gauges
    minute: Span | None
    """The last minute, or as much of it as is known; `null` where nothing is."""
    total: Span
    """Since the service was started."""
    bounds_ms: list[float]
    """Upper bounds of the buckets of `tick.searches`."""
    tick: Tick
    slowest: list[SlowSearch]
    failures: list[FailureFigures]
