"""Bulk indexing: files in, epochs out, and an account of every line.

Contract: every line becomes an article in the log or a reject with its reason; accepted + rejected = lines read.
Whatever ends the run early leaves the last published epoch searchable, and running it again goes on: what is in the
log is not logged twice. Indexing a file twice leaves the same index.

Not here: how files are read (`readers/`), how epochs are made (`projection.py`), progress bars (`broadsheet/`).
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from indexer.article import ArticleInvalid, validate
from indexer.builder import ProcessBuilder
from indexer.events import Submission
from indexer.fields import FieldMap, has_column_numbers
from indexer.log import EventLog
from indexer.projection import Projector, advance_statistics, log_path
from indexer.publisher import IndexerLock, Retention
from indexer.readers import Record, Records, open_records
from indexer.rejects import Reject, RejectsFile

DEFAULT_PARTITIONS = 8
_BATCH = 500
"""Articles logged in one transaction, at most."""
_FIRST_ROUND = 20_000
"""Changes after which the first epoch of a run is published, at most; rounds double from there."""
_REPORT_AFTER = 100
"""Records after which it is said what was taken for what."""


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
        stdin: what `-` reads.

    Raises:
        InputError: a path does not exist; nothing was changed.
        LogError, IndexerBusyError, BuildError: the archive cannot be written.
    """
    started_s = time.monotonic()
    records = open_records(paths, header=not has_column_numbers(mapping or {}), stdin=stdin)
    root.mkdir(parents=True, exist_ok=True)
    with IndexerLock(root) as lock:
        made = log_path(root).exists()
        count = partitions if partitions or made else DEFAULT_PARTITIONS
        with (
            EventLog(log_path(root), partitions=count) as log,
            RejectsFile(root / "rejects.jsonl") as rejects,
            ProcessBuilder(builders, lock.handle) as builder,
        ):
            projector = Projector(root, log, builder, retention=retention, memory_mb=memory_mb)
            intake = _Intake(records, FieldMap(mapping), log, rejects, reporter)

            def project(through: int) -> None:
                with EventLog(log_path(root)) as own:  # a connection belongs to its thread
                    behind = Projector(root, own, builder, retention=retention, memory_mb=memory_mb)
                    _project(own, behind, through, reporter)

            # While a round is built, the next one is read.
            with ThreadPoolExecutor(1) as background:
                try:
                    projecting: Future[None] | None = None
                    for _round in intake.rounds(round_articles):
                        if projecting:
                            projecting.result()
                        advance_statistics(log)
                        projecting = background.submit(project, log.last_seq())
                    if projecting:
                        projecting.result()
                except BaseException:
                    builder.stop()
                    raise
            manifest = projector.current()
            return Summary(
                lines=records.lines,
                accepted=intake.accepted,
                rejected=intake.rejected,
                changed=intake.changed,
                articles=log.live_articles(),
                epoch=manifest.epoch if manifest else 0,
                seconds=time.monotonic() - started_s,
            )


class _Intake:
    """Reads, validates and logs, counting what becomes of each line."""

    def __init__(
        self, records: Records, fields: FieldMap, log: EventLog, rejects: RejectsFile, reporter: Reporter
    ) -> None:
        self._records = records
        self._fields = fields
        self._log = log
        self._rejects = rejects
        self._reporter = reporter
        self.accepted = 0
        self.rejected = 0
        self.changed = 0

    def rounds(self, round_articles: int) -> Iterator[None]:
        """Log the input; yields whenever `round_articles` changes are in the log, and at the end.

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
                self._append(batch)
                batch = []
                if self.changed - last_round >= round_articles:
                    last_round, round_articles = self.changed, min(most, 2 * round_articles)
                    yield
        if self._records.records < _REPORT_AFTER:
            self._report_fields()
        self._append(batch)
        yield

    def _submission(self, item: Record | Reject) -> Submission | None:
        if isinstance(item, Reject):
            self._reject(item)
            return None
        fields = self._fields.rename(item.values)
        if self._records.records == _REPORT_AFTER:
            self._report_fields()
        try:
            valid = validate(fields, now_ms=time.time_ns() // 1_000_000)
        except ArticleInvalid as error:
            self._reject(item.reject(str(error), error.article_id))
            return None
        self.accepted += 1
        return Submission(valid.article.id, valid.article, valid.digest)

    def _reject(self, reject: Reject) -> None:
        self.rejected += 1
        self._rejects.write(reject)

    def _append(self, batch: list[Submission]) -> None:
        if batch:
            self.changed += sum(outcome.seq is not None for outcome in self._log.append(batch))
        meter = self._records.meter
        self._reporter.reading(self._records.lines, meter.read_bytes, self._records.total_bytes)

    def _report_fields(self) -> None:
        for line in self._fields.report():
            self._reporter.note(line)


def _project(log: EventLog, projector: Projector, through: int, reporter: Reporter) -> None:
    current = projector.current()
    total = sum(log.pending(current.applied_seq if current else 0, through).values())
    done = 0

    def progress(articles: int) -> None:
        nonlocal done
        done += articles
        if done < total:  # the end is told once, below
            reporter.indexing(done, total)

    projector.project(through, progress=progress)
    if total:
        reporter.indexing(total, total)
