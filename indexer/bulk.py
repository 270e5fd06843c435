"""Bulk indexing: files in, epochs out, and an account of every line.

Contract: every line becomes an article in the log or a reject with its reason; accepted + rejected = lines read.
Whatever ends the run early leaves the last published epoch searchable, and running it again goes on: what is in the
log is not logged twice. Indexing a file twice leaves the same index.

Not here: how files are read (`readers/`), how epochs are made (`projection.py`), progress bars (`broadsheet/`).
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, Protocol

from indexer.article import ArticleInvalid
from indexer.builder_processes import ProcessBuilder
from indexer.events import Log, LogFullError, Submission
from indexer.fields import FieldMap, has_column_numbers
from indexer.log import EventLog, log_path
from indexer.projection import Projector, advance_statistics, lift_all_due
from indexer.publisher import IndexerBusyError, IndexerLock, Retention
from indexer.readers import Record, Records, open_records
from indexer.rejects import Reject, RejectsFile
from indexer.stories import BATCH
from indexer.submitting import submission_of
from partition.manifest import Layout, read_manifest

DEFAULT_PARTITIONS = 8
_BATCH = 500
"""Articles logged in one transaction, at most."""
_FIRST_ROUND = 20_000
"""Changes after which the first epoch of a run is published, at most; rounds double from there."""
_ORPHANS_S = 1.0
"""How long to wait for builders whose parent was killed; whoever holds the lock for longer is indexing."""
_LOOK_S = 0.05
_REPORT_AFTER = 100
"""Records after which it is said what was taken for what."""


Announce = Callable[[Literal["log", "epoch"]], None]


class Reporter(Protocol):
    """Who is told how it goes."""

    def note(self, line: str) -> None:
        """Something worth a line."""

    def reading(self, lines: int, read_bytes: int, total_bytes: int | None) -> None:
        """So many lines and bytes of the input were read so far."""

    def indexing(self, done: int, total: int) -> None:
        """So many of the articles logged in this round are in the index."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run did."""

    lines: int
    accepted: int
    rejected: int
    changed: int
    """Accepted articles that were new or differed from what the archive held."""
    articles: int
    """Live articles in the archive now."""
    epoch: int
    """The newest epoch now."""
    seconds: float


def index_files(
    paths: Sequence[Path],
    root: Path,
    *,
    partitions: int | None,
    mapping: Mapping[str, str] | None,
    builders: int,
    memory_mb: int,
    round_articles: int,
    retention: Retention,
    reporter: Reporter,
    max_backlog: int | None = None,
    announce: Announce = lambda _name: None,
    stdin: BinaryIO | None = None,
) -> Summary:
    """Index files, folders and standard input (`-`) into the archive at `root`.

    Args:
        paths: what to read.
        root: the data folder; made if it is not there.
        partitions: how many, for a new archive; `None` takes what it has, or the default.
        mapping: canonical field name to the name in the files, besides the names that are recognised.
        builders: processes that build partitions side by side.
        memory_mb: what the articles of one segment may take in memory while it is made, in each of them.
        round_articles: changes after which an epoch is published on the way.
        retention: how long older epochs stay.
        reporter: told how it goes.
        max_backlog: how many changes may wait to be indexed before reading waits too.
        announce: called with `log` when something was logged, `epoch` when an epoch was published.
        stdin: what `-` reads.

    Raises:
        InputError: a path does not exist; nothing was changed.
        LogError, BuildError: the archive cannot be written.
    """
    started_s = time.monotonic()
    records = open_records(paths, header=not has_column_numbers(mapping or {}), stdin=stdin)
    root.mkdir(parents=True, exist_ok=True)
    made = log_path(root).exists()
    count = partitions if partitions or made else DEFAULT_PARTITIONS
    with (
        EventLog(log_path(root), partitions=count) as log,
        RejectsFile(root / "rejects.jsonl") as rejects,
    ):
        intake = _Intake(records, FieldMap(mapping), rejects, reporter)
        run = _Run(root, builders, memory_mb, retention, reporter, announce)
        try:
            with IndexerLock(root, wait_s=_ORPHANS_S) as lock:
                run.alone(intake, round_articles, log, lock)
        except IndexerBusyError:
            reporter.note("another process is indexing into this folder, and indexes what is read here too")
            with EventLog(log_path(root), max_backlog=max_backlog) as bounded:
                run.beside(intake, round_articles, bounded)
        return Summary(
            lines=records.lines,
            accepted=intake.accepted,
            rejected=intake.rejected,
            changed=intake.changed,
            articles=log.live_articles(),
            epoch=Layout(root).newest_epoch(),
            seconds=time.monotonic() - started_s,
        )


