"""Lets one fsync fail after the other and proves that none is taken for one that succeeded.

    python -m tests.indexer.fsync_harness --count 1000 --seed 1 [--mutant tried-again]

Contract: each time an archive with news of its own is published, and one fsync on the way, the next one every time,
fails as on Linux: the error comes once, and what was not on disk by then never will be, though the file reads as if
it were (W. Rebello et al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020). Then it is published
again. No file that an epoch names may be one whose fsync has failed, and the index must hold what the log does. The
first thing that is not so raises `AssertionError`. With one of the `MUTANTS` something must.

Not here: the log, whose fsyncs are SQLite's (`syscall_harness.py`), folders: their entries are the file system's,
which stops when its journal cannot be written.
"""

import argparse
import contextlib
import errno
import os
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Self

import pytest

from partition.manifest import Layout, read_manifest
from tests.archive import made_up
from tests.small_index import SmallIndex, contents

MUTANTS = ("tried-again", "unheard")
_PARTITIONS = 2

Fsync = Callable[[int], None]


class _Disk:
    """An `os.fsync` of which one call fails."""

    def __init__(self, fails_at: int) -> None:
        self._fails_at, self._calls = fails_at, 0
        self._fsync = os.fsync
        self._held = contextlib.ExitStack()
        self.lost: set[int] = set()
        """Inodes of files of which something is not on disk; held, so that none is given to another file."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self._held.close()

    @property
    def failed(self) -> bool:
        """Whether it has."""
        return self._calls >= self._fails_at

    def fsync(self, handle: int) -> None:
        """What takes its place."""
        self._calls += 1
        if self._calls == self._fails_at:
            status = os.fstat(handle)
            if not stat.S_ISDIR(status.st_mode):
                self._held.callback(os.close, os.dup(handle))
                self.lost.add(status.st_ino)
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self._fsync(handle)


def _tried_again(fsync: Fsync) -> Fsync:
    def again(handle: int) -> None:
        try:
            fsync(handle)
        except OSError:
            fsync(handle)

    return again


def _unheard(fsync: Fsync) -> Fsync:
    def deaf(handle: int) -> None:
        with contextlib.suppress(OSError):
            fsync(handle)

    return deaf


_CHANGES: dict[str, Callable[[Fsync], Fsync]] = {"tried-again": _tried_again, "unheard": _unheard}


def one_failure(root: Path, fails_at: int, seed: int, mutant: str = "") -> bool:
    """Make an archive in `root` and let that fsync fail; whether there was one."""
    random = Random(seed)
    with SmallIndex(root, partitions=_PARTITIONS) as index:
        index.put(*made_up(30, seed=seed))
        index.publish()
        index.put(*made_up(10, seed=seed + 1, prefix="m"))
        index.withdraw(*(one.id for one in made_up(30, seed=seed)[: random.randrange(4)]))
        if random.random() < 0.5:
            index.log.append_statistics()
        expected = index.log.live_articles()
    with _Disk(fails_at) as disk:
        with SmallIndex(root, partitions=_PARTITIONS) as index, pytest.MonkeyPatch.context() as patched:
            patched.setattr(os, "fsync", _CHANGES[mutant](disk.fsync) if mutant else disk.fsync)
            try:
                index.publish()
            except OSError as error:
                assert error.errno == errno.EIO, "another error came of it"  # noqa: PT017 - at last none fails
            else:
                assert not disk.failed, f"fsync {fails_at} failed, and nobody was told"
        _look(root, disk.lost)
        with SmallIndex(root, partitions=_PARTITIONS) as index:
            index.publish()
        _look(root, disk.lost)
    assert len(contents(root)) == expected
    return disk.failed


def _look(root: Path, lost: set[int]) -> None:
    """No epoch names a file of which something is not on disk."""
    layout = Layout(root)
    for epoch in layout.published_epochs():
        manifest = read_manifest(layout, epoch)
        named = [layout.statistics / one.file.name for one in manifest.statistics]
        for partition, record in enumerate(manifest.partitions):
            named += [layout.partition(partition) / file.name for file in record.files]
        for path in (layout.manifest(epoch), *named):
            assert path.stat().st_ino not in lost, f"epoch {epoch} names {path.name}, which is not on disk"


def failures(count: int, seed: int, mutant: str = "") -> Iterator[int]:
    """So many failures; gives how many there were so far."""
    done, fails_at, archive = 0, 0, seed
    while done < count:
        fails_at += 1
        with tempfile.TemporaryDirectory() as folder:
            if one_failure(Path(folder, "archive"), fails_at, archive, mutant):
                done += 1
                yield done
            else:
                assert fails_at > 5, "hardly anything was made durable"
                fails_at, archive = 0, archive + 2


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Let one fsync fail after the other.")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mutant", choices=MUTANTS, default="")
    given = parser.parse_args()
    for done in failures(given.count, given.seed, given.mutant):
        if done % 100 == 0 or done == given.count:
            sys.stdout.write(f"{done:,} failures of fsync: none was taken for a success\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
