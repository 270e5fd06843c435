"""The command: an archive of a corpus, a server with its indexer, and everything that is done to them.

    python -m benchmarks.live [--corpus FILE] [--queries DIR] [--minutes M] [--quiet-s S] [--overload-s S] [--rate N]
                              [--load SHARE] [--clients N] [--partitions N] [--workers N] [--max-backlog N]
                              [--walk WORDS] [--seed N] [--json OUT]

Files are made in the system's temporary folder (`TMPDIR`), some gigabytes for ten minutes, and removed. The generator
shares the cores with the server.

Contract: exit status 1 when a promise was broken: an acknowledged article missing or there twice, a walk that met
anything but its state, a search, a write or a probe that failed, a refusal that does not say when to come back.

Not here: thresholds on latencies, which belong to a machine; the table says what is aimed at (`report.py`).
"""

import argparse
import gc
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import uvloop

from benchmarks.growth.building import build
from benchmarks.live.feed import Feed
from benchmarks.live.phases import Run
from benchmarks.live.report import Report, as_text
from benchmarks.peers.report import machine
from indexer.readers.lines import Record
from indexer.readers.records import open_records
from tests.api_server import ApiServer
from tests.commands import BROADSHEET

DATA = Path("../shared/data")
TEXTS = 20_000
"""Sample articles at most; they come again under other ids."""
CORRECTIONS = 0.1
"""Share of the articles written."""

_CACHE_BYTES = 4 << 20
"""It answers nothing here, and is full before anything is measured: memory that grows is no cache's."""


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.live", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--corpus", type=Path, default=DATA / "senate_press_2004_2008.jsonl.gz", help="the archive")
    parser.add_argument("--queries", type=Path, default=DATA / "queries", help="folder with the query log")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long articles are written (10)")
    parser.add_argument("--quiet-s", type=float, default=60.0, help="how long it is measured without writes (60)")
    parser.add_argument("--overload-s", type=float, default=60.0, help="how long too much is offered (60)")
    parser.add_argument("--rate", type=float, default=500.0, help="articles a second (500)")
    parser.add_argument("--load", type=float, default=0.5, help="searches meanwhile, as a share of the peak (0.5)")
    parser.add_argument("--clients", type=int, default=4, help="writers, each with a key of its own (4)")
    parser.add_argument("--partitions", type=int, default=os.cpu_count(), help="of the archive (as many as cores)")
    parser.add_argument("--workers", type=int, default=2, help="API processes of the server (2)")
    parser.add_argument("--max-backlog", type=int, default=50_000, help="the server's setting (50,000)")
    parser.add_argument("--walk", type=str.split, default=["federal", "security"], help="any of these words")
    parser.add_argument("--seed", type=int, default=1, help="of what is written")
    parser.add_argument("--json", type=Path, help="where the figures go")
    return parser.parse_args(given)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _keys(root: Path, count: int) -> list[str]:
    """So many keys that may write."""
    command = [*BROADSHEET, "keys", "add", "--role", "write", "--data", str(root)]
    return [
        subprocess.run(
            [*command, f"writer-{number}"], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ).stdout.strip()
        for number in range(count)
    ]


def measured(arguments: argparse.Namespace, folder: Path) -> Report:
    """The report.

    Raises:
        subprocess.CalledProcessError: a command failed, which has said why.
    """
    root = folder / "archive"
    # Kernels are compiled once on a machine: not while it is measured how long that takes.
    subprocess.run([sys.executable, "-c", "import search.broker, partition.writer"], check=True)
    built = build([arguments.corpus.absolute()], root, partitions=arguments.partitions, processes=2, rejects=True)
    _say(f"{built['articles']:,} articles: built in {built['build_s']:.1f} s")
    rows = (item for item in open_records([arguments.corpus]) if isinstance(item, Record))
    base = [str(row.values["id"]) for row in rows if row.values.get("title") and row.values.get("id")]
    texts = min(TEXTS, max(1000, int(arguments.rate * arguments.minutes * 60)))
    feed = Feed(base, texts=texts, seed=arguments.seed, corrections=CORRECTIONS)
    # One more is for the prober, which is also the careful one.
    keys = _keys(root, 1 + arguments.clients)
    gc.collect()
    gc.freeze()
    settings = {
        "indexer": True,
        "workers": arguments.workers,
        "cache_ttl_s": 0.001,
        "cache_bytes": _CACHE_BYTES,
        "max_backlog": arguments.max_backlog,
    }
    with ApiServer(root, **settings) as server:
        figures = uvloop.run(Run(root, server, arguments, keys, feed).figures())
    return {"machine": machine(["broadsheet"]), "seed": arguments.seed, "build": built, **figures}


def main(given: Sequence[str] | None = None) -> int:
    """The command."""
    arguments = _arguments(given)
    with tempfile.TemporaryDirectory(prefix="live-") as folder:
        try:
            report = measured(arguments, Path(folder))
        except subprocess.CalledProcessError as error:
            _say(str(error))
            return 1
    print(as_text(report))
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 1 if report["complaints"] else 0


if __name__ == "__main__":
    sys.exit(main())
