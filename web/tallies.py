"""Counting what is answered in microseconds: added up here, and told Prometheus ten times a second.

Counting a request and its time takes three numbers, each in a file where there are several processes: half as long as
finding an answer that is known.

Contract: what is counted is seen after `TELL_S`, all of it; what was not told yet when the process ends is lost. For
one event loop.

Not here: what is counted (`edge.py`).
"""

import asyncio
from bisect import bisect_left

from prometheus_client import Counter, Histogram

TELL_S = 0.1


class Tally:
    """Requests of one kind.

    Args:
        requests: how many there were.
        duration: how long they took, in seconds.
        bounds: the upper bounds of its buckets, but for the last.
    """

    def __init__(self, requests: Counter, duration: Histogram, bounds: tuple[float, ...]) -> None:
        self._requests = requests
        self._duration = duration
        self._bounds = bounds
        self._buckets = [0] * (len(bounds) + 1)
        self._spent_s = 0.0
        self._due = False

    def add(self, spent_s: float) -> None:
        """One more, which took so long."""
        self._buckets[bisect_left(self._bounds, spent_s)] += 1
        self._spent_s += spent_s
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_later(TELL_S, self._tell)

    def _tell(self) -> None:
        buckets, spent_s = self._buckets, self._spent_s
        self._buckets, self._spent_s, self._due = [0] * len(buckets), 0.0, False
        self._requests.inc(sum(buckets))
        # `observe` takes one at a time; a test holds these to what it does.
        self._duration._sum.inc(spent_s)  # noqa: SLF001
        for bucket, count in zip(self._duration._buckets, buckets, strict=True):  # noqa: SLF001
            if count:
                bucket.inc(count)
