"""Queries of death, survived: refused or over in time, in little memory, while everybody else is answered.

The killers are those of `benchmarks/killers/catalogue.py`, the archive is made for them (`long_articles.py`). How
much slower others are meanwhile is for `python -m benchmarks.killers` to say.

Not here: CPU time after the deadline (`test_deadlines.py`), random queries (`test_fuzz.py`).
"""

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from benchmarks.killers.asking import ask, complaint
from benchmarks.killers.bystanders import Bystanders
from benchmarks.killers.catalogue import Killer, killers
from benchmarks.killers.family import Family, Peak
from tests.api_server import AMPLE_MS, ApiServer

TIMEOUT_MS = 250
GRACE_S = 0.2
"""What decision 2 (`docs/adr/`) allows after the deadline."""
SLACK_S = 2.0
"""How much later than that an answer may be on a busy machine."""
MAX_GROWN_MB = 64.0
MAX_CLIMB_MB = 16.0
"""What allocators make of the same requests in another order."""
ROUNDS = 5
RATE = 20.0
"""Ordinary searches a second."""


@pytest.fixture
def bystanders(long_server: ApiServer) -> Iterator[None]:
    """Ordinary searches all the while, each of which must be answered."""
    with Bystanders(long_server.port, rate=RATE, timeout_ms=AMPLE_MS) as stream:
        yield
    assert stream.errors == []
    assert all(len(latencies_ms) > RATE / 4 for latencies_ms in stream.latencies_ms.values())


class _Asker:
    """Asks killers, each under a deadline that nobody had before, for no cache to answer."""

    def __init__(self, server: ApiServer) -> None:
        self._port = server.port
        self._timeouts_ms = itertools.count(TIMEOUT_MS)

    def wrong(self, killer: Killer, *, crowded: bool = False) -> str:
        """What is wrong with what came of it, if anything is."""
        timeout_ms = next(self._timeouts_ms)
        outcome = ask(self._port, killer, timeout_ms)
        if outcome.spent_s > timeout_ms / 1000 + GRACE_S + SLACK_S:
            return f"{killer.name}: {outcome.status} after {outcome.spent_s:.1f} s"
        return complaint(killer, outcome, crowded=crowded)


@pytest.mark.usefixtures("bystanders")
def test_killers_one_by_one(long_server: ApiServer) -> None:
    """Each is a refusal, an answer, or a 503 or 504 by its deadline, and takes 64 MB at most."""
    asker, family = _Asker(long_server), Family(long_server.pid)
    wrong = []
    for killer in killers():
        with Peak(family) as memory:
            wrong.append(asker.wrong(killer))
        if memory.grown_mb > MAX_GROWN_MB:
            wrong.append(f"{killer.name}: {memory.grown_mb:.0f} MB")
    assert [one for one in wrong if one] == []


def test_ten_killers_at_a_time(long_server: ApiServer) -> None:
    """All of them together take 64 MB at most over what the server held before, and no more from round to round."""
    asker, family = _Asker(long_server), Family(long_server.pid)
    held_mb = []
    with ThreadPoolExecutor(10) as pool, Peak(family) as memory:
        for _round in range(ROUNDS):
            assert [one for one in pool.map(partial(asker.wrong, crowded=True), killers()) if one] == []
            held_mb.append(family.rss_mb())
    assert memory.grown_mb <= MAX_GROWN_MB
    assert max(held_mb[3:]) - held_mb[2] <= MAX_CLIMB_MB
    assert long_server.page({"q": "the"})["coverage"]["complete"]
