"""The command: builds, checks, measures and reports.

    python -m benchmarks.peers [--corpus FILE] [--queries FILE] [--articles N] [--asked N] [--builds N]
                               [--engines broadsheet,tantivy,...] --json OUT [--plot PNG]

Without a corpus, sample articles; without queries, words of titles. Engines build in turns, and the fastest build of
each counts. Engines whose packages are missing are left out with a notice, and are an error when they were asked for
by name.

Contract: exit status 1, and no report, when an engine fails or answers wrongly.

Not here: what is measured (`engine.py`), how (`alone.py`, `measure.py`).
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.peers.agreement import WrongAnswer
from benchmarks.peers.alone import run_alone
from benchmarks.peers.corpus import (
    NothingToMeasure,
    articles_of,
    words_in,
    workload_of,
    write_articles,
    write_workload,
)
from benchmarks.peers.engine import QUERY_CLASSES
from benchmarks.peers.lineup import ENGINES, ORACLE, make, missing
from benchmarks.peers.measure import check, take_turns
from benchmarks.peers.oracle import Oracle
from benchmarks.peers.report import Report, as_text, machine


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.peers", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--corpus", type=Path, help="a file of articles; without it, sample articles")
    parser.add_argument("--queries", type=Path, help="one query a line; without it, words of titles")
    parser.add_argument(
        "--articles", type=_count, help="so many articles at most (default: all; 2,000 of the sample)"
    )
    parser.add_argument("--asked", type=_count, default=1000, help="so many questions of a class at most (1,000)")
    parser.add_argument("--builds", type=_count, default=3, help="so often every engine builds (3)")
    parser.add_argument("--engines", help=f"some of {','.join(ENGINES)} (default: all whose packages are there)")
    parser.add_argument("--json", type=Path, required=True, help="where the figures go")
    parser.add_argument("--plot", type=Path, help="where a picture of them goes, a PNG")
    arguments = parser.parse_args(given)
    for path in (arguments.corpus, arguments.queries):
        if path and not path.is_file():
            parser.error(f"there is no file {path}")
    named = arguments.engines.split(",") if arguments.engines else None
    for name in named or ENGINES:
        if name not in ENGINES:
            parser.error(f"there is no engine {name!r}; there are {', '.join(ENGINES)}")
        if lacking := missing(name):
            notice = f"{name} is not installed: pip install {' '.join(lacking)}"
            if named:
                parser.error(notice)
            _say(f"left out: {notice}")
    arguments.engines = [name for name in ENGINES if (not named or name in named) and not missing(name)]
    if arguments.plot and not find_spec("matplotlib"):
        _say("left out: the plot: pip install matplotlib")
        arguments.plot = None
    return arguments


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least 1")
    return int(text)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def measured(arguments: argparse.Namespace, folder: Path) -> Report:
    """Everything, in order, with its files in `folder`.

    Raises:
        NothingToMeasure: there are no articles or no questions.
        WrongAnswer: an engine does not agree with the oracle.
        subprocess.CalledProcessError: an engine failed in a process of its own, which has said why.
    """
    names: list[str] = arguments.engines
    articles = articles_of(arguments.corpus, arguments.articles)
    spool, asked = folder / "articles", folder / "questions"
    write_articles(spool, articles)
    figures: dict[str, dict[str, Any]] = {}
    for _turn in range(arguments.builds):
        for name in dict.fromkeys([ORACLE, *names]):
            shutil.rmtree(folder / name, ignore_errors=True)
            built = run_alone("build", name, folder / name, spool)
            _say(f"{name}: built, {built['build_articles_per_s']:,.0f} articles/s")
            if name not in figures or built["build_articles_per_s"] > figures[name]["build_articles_per_s"]:
                figures[name] = {**built}
    oracle = Oracle(folder / ORACLE)
    workload = workload_of(arguments.queries, articles, oracle.hits, arguments.asked)
    write_workload(asked, workload)
    for name in names:
        figures[name] |= run_alone("search", name, folder / name, asked)
    engines = {name: make(name) for name in names}
    with ExitStack() as stack:
        opened = {name: stack.enter_context(engine.open(folder / name)) for name, engine in engines.items()}
        exact = {name: engine.exact for name, engine in engines.items()}
        shares = check(opened, exact, workload, oracle, [article.id for article in articles])
        _say("answers are right; timing")
        times = take_turns(opened, workload)
    corpus = arguments.corpus.name if arguments.corpus else "sample"
    return {
        "corpus": {"name": corpus, "articles": len(articles), "words": words_in(articles)},
        "machine": machine(names),
        "queries": {kind: len(workload[kind]) for kind in QUERY_CLASSES},
        "engines": {
            name: {
                **figures[name],
                "agreement": {kind: round(share, 4) for kind, share in shares[name].items()},
                **times[name],
            }
            for name in names
        },
    }


def main(given: Sequence[str] | None = None) -> int:
    """The command."""
    arguments = _arguments(given)
    with tempfile.TemporaryDirectory(prefix="peers-") as folder:
        try:
            report = measured(arguments, Path(folder))
        except (NothingToMeasure, WrongAnswer, subprocess.CalledProcessError) as error:
            _say(str(error))
            return 1
    print(as_text(report))
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if arguments.plot:
        _plot(report, arguments.plot)
    return 0


def _plot(report: Report, path: Path) -> None:
    from benchmarks.peers.plot import draw  # noqa: PLC0415 - needs matplotlib, which may be missing

    path.parent.mkdir(parents=True, exist_ok=True)
    draw(report, path)


if __name__ == "__main__":
    sys.exit(main())
