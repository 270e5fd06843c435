"""System calls of an append and of a publication that are the last, find no space, or do not reach the disk.

Not here: how (`syscall_harness.py`).
"""

from pathlib import Path

import pytest

from tests.indexer.syscall_harness import MUTANTS, Fault, Harness, faults, missing

COUNT = 8
"""`python -m tests.indexer.syscall_harness` takes as many as it is told, or all that there are."""
_WHY = missing()
pytestmark = pytest.mark.skipif(_WHY is not None, reason=str(_WHY))


def test_whatever_happens_to_a_system_call_nothing_is_lost(tmp_path: Path) -> None:
    """Of all that can happen, some, at random."""
    *_, seen = faults(tmp_path, count=COUNT, seed=1)
    assert seen.total() == COUNT
    assert len(seen) > 2


_TELLING = {
    "acknowledged-early": (("append", "killed", "pwrite64"), ("publish", "killed", "fsync")),
    "errors-unheard": (("append", "unsynced", "fdatasync"), ("publish", "unsynced", "fsync")),
    "published-in-pieces": (("publish", "killed", "write"),),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_what_lies_about_it_is_found_out(tmp_path: Path, mutant: str) -> None:
    """By some of the faults that show it."""
    harness = Harness(tmp_path, mutant)
    every = harness.faults()
    for telling in _TELLING[mutant]:
        with pytest.raises(AssertionError, match=telling[0]):
            any(fault[:3] == telling and not harness.suffer(fault) for fault in every)


def test_a_fault_that_is_not_come_to_is_none(tmp_path: Path) -> None:
    """Beyond the last call the work ends as it should."""
    assert not Harness(tmp_path).suffer(Fault("append", "full", "pwrite64", 10_000))
