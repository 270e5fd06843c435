"""Two partitions built by one process and by two at once, beside what two processes gain on this machine at all.

    python -m benchmarks.processes [--corpus FILE] [--articles N] [--rounds 3] [--json OUT]

JSON: `{"articles":.., "build": {"one_s":.., "two_s":.., "gain":..}, "loop": {..}, "compress": {..}}`. `gain` is
`one_s / two_s`, at most 2. `loop` counts in Python and touches no memory to speak of; `compress` is Zstandard on the
articles' bodies. Two processors that share a core, or a machine that others share, hold these back as well: a build
cannot gain more than they do.

Contract: a process has done its share once before the clock starts, as the indexer's have, which stay from round to
round: a first time pays for memory, page by page. One process and two take turns, and the fastest of each counts.
Nothing is shared between processes but the machine.

Not here: the whole command, with its log and its merges (`growth/`).
"""

import argparse
import contextlib
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import zstandard

from benchmarks.peers.corpus import NothingToMeasure, articles_of, read_articles, write_articles
from indexer.builder_processes import ALLOCATOR
from indexer.routing import partition_of
from partition.changes import Put
from partition.types import Article
from partition.vocabulary import Vocabulary
from partition.writer import write_generation

HALVES = 2
STEPS = 10_000_000
"""Of the loop, a half."""

Half = Callable[[Sequence[Article], Path], None]
"""Does half of a task, with half of the articles and a folder of its own."""


def _build(articles: Sequence[Article], folder: Path) -> None:
    changes = (Put(article, version=1, indexed_ms=0, seq=1) for article in articles)
    write_generation(folder / "g1", number=1, base=None, changes=changes, since_seq=1, vocabulary=Vocabulary())


def _loop(_articles: Sequence[Article], _folder: Path) -> None:
    total = 0
    for step in range(STEPS):
        total += step


def _compress(articles: Sequence[Article], _folder: Path) -> None:
    compressor = zstandard.ZstdCompressor()
    for article in articles:
        compressor.compress(article.body.encode())


TASKS: dict[str, Half] = {"build": _build, "loop": _loop, "compress": _compress}


def measured(articles: Sequence[Article], rounds: int) -> dict[str, dict[str, float]]:
    """What each task takes one process and two, in seconds."""
    with tempfile.TemporaryDirectory(prefix="processes-") as name:
        folder = Path(name)
        for half in range(HALVES):
            write_articles(_half(folder, half), (one for one in articles if partition_of(one.id, HALVES) == half))
        report = {}
        for task in TASKS:
            one_s, two_s = [], []
            for _round in range(rounds):
                one_s.append(_timed_s(task, folder, [[0, 1]]))
                two_s.append(_timed_s(task, folder, [[0], [1]]))
            best_one_s, best_two_s = min(one_s), min(two_s)
            report[task] = {
                "one_s": round(best_one_s, 3),
                "two_s": round(best_two_s, 3),
                "gain": round(best_one_s / best_two_s, 2),
            }
        return report


def _timed_s(task: str, folder: Path, shares: Sequence[Sequence[int]]) -> float:
    """From the word to begin until the last process is done."""
    with contextlib.ExitStack() as stack:
        children = [stack.enter_context(_child(task, folder, share)) for share in shares]
        for child in children:
            _hear(child, task)
        started_s = time.perf_counter()
        for child in children:
            assert child.stdin
            child.stdin.write("begin\n")
            child.stdin.flush()
        for child in children:
            _hear(child, task)
        return time.perf_counter() - started_s


@contextlib.contextmanager
def _child(task: str, folder: Path, share: Sequence[int]) -> "Iterator[subprocess.Popen[str]]":
    command = [sys.executable, "-m", "benchmarks.processes", "--half", task, str(folder), *map(str, share)]
    environment = {**os.environ, **ALLOCATOR}
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
        env=environment,
    ) as child:
        yield child


def _hear(child: "subprocess.Popen[str]", task: str) -> None:
    assert child.stdout
    if not child.stdout.readline():
        raise subprocess.CalledProcessError(child.wait(), task)


def _half(folder: Path, half: int) -> Path:
    return folder / f"half-{half}.jsonl"


def _work(task: str, name: str, *halves: str) -> None:
    """What a child does: its halves, one after the other, and at the word the same again."""
    folder = Path(name)
    shares = [read_articles(_half(folder, int(half))) for half in halves]
    gc.collect()
    gc.freeze()
    for said in ("ready", "done"):
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            for at, share in enumerate(shares):
                own = Path(scratch) / str(at)
                own.mkdir()
                TASKS[task](share, own)
            print(said, flush=True)
        sys.stdin.readline()


def main(given: Sequence[str] | None = None) -> int:
    """The command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.processes", description=__doc__.partition("\n")[0])
    parser.add_argument("--corpus", type=Path, help="articles as the indexer reads them; else sample articles")
    parser.add_argument("--articles", type=int, help="how many of them")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--half", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args(given)
    if arguments.half:
        _work(*arguments.half)
        return 0
    try:
        articles = articles_of(arguments.corpus, arguments.articles)
    except NothingToMeasure as error:
        print(f"benchmarks.processes: {error}", file=sys.stderr)
        return 1
    report = measured(articles, max(1, arguments.rounds))
    for task, found in report.items():
        print(f"{task:10} one process {found['one_s']:7.2f} s   two {found['two_s']:7.2f} s   {found['gain']:.2f}x")
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps({"articles": len(articles), **report}), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
