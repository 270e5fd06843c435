"""Fills the disk under a live service and proves that it goes on answering, lies to nobody and heals itself.

    sudo python -m tests.broadsheet.full_disk_harness --count 100 --seed 1 [--mutant leftovers-stay]

Contract: each time there is a file system of another size in memory (tmpfs), with an archive and a live service on
it, clients at work (`live_service.py`), and a file that takes all the space there is but a few bytes, and what
becomes free, for some seconds. Meanwhile every page is whole and every write is acknowledged, or refused with 503 or
507 and `Retry-After`. When the file is gone, writes are acknowledged and searchable again within `HEALED_S`, and no
file is left that nobody needs. The same holds for a service that is started on a full disk. At the end the archive
keeps to the ledger (`ledger.py`). The first thing that is not so raises `AssertionError`. Needs root.

Not here: deaths (`live_kill_harness.py`), power cuts.
"""

import argparse
import contextlib
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from partition.errors import IndexFileError
from partition.manifest import Layout, read_manifest
from tests.api_server import eventually
from tests.archive import copied
from tests.broadsheet.callers import TROUBLED, Writer
from tests.broadsheet.ledger import Ledger, Write
from tests.broadsheet.live_service import Clients, Live, clients, recover
from tests.small_index import files_of

MUTANTS = ("leftovers-stay", "told-no-moment")
SIZES_MB = 6, 40
HEALED_S = 10.0
_FULL_S = 1.0, 4.0
"""For how long it is full once something was refused."""
_SPARED_BYTES = 0, 1 << 12, 1 << 15, 1 << 18
_REFUSED_WITHIN_S = 30.0
_TIDY_S = 20.0


@dataclass
class Figures:
    """What happened so far."""

    disks: int = 0
    acknowledged: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    pages: Counter[str] = field(default_factory=Counter)
    """What readers were answered."""
    healed_s: list[float] = field(default_factory=list)
    """From when there is space until a write is acknowledged and searchable."""

    def line(self) -> str:
        """All of it."""
        refused, failed = _refused(self.answers), self.pages.total() - self.pages["200"]
        return (
            f"{self.disks} disks, {len(self.healed_s)} times full: {self.acknowledged:,} writes acknowledged, "
            f"0 lost, {refused:,} refused; {self.pages['200']:,} pages read, {failed:,} not; "
            f"with space again, writes were searchable within {max(self.healed_s):.2f} s; 0 files left over"
        )


def missing() -> str | None:
    """What this machine lacks for it, `None` if nothing."""
    if os.geteuid():
        return "only root can mount file systems"
    try:
        with disk_of(1):
            return None
    except (OSError, subprocess.CalledProcessError) as error:
        return f"no file system can be mounted: {error}"


@contextlib.contextmanager
def disk_of(size_mb: int) -> Iterator[Path]:
    """A file system of this size."""
    with tempfile.TemporaryDirectory(prefix="full-disk-") as folder:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size_mb}m", "tmpfs", folder]
        subprocess.run(mount, check=True, capture_output=True)
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", folder], check=True, capture_output=True)


class Filler:
    """A file that takes all the space there is, and all that becomes free."""

    def __init__(self, folder: Path, spared_bytes: int) -> None:
        self._path = folder / "filler"
        self._folder = folder
        self._spared_bytes = spared_bytes

    def fill(self) -> None:
        """Take what is there now."""
        with self._path.open("ab") as file:
            space = os.statvfs(self._folder)
            free = space.f_bavail * space.f_frsize - self._spared_bytes
            if free > 0:
                with contextlib.suppress(OSError):  # somebody was quicker
                    os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, free)

    def remove(self) -> None:
        """Give it back."""
        self._path.unlink()


def unneeded(root: Path) -> set[Path]:
    """Files of the index that no epoch names."""
    layout = Layout(root)
    named: set[Path] = set()
    with contextlib.suppress(IndexFileError):  # it went meanwhile
        for epoch in layout.published_epochs():
            named |= set(files_of(root, read_manifest(layout, epoch)))
        found = [
            *root.glob("epochs/*"),
            *root.glob("statistics/*"),
            *root.glob("partitions/*/*"),
            *root.glob("*.tmp"),
        ]
        return set(found) - named
    return {layout.epochs}


