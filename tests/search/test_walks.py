"""Walks while epochs are published: `walk_harness.py`, for a moment."""

from pathlib import Path

import pytest

from tests.search.walk_harness import walks

WALKS = 60
"""The harness itself makes as many as it is told: `python -m tests.search.walk_harness --walks 1000`."""


def test_walks_stay_in_their_states(tmp_path: Path) -> None:
    """Nothing twice, nothing left out, until a state is no longer kept."""
    figures = walks(tmp_path / "archive", count=WALKS, clients=10, every_s=0.5, seed=3)
    assert figures.walks == WALKS
    assert figures.overtaken > 10
    assert figures.gone


def test_cursors_that_follow_the_newest_state_are_found_out(tmp_path: Path) -> None:
    """By what is met twice, or not at all."""
    with pytest.raises(AssertionError, match="a walk in the state"):
        walks(tmp_path / "archive", count=WALKS // 4, clients=10, every_s=0.2, seed=3, mutant="cursors-follow")
