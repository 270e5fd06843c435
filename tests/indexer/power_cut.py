"""Cuts the power under indexing and proves that nothing acknowledged is lost.

    sudo python -m tests.indexer.power_cut --cuts 20 --seed 1 [--mutant index-not-synced]

Contract: each cut makes an ext4 file system in a file in memory, on which a process logs articles one batch after the
other and publishes now and then, saying so elsewhere. At a random moment the file system is shut down as a power cut
would leave it (`FS_IOC_SHUTDOWN`, without flushing its journal), the process is killed, and the file system mounted
again. Then every batch that was acknowledged is in the log, every epoch that was announced is there and sound, and
indexing goes on to an archive that holds every article of the log once. The first thing that is not so raises
`AssertionError`. With one of the `MUTANTS`, which leave out what makes something durable, something must. Needs root,
loop devices and mkfs.ext4.

Not here: deaths of processes (`death.py`, `kill_harness.py`), disks that lie about what they have written.
"""

import argparse
import contextlib
import fcntl
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

from indexer.builder import InlineBuilder
from indexer.events import Submission
from indexer.log import EventLog, log_path
from indexer.projection import Projector, advance_statistics
from indexer.publisher import IndexerLock, Retention
from indexer.routing import partition_of
from partition.check import check_epoch
from partition.manifest import Layout, read_manifest
from partition.types import Article
from tests.commands import environment
from tests.small_index import contents

_SHUTDOWN, _WITHOUT_JOURNAL = 0x8004587D, 2  # linux/fs.h: FS_IOC_SHUTDOWN, FS_SHUTDOWN_FLAGS_NOLOGFLUSH
_IMAGE_MB = 96
_BATCH = 20
_LONGEST_S = 2.5


def missing() -> str | None:
    """What this machine lacks for it, `None` if nothing."""
    if os.geteuid():
        return "only root can mount file systems"
    for command in ("mkfs.ext4", "mount", "umount"):
        if not shutil.which(command):
            return f"{command} is not installed"
    try:
        with _file_system():
            return None
    except subprocess.CalledProcessError as error:
        return f"no file system can be mounted: {error}"


class _Mounted:
    """A file system of its own."""

    def __init__(self, image: Path, folder: Path) -> None:
        self._image = image
        self.folder = folder

    def mount(self) -> None:
        """Make it visible; its journal is replayed."""
        subprocess.run(["mount", "-o", "loop", self._image, self.folder], check=True, capture_output=True)

    def unmount(self) -> None:
        """Let go of it."""
        subprocess.run(["umount", self.folder], check=True, capture_output=True)

    def cut(self) -> None:
        """What is not on disk now will never be."""
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, _SHUTDOWN, struct.pack("I", _WITHOUT_JOURNAL))
        finally:
            os.close(handle)


@contextlib.contextmanager
def _file_system() -> Iterator[_Mounted]:
    memory = Path("/dev/shm")  # noqa: S108 - a disk that is gone with the power
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        image, mounted = Path(folder, "image"), Path(folder, "mounted")
        with image.open("wb") as file:
            file.truncate(_IMAGE_MB << 20)
        mounted.mkdir()
        subprocess.run(["mkfs.ext4", "-q", image], check=True, capture_output=True)
        system = _Mounted(image, mounted)
        system.mount()
        try:
            yield system
        finally:
            system.unmount()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def work(root: Path) -> None:
    """Log and publish until killed, and say what is acknowledged."""
    number = 0
    with IndexerLock(root), EventLog(log_path(root), partitions=2) as log:
        projector = Projector(root, log, InlineBuilder(), retention=Retention(seconds=0))
        while True:
            articles = [_article(number + nth) for nth in range(_BATCH)]
            log.append([Submission(article.id, article, article.title.encode()) for article in articles])
            number += _BATCH
            _say(f"logged {number}")
            if number % (5 * _BATCH) == 0:
                advance_statistics(log)
                epoch = projector.project(merge=number % (20 * _BATCH) == 0).epoch
                _say(f"published {epoch}")


def _index_not_synced() -> None:
    """Files of the index and the folders that name them are left to the system."""
    os.fsync = lambda _handle: None  # type: ignore[assignment]


def _log_not_synced() -> None:
    """So is the log."""
    opens = EventLog._open

    def carelessly(self: EventLog, partitions: int | None) -> None:
        opens(self, partitions)
        self._db.execute("PRAGMA synchronous = OFF")

    EventLog._open = carelessly  # type: ignore[method-assign]


MUTANTS = {"index-not-synced": _index_not_synced, "log-not-synced": _log_not_synced}


def _article(number: int) -> Article:
    return Article(id=f"a/{number}", title=f"Storm {number}", body=f"Wind and rain {number} " * (number % 40))


def cut_once(after_s: float, mutant: str = "") -> tuple[int, int]:
    """One cut; returns how many articles were acknowledged, and the newest epoch announced."""
    with _file_system() as system, tempfile.TemporaryFile("w+") as said:
        root = system.folder / "archive"
        root.mkdir()
        os.sync()
        command = [sys.executable, "-P", "-m", "tests.indexer.power_cut", "--work", str(root)]
        command += ["--mutant", mutant] if mutant else []
        with subprocess.Popen(command, stdout=said, stderr=subprocess.DEVNULL, env=environment()) as worker:
            while worker.poll() is None and not os.fstat(said.fileno()).st_size:
                time.sleep(0.005)
            time.sleep(after_s)
            # What is said after the cut nobody would hear: an fsync under way may return as if all were well.
            heard = os.pread(said.fileno(), 1 << 24, 0).decode()
            system.cut()
            worker.kill()
        system.unmount()
        system.mount()
        lines = [line.split() for line in heard.splitlines() if line.count(" ") == 1]
        logged = max((int(number) for what, number in lines if what == "logged"), default=0)
        epoch = max((int(number) for what, number in lines if what == "published"), default=0)
        _verify(root, logged, epoch)
        return logged, epoch


def cuts(count: int, seed: int, mutant: str = "") -> Iterator[tuple[int, int]]:
    """So many cuts, each at a moment of its own."""
    random = Random(seed)
    for _cut in range(count):
        yield cut_once(random.uniform(0, _LONGEST_S), mutant)


def _verify(root: Path, logged: int, epoch: int) -> None:
    layout = Layout(root)
    newest = layout.newest_epoch() if layout.epochs.is_dir() else 0
    assert newest >= epoch, f"epoch {epoch} was announced and is lost; there is {newest}"
    if newest:
        check_epoch(layout, read_manifest(layout, newest), partition_of, lambda _partition, _record: None)
    with IndexerLock(root), EventLog(log_path(root), partitions=2) as log:
        assert log.live_articles() >= logged, f"{logged} articles were acknowledged; {log.live_articles()} are there"
        Projector(root, log, InlineBuilder(), retention=Retention(seconds=0)).project()
        assert sorted(contents(root)) == sorted(f"a/{number}" for number in range(log.live_articles()))


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="tests.indexer.power_cut", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cuts", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mutant", choices=MUTANTS, default="")
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        MUTANTS.get(arguments.mutant, lambda: None)()
        work(arguments.work)
    if why := missing():
        sys.exit(why)
    articles = 0
    for number, (logged, epoch) in enumerate(cuts(arguments.cuts, arguments.seed, arguments.mutant), start=1):
        articles += logged
        _say(f"cut {number}: {logged} articles acknowledged, epoch {epoch}: all there")
    _say(f"{arguments.cuts} cuts, {articles} articles acknowledged, none lost")


if __name__ == "__main__":
    main()
