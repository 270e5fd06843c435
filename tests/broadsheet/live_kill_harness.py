"""Kills the processes of a live service at random moments and proves that it loses nothing and tells no lies.

    python -m tests.broadsheet.live_kill_harness --count 1000 --seed 1 [--mutant messages-forgotten]

Contract: rounds of `ROUND` kills, each with a new archive. `broadsheet serve` runs with two API processes and its
indexer, while clients write, ask about jobs and read (`callers.py`). Killed are, in turn, the indexer, an API process
and the indexer while it merges aside; and once a round each the supervisor, whose processes must end by themselves,
and everything at once. The next kill comes at a random moment after what was written meanwhile is searchable, and one
in four before that. At the end of a round the archive must keep to the ledger (`ledger.py`). The first thing that is
not so raises `AssertionError`. With a mutant (`changed_service.py`) it must.

Not here: deaths of single runs (`tests/indexer/kill_harness.py` of the indexer's tests), power cuts, full disks.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.broadsheet.ledger import Ledger
from tests.broadsheet.live_service import Live, clients, recover

MUTANTS = ("acknowledged-early", "messages-forgotten", "position-beside", "published-in-pieces", "succeeded-early")
ROUND = 25
_KINDS = ("indexer", "api", "merger")
_PAUSE_S = 0.6
"""Between recovery and the next kill, at most."""


@dataclass
class Figures:
    """What happened so far."""

    kills: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    watched: int = 0
    pages: int = 0
    written_s: list[float] = field(default_factory=list)
    """From a kill until the next write was acknowledged."""
    searchable_s: list[float] = field(default_factory=list)
    """And until it was searchable."""

    def line(self) -> str:
        """All of it."""
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.kills.items()))
        return (
            f"{self.kills.total()} kills ({kinds}): {self.acknowledged:,} writes acknowledged, 0 lost, 0 twice; "
            f"{self.watched:,} looks at jobs, 0 lies; {self.pages:,} states read, 0 torn; {self.answers['broken']:,} "
            f"answers broke off, {self.answers['503']:,} were 503; after a kill the next write was acknowledged in "
            f"{_shares(self.written_s)}, and searchable in {_shares(self.searchable_s)}"
        )


def _shares(seconds: list[float]) -> str:
    ranked = sorted(seconds)
    p50, p99 = ranked[len(ranked) // 2], ranked[min(len(ranked) - 1, len(ranked) * 99 // 100)]
    return f"p50 {p50:.2f} s, p99 {p99:.2f} s, at most {ranked[-1]:.2f} s"


def one_round(root: Path, *, kinds: Sequence[str], seed: int, changes: Sequence[str], figures: Figures) -> None:
    """A new archive, and so many kills."""
    random = Random(seed)
    ledger = Ledger()
    root.mkdir(parents=True)
    live = Live(root, changes, retain_seconds=5)
    try:
        with clients(live, ledger, seed) as at_work:
            for number, kind in enumerate(kinds):
                time.sleep(random.uniform(0, _PAUSE_S))
                killed = live.kill(kind, random)
                figures.kills[killed] += 1
                if random.random() < 0.75 or kind in {"supervisor", "everything"}:
                    written_s, searchable_s = recover(live, at_work.prober, str(number), at_work.check)
                    figures.written_s.append(written_s)
                    figures.searchable_s.append(searchable_s)
    finally:
        live.close()
    figures.answers += at_work.answers()
    figures.watched += at_work.watcher.watched
    settled = ledger.settle(root, root.with_name("anew"))
    figures.acknowledged += len(ledger.acknowledged)
    figures.pages += settled.pages


def kills(folder: Path, *, count: int, seed: int, mutant: str | None = None) -> Iterator[Figures]:
    """Do it so many times; gives all figures so far after each round."""
    figures = Figures()
    changes = ["hurried", "merging-aside", *([mutant] if mutant else [])]
    random = Random(seed)
    while (done := figures.kills.total()) < count:
        kinds = [_KINDS[number % len(_KINDS)] for number in range(done, min(done + ROUND, count))]
        for whole in ("supervisor", "everything"):
            if len(kinds) >= 4:
                kinds[random.randrange(len(kinds))] = whole
        root = folder / "round" / "live"
        one_round(root, kinds=kinds, seed=seed * 1000 + done, changes=changes, figures=figures)
        shutil.rmtree(root.parent)
        yield figures


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Kill a live service at random moments.")
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mutant", choices=MUTANTS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="live-kills-") as folder:
        for figures in kills(Path(folder), count=given.count, seed=given.seed, mutant=given.mutant):
            sys.stdout.write(f"seed {given.seed}: {figures.line()}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
