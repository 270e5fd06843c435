"""One archive searched in a process of its own, by one thread, without a server: opening, answers, memory.

    python -m benchmarks.growth.searching ARCHIVE QUESTIONS

Every class is asked with `total=none` and with `total=exact`, all questions once for warmth, then in turns
(`benchmarks/peers/measure.py`); the figures go out as one JSON object. `open_ms` is the median time from nothing open
to the first answer, files in the page cache, compiled code loaded. `anon_mb` is what the process holds in the end
beyond mapped files (Linux's `RssAnon`), of which it held `start_mb` before it opened anything.

Contract: the words asked are the same whatever the archive. The 30 days of a `date` question are around an article
of the archive, since sample news become more from year to year: so the share of the archive that they hold is the
same. `matches` is how many articles match on average.

Not here: building (`building.py`), what a class asks (`benchmarks/peers/engine.py`).
"""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from statistics import fmean, median
from typing import Any

from benchmarks.growth.building import anonymous_mb
from benchmarks.peers.broadsheet_engine import PATIENCE_S, query_of
from benchmarks.peers.corpus import RANGE_DAYS, Workload, read_workload, workload_of
from benchmarks.peers.engine import TOP, Answer, Ask, QueryClass, Question
from benchmarks.peers.measure import take_turns
from partition.manifest import Layout
from partition.types import Article
from search.leaf import LeafQuery, Slice
from search.plan import plan_of
from search.snapshot import Snapshot, Snapshots

CLASSES: tuple[QueryClass, ...] = ("and", "or", "phrase", "date", "newest")
TOTALS = {"none": False, "exact": True}
"""Values of the parameter `total`, and whether matches are counted."""
OPENINGS = 5
_DAY_MS = 86_400_000


def questions_of(articles: Sequence[Article], asked: int) -> Workload:
    """At most `asked` questions of each class; words are those of titles, phrases those of bodies."""
    workload = workload_of(None, articles, lambda _kind, _question: 1, asked)
    return {kind: workload[kind] for kind in CLASSES}


def search(archive: Path, questions: Path) -> dict[str, Any]:
    """Search in a new process; returns its figures.

    Raises:
        subprocess.CalledProcessError: it failed; what it said is on standard error.
    """
    command = [sys.executable, "-m", __name__, str(archive), str(questions)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=Path(__file__).parents[2])
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


class _Opened:
    """An archive, opened for questions."""

    def __init__(self, archive: Path) -> None:
        self.snapshot: Snapshot = Snapshots(archive).open_current(Layout(archive).newest_epoch())
        (self._share,) = self.snapshot.partitions.shares(1)

    def ask(self, kind: QueryClass, question: Question, *, counting: bool) -> Answer:
        """The ids of the best, and the total if it is counted."""
        query = query_of(kind, question)
        plan = plan_of(query.node, self.snapshot.statistics)
        part, deadline_s = Slice(TOP, counting=counting), time.monotonic() + PATIENCE_S
        found = self._share.search(LeafQuery(plan, query.filters, query.sort, part, deadline_s))
        assert not found.failed, found.failed
        return Answer([match.article_id for match in found.matches], found.total if counting else None)

    def asking(self, *, counting: bool) -> dict[QueryClass, Ask]:
        """The same, class by class."""

        def of(kind: QueryClass) -> Ask:
            return lambda question: self.ask(kind, question, counting=counting)

        return {kind: of(kind) for kind in CLASSES}

    def dated(self, questions: Sequence[Question]) -> list[Question]:
        """The questions, each about some days of which the archive has news."""
        segments = [prepared.segment for leaf in self.snapshot.partitions.leaves for prepared in leaf.segments]
        random = Random(0)
        found = []
        for question in questions:
            (segment,) = random.choices(segments, [segment.size for segment in segments])
            day = int(segment.published_ms[random.randrange(segment.size)]) // _DAY_MS
            start_ms = (day - random.randrange(RANGE_DAYS)) * _DAY_MS
            found.append(Question(question.text, start_ms, start_ms + RANGE_DAYS * _DAY_MS))
        return found


def main(arguments: list[str]) -> int:
    """The command; called only by `search`."""
    archive, questions = map(Path, arguments)
    workload = read_workload(questions)
    start_mb = anonymous_mb()
    openings_ms = []
    for _opening in range(1 + OPENINGS):
        started_s = time.perf_counter()
        opened = _Opened(archive)
        opened.ask("or", workload["or"][0], counting=False)
        openings_ms.append((time.perf_counter() - started_s) * 1000)
    workload["date"] = opened.dated(workload["date"])
    asks = {total: opened.asking(counting=counting) for total, counting in TOTALS.items()}
    matches: dict[str, float] = {}
    for kind, asked in workload.items():
        answers = [[ask[kind](question) for question in asked] for ask in asks.values()]
        matches[kind] = round(fmean(answer.total or 0 for answer in answers[-1]), 1)
    times = take_turns(asks, workload)
    figures = {
        "open_ms": round(median(openings_ms[1:]), 3),
        "classes": {
            kind: {"matches": matches[kind], **{total: times[total][kind] for total in TOTALS}} for kind in CLASSES
        },
    }
    if start_mb:
        figures |= {"start_mb": round(start_mb, 1), "anon_mb": round(anonymous_mb(), 1)}
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
