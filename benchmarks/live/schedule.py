"""When things start: at moments that nobody's answer puts off.

Contract: `on_schedule` starts each at its moment, or as soon as the event loop can, tells it the moment, and returns
when all are done. The first error ends it.

Not here: arrivals at random (`loadtests/arrivals.py`).
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator
from itertools import count, takewhile


def evenly(rate: float, seconds: float) -> Iterator[float]:
    """Moments in [0, seconds), one after the other at this rate."""
    return takewhile(lambda moment: moment < seconds, (number / rate for number in count()))


async def on_schedule(moments: Iterable[float], start: Callable[[float], Coroutine[None, None, None]]) -> None:
    """Start something at each moment, in seconds from now.

    Args:
        moments: ascending.
        start: told when it was due (`time.monotonic`).
    """
    began_s = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        for moment in moments:
            if (wait_s := began_s + moment - time.monotonic()) > 0:
                await asyncio.sleep(wait_s)
            tasks.create_task(start(began_s + moment))