class _Run:
    """Brings the index up to what is read, by itself or with the help of whoever holds the lock."""

    def __init__(
        self,
        root: Path,
        builders: int,
        memory_mb: int,
        retention: Retention,
        reporter: Reporter,
        announce: Announce,
    ) -> None:
        self._root = root
        self._builders = builders
        self._memory_mb = memory_mb
        self._retention = retention
        self._reporter = reporter
        self._announce = announce

    def alone(self, intake: "_Intake", round_articles: int, log: EventLog, lock: IndexerLock) -> None:
        """Index everything; while a round is built, the next one is read, and its stories are decided."""
        with (
            ProcessBuilder(self._builders, lock.handle) as builder,
            ThreadPoolExecutor(1) as background,
            ThreadPoolExecutor(1) as ahead,
        ):
            following: Future[None] | None = None
            followed = log.last_seq()

            def logged() -> None:
                nonlocal following, followed
                last = log.last_seq()
                if last - followed >= BATCH and (following is None or following.done()):
                    following = ahead.submit(builder.follow_stories, self._root, last)
                    followed = last

            try:
                projecting: Future[None] | None = None
                for _round in intake.rounds(log, round_articles, logged):
                    if projecting:
                        projecting.result()
                    lift_all_due(log)
                    advance_statistics(log)
                    projecting = background.submit(self._project, log.last_seq(), builder)
                if projecting:
                    projecting.result()
            except BaseException:
                builder.stop()
                raise

    def beside(self, intake: "_Intake", round_articles: int, log: EventLog) -> None:
        """Log everything, and wait until it is in the index; where nobody indexes any more, do it."""
        for _round in intake.rounds(log, round_articles):
            self._announce("log")
            self._by_whoever(0)
        through = log.last_seq()
        before = self._applied()
        while (applied := self._by_whoever(through)) < through:
            self._reporter.indexing(applied - before, through - before)

    def _by_whoever(self, through: int) -> int:
        """Give others a moment to index up to `through`, or do it; returns how far the index is."""
        applied = self._applied()
        if applied < through:
            time.sleep(_LOOK_S)
        with (
            contextlib.suppress(IndexerBusyError),
            IndexerLock(self._root, wait_s=0) as lock,
            ProcessBuilder(self._builders, lock.handle) as builder,
            EventLog(log_path(self._root)) as log,
        ):
            lift_all_due(log)
            advance_statistics(log)
            self._project(log.last_seq(), builder)
        return self._applied()

    def _applied(self) -> int:
        layout = Layout(self._root)
        newest = layout.newest_epoch()
        return read_manifest(layout, newest).applied_seq if newest else 0

    def _project(self, through: int, builder: ProcessBuilder) -> None:
        with EventLog(log_path(self._root)) as log:  # a connection belongs to its thread
            projector = Projector(
                *(self._root, log, builder),
                retention=self._retention,
                memory_mb=self._memory_mb,
                follow=builder.follow_stories,
            )
            current = projector.current()
            total = sum(log.pending(current.applied_seq if current else 0, through).values())
            done = 0

            def progress(articles: int) -> None:
                nonlocal done
                done += articles
                if done < total:  # the end is told once, below
                    self._reporter.indexing(done, total)

            manifest = projector.project(through, progress=progress)
            log.applied(manifest.applied_seq)
            self._announce("epoch")
            if total:
                self._reporter.indexing(total, total)


class _Intake:
    """Reads, validates and logs, counting what becomes of each line."""

    def __init__(self, records: Records, fields: FieldMap, rejects: RejectsFile, reporter: Reporter) -> None:
        self._records = records
        self._fields = fields
        self._rejects = rejects
        self._reporter = reporter
        self.accepted = 0
        self.rejected = 0
        self.changed = 0

    def rounds(self, log: Log, round_articles: int, logged: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Log the input; yields whenever `round_articles` changes are in the log, or it is full, and at the end.

        `logged` is called when something was logged.

        The first rounds are shorter, so that there is something to build, and to search, soon.
        """
        batch: list[Submission] = []
        last_round, most = 0, round_articles
        round_articles = min(most, _FIRST_ROUND)
        size = min(_BATCH, round_articles)
        for item in self._records:
            submission = self._submission(item)
            if submission:
                batch.append(submission)
            if len(batch) == size:
                yield from self._append(log, batch)
                logged()
                batch = []
                if self.changed - last_round >= round_articles:
                    last_round, round_articles = self.changed, min(most, 2 * round_articles)
                    yield
        if self._records.records < _REPORT_AFTER:
            self._report_fields()
        yield from self._append(log, batch)
        yield

    def _submission(self, item: Record | Reject) -> Submission | None:
        if isinstance(item, Reject):
            self._reject(item)
            return None
        fields = self._fields.rename(item.values)
        if self._records.records == _REPORT_AFTER:
            self._report_fields()
        try:
            submission = submission_of(fields, now_ms=time.time_ns() // 1_000_000)
        except ArticleInvalid as error:
            self._reject(item.reject(str(error), error.article_id))
            return None
        self.accepted += 1
        return submission

    def _reject(self, reject: Reject) -> None:
        self.rejected += 1
        self._rejects.write(reject)

    def _append(self, log: Log, batch: list[Submission]) -> Iterator[None]:
        """Log a batch; yields while the log is full."""
        while batch:
            try:
                outcomes = log.append(batch)
            except LogFullError:
                time.sleep(_LOOK_S)
                yield
            else:
                self.changed += sum(outcome.seq is not None for outcome in outcomes)
                break
        meter = self._records.meter
        self._reporter.reading(self._records.lines, meter.read_bytes, self._records.total_bytes)

    def _report_fields(self) -> None:
        for line in self._fields.report():
            self._reporter.note(line)
