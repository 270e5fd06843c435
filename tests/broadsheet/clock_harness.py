"""Puts the clocks of a live service forward and back and proves that nothing but dates follows them.

    python -m tests.broadsheet.clock_harness --count 50 --seed 1 [--mutant timed-by-the-clock]

Contract: API processes and indexer have clocks of their own (libfaketime), each put by up to an hour forward or back,
at random moments, while clients are at work (`live_service.py`). After each time what is written is searchable within
`RECOVERED_S`; every page and every job is what it must be; a walk that began before goes on in its state, however the
clocks stand; and manifests do not stay for longer than they must. At the end the archive keeps to the ledger, whose
order is that of sequences (`ledger.py`). The first thing that is not so raises `AssertionError`.

Not here: retention and embargoes by the clock (`tests/indexer/test_publisher.py`, `tests/indexer/test_worker.py`).
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from indexer.projection import PRUNE_EVERY_S
from indexer.publisher import OPENING_S
from partition.manifest import Layout
from tests.broadsheet.ledger import Ledger
from tests.broadsheet.live_service import Live, clients, recover

MUTANTS = ("timed-by-the-clock", "pruned-by-the-clock")
RECOVERED_S = 20.0
_FARTHEST_S = 3600
_RETAIN_S = 4 * _FARTHEST_S
"""More than clocks are ever apart."""
_PAUSE_S = 1.0
_LIBRARIES = "/usr/lib/*/faketime/libfaketimeMT.so.1"
_LATE_S = 20.0
"""How much longer manifests may stay on a busy machine."""


@dataclass
class Figures:
    """What happened so far."""

    puts: int = 0
    acknowledged: int = 0
    pages: int = 0
    searchable_s: list[float] = field(default_factory=list)
    """From when clocks were put until what was written then was searchable."""

    def line(self) -> str:
        """All of it."""
        return (
            f"clocks put {self.puts} times: {self.acknowledged:,} writes acknowledged, all in the order of the log; "
            f"{self.pages:,} states read, 0 wrong; what was written after that was searchable within "
            f"{max(self.searchable_s):.2f} s; walks went on"
        )


def _library() -> Path | None:
    return next(Path("/").glob(_LIBRARIES.lstrip("/")), None)


def missing() -> str | None:
    """What this machine lacks for it, `None` if nothing."""
    return None if _library() else "libfaketime is not installed: apt-get install faketime"


class Clocks:
    """Of API processes and indexer, as files that libfaketime reads."""

    def __init__(self, folder: Path) -> None:
        self._files = folder / "clock", folder / "clock.indexer"
        self.put(0, 0)
        self.variables = {
            "LD_PRELOAD": str(_library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._files[0]),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def put(self, *seconds: int) -> None:
        """So far from the time."""
        for file, offset_s in zip(self._files, seconds, strict=True):
            aside = file.with_name(f"{file.name}.aside")
            aside.write_text(f"{offset_s:+d}")
            aside.replace(file)


class Walk:
    """A walk through all articles of one state, which is repeated."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._first = live.server.page({"q": "*", "limit": 7, "fields": "id,title"})
        self._rest = self._pages()

    def _pages(self) -> list[list[dict[str, Any]]]:
        return [page["data"] for page in self._live.server.walk(self._first)]

    def check(self) -> None:
        """It leads to the same articles."""
        assert self._pages() == self._rest


def _check_manifests(root: Path) -> None:
    """By the clock of the file system, which nobody has put."""
    layout = Layout(root)
    *replaced, _newest = layout.published_epochs()
    for epoch in replaced[1:]:  # the one before was replaced when it was made
        age_s = time.time() - _made_s(layout.manifest(epoch))
        assert age_s < OPENING_S + PRUNE_EVERY_S + _LATE_S, f"epoch {epoch - 1} is kept for {age_s:.0f} s"


def _made_s(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # it went meanwhile
        return time.time()


def _offset_s(random: Random) -> int:
    return round(_FARTHEST_S * random.choice((0, 1, random.random())) * random.choice((-1, 1)))


def puts(folder: Path, *, count: int, seed: int, mutant: str | None = None) -> Iterator[Figures]:
    """Do it so many times; gives all figures so far after each, and at last those of the whole."""
    figures, random, ledger = Figures(), Random(seed), Ledger()
    root = folder / "live"
    root.mkdir()
    clocks = Clocks(folder)
    changes: Sequence[str] = ["hurried", "clocks-apart", *([mutant] if mutant else [])]
    live = Live(root, changes, variables=clocks.variables, retain_seconds=_RETAIN_S)
    try:
        with clients(live, ledger, seed) as at_work:
            walk = Walk(live)
            while figures.puts < count:
                time.sleep(random.uniform(0, _PAUSE_S))
                clocks.put(*(_offset_s(random) for _clock in range(2)))
                figures.puts += 1
                _, searchable_s = recover(live, at_work.prober, str(figures.puts), at_work.check)
                assert searchable_s < RECOVERED_S, f"it took {searchable_s:.2f} s\n{live.server.log()[-3000:]}"
                figures.searchable_s.append(searchable_s)
                walk.check()
                _check_manifests(root)
                yield figures
            clocks.put(0, 0)
    finally:
        # Its indexer may have ended: libfaketime lets some sleeps fail (EINVAL), which no clock does.
        live.server.close()
    figures.pages = ledger.settle(root, folder / "anew").pages
    figures.acknowledged = len(ledger.acknowledged)
    yield figures


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Put the clocks of a live service.")
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mutant", choices=MUTANTS)
    given = parser.parse_args()
    if why := missing():
        sys.exit(why)
    with tempfile.TemporaryDirectory(prefix="clocks-") as folder:
        *_, figures = puts(Path(folder), count=given.count, seed=given.seed, mutant=given.mutant)
    sys.stdout.write(f"seed {given.seed}: {figures.line()}\n")


if __name__ == "__main__":
    main()
