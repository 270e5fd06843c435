"""Measures: counts and latencies of one phase, and the exact figures made of them.

Contract: every latency is kept (8 bytes each; a phase lasts `MAX_SECONDS` at most and a generator sends a few
thousand requests a second, so tens of megabytes at most), because Locust's own histogram rounds to whole
milliseconds and to two digits. Percentiles are of served answers only, since a quick refusal would make them
look better; errors are counted beside them. A request that was started and never accounted for is an error.

Not here: their layout (`table.py`).
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MAX_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Figures:
    """What is reported of a phase, or of one kind of request in it; rates are per second of its window."""

    offered_qps: float | None
    """None in a closed loop, which has no rate of its own: it offers what is served."""
    served_qps: float
    """Right answers that arrived within the window."""
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float | None
    served: int
    """Right answers, those to the last requests after the end of the window included."""
    errors: int
    failures: dict[str, int]
    hit_rate: float | None
    """Cache hits among the served answers that carry our `Cache-Status`; None where none does."""


def percentile(ascending: Sequence[float], percent: int) -> float | None:
    """The smallest value that at least `percent` % of all do not exceed (nearest rank); None of no values."""
    if not ascending:
        return None
    rank = -(-percent * len(ascending) // 100)  # rounded up, in whole numbers: 0.07 * 100 is more than 7
    return ascending[max(rank, 1) - 1]


class Tally:
    """Counts and latencies of one kind of request."""

    def __init__(self) -> None:
        self.offered = 0
        self.served_in_window = 0
        self.latencies_ms = array("d")
        self.failures: Counter[str] = Counter()
        self.hits = 0
        self.cacheable = 0

    def serve(self, latency_ms: float, *, in_window: bool, hit: bool | None) -> None:
        """Count a right answer; `hit` is None if it says nothing of our cache."""
        self.latencies_ms.append(latency_ms)
        self.served_in_window += in_window
        self.hits += hit is True
        self.cacheable += hit is not None

    def fail(self, reason: str) -> None:
        """Count a wrong answer, or none."""
        self.failures[reason] += 1

    def figures(self, window_s: float, *, open_loop: bool) -> Figures:
        """The figures of a phase whose window was `window_s` long."""
        ascending = sorted(self.latencies_ms)
        lost = self.offered - len(ascending) - self.failures.total()
        failures = self.failures + Counter({"lost by the generator": lost})
        return Figures(
            offered_qps=round(self.offered / window_s, 3) if open_loop else None,
            served_qps=round(self.served_in_window / window_s, 3),
            p50_ms=percentile(ascending, 50),
            p95_ms=percentile(ascending, 95),
            p99_ms=percentile(ascending, 99),
            max_ms=percentile(ascending, 100),
            served=len(ascending),
            errors=failures.total(),
            failures=dict(failures),
            hit_rate=self.hits / self.cacheable if self.cacheable else None,
        )


def combined(tallies: Iterable[Tally]) -> Tally:
    """All kinds of request together."""
    whole = Tally()
    for tally in tallies:
        whole.offered += tally.offered
        whole.served_in_window += tally.served_in_window
        whole.latencies_ms += tally.latencies_ms
        whole.failures += tally.failures
        whole.hits += tally.hits
        whole.cacheable += tally.cacheable
    return whole
