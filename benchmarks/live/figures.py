"""The arithmetic of what is reported: percentiles, slopes, walks, waits.

Contract: pure functions. Percentiles are nearest ranks, so that each is a latency that somebody had. A slope is that
of the line of least squares.

Not here: measuring, which figures there are (`report.py`).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from loadtests.measures import percentile

Latencies = dict[str, float | int | None]


def latencies(seconds: Iterable[float]) -> Latencies:
    """Count, p50, p95, p99 and the largest, in milliseconds; `None` of nothing."""
    ascending = sorted(seconds)
    figures: Latencies = {"count": len(ascending)}
    for name, percent in (("p50_ms", 50), ("p95_ms", 95), ("p99_ms", 99), ("max_ms", 100)):
        value = percentile(ascending, percent)
        figures[name] = None if value is None else round(value * 1000, 2)
    return figures


def slope(points: Sequence[tuple[float, float]]) -> float:
    """By how much y grows with x; 0 of fewer than two places."""
    count = len(points)
    mean_x = sum(x for x, _ in points) / max(1, count)
    mean_y = sum(y for _, y in points) / max(1, count)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


def after_warm_up(points: Sequence[tuple[float, float]], share: float = 1 / 3) -> list[tuple[float, float]]:
    """The points without the first `share` of the time they take."""
    if not points:
        return []
    first, last = points[0][0], points[-1][0]
    return [point for point in points if point[0] >= first + share * (last - first)]


def ratio(value: float | None, base: float | None) -> float | None:
    """How many times the base, to two digits; `None` where one is not known."""
    return None if value is None or not base else round(value / base, 2)


def compared(walked: Sequence[str], truth: Sequence[str], *, ordered: bool) -> dict[str, Any]:
    """A walk held against what it should have met: repeats, skips, strangers, and whether the order was right.

    Args:
        walked: ids as they came.
        truth: ids of the state that was walked, each once.
        ordered: whether the truth has the order of the walk.
    """
    counts, wanted = Counter(walked), set(truth)
    repeats = sum(count - 1 for count in counts.values())
    skipped, strangers = len(wanted - counts.keys()), len(counts.keys() - wanted)
    figures: dict[str, Any] = {
        "hits": len(walked),
        "expected": len(wanted),
        "repeats": repeats,
        "skipped": skipped,
        "strangers": strangers,
    }
    right = not (repeats or skipped or strangers)
    if ordered:
        figures["in_order"] = list(walked) == list(truth)
        right = right and figures["in_order"]
    return figures | {"right": right}


def patience(told_s: Sequence[float], took_s: float) -> dict[str, float | None]:
    """What callers were told to wait (jittered), and how long it then took: above 1, they came back too late."""
    ascending = sorted(told_s)
    median = percentile(ascending, 50)
    return {
        "told_p50_s": median,
        "told_max_s": ascending[-1] if ascending else None,
        "took_s": round(took_s, 2),
        "told_for_took": ratio(median, took_s),
    }
