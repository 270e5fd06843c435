"""Importing web crawls: WARC files in, articles in the log, and an account of every page.

Contract: every HTML page becomes an article in the log or a reject with its reason. Pages are logged in batches of
`BATCH`; how far a file was read is saved after a batch is durable, so that whatever ends a run, the next one on the
same files goes on behind the last batch, and nothing is lost. What was logged after the last position was saved is
read again and logs nothing: batches begin and end at the same pages, and of an address that was captured several
times within one the last capture is logged. Files that were read to their end are not read again; those that could
not be read, though nothing is wrong with them, are.

An article's id is the address of its page, without fragment and default port.

Not here: reading WARC files (`readers/warc.py`), publishing what was logged (whoever is called as `logged`).
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from indexer.appending import Appender, Stopped
from indexer.article import ArticleInvalid
from indexer.crawl_positions import CrawlPositions, Seen, seen
from indexer.events import Log, Submission
from indexer.readers import UNREADABLE, Position, Record, WarcRecords, read_warc, warc_files
from indexer.rejects import Reject, RejectsFile
from indexer.submitting import submission_of

CLIENT = "import"
"""As whose the log knows these events."""
BATCH = 100
"""Pages, with those that are rejected, in one batch; it takes a process some seconds to find the articles in them."""


@dataclass(slots=True)
class Summary:
    """What a run did, or has done so far."""

    files: int = 0
    """That were given."""
    finished: int = 0
    """Of these, read to their end, now or before."""
    pages: int = 0
    """HTML pages that were read: accepted and rejected."""
    accepted: int = 0
    changed: int = 0
    """Accepted pages that were new or differed from what the archive held."""
    rejected: Counter[str] = field(default_factory=Counter)
    """By reason, without its details."""
    passed: Counter[str] = field(default_factory=Counter)
    """Responses that are no pages, by reason."""
    seconds: float = 0.0


def import_crawls(
    paths: Sequence[Path],
    log: Log,
    rejects: RejectsFile,
    positions: Path,
    *,
    processes: int = 1,
    stop: threading.Event | None = None,
    logged: Callable[[], None] = lambda: None,
    reporter: Callable[[Summary, Position], None] = lambda _summary, _position: None,
) -> Summary:
    """Import WARC files, and folders of them.

    Args:
        paths: what to read, in order.
        log: where the articles go.
        rejects: where it is listed what is no article.
        positions: a small SQLite file, made if it is not there.
        processes: how many look for articles side by side.
        stop: set it to end behind the batch that is being read.
        logged: called when something was logged, and whenever the log is full: whoever indexes may be woken.
        reporter: told how it goes, after each batch.

    Raises:
        InputError: a path does not exist, or a folder holds no WARC file; nothing was changed.
        PositionsError: the file at `positions` cannot be used.
        Stopped: `stop` was set.
        LogError, OSError: something cannot be written or read.
    """
    files = {file: seen(file) for file in map(Path.absolute, warc_files(paths))}
    with CrawlPositions(positions) as known:
        found = {file: known.load(as_seen) for file, as_seen in files.items()}
        waiting = [file for file, (_, ended) in found.items() if not ended]
        starts = {position.file: position for position, _ in found.values() if position}
        records = read_warc(waiting, starts=starts, processes=processes)
        appender = Appender(log, stop=stop or threading.Event(), logged=logged)
        crawl = _Crawl(records, [files[file] for file in waiting], appender, rejects, known)
        crawl.summary.files, crawl.summary.finished = len(files), len(files) - len(waiting)
        crawl.run(stop, reporter)
    return crawl.summary


class _Crawl:
    """One run."""

    def __init__(
        self,
        records: WarcRecords,
        files: list[Seen],
        appender: Appender,
        rejects: RejectsFile,
        known: CrawlPositions,
    ) -> None:
        self._records = records
        self._files = files
        self._places = {file.file: place for place, file in enumerate(files)}
        self._unreadable: set[str] = set()
        self._appender = appender
        self._rejects = rejects
        self._known = known
        self._ended = 0
        """How many of the files were read to their end."""
        self._batch: dict[str, Submission] = {}
        self._refused: list[Reject] = []
        self._read = 0
        self._began_s = time.monotonic()
        self.summary = Summary(passed=records.passed)

    def run(self, stop: threading.Event | None, reporter: Callable[[Summary, Position], None]) -> None:
        """Read and log everything."""
        for item in self._records:
            self._take(item)
            if self._read == BATCH:
                self._save(reporter)
                if stop and stop.is_set():
                    raise Stopped
        self._save(reporter)
        self._finish(len(self._files))

    def _take(self, item: Record | Reject) -> None:
        self._read += 1
        if isinstance(item, Record):
            try:
                submission = submission_of(item.values, now_ms=time.time_ns() // 1_000_000)
            except ArticleInvalid as invalid:
                item = item.reject(str(invalid), invalid.article_id)
            else:
                # Taken out first, so that the last capture also comes last.
                self._batch.pop(submission.article_id, None)
                self._batch[submission.article_id] = replace(submission, client=CLIENT)
                self.summary.accepted += 1
        if isinstance(item, Reject):
            if item.reason.startswith(UNREADABLE):
                self._unreadable.add(item.file)
            self._refused.append(item)
            self.summary.rejected[item.reason.partition(":")[0]] += 1

    def _save(self, reporter: Callable[[Summary, Position], None]) -> None:
        """Make durable what was read, then how far that is."""
        position = self._records.position
        if position is None or not self._read:
            return
        outcomes = self._appender.append(list(self._batch.values()))
        for reject in self._refused:
            self._rejects.write(reject)
        self.summary.pages += self._read
        self.summary.changed += sum(outcome.seq is not None for outcome in outcomes)
        self._batch, self._refused, self._read = {}, [], 0
        self._finish(self._places[position.file], position)
        reporter(self.summary, position)

    def _finish(self, ended: int, position: Position | None = None) -> None:
        """Remember that so many files were read to their end, and where the next one was left."""
        finished = [file for file in self._files[self._ended : ended] if file.file not in self._unreadable]
        left = self._files[ended] if position and position.file not in self._unreadable else None
        self._known.save(finished, left, position)
        self.summary.finished += len(finished)
        self.summary.seconds = time.monotonic() - self._began_s
        self._ended = ended
