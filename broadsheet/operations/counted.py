"""What the service has counted, from its metrics; what came between two such counts; percentiles of a histogram.

Contract: counts are those of all processes. A counter that is lower than before has begun anew (a process without
its files), and what it shows now has come since. Percentiles are those of Prometheus' `histogram_quantile`: linear
within a bucket, and the last finite bound for what lies beyond it.

Not here: reading metrics (`telemetry.py`), when that is done (`sampling.py`).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from prometheus_client import Metric
from prometheus_client.samples import Sample

from broadsheet.operations.shapes import Answered, Found, Latency, Span
from web.edge import BUCKETS

SEARCH_ROUTES = frozenset({"/v1/search", "/"})
"""Routes whose time is that of a search: the API's and the page's."""
BOUNDS_MS = [bound * 1000 for bound in BUCKETS]

_BY_STATUS = {"503": 2, "504": 3}
_BY_CLASS = {"2": 0, "3": 0, "4": 1, "5": 4}
_TIERS = ("memory", "redis", "shared", "load")


class Counted(NamedTuple):
    """Counts since the service was started."""

    answered: tuple[float, ...]
    """In the order of `shapes.Answered`."""
    searches: tuple[float, ...]
    """By bucket, the last one without a bound."""
    cache: tuple[float, ...]
    """In the order of `shapes.Found`."""
    turned_away: float
    events: float
    rounds: float
    rounds_s: float
    """What all rounds took."""


class Measured(NamedTuple):
    """What is measured now, by the name of the metric; absent where no process measures it."""

    values: dict[str, float]

    def get(self, name: str) -> int:
        """As an integer; 0 where it is not measured."""
        return int(self.values.get(name, 0))


def read_counts(metrics: Iterable[Metric]) -> tuple[Counted, Measured]:
    """What the metrics say."""
    known = {metric.name: metric.samples for metric in metrics if metric.name.startswith("broadsheet_")}

    def samples(name: str, ending: str) -> list[Sample]:
        return [sample for sample in known.get(name, ()) if sample.name == name + ending]

    answered, cache = [0.0] * 5, dict.fromkeys(_TIERS, 0.0)
    upto: defaultdict[float, float] = defaultdict(float)
    for sample in samples("broadsheet_http_requests", "_total"):
        status = sample.labels["status"]
        answered[_BY_STATUS.get(status, _BY_CLASS.get(status[:1], 4))] += sample.value
    for sample in samples("broadsheet_http_request_duration_seconds", "_bucket"):
        if sample.labels["route"] in SEARCH_ROUTES:
            upto[float(sample.labels["le"])] += sample.value
    for sample in samples("broadsheet_cache_events", "_total"):
        cache[sample.labels["result"]] += sample.value
    single = {sample.name: sample.value for one in known.values() for sample in one if not sample.labels}
    ups = [upto[bound] for bound in (*BUCKETS, float("inf"))]
    counted = Counted(
        answered=tuple(answered),
        searches=tuple(up - before for before, up in zip([0.0, *ups], ups, strict=False)),
        cache=tuple(cache.values()),
        turned_away=single.get("broadsheet_admission_refused_total", 0.0),
        events=single.get("broadsheet_indexer_events_total", 0.0),
        rounds=single.get("broadsheet_indexer_round_seconds_count", 0.0),
        rounds_s=single.get("broadsheet_indexer_round_seconds_sum", 0.0),
    )
    return counted, Measured(single)


def since(before: Counted, now: Counted) -> Counted:
    """What came between two counts."""

    def one(earlier: float, later: float) -> float:
        return later if later < earlier else later - earlier

    def each(earlier: Sequence[float], later: Sequence[float]) -> tuple[float, ...]:
        return tuple(map(one, earlier, later))

    return Counted(
        each(before.answered, now.answered),
        each(before.searches, now.searches),
        each(before.cache, now.cache),
        *each(before[3:], now[3:]),
    )


def percentile_ms(buckets: Sequence[float], share: float) -> float | None:
    """The time that this share (0 to 1) of all took at most, by counts in `BOUNDS_MS` and beyond."""
    total = sum(buckets)
    if not total:
        return None
    rank, below, lower = share * total, 0.0, 0.0
    for count, upper in zip(buckets, BOUNDS_MS, strict=False):
        if count and below + count >= rank:
            return lower + (upper - lower) * (rank - below) / count
        below, lower = below + count, upper
    return BOUNDS_MS[-1]


def span_of(counted: Counted, seconds: float | None) -> Span:
    """A span of time in which that was counted."""
    asked, loaded = sum(counted.cache), counted.cache[_TIERS.index("load")]
    p50, p95, p99 = (_rounded(percentile_ms(counted.searches, share)) for share in (0.5, 0.95, 0.99))
    answered = Answered(*counted.answered)
    return Span(
        seconds=_rounded(seconds),
        answered=answered,
        per_s=_rounded(sum(counted.answered) / seconds) if seconds else None,
        errors=int(answered.full + answered.late + answered.failed),
        searches=Latency(int(sum(counted.searches)), p50, p95, p99),
        cache=Found(*counted.cache),
        hit_share=_rounded(1 - loaded / asked) if asked else None,
        turned_away=int(counted.turned_away),
        events=int(counted.events),
        events_per_s=_rounded(counted.events / seconds) if seconds else None,
        rounds=int(counted.rounds),
        round_s=round_s(counted),
    )


def round_s(counted: Counted) -> float | None:
    """What a round took, on average."""
    return _rounded(counted.rounds_s / counted.rounds) if counted.rounds else None


def rates(counts: Sequence[float], seconds: float) -> list[float]:
    """The same, per second."""
    return [round(count / seconds, 2) for count in counts]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
