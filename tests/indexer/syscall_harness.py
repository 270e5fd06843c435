"""Kills, failed writes and failed fsyncs at one system call after the other, of the log's and of a publication's.

    python -m tests.indexer.syscall_harness --count 1000 --seed 1 [--mutant acknowledged-early]

Contract: what is done is either `append`, which logs a few transactions and acknowledges each, or `publish`, which
makes an epoch and removes what only an earlier one had. It is traced once, to learn which calls it makes; then one of
them is the last that it makes (`killed`), finds no space (`full`), or does not reach the disk (`unsynced`), each in
its turn. Whatever it was: what was acknowledged is there, nothing is there by half, an error is never taken for
success, and doing it again brings what was due, once. The first thing that is not so raises `AssertionError`; with
one of the `MUTANTS` something must. It needs strace.

Not here: steps of Python without strace (`death.py`), what Linux forgets after a failed fsync (`fsync_harness.py`),
power cuts (`power_cut.py`).
"""

import argparse
import ctypes
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import NamedTuple

from indexer import publisher
from indexer.events import LogError, Submission
from indexer.log import EventLog, log_path
from indexer.publisher import OPENING_S, Retention
from partition.errors import IndexFileError
from tests.indexer.mutants import write_in_pieces
from tests.small_index import Clock, SmallIndex, article, expected, named, newest, put, titles, tree

MUTANTS = ("acknowledged-early", "errors-unheard", "published-in-pieces")
_WRITES, _SYNCS = ("pwrite64", "write"), ("fsync", "fdatasync")
_NAMES = ("ftruncate", "mkdir", "rename", "renameat2", "link", "linkat", "unlink", "unlinkat")
FAULTS = {
    "killed": (
        "signal=SIGKILL",
        (*_WRITES, *_SYNCS, *_NAMES),
    ),
    "full": ("error=ENOSPC", _WRITES),
    "unsynced": ("error=EIO", _SYNCS),
}
"""What strace is told, and which calls it is told of."""
TRANSACTIONS = 4
ARTICLES = 3
"""Of each transaction."""
_PARTITIONS = 2
_CALL = re.compile(r"^(\d+) +(\w+)\(", re.MULTILINE)
_TIMEOUT_S = 120
_SET_PTRACER = 0x59616D61
"""PR_SET_PTRACER of prctl(2): whoever it is may trace this process, where only parents may."""


def missing() -> str | None:
    """Why nothing can be traced here."""
    if not shutil.which("strace"):
        return "strace is not installed: apt-get install strace"
    tried = subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"], check=False, capture_output=True)
    return None if tried.returncode == 0 else "processes may not be traced here"


class Fault(NamedTuple):
    """One thing that goes wrong."""

    work: str
    kind: str
    call: str
    step: int
    """Which of these calls of one thread."""


def _transaction(number: int) -> list[Submission]:
    return [
        Submission(f"a/{number}/{at}", article(f"a/{number}/{at}"), b"%d" % at, message_id=b"%d/%d" % (number, at))
        for at in range(ARTICLES)
    ]


def append(root: Path, mutant: str) -> Iterator[str]:
    """Log all transactions, and acknowledge each by its number."""
    with EventLog(log_path(root)) as log:
        for number in range(TRANSACTIONS):
            if mutant == "acknowledged-early":
                yield str(number)
            try:
                log.append(_transaction(number))
            except LogError:
                if mutant != "errors-unheard":
                    yield "refused"
                    return
            yield str(number)


_FIRST = [article(f"a/{number}", f"Title {number}", body="of the first day " * number) for number in range(8)]
_SECOND = [article("b/0", "Of the second day"), article("a/0", "Title 0, corrected")]
_THIRD = [article("c/0", "Of the third day"), article("a/1", "Title 1, corrected")]
_STATES = {2: expected(*_FIRST[1:], *_SECOND), 3: expected(*_FIRST[2:], *_SECOND, *_THIRD)}


def _index(root: Path) -> SmallIndex:
    clock = Clock()
    clock.pass_s(2 * OPENING_S)  # what was made before may go
    return SmallIndex(root, partitions=_PARTITIONS, retention=Retention(seconds=0), clock=clock)


def publish(root: Path, mutant: str) -> Iterator[str]:
    """Make the third epoch of an archive; removes what only the first had."""
    if mutant == "published-in-pieces":
        publisher.write_durably = write_in_pieces  # type: ignore[attr-defined]
    if mutant == "acknowledged-early":
        yield "3"
    try:
        with _index(root) as index:
            index.publish()
    except (LogError, OSError):
        if mutant != "errors-unheard":
            yield "refused"
            return
    yield "3"


_WORKS: dict[str, Callable[[Path, str], Iterator[str]]] = {"append": append, "publish": publish}


def _start(work: str, root: Path) -> None:
    """What is there when the work begins."""
    root.mkdir()
    if work == "append":
        with EventLog(log_path(root), partitions=_PARTITIONS):
            return
    with SmallIndex(root, partitions=_PARTITIONS, retention=Retention(seconds=0)) as index:
        index.put(*_FIRST)
        index.log.append_statistics()
        index.publish()
        index.put(*_SECOND)
        index.publish()
        index.log.append([*put(*_THIRD)])
        index.log.append_statistics()


