"""Broadsheet: its segments, its statistics and its leaf, with all partitions in the calling thread.

The build does what production does with articles that are in the log: fields that the peers lack (authors, sections,
tags and others) are indexed and stored too, everything is checksummed and fsynced, statistics are counted and an
epoch is published. The log itself is the archive's history, not its index, and is left out.

Contract: everything that this package knows of the engine underneath is in this file. Each question is parsed and
planned from its text, each time anew. What a share remembers of the lists of words that were asked before it does
remember, as in production; every engine is asked every question once before it is timed.

Not here: the broker and its threads, HTTP.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.peers.engine import TOP, Answer, Ask, QueryClass, Question, folder_bytes
from indexer.publisher import publish
from indexer.routing import ROUTING_VERSION, partition_of
from partition.analysis import ENGLISH
from partition.changes import Put
from partition.counting import count_partition, merge_counts
from partition.manifest import FileRecord, LanguageRecord, Layout, RootManifest, StatisticsRecord
from partition.reader import PartitionReader
from partition.schema import SCHEMA_VERSION
from partition.segment import Segment
from partition.types import Article
from partition.vocabulary import Vocabulary
from partition.writer import write_generation
from search.exhaustive import Executor, Matches
from search.leaf import LeafQuery, Slice
from search.parsing import parse_query
from search.plan import plan_of
from search.query import Filters, Query, Sort
from search.snapshot import Snapshot, Snapshots
from search.terms import analysed

PATIENCE_S = 60.0


MEMORY_MB = 2048
"""A partition becomes one segment, as it would by merging."""


class Broadsheet:
    """The product, in one thread."""

    exact = True

    def __init__(self, partitions: int) -> None:
        """Args: over how many partitions the articles are spread."""
        self._partitions = partitions

    def build(self, articles: Sequence[Article], folder: Path) -> None:
        """As `Engine` says."""
        layout = Layout(folder)
        vocabulary = Vocabulary()
        shares: list[list[Article]] = [[] for _ in range(self._partitions)]
        for article in articles:
            shares[partition_of(article.id, self._partitions)].append(article)
        records, counts = [], []
        for partition, share in enumerate(shares):
            home = layout.partition(partition)
            changes = (Put(article, version=1, indexed_ms=0, seq=1) for article in share)
            record = write_generation(
                home, number=1, base=None, changes=changes, since_seq=1, memory_mb=MEMORY_MB, vocabulary=vocabulary
            )
            counts.append(home / "1.counts")
            count_partition(PartitionReader(home, record), counts[-1], through_seq=1)
            records.append(record)
        layout.statistics.mkdir(parents=True)
        statistics = layout.statistics / "1.stat"
        seal = merge_counts(statistics, shares=counts, through_seq=1)
        for share_path in counts:
            share_path.unlink()
        frozen = FileRecord(statistics.name, statistics.stat().st_size, seal)
        publish(
            layout,
            RootManifest(
                epoch=1,
                published_ms=0,
                routing_version=ROUTING_VERSION,
                applied_seq=1,
                indexed_through_ms=0,
                archive="0" * 16,
                lineage=0,
                since_seq=1,
                history=(),
                parked=(),
                erased_seq=0,
                purged_seq=0,
                schema_version=SCHEMA_VERSION,
                languages=(LanguageRecord(ENGLISH, 1),),
                statistics=(StatisticsRecord(1, 1, frozen),),
                partitions=tuple(records),
            ),
        )

    @contextmanager
    def open(self, folder: Path) -> Iterator[Mapping[QueryClass, Ask]]:
        """As `Engine` says."""
        snapshot = _newest(folder)
        statistics = snapshot.statistics
        (share,) = snapshot.partitions.shares(1)

        def asking(kind: QueryClass) -> Ask:
            counting = kind == "or_total"

            def ask(question: Question) -> Answer:
                query = query_of(kind, question)
                deadline_s = time.monotonic() + PATIENCE_S
                plan = plan_of(query.node, statistics)
                part = Slice(TOP, counting=counting)
                found = share.search(LeafQuery(plan, query.filters, query.sort, part, deadline_s))
                assert not found.failed, found.failed
                return Answer([match.article_id for match in found.matches], found.total if counting else None)

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
        """As `Engine` says; `segments` of all partitions."""
        segments = sum(len(leaf.segments) for leaf in _newest(folder).partitions.leaves)
        return {"size_bytes": folder_bytes(folder), "segments": segments}


def query_of(kind: QueryClass, question: Question) -> Query:
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
    return Query(analysed(parse_query(text).node, (ENGLISH,)), filters, sort)


class Exhaustive:
    """The index in a folder, executed plainly: every clause over every article."""

    def __init__(self, folder: Path) -> None:
        snapshot = _newest(folder)
        self._statistics = snapshot.statistics
        self.segments: list[Segment] = [
            segment for leaf in snapshot.partitions.leaves for segment in leaf.reader.segments
        ]

    def execute(self, kind: QueryClass, question: Question) -> list[Matches]:
        """What matches a question of this class, segment by segment."""
        query = query_of(kind, question)
        deadline_s = time.monotonic() + PATIENCE_S
        executors = (Executor(segment, self._statistics, deadline_s) for segment in self.segments)
        return [executor.execute(query.node, query.filters) for executor in executors]


def _newest(folder: Path) -> Snapshot:
    return Snapshots(folder).open_current(Layout(folder).newest_epoch())
