"""Tallies: what they tell Prometheus is what it would have been told one by one."""

import asyncio
import random
from itertools import pairwise

from prometheus_client import CollectorRegistry, Counter, Histogram

from web.tallies import TELL_S, Tally

BOUNDS = (0.001, 0.01, 0.1)


def test_all_is_told_as_if_one_by_one() -> None:
    """Also what falls on a bound, and beyond the last; several times."""
    registry = CollectorRegistry()
    counts = [Counter(f"requests_{one}", "Of these.", registry=registry) for one in ("a", "b")]
    times = [Histogram(f"seconds_{one}", "Of these.", registry=registry, buckets=BOUNDS) for one in ("a", "b")]
    choose = random.Random(7)
    spent = [0.0, *BOUNDS, *(choose.random() ** 4 for _ in range(200)), 5.0]
    tally = Tally(counts[0], times[0], BOUNDS)

    async def count() -> None:
        for start, end in pairwise((0, 50, 51, len(spent))):
            for one in spent[start:end]:
                tally.add(one)
            await asyncio.sleep(1.5 * TELL_S)

    asyncio.run(count())
    for one in spent:
        counts[1].inc()
        times[1].observe(one)
    told = {
        (sample.name, *sample.labels.values()): sample.value
        for family in registry.collect()
        for sample in family.samples
    }
    for name in ("requests_{}_total", "seconds_{}_count", "seconds_{}_sum"):
        assert abs(told[name.format("a"),] - told[name.format("b"),]) < 1e-9
    for bound in ("0.001", "0.01", "0.1", "+Inf"):
        assert told["seconds_a_bucket", bound] == told["seconds_b_bucket", bound] > 0
