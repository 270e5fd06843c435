"""One engine alone in a process of its own: what building costs, and what opening and holding the index costs.

    python -m benchmarks.peers.alone build ENGINE FOLDER ARTICLES
    python -m benchmarks.peers.alone search ENGINE FOLDER WORKLOAD

Articles and questions come as files (`corpus.py`); the figures go out as one JSON object. Before the clock starts a
small index is built and thrown away, or every class is asked once: compiled code is loaded then.

`peak_mb` and `search_mb` are how far the resident set rose above what the process held just before (the articles,
the modules), in 10^6 bytes; pages of mapped files count, and in `search_mb` compiled code. `open_ms` is the median
time from nothing open to the first answer, files in the page cache.

Contract: nothing else runs in the process. The peak is that of Linux's `VmHWM`, which begins anew with a program
(`ru_maxrss` does not: it remembers the parent's); memory is left out elsewhere.

Not here: latencies (`measure.py`).
"""

import gc
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.peers.corpus import read_articles, read_workload
from benchmarks.peers.lineup import make
from indexer.builder_processes import ALLOCATOR

WARM_ARTICLES = 20
OPENINGS = 5
_STATUS = Path("/proc/self/status")


def run_alone(task: str, engine: str, folder: Path, given: Path) -> dict[str, float]:
    """Do a task in a new process; returns its figures.

    Raises:
        subprocess.CalledProcessError: it failed; what it said is on standard error.
    """
    command = [sys.executable, "-m", __name__, task, engine, str(folder), str(given)]
    # Memory that is freed is kept for what comes next, as in the builders of the product; so has every engine.
    environment = {**os.environ, **ALLOCATOR}
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=Path(__file__).parents[2], env=environment)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def build(name: str, folder: Path, given: Path) -> dict[str, float]:
    """Build once for warmth and once for the figures."""
    engine = make(name)
    articles = read_articles(given)
    with tempfile.TemporaryDirectory(dir=folder.parent) as small:
        engine.build(articles[:WARM_ARTICLES], Path(small))
    folder.mkdir()
    gc.collect()
    gc.freeze()  # the articles are not looked through again and again, on nobody's behalf
    held_mb = _resident_mb("VmRSS")
    started_s = time.perf_counter()
    engine.build(articles, folder)
    spent_s = time.perf_counter() - started_s
    return {
        "build_articles_per_s": round(len(articles) / spent_s, 1),
        **engine.footprint(folder),
        **_risen("peak_mb", held_mb),
    }


def search(name: str, folder: Path, given: Path) -> dict[str, float]:
    """Open several times, then ask everything once."""
    engine = make(name)
    workload = read_workload(given)
    held_mb = _resident_mb("VmRSS")
    with engine.open(folder) as asks:
        for kind, ask in asks.items():
            for question in workload[kind][:1]:
                ask(question)
    openings_ms = []
    for _opening in range(OPENINGS):
        started_s = time.perf_counter()
        with engine.open(folder) as asks:
            asks["or"](workload["or"][0])
            openings_ms.append((time.perf_counter() - started_s) * 1000)
    with engine.open(folder) as asks:
        for kind, ask in asks.items():
            for question in workload[kind]:
                ask(question)
    return {"open_ms": round(median(openings_ms), 3), **_risen("search_mb", held_mb)}


def _resident_mb(line: str) -> float | None:
    if not _STATUS.exists():
        return None
    found = re.search(rf"^{line}:\s+(\d+) kB", _STATUS.read_text(encoding="ascii"), re.MULTILINE)
    return int(found[1]) * 1024 / 1e6 if found else None


def _risen(name: str, held_mb: float | None) -> dict[str, float]:
    peak_mb = _resident_mb("VmHWM")
    return {} if peak_mb is None or held_mb is None else {name: round(peak_mb - held_mb, 1)}


def main(arguments: list[str]) -> int:
    """The command; called only by `run_alone`."""
    task, name, folder, given = arguments
    figures: dict[str, Any] = {"build": build, "search": search}[task](name, Path(folder), Path(given))
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
