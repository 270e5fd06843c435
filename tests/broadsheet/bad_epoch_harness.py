"""Publishes epochs that are damaged under a running service, and proves that none of them is answered from.

    python -m tests.broadsheet.bad_epoch_harness --count 100 --seed 1 [--mutant newest-or-none]

Contract: each epoch is made beside the archive, one of its files is damaged at random, and then it is published. The
service goes on answering from the epoch before, all of it; one in four times it is started again, and has to find
that epoch by itself. Nothing is built upon what is damaged: the indexer says which file that is. One in four is no
damaged file but an index that lacks an article of the log: it is not published. When the damaged manifest was
removed, as the message says, the next epoch is there within `BACK_S`, with everything. The first thing that is not so
raises `AssertionError`. With one of the `MUTANTS` it must.

Not here: each kind of damage by itself (`test_bad_epochs.py`, `tests/search/test_damage.py`).
"""

import argparse
import shutil
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from indexer.log import EventLog, log_path
from indexer.projection import MiscountError, Projector
from indexer.publisher import IndexerLock
from indexer.rolling_back import roll_back
from partition.errors import IndexFileError
from search.epochs import POLL_S
from tests.api_server import ApiServer, eventually
from tests.archive import copied
from tests.broadsheet.changed_service import command
from tests.commands import BROADSHEET
from tests.small_index import SmallIndex, article, files_of

BACK_S = 2.0
PARTITIONS = 2
MUTANTS = ("damage-unseen", "newest-or-none", "miscounts-published")


@dataclass
class Figures:
    """What happened."""

    epochs: Counter[str] = field(default_factory=Counter)
    back_s: list[float] = field(default_factory=list)

    def line(self) -> str:
        """All of it."""
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.epochs.items()))
        return (
            f"{self.epochs.total()} bad epochs ({kinds}): none answered from, none built upon; "
            f"the next one was there within {max(self.back_s):.2f} s"
        )


def _last_bit(path: Path, _random: Random) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def _cut(path: Path, random: Random) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: random.randrange(len(content))])


def _gone(path: Path, _random: Random) -> None:
    path.unlink()


def _swapped(path: Path, random: Random) -> None:
    """Another file of its kind has its name."""
    others = [other for other in sorted(path.parent.glob(f"*{path.suffix}")) if other != path]
    if others:
        shutil.copy(random.choice(others), path)
    else:
        path.write_bytes(b"no such thing")


_DAMAGES: dict[str, Callable[[Path, Random], None]] = {
    "one bit": _last_bit,
    "cut short": _cut,
    "gone": _gone,
    "another file": _swapped,
}


class Service:
    """An archive that is served, and what it holds."""

    def __init__(self, root: Path, mutant: str) -> None:
        self._root = root
        self._changes = [mutant] if mutant and mutant != "miscounts-published" else []
        self._ids: set[str] = set()
        with self._index() as index:
            self.put(index)
            index.publish()
        self.server = self._start()

    def _index(self) -> SmallIndex:
        return SmallIndex(self._root, partitions=PARTITIONS)

    def _start(self) -> ApiServer:
        taken = command(self._changes) if self._changes else BROADSHEET
        return ApiServer(self._root, command=taken)

    def put(self, index: SmallIndex) -> None:
        """A few more articles, one of them corrected."""
        new = [article(f"a/{len(self._ids) + number}", "A title") for number in range(3)]
        index.put(*new, article("a/0", f"Title {len(self._ids)}"))
        self._ids |= {one.id for one in new}

    def shown(self) -> set[str]:
        """Everything that it finds."""
        return set(self.server.ids({"q": "title"}))

    def bad(self, random: Random, figures: Figures) -> None:
        """One bad epoch, and a good one."""
        before, epoch = set(self._ids), self.server.epoch()
        assert self.shown() == before, "not everything is there"
        if random.random() < 0.25:
            self._miscount()
            figures.epochs["miscounted"] += 1
        else:
            kind = random.choice(sorted(_DAMAGES))
            damaged = self._damaged(_DAMAGES[kind], random)
            figures.epochs[kind] += 1
            if random.random() < 0.25:
                self.server.close()
                self.server = self._start()
            else:
                time.sleep(2 * POLL_S)
            assert (self.shown(), self.server.epoch()) == (before, epoch), f"{damaged} was answered from"
            self._not_built_upon(damaged)
            with EventLog(log_path(self._root)) as log, IndexerLock(self._root):
                back = roll_back(self._root, log)
            assert (back.to, back.manifest.epoch) == (epoch, epoch + 2), "the wrong epoch was gone back to"
            assert damaged.name in str(back.damaged[0]), f"{damaged} is not what was found damaged"
        with self._index() as index:
            self.put(index)
            good = index.publish().epoch
        began_s = time.monotonic()
        eventually(lambda: self.server.epoch() == good, timeout_s=BACK_S)
        figures.back_s.append(time.monotonic() - began_s)
        assert self.shown() == self._ids, "not everything is there"

    def _damaged(self, damage: Callable[[Path, Random], None], random: Random) -> Path:
        """Publish an epoch of which one file is damaged; returns which."""
        with self._index() as index:
            self.put(index)
        with tempfile.TemporaryDirectory(prefix="beside-") as folder:
            beside = copied(self._root, Path(folder) / "archive")
            with SmallIndex(beside, partitions=PARTITIONS) as index:
                new = files_of(beside, index.publish())
            if damage is _gone:
                del new[0]  # without its manifest it would be no epoch
            path = random.choice([one for one in new if not (self._root / one.relative_to(beside)).exists()])
            damage(path, random)
            for name in ("partitions", "statistics", "epochs"):  # the manifest last, as a publisher would
                shutil.copytree(beside / name, self._root / name, dirs_exist_ok=True)
            return self._root / path.relative_to(beside)

    def _not_built_upon(self, damaged: Path) -> None:
        problem = ""
        try:
            with self._index() as index:
                index.publish()
                index.log.append_statistics()
                index.publish()
        except (IndexFileError, OSError) as error:
            problem = str(error)
        assert damaged.name in problem, f"{damaged} is built upon or not named: {problem}"

    def _miscount(self) -> None:
        with closing(sqlite3.connect(log_path(self._root), isolation_level=None)) as log:
            log.execute("UPDATE event SET live = live + 1")
        with self._index() as index:
            try:
                self.put(index)
                index.publish()
            except MiscountError:
                pass
            else:
                raise AssertionError("an epoch was published that lacks an article of the log")
        with closing(sqlite3.connect(log_path(self._root), isolation_level=None)) as log:
            log.execute("UPDATE event SET live = live - 1")


def epochs(root: Path, *, count: int, seed: int, mutant: str = "") -> Iterator[Figures]:
    """So many bad epochs; gives all figures so far after each."""
    random, figures = Random(seed), Figures()
    compare = Projector._compare
    if mutant == "miscounts-published":
        Projector._compare = lambda *_given: None  # type: ignore[method-assign]
    service = Service(root, mutant)
    try:
        for _ in range(count):
            service.bad(random, figures)
            yield figures
    finally:
        Projector._compare = compare  # type: ignore[method-assign]
        service.server.close()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Publish bad epochs under a running service.")
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mutant", choices=MUTANTS, default="")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bad-epochs-") as folder:
        *_, figures = epochs(Path(folder) / "archive", count=given.count, seed=given.seed, mutant=given.mutant)
    sys.stdout.write(f"seed {given.seed}: {figures.line()}\n")


if __name__ == "__main__":
    main()
