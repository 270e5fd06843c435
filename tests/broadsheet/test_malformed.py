"""Malformed bodies, several at once: `malformed_harness.py`, for a moment."""

from pathlib import Path

import pytest

from tests.broadsheet.malformed_harness import bodies

BODIES = 6
"""The harness itself sends as many as it is told: `python -m tests.broadsheet.malformed_harness --count 200`."""


def test_each_malformed_body_costs_itself_alone(tmp_path: Path) -> None:
    """Whole, cut short, too long and packed too well: everything else of it is there, once."""
    figures = bodies(tmp_path, count=BODIES, seed=3, long_mb=4)
    assert figures.bodies.total() == BODIES
    assert figures.good > 200
    assert figures.bad > 50


def test_a_service_that_miscounts_lines_is_found_out(tmp_path: Path) -> None:
    """A reason that names another line is no help."""
    with pytest.raises(AssertionError, match="other numbers"):
        bodies(tmp_path, count=4, seed=3, long_mb=0, mutant="lines-counted-wrong")
