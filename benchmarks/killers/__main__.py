"""The command: killers, one at a time and many together, at a server of its own, beside ordinary searches.

    python -m benchmarks.killers [--data DIR | --articles N] [--rate N] [--seconds N] [--together N] [--rounds N]
                                 [--random N] [--timeout-ms N] [--json OUT]

Without `--data` the archive is N sample articles, made for the occasion. Bystanders are measured in peace, while
killers come one after the other (one round of the list), while random queries do so without pause, with a killer now
and then, and while many killers come together; the bystanders' process, the server and this one share the machine.
Memory is that of the server and all its processes (`family.py`), over what they held when they had answered
ordinary searches.

Contract: exit status 1 when a killer was neither refused nor over in time, a random query was neither answered nor
refused, or a bystander was not answered while either came one at a time; when many come, bystanders may be told that
all places are taken.

Not here: thresholds on latencies, which belong to a machine.
"""

import argparse
import itertools
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.growth.building import build
from benchmarks.growth.sampling import write_parts
from benchmarks.killers.asking import Outcome, ask, complaint
from benchmarks.killers.bystanders import Bystanders
from benchmarks.killers.catalogue import Killer, killers
from benchmarks.killers.family import Family, Peak
from benchmarks.killers.nonsense import query_string
from benchmarks.peers.report import machine
from partition.manifest import Layout, read_manifest
from tests.api_server import ApiServer

PARTITIONS = 8
RANDOM_A_KILLER = 199
"""Random queries between two killers."""


