"""A live service whose processes are killed again and again: `live_kill_harness.py`, for a moment."""

from pathlib import Path

import pytest

from tests.broadsheet.live_kill_harness import kills

KILLS = 5
"""The harness itself does as many as it is told: `python -m tests.broadsheet.live_kill_harness --count 1000`."""


def test_kills_at_random_moments_lose_nothing(tmp_path: Path) -> None:
    """Indexer, API processes, merger, supervisor, everything: what was acknowledged is there, once and whole."""
    (figures,) = kills(tmp_path, count=KILLS, seed=7)
    assert figures.kills.total() == KILLS
    assert {"indexer", "api", "supervisor", "everything"} <= figures.kills.keys()
    assert figures.acknowledged > 100
    assert figures.watched > 20
    assert figures.pages > 5


def test_a_service_that_breaks_its_promises_is_found_out(tmp_path: Path) -> None:
    """Such as one that answers before it has logged."""
    with pytest.raises(AssertionError):
        list(kills(tmp_path, count=4, seed=7, mutant="acknowledged-early"))
