"""The command: writes sample articles, builds an archive of each size, searches it, and reports.

    python -m benchmarks.growth [--sizes 10000,100000,1000000] [--asked N] [--partitions N] [--processes N]
                                [--json OUT] [--plot PNG]

Files are made in the system's temporary folder (`TMPDIR`), some 9 kB an article of the largest size; each archive is
removed before the next is built. A million articles take several minutes to write.

Contract: exit status 1, and no report, when building or searching fails.

Not here: what is measured (`building.py`, `searching.py`).
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.growth.building import build
from benchmarks.growth.report import Report, as_text
from benchmarks.growth.sampling import write_parts
from benchmarks.growth.searching import questions_of, search
from benchmarks.peers.corpus import articles_of, words_in, write_workload
from benchmarks.peers.report import machine

QUESTIONED = 10_000
"""The questions come from the first articles: these, or all of the smallest archive."""


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.growth", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", type=_sizes, default=[10_000, 100_000, 1_000_000], help="articles, with commas")
    parser.add_argument("--asked", type=_count, default=200, help="so many questions of a class at most (200)")
    parser.add_argument("--partitions", type=_count, default=8, help="of each archive (8)")
    parser.add_argument("--processes", type=_count, default=2, help="that write and build (2)")
    parser.add_argument("--json", type=Path, help="where the figures go")
    parser.add_argument("--plot", type=Path, help="where a picture of them goes, a PNG")
    arguments = parser.parse_args(given)
    if arguments.plot and not find_spec("matplotlib"):
        parser.error("the plot needs matplotlib: pip install matplotlib")
    return arguments


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least 1")
    return int(text)


def _sizes(text: str) -> list[int]:
    return sorted(set(map(_count, text.split(","))))


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def measured(arguments: argparse.Namespace, folder: Path) -> Report:
    """Everything, size after size, with its files in `folder`.

    Raises:
        subprocess.CalledProcessError: a command failed, which has said why.
    """
    partitions, processes = arguments.partitions, arguments.processes
    # A command's start is part of every rate; kernels were compiled when this module was imported.
    single = write_parts(folder, 0, 1, 1)
    start = build(single, folder / "start", partitions=1, processes=1)
    files = write_parts(folder, 0, arguments.sizes[0], processes)
    articles = [article for file in files for article in articles_of(file, QUESTIONED)][:QUESTIONED]
    words = round(words_in(articles) / len(articles))
    workload = questions_of(articles, arguments.asked)
    write_workload(folder / "questions", workload)
    del articles
    sizes: list[dict[str, Any]] = []
    written = arguments.sizes[0]
    for size in arguments.sizes:
        files += write_parts(folder, written, size, processes)
        written = size
        _say(f"{size:,} articles: written")
        archive = folder / "archive"
        figures = build(files, archive, partitions=partitions, processes=processes)
        _say(f"{size:,} articles: built in {figures['build_s']:,.1f} s")
        figures |= {
            "input_bytes": sum(file.stat().st_size for file in files),
            "build_articles_per_s": round(figures["articles"] / figures["build_s"], 1),
        }
        sizes.append(figures | search(archive, folder / "questions"))
        shutil.rmtree(archive)
    return {
        "machine": machine(["broadsheet"]),
        "partitions": partitions,
        "processes": processes,
        "words": words,
        "start_s": start["build_s"],
        "questions": {kind: len(asked) for kind, asked in workload.items()},
        "sizes": sizes,
    }


def main(given: Sequence[str] | None = None) -> int:
    """The command."""
    arguments = _arguments(given)
    with tempfile.TemporaryDirectory(prefix="growth-") as folder:
        try:
            report = measured(arguments, Path(folder))
        except subprocess.CalledProcessError as error:
            _say(str(error))
            return 1
    print(as_text(report))
    for path in filter(None, (arguments.json, arguments.plot)):
        path.parent.mkdir(parents=True, exist_ok=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if arguments.plot:
        from benchmarks.growth.plot import draw  # noqa: PLC0415 - needs matplotlib, which may be missing

        draw(report, arguments.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
