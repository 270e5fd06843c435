"""An fsync that fails is never taken for one that succeeded, nor tried again on the same file.

After it nobody knows what is on disk (Linux marks the pages clean and reports once): what was being made is given up,
and made anew from the log.

Not here: how (`fsync_harness.py`), the log, whose fsyncs are SQLite's (`test_syscalls.py`), deaths
(`test_deaths.py`), power cuts (`power_cut.py`).
"""

import pytest

from tests.indexer.fsync_harness import MUTANTS, failures

FAILURES = 30
"""More than one publication has; `python -m tests.indexer.fsync_harness` makes as many as it is told."""


def test_an_fsync_that_fails_is_no_success() -> None:
    """Whichever of a publication it is: the next attempt writes other files, and publishes what the log holds."""
    assert list(failures(FAILURES, 1)) == [*range(1, FAILURES + 1)]


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_failure_that_is_passed_over_is_found_out(mutant: str) -> None:
    """At once, or with the first that is a file's."""
    with pytest.raises(AssertionError, match=r"failed, and nobody was told|is not on disk"):
        list(failures(FAILURES, 1, mutant))