class Siege:
    """A server under killers."""

    def __init__(self, server: ApiServer, arguments: argparse.Namespace) -> None:
        self._server, self._given = server, arguments
        self._family = Family(server.pid)
        self._asked = itertools.count()
        self.complaints: list[str] = []

    def figures(self) -> dict[str, Any]:
        """Everything, phase after phase."""
        # Bystanders ask from threads of their own; sleeping is how long they do.
        with self._bystanders():  # for warmth
            time.sleep(self._given.seconds / 2)
        with self._bystanders() as stream:
            time.sleep(self._given.seconds)
        found: dict[str, Any] = {"in_peace": stream.figures(), "idle_mb": round(self._family.rss_mb(), 1)}
        with self._bystanders() as stream:
            found["one_at_a_time"] = self._one_at_a_time()
        found["one_at_a_time"]["bystanders"] = stream.figures()
        self.complaints += stream.errors
        with self._bystanders() as stream:
            found["at_random"] = self._at_random()
        found["at_random"]["bystanders"] = stream.figures()
        self.complaints += stream.errors
        with self._bystanders() as stream:
            found["together"] = self._together()
        found["together"]["bystanders"] = stream.figures()
        return {**found, "complaints": self.complaints}

    def _bystanders(self) -> Bystanders:
        return Bystanders(self._server.port, rate=self._given.rate, timeout_ms=self._given.timeout_ms)

    def _ask(self, killer: Killer, *, crowded: bool = False) -> Outcome:
        # Another deadline is another key in the cache.
        outcome = ask(self._server.port, killer, self._given.timeout_ms + next(self._asked) % 1000)
        if wrong := complaint(killer, outcome, crowded=crowded):
            self.complaints.append(wrong)
        return outcome

    def _one_at_a_time(self) -> dict[str, Any]:
        rows: list[dict[str, Any]] = []
        over_s = time.monotonic() + self._given.seconds
        while not rows or time.monotonic() < over_s:
            rows += map(self._measured, killers())
        return {
            "asked": len(rows),
            "statuses": dict(Counter(row["status"] for row in rows)),
            "slowest": sorted(rows, key=lambda row: -row["ms"])[:10],
            "largest": sorted(rows, key=lambda row: -row["grown_mb"])[:10],
        }

    def _measured(self, killer: Killer) -> dict[str, Any]:
        with Peak(self._family) as memory:
            outcome = self._ask(killer)
        return {
            "killer": killer.name,
            "status": outcome.status,
            "ms": round(outcome.spent_s * 1000, 1),
            "grown_mb": round(memory.grown_mb, 1),
            "anonymous_mb": round(memory.anonymous_mb, 1),
        }

    def _at_random(self) -> dict[str, Any]:
        made = random.Random(1)
        statuses: Counter[int] = Counter()
        spent_ms: list[float] = []
        named = itertools.cycle(killers())
        for number in range(1, self._given.random + 1):
            if number % (RANDOM_A_KILLER + 1) == 0:
                self._ask(next(named))
                continue
            query = query_string(made).encode()
            outcome = self._ask(Killer(query.decode(), lambda query=query: query, beyond=None))  # type: ignore[misc]
            if outcome.status not in {200, 400}:
                self.complaints.append(f"{query!r}: {outcome.status}")
            statuses[outcome.status] += 1
            spent_ms.append(outcome.spent_s * 1000)
        p50, p95, p99, most = np.percentile(spent_ms or (0,), (50, 95, 99, 100)).round(1).tolist()
        return {
            "asked": self._given.random,
            "statuses": dict(statuses),
            "p50_ms": p50,
            "p95_ms": p95,
            "p99_ms": p99,
            "most_ms": most,
        }

    def _together(self) -> dict[str, Any]:
        rounds = []
        with ThreadPoolExecutor(self._given.together) as pool, Peak(self._family) as memory:
            for _round in range(self._given.rounds):
                outcomes = list(pool.map(partial(self._ask, crowded=True), killers()))
                rounds.append(
                    {
                        "slowest_ms": round(max(outcome.spent_s for outcome in outcomes) * 1000, 1),
                        "statuses": dict(Counter(outcome.status for outcome in outcomes)),
                        "held_mb": round(self._family.rss_mb(), 1),
                        "anonymous_mb": round(self._family.anonymous_mb(), 1),
                    }
                )
        return {"grown_mb": round(memory.grown_mb, 1), "rounds": rounds}


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.killers", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of the archive; without it, one is made")
    parser.add_argument("--articles", type=int, default=20_000, help="of the archive that is made (20,000)")
    parser.add_argument("--rate", type=float, default=40.0, help="ordinary searches a second (40)")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long they are measured in peace (20)")
    parser.add_argument("--together", type=int, default=10, help="killers at a time, at last (10)")
    parser.add_argument("--rounds", type=int, default=5, help="how often the list is asked then (5)")
    parser.add_argument("--random", type=int, default=20_000, help="random queries, one in 200 a killer (20,000)")
    parser.add_argument("--timeout-ms", type=int, default=1000, help="everybody's deadline (1000)")
    parser.add_argument("--json", type=Path, help="where the figures go")
    return parser.parse_args(given)


def measured(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """The report.

    Raises:
        subprocess.CalledProcessError: the archive could not be made.
    """
    root: Path = arguments.data or folder / "archive"
    if arguments.data is None:
        build(write_parts(folder, 0, arguments.articles, 2), root, partitions=PARTITIONS, processes=2)
    layout = Layout(root)
    with ApiServer(root, cache_bytes=1 << 16) as server:
        return {
            "machine": machine(["broadsheet"]),
            "articles": read_manifest(layout, layout.newest_epoch()).articles,
            "rate": arguments.rate,
            "timeout_ms": arguments.timeout_ms,
            "together_at_a_time": arguments.together,
            "killers": len(killers()),
            **Siege(server, arguments).figures(),
        }


def main(given: Sequence[str] | None = None) -> int:
    """The command."""
    arguments = _arguments(given)
    with tempfile.TemporaryDirectory(prefix="killers-") as folder:
        try:
            report = measured(arguments, Path(folder))
        except subprocess.CalledProcessError as error:
            print(error, file=sys.stderr)
            return 1
    text = json.dumps(report, indent=1)
    print(text)
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(text + "\n", encoding="utf-8")
    return 1 if report["complaints"] else 0


if __name__ == "__main__":
    sys.exit(main())
