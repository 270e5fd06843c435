"""Broadsheet: its log, its build and its leaf, with all partitions in the calling thread.

The build does what production does: events are appended to the log, the index is projected from it, with
statistics, checksums and fsync; fields that the peers lack (authors, sections, tags and others) are indexed and
stored too. `size_bytes` leaves the event log out: it is the archive's history, not its index.

Contract: everything that this package knows of the engine underneath is in this file. Each question is parsed and
planned from its text; nothing that a kept plan could answer is skipped.

Not here: the broker and its processes, HTTP.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.peers.engine import TOP, Answer, Ask, QueryClass, Question, folder_bytes
from indexer.builder import build_inline
from indexer.log import EventLog, Submission
from indexer.projection import Projector, advance_statistics, log_path
from indexer.publisher import Retention
from partition.manifest import Layout
from partition.segment import Segment
from partition.statistics import Statistics
from partition.types import Article
from search.exhaustive import Executor, Matches
from search.leaf import Leaf, Slice, search_leaves
from search.parsing import parse_query
from search.plan import plan_of
from search.query import Filters, Query, Sort
from search.snapshot import Snapshot, Snapshots

PATIENCE_S = 60.0


class Broadsheet:
    """The product, in one thread."""

    exact = True

    def __init__(self, partitions: int) -> None:
        """Args: over how many partitions the articles are spread."""
        self._partitions = partitions

    def build(self, articles: Sequence[Article], folder: Path) -> None:
        """As `Engine` says."""
        with EventLog(log_path(folder), partitions=self._partitions) as log:
            log.append([Submission(article.id, article, b"") for article in articles])
            advance_statistics(log)
            Projector(folder, log, build_inline, retention=Retention()).project()

    @contextmanager
    def open(self, folder: Path) -> Iterator[Mapping[QueryClass, Ask]]:
        """As `Engine` says."""
        snapshot = _newest(folder)
        statistics = snapshot.statistics
        leaves = _leaves(snapshot)

        def asking(kind: QueryClass) -> Ask:
            counting = kind == "or_total"

            def ask(question: Question) -> Answer:
                query = query_of(kind, question, statistics)
                deadline_s = time.monotonic() + PATIENCE_S
                plan = plan_of(query.node, statistics)
                total, matches = search_leaves(leaves, plan, query, Slice(TOP, counting=counting), deadline_s)
                return Answer([match.position.article_id for match in matches], total if counting else None)

            return ask

        asks: dict[QueryClass, Ask] = {
            "or": asking("or"),
            "or_total": asking("or_total"),
            "and": asking("and"),
            "and_empty": asking("and_empty"),
            "phrase": asking("phrase"),
            "date": asking("date"),
            "newest": asking("newest"),
        }
        yield asks

    def footprint(self, folder: Path) -> dict[str, int]:
        """As `Engine` says; `segments` of all partitions, and `log_bytes`."""
        log = log_path(folder)
        log_bytes = sum(path.stat().st_size for path in folder.glob(f"{log.name}*"))
        segments = sum(len(leaf.executors) for leaf in _leaves(_newest(folder)))
        return {"size_bytes": folder_bytes(folder) - log_bytes, "segments": segments, "log_bytes": log_bytes}


def query_of(kind: QueryClass, question: Question, statistics: Statistics) -> Query:
    """The query that a question of this class means."""
    match kind:
        case "and" | "and_empty":
            text = question.text
        case "phrase":
            text = f'"{question.text}"'
        case _:
            text = " OR ".join(question.text.split())
    filters = Filters(question.from_ms, question.to_ms) if kind == "date" else Filters()
    sort: Sort = "newest" if kind == "newest" else "relevance"
    return Query(parse_query(text, statistics.prefix_size), filters, sort)


class Exhaustive:
    """The index in a folder, executed plainly: every clause over every article."""

    def __init__(self, folder: Path) -> None:
        snapshot = _newest(folder)
        self._statistics = snapshot.statistics
        self.segments: list[Segment] = [segment for leaf in _leaves(snapshot) for segment in leaf.reader.segments]

    def execute(self, kind: QueryClass, question: Question) -> list[Matches]:
        """What matches a question of this class, segment by segment."""
        query = query_of(kind, question, self._statistics)
        deadline_s = time.monotonic() + PATIENCE_S
        executors = (Executor(segment, self._statistics, deadline_s) for segment in self.segments)
        return [executor.execute(query.node, query.filters) for executor in executors]


def _newest(folder: Path) -> Snapshot:
    return Snapshots(folder).open(Layout(folder).newest_epoch())


def _leaves(snapshot: Snapshot) -> list[Leaf]:
    """The partitions that hold anything."""
    opened = (snapshot.leaf(number) for number in range(len(snapshot.manifest.partitions)))
    return [leaf for leaf in opened if leaf]
