"""An fsync that fails is never taken for one that succeeded, nor tried again on the same file.

After it nobody knows what is on disk (Linux marks the pages clean and reports once): what was being made is given up,
and made anew from the log.

Not here: how (`fsync_harness.py`), deaths (`test_deaths.py`), power cuts (`power_cut.py`).
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from indexer.log import EventLog
from indexer.projection import log_path
from tests.commands import environment
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


_APPEND = """
import sys
from pathlib import Path
from indexer.events import LogError, Submission
from indexer.log import EventLog
from partition.types import Article
with EventLog(Path(sys.argv[1]), partitions=2) as log:
    for number in range(20):
        try:
            (outcome,) = log.append([Submission(f"a/{number}", Article(id=f"a/{number}", title="t"), b"x")])
        except LogError:
            print("refused", flush=True)
            break
        print(outcome.seq, flush=True)
"""


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed: apt-get install strace")
@pytest.mark.parametrize("step", [1, 3, 4, 8])  # the second is of the folder: SQLite goes on, and the log asks again
def test_a_log_that_cannot_be_made_durable_acknowledges_nothing(tmp_path: Path, step: int) -> None:
    """What was acknowledged is there; the append whose fdatasync or fsync failed was refused."""
    root = tmp_path / "archive"
    root.mkdir()
    with EventLog(log_path(root), partitions=2):
        pass
    inject = f"inject=fdatasync,fsync:error=EIO:when={step}"
    done = subprocess.run(
        [
            *("strace", "-f", "-qq", "-o", os.devnull, "-e", "trace=fdatasync,fsync", "-e", inject),
            *(sys.executable, "-P", "-c", _APPEND, str(log_path(root))),
        ],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if "Operation not permitted" in done.stderr:
        pytest.skip("processes may not be traced here")
    assert done.returncode == 0, done.stderr
    *acknowledged, last = done.stdout.split()
    assert last == "refused"
    with EventLog(log_path(root)) as log:
        found = [event.seq for partition in range(2) for event in log.read(partition, 0, log.last_seq())]
        assert set(map(int, acknowledged)) <= set(found)
        assert len(found) <= len(acknowledged) + 1
