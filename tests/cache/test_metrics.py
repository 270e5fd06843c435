"""Counters that are told now and then: all is told, in every event loop, and without one."""

import asyncio

from prometheus_client import CollectorRegistry, Counter

from cache.metrics import TELL_S, Told


def test_all_is_told_soon() -> None:
    """What a loop left untold when it was closed comes with what happens in the next."""
    registry = CollectorRegistry()
    told = Told(Counter("things", "Of these.", registry=registry))

    def known() -> float | None:
        return registry.get_sample_value("things_total")

    async def some(count: int, pause_s: float) -> None:
        before = known()
        for _ in range(count):
            told.inc()
        assert known() == before
        await asyncio.sleep(pause_s)

    told.inc()
    assert known() == 1
    asyncio.run(some(3, 1.5 * TELL_S))
    assert known() == 4
    asyncio.run(some(5, 0))
    assert known() == 4
    asyncio.run(some(7, 1.5 * TELL_S))
    assert known() == 16
