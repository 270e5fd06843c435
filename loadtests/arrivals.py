"""Arrivals: when the requests of a fixed offered rate are meant to start.

Contract: the schedule is made without looking at the server, so a slow answer delays no later arrival. It is
a Poisson process, the usual model of many readers who do not know of each other, and seeded.

Source: B. Schroeder, A. Wierman and M. Harchol-Balter, "Open Versus Closed: A Cautionary Tale", NSDI 2006.

Not here: how the sender waits for these moments (`locustfile.py`).
"""

import random
from collections.abc import Iterator


def poisson_arrivals(rate_per_s: float, seconds: float, seed: int) -> Iterator[float]:
    """Ascending moments in [0, seconds), in seconds from the start, on average `rate_per_s` a second."""
    draw = random.Random(seed)
    moment = draw.expovariate(rate_per_s)
    while moment < seconds:
        yield moment
        moment += draw.expovariate(rate_per_s)
