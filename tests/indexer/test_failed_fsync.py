"""An fsync that fails is never taken for one that succeeded, nor tried again on the same file.

After it nobody knows what is on disk (Linux marks the pages clean and reports once): what was being made is given up,
and made anew from the log.

Not here: deaths (`test_deaths.py`), power cuts (`power_cut.py`).
"""

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from indexer.log import EventLog
from indexer.projection import log_path
from partition.manifest import Layout
from tests.archive import made_up
from tests.commands import environment
from tests.small_index import SmallIndex, contents


def _failing(step: int) -> Callable[[int], None]:
    """An `os.fsync` whose `step`-th call fails."""
    fsync, calls = os.fsync, 0

    def fail(handle: int) -> None:
        nonlocal calls
        calls += 1
        if calls == step:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        fsync(handle)

    return fail


def test_every_fsync_of_a_publication_may_fail(tmp_path: Path) -> None:
    """Nothing is published then; the next attempt writes other files, and publishes what the log holds."""
    with SmallIndex(tmp_path / "start", partitions=2) as index:
        index.put(*made_up(30))
        index.publish()
        index.put(*made_up(10, seed=2, prefix="m"))
        index.log.append_statistics()
    with SmallIndex(Path(shutil.copytree(tmp_path / "start", tmp_path / "whole")), partitions=2) as index:
        index.publish()
        expected = contents(index.root)
    step, failed = 0, True
    while failed:
        step += 1
        root = Path(shutil.copytree(tmp_path / "start", tmp_path / "damaged"))
        before = Layout(root).newest_epoch()
        with SmallIndex(root, partitions=2) as index, pytest.MonkeyPatch.context() as patched:
            patched.setattr(os, "fsync", _failing(step))
            try:
                index.publish()
                failed = False
            except OSError as error:
                assert error.errno == errno.EIO  # noqa: PT017 - at last none fails
        if failed:
            # The last step of all is made durable after the epoch got its name.
            assert Layout(root).newest_epoch() in {before, before + 1, before + 2}
            with SmallIndex(root, partitions=2) as index:
                index.publish()
        assert contents(root) == expected
        shutil.rmtree(root)
    assert step > 10


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