class Harness:
    """What is done again and again, each time in a copy of its beginning."""

    def __init__(self, folder: Path, mutant: str = "") -> None:
        self._folder, self._mutant = folder, mutant
        for work in _WORKS:
            _start(work, folder / work)

    def faults(self) -> list[Fault]:
        """All that can go wrong."""
        found = []
        for work in _WORKS:
            every = [call for _told, calls in FAULTS.values() for call in calls]
            trace = self._run(work, ["-e", f"trace={','.join(sorted({*every}))}"])[1]
            of_threads = Counter(_CALL.findall(trace))
            most = {call: max((n for (_, one), n in of_threads.items() if one == call), default=0) for call in every}
            assert most["fdatasync"] + most["fsync"] > 2, "hardly anything is made durable"
            found += [
                Fault(work, kind, call, step)
                for kind, (_told, calls) in FAULTS.items()
                for call in calls
                for step in range(1, most[call] + 1)
            ]
        return found

    def suffer(self, fault: Fault) -> bool:
        """Do it with this fault, look at what there is, and do it again; whether it came to the fault."""
        told = FAULTS[fault.kind][0]
        inject = ["-e", f"trace={fault.call}", "-e", f"inject={fault.call}:{told}:when={fault.step}"]
        said, trace, died = self._run(fault.work, inject)
        root = self._folder / "root"
        try:
            {"append": _appended, "publish": _published}[fault.work](root, said)
        except (AssertionError, LogError, IndexFileError, OSError) as error:
            raise AssertionError(f"{fault}: {error}") from error
        return died or "INJECTED" in trace

    def _run(self, work: str, options: list[str]) -> tuple[list[str], str, bool]:
        """What it said, its trace, and whether it was killed."""
        root, trace = self._folder / "root", self._folder / "trace"
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(self._folder / work, root)
        go, says = os.pipe(), os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside other threads, as in `death.py`
            child = os.fork()
        if child == 0:
            status = 1
            try:
                ctypes.CDLL(None).prctl(_SET_PTRACER, ctypes.c_long(-1))
                os.close(says[0])
                os.read(go[0], 1)
                for line in _WORKS[work](root, self._mutant):
                    os.write(says[1], line.encode() + b"\n")
                status = 0
            finally:
                os._exit(status)
        os.close(says[1])
        command = ["strace", "-f", "-o", str(trace), *options, "-p", str(child)]
        with os.fdopen(says[0]) as said, subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
            try:
                assert tracer.stderr
                assert "attached" in tracer.stderr.readline()
                os.write(go[1], b"g")
                lines = said.read().split()
            finally:
                for end in go:
                    os.close(end)
                status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
                tracer.communicate(timeout=_TIMEOUT_S)
        assert status in {0, 1, -signal.SIGKILL}
        return lines, trace.read_text(), status < 0


def _appended(root: Path, said: list[str]) -> None:
    """Acknowledged transactions are there, all are whole, and whoever logs them again logs the others."""
    with EventLog(log_path(root)) as log:
        found = _logged(log)
        for line in said:
            assert line == "refused" or found[f"a/{line}/0"], f"transaction {line} was acknowledged"
        for number in range(TRANSACTIONS):
            assert len({found[f"a/{number}/{at}"] for at in range(ARTICLES)}) == 1, f"transaction {number} is torn"
            log.append(_transaction(number))
        assert set(_logged(log).values()) == {1}, "something was logged twice"
        assert log.last_seq() == log.live_articles() == TRANSACTIONS * ARTICLES
    with closing(sqlite3.connect(log_path(root))) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def _logged(log: EventLog) -> Counter[str]:
    events = [event for partition in range(_PARTITIONS) for event in log.read(partition, 0, log.last_seq())]
    return Counter(event.article_id for event in events)


def _published(root: Path, said: list[str]) -> None:
    """An old or the new epoch, whole, and the new one if that was said; then the new one and nothing else."""
    epoch = newest(root).epoch
    assert epoch == 3 or "3" not in said, "it was said to be published"
    assert titles(root) == _STATES[epoch]
    with _index(root) as index:
        index.publish()
    assert newest(root).epoch == 3
    assert titles(root) == _STATES[3]
    assert tree(root) == named(root), "something is left over"


def faults(folder: Path, *, count: int, seed: int, mutant: str = "") -> Iterator[Counter[str]]:
    """So many of all faults, in random order, or every one of them; gives how many of each kind there were so far."""
    harness, seen = Harness(folder, mutant), Counter[str]()
    every = harness.faults()
    Random(seed).shuffle(every)
    for fault in every[:count]:
        if harness.suffer(fault):
            seen[f"{fault.work} {fault.kind}"] += 1
        yield seen


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Let one system call after the other fail.")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mutant", choices=MUTANTS, default="")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="syscalls-") as name:
        *_, seen = faults(Path(name), count=given.count, seed=given.seed, mutant=given.mutant)
    kinds = ", ".join(f"{times} x {kind}" for kind, times in sorted(seen.items()))
    sys.stdout.write(f"{kinds}: nothing acknowledged is missing, nothing is there by half or twice\n")


if __name__ == "__main__":
    main()
