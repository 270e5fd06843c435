"""Requests that are sent again with their key: one event, one answer, however many come at once and whatever dies.

Not here: how (`retry_harness.py`), random deaths (`live_kill_harness.py`), one process without trouble
(`tests/indexer/test_http_writes.py`).
"""

from pathlib import Path

import pytest

from tests.broadsheet.retry_harness import HARMS, KINDS, MUTANTS, retries

COUNT = len(KINDS) * len(HARMS)
"""`python -m tests.broadsheet.retry_harness` does as many as it is told."""


def test_what_is_sent_again_is_one_event(tmp_path: Path) -> None:
    """Puts, withdrawals and bulk bodies, fifty at once, and after a death between log and answer."""
    *_, figures = retries(tmp_path, count=COUNT, seed=1)
    assert len(figures) == COUNT


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_service_that_forgets_is_found_out(tmp_path: Path, mutant: str) -> None:
    """Within one of each kind."""
    with pytest.raises(AssertionError):
        list(retries(tmp_path, count=COUNT, seed=1, mutant=mutant))
