"""Clocks that are put forward and back under a live service: `clock_harness.py`, for a moment."""

from pathlib import Path

import pytest

from tests.broadsheet.clock_harness import missing, puts

PUTS = 3
"""The harness itself does as many as it is told: `python -m tests.broadsheet.clock_harness --count 50`."""
_WHY = missing()


@pytest.mark.skipif(_WHY is not None, reason=str(_WHY))
def test_nothing_but_dates_follows_the_clock(tmp_path: Path) -> None:
    """Order, deadlines, walks and what is kept are the same, wherever the clocks of the processes stand."""
    *_, figures = puts(tmp_path, count=PUTS, seed=5)
    assert figures.puts == PUTS
    assert figures.acknowledged > 50
    assert figures.pages > 5
