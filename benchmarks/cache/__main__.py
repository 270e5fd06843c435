"""The command: everything the cache promises, on one machine.

    python -m benchmarks.cache [--corpus FILE] [--queries FILE] [--compared N] [--replayed N] [--rate N] [--rounds N]
                               [--seconds N] [--only PART,..] [--json OUT]

Parts: `speed` (a hit against a bare hello, by wrk), `replay` (the log in order), `writes` (while articles are
written), `stampede`, `troubles` (of Redis), `trigger` (what is left of a trouble when it is over). JSON: the figures
of each part under its name, and the most important once more at the top.

Contract: exit status 1 when an answer was wrong, or an error met a caller. The archive is made in the system's
temporary folder (`TMPDIR`). Load generators share the cores with the servers.

Not here: thresholds on speed, which belong to a machine; the table says what is aimed at.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.cache import replay, speed, stampede, trigger, troubles, writes
from benchmarks.cache.asking import log_of
from benchmarks.growth.building import build
from benchmarks.peers.report import machine
from partition.manifest import Layout, read_manifest

DATA = Path("../shared/data")
PARTS = ("speed", "replay", "writes", "stampede", "troubles", "trigger")
PARTITIONS = 8
CROWDS = 20
AIMS = {
    "l1_vs_hello": ">= 0.80",
    "l2_vs_hello": ">= 0.40",
    "hit_rate": ">= 0.95 of the ceiling",
    "hit_rate_ceiling": "",
    "unchanged_hits_and": ">= 0.95",
    "unchanged_hits_or": ">= 0.60",
    "compared": "50000",
    "wrong_answers": "0",
    "computations_in_stampede": "1",
}


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.cache", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--corpus", type=Path, default=DATA / "senate_press_2004_2008.jsonl.gz", help="the archive")
    parser.add_argument("--queries", type=Path, default=DATA / "queries/trec_terabyte05_efficiency_50k.txt")
    parser.add_argument("--data", type=Path, help="folder of an archive that is there already, instead of --corpus")
    parser.add_argument("--replayed", type=int, default=50_000, help="queries that are asked in order (50,000)")
    parser.add_argument("--compared", type=int, default=50_000, help="and while articles are written (50,000)")
    parser.add_argument("--rate", type=float, default=100.0, help="of those, a second (100)")
    parser.add_argument("--rounds", type=int, default=7, help="of each speed (7)")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each trouble; a round of speed a third (10)")
    parser.add_argument("--only", type=lambda text: text.split(","), default=PARTS, help="some of the parts")
    parser.add_argument("--json", type=Path, help="where the figures go")
    return parser.parse_args(given)


def measured(given: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """The report.

    Raises:
        OSError, subprocess.CalledProcessError, NoWrkError: something is missing, which is said.
    """
    queries = log_of(given.queries, max(given.replayed, given.compared, troubles.ADDRESSES + CROWDS))
    root: Path = given.data or folder / "archive"
    if given.data is None:
        build([given.corpus.absolute()], root, partitions=PARTITIONS, processes=2, rejects=True)
    layout = Layout(root)
    report: dict[str, Any] = {
        "machine": machine(["broadsheet"]),
        "articles": read_manifest(layout, layout.newest_epoch()).articles,
    }
    round_s = given.seconds / 3
    if "speed" in given.only:
        near = speed.near(root, "health care", rounds=given.rounds, seconds=round_s)
        far = speed.far(root, queries, rounds=given.rounds, seconds=round_s)
        report["speed"] = {"near": near, "far": far}
    if "replay" in given.only:
        report["replay"] = replay.replayed(root, queries[: given.replayed])
    if "stampede" in given.only:
        report["stampede"] = stampede.crowded(root, list(dict.fromkeys(queries))[-CROWDS:])
    if "troubles" in given.only:
        found = asyncio.run(troubles.troubled(root, queries, rate=given.rate, seconds=given.seconds))
        report["troubles"] = found
    if "trigger" in given.only:
        report["trigger"] = asyncio.run(trigger.triggered(root, queries, seconds=given.seconds))
    if "writes" in given.only:
        report["writes"] = writes.compared(root, folder, queries[: given.compared], given.rate)
    return {**_headlines(report), **report}


def _headlines(report: dict[str, Any]) -> dict[str, Any]:
    """The most important figures."""
    found: dict[str, Any] = {}
    if "speed" in report:
        found["l1_vs_hello"] = report["speed"]["near"]["ratio"]
        found["l2_vs_hello"] = report["speed"]["far"]["ratio"]
    if "replay" in report:
        found |= {name: report["replay"][name] for name in ("hit_rate", "hit_rate_ceiling")}
    if "writes" in report:
        found |= {f"unchanged_hits_{kind}": row["share"] for kind, row in report["writes"]["repeats"].items()}
        found |= {"compared": report["writes"]["compared"], "wrong_answers": report["writes"]["wrong"]}
    if "stampede" in report:
        found["computations_in_stampede"] = report["stampede"]["computations"]
    if "troubles" in report:
        names = ("errors", "wrong", "p50_ms", "p99_ms", "recovery_s")
        found["redis_troubles"] = {
            trouble: {name: row.get(name) for name in names} for trouble, row in report["troubles"].items()
        }
    return found


def _failures(report: dict[str, Any]) -> list[str]:
    """What was promised and not kept."""
    said = []
    if report.get("wrong_answers"):
        said.append(f"{report['wrong_answers']} wrong answers while writing: {report['writes']['examples']}")
    if report.get("writes", {}).get("errors"):
        said.append(f"errors while writing: {report['writes']['errors']}")
    for trouble, row in report.get("redis_troubles", {}).items():
        if row["errors"] or row["wrong"]:
            said.append(f"Redis {trouble}: {row['errors']} errors, {row['wrong']} wrong")
    return said


def main(given: Sequence[str] | None = None) -> int:
    """The command; returns the exit status."""
    arguments = _arguments(given)
    with tempfile.TemporaryDirectory(prefix="cache-") as folder:
        try:
            report = measured(arguments, Path(folder))
        except (OSError, speed.NoWrkError) as error:
            print(f"benchmarks.cache: {error}", file=sys.stderr)
            return 1
    for name, aim in AIMS.items():
        if name in report:
            print(f"{name:28}{report[name]:>10}   {aim}")
    for line in troubles.tables(report["troubles"]) if "troubles" in report else ():
        print(line)
    for line in trigger.tables(report["trigger"]) if "trigger" in report else ():
        print(line)
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(report, indent=2), encoding="utf-8")
    failures = _failures(report)
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