def _tidy(root: Path) -> bool:
    """Whether no file is left over; what is just being made is another one the next moment."""
    before = unneeded(root)
    if before:
        time.sleep(1)
    return not before & unneeded(root)


def _fill_once(live: Live, at_work: Clients, disk: Path, random: Random, key: str, figures: Figures) -> None:
    filler = Filler(disk, random.choice(_SPARED_BYTES))
    refused = _refused(at_work.answers())
    began_s, full_s = time.monotonic(), 0.0
    last_s = random.uniform(*_FULL_S)
    while not full_s or time.monotonic() - full_s < last_s:
        filler.fill()
        at_work.check()
        if not full_s and _refused(at_work.answers()) > refused:
            full_s = time.monotonic()
        assert full_s or time.monotonic() - began_s < _REFUSED_WITHIN_S, "nothing was refused"
        time.sleep(0.01)
    filler.remove()
    _, healed_s = recover(live, at_work.prober, key, at_work.check)
    assert healed_s < HEALED_S, f"it took {healed_s:.2f} s\n{live.server.log()[-3000:]}"
    figures.healed_s.append(healed_s)


def _start_full(live: Live, disk: Path, random: Random, ledger: Ledger, figures: Figures) -> None:
    """Stop it, and start it again while there is no space."""
    filler = Filler(disk, random.choice(_SPARED_BYTES))
    filler.fill()
    live.close()
    filler.fill()
    server = live.start(ready=True)
    writer, full = Writer(live.port, ledger, 0), True

    def look() -> bool:
        nonlocal full
        if full and _refused(writer.answers):
            assert server.search({"q": "whole"}).status_code == 200
            filler.remove()
            full = False
        elif full:
            filler.fill()
        return False

    for number in itertools.count():
        writer.single(f"full-{number}", Write("probe", f"full-{number}"), look)
        if not full:
            break
    _, healed_s = recover(live, writer, "started", lambda: None)
    writer.connection.fresh()
    assert healed_s < HEALED_S, f"it took {healed_s:.2f} s\n{server.log()[-3000:]}"
    figures.healed_s.append(healed_s)


def _refused(answers: Counter[str]) -> int:
    return sum(answers[str(status)] for status in TROUBLED)


def one_disk(size_mb: int, *, seed: int, changes: list[str], figures: Figures) -> None:
    """A disk of this size is full once, and once more."""
    random = Random(seed)
    with disk_of(size_mb) as disk:
        root = disk / "live"
        root.mkdir()
        ledger = Ledger()
        live = Live(root, changes, retain_seconds=5)
        try:
            with clients(live, ledger, seed) as at_work:
                for key in ("once", "again"):
                    time.sleep(random.uniform(0, 1))
                    _fill_once(live, at_work, disk, random, key, figures)
                eventually(lambda: _tidy(root), timeout_s=_TIDY_S)
            _start_full(live, disk, random, ledger, figures)
        finally:
            live.close()
        figures.answers += at_work.answers()
        figures.pages += at_work.reader.answers
        assert set(at_work.reader.answers) == {"200"}, f"readers were answered {at_work.reader.answers}"
        copy = copied(root, Path(tempfile.mkdtemp(prefix="full-disk-")) / "live")
    try:
        ledger.settle(copy, copy.with_name("anew"))
    finally:
        shutil.rmtree(copy.parent)
    figures.disks += 1
    figures.acknowledged += len(ledger.acknowledged)


def disks(*, count: int, seed: int, mutant: str | None = None) -> Iterator[Figures]:
    """Do it so many times; gives all figures so far after each."""
    figures, random = Figures(), Random(seed)
    for number in range(count):
        size_mb = random.randint(*SIZES_MB)
        changes = [*(["merging-aside"] if number % 2 else []), *([mutant] if mutant else [])]
        one_disk(size_mb, seed=seed * 1000 + number, changes=changes, figures=figures)
        yield figures


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Fill the disk under a live service.")
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mutant", choices=MUTANTS)
    given = parser.parse_args()
    if why := missing():
        sys.exit(why)
    for figures in disks(count=given.count, seed=given.seed, mutant=given.mutant):
        sys.stdout.write(f"seed {given.seed}: {figures.line()}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
