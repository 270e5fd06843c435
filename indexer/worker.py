"""The live indexer: it follows the log, and publishes what it says as small epochs.

Contract: what is logged is searchable after one round, which a round every `EPOCH_EVERY_S` at most and
`ROUND_EVENTS` at most keep short; rounds that keep up take four fifths of the time at most. A backlog of more than
`MANY_EVENTS` is brought in by several processes, in larger rounds. Embargoes are lifted when their time has come, in
as many rounds as that takes; statistics advance at most hourly. What was taken down is left out of the files soon
after it is out of sight. Outcomes of writes are forgotten when their jobs are. It notes in the log how far it is and
how fast it was. Whatever fails ends it: the next one begins where the newest epoch ends.

Not here: how a round is built (`projection.py`), who starts it again (`broadsheet/`), single runs (`bulk.py`).
"""

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import structlog
from prometheus_client import Counter, Gauge, Histogram

from indexer.builder import BuildJob, Built, InlineBuilder, Progress
from indexer.builder_processes import ProcessBuilder
from indexer.events import Log
from indexer.jobs import KEPT_MS, id_bound
from indexer.log import EventLog, log_path
from indexer.merging import BackgroundMerger
from indexer.projection import Projector, advance_statistics
from indexer.publisher import IndexerLock, Retention
from indexer.stories import follow_stories
from partition.writer import DEFAULT_MEMORY_MB

EPOCH_EVERY_S = 0.2
MAX_PAUSE_S = 0.5
"""After a round that left nothing, none is made for a quarter of the time that it took, up to this: on a busy machine
searches get their share. A backlog is brought in without such pauses, and what is logged later than that is taken at
once. (Measured: no pause makes searches slower and nothing fresher, a pause as long as the round makes all less fresh
and searches no faster.)"""
LOOK_EVERY_S = 1.0
"""How long it waits at most before it looks whether there is something to do."""
ROUND_EVENTS = 2000
MANY_EVENTS = 10_000
STATISTICS_EVERY_S = 3600
PURGE_EVERY_S = 60.0
"""Takedowns that come within this time are purged together, but for the first."""
FORGET_EVERY_S = 60.0
_SMOOTHING = 0.3
"""Weight of the newest round in the rate."""
_TELLING_EVENTS = 100
"""Events of a round whose rate says something."""

_NEWEST: Literal["livemostrecent"] = "livemostrecent"
_APPLIED = Gauge(
    "broadsheet_indexer_applied_seq",
    "The log sequence that the newest epoch has applied",
    multiprocess_mode="livemostrecent",
)
_WAITING = Gauge(
    "broadsheet_indexer_backlog", "Events of the log that are not applied yet", multiprocess_mode="livemostrecent"
)
_SEGMENTS = Gauge("broadsheet_segments", "Segments of the newest epoch", multiprocess_mode=_NEWEST)
_PARKED = Gauge("broadsheet_parked_events", "Events that could not be applied", multiprocess_mode=_NEWEST)
_ROUND = Histogram(
    "broadsheet_indexer_round_seconds",
    "Time of a round that published an epoch",
    buckets=(0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 60),
)
_EVENTS = Counter("broadsheet_indexer_events", "Events of the log that were applied")
_log = structlog.get_logger()


class Worker:
    """The indexer of one archive, by whoever holds its lock; a context manager."""

    def __init__(
        self,
        root: Path,
        lock: IndexerLock,
        *,
        retention: Retention,
        builders: int,
        memory_mb: int = DEFAULT_MEMORY_MB,
        published: Callable[[], None] = lambda: None,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        """As `Projector`, with processes for a large backlog, and `published`, which is called after each epoch."""
        self._lock = lock
        self._builders = builders
        self._published = published
        self._now_ms = now_ms
        self._inline = InlineBuilder()
        self._processes: ProcessBuilder | None = None
        self._purge_at_s = self._forget_at_s = 0.0
        with contextlib.ExitStack() as undo:
            self._log: Log = undo.enter_context(EventLog(log_path(root), now_ms=now_ms))
            merger = undo.enter_context(BackgroundMerger(root, self._inline.opened))
            undo.callback(self._end_processes)
            self._projector = Projector(
                *(root, self._log, self._build),
                retention=retention,
                memory_mb=memory_mb,
                merger=merger,
                follow=self._follow,
                now_ms=now_ms,
            )
            current = self._projector.current()
            self._applied = current.applied_seq if current else 0
            self._epoch = current.epoch if current else 0
            self._parked = set(current.parked) if current else set()
            self._log.applied(self._applied)
            self._per_s = float(self._log.drain().per_s)
            self._undo = undo.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._undo.close()

    def run(self, wait: Callable[[float], None], stop: threading.Event) -> None:
        """Follow the log until `stop` is set.

        Args:
            wait: returns after so many seconds at most, sooner if something was logged or `stop` was set.
            stop: the round that is being made is finished.

        Raises:
            LogError, BuildError, IndexFileError, OSError
        """
        while not stop.is_set():
            started_s = time.monotonic()
            more = self.turn()
            spent_s = time.monotonic() - started_s
            # Rounds that follow each other take what has come meanwhile: fewer and larger ones where they take long.
            next_s = started_s + max(EPOCH_EVERY_S, spent_s if more else spent_s + min(spent_s / 4, MAX_PAUSE_S))
            if not more:
                wait(self._patience_s())
            stop.wait(max(0.0, next_s - time.monotonic()))

    def turn(self) -> bool:
        """Make one round, if there is something to do; whether there is more."""
        started_s = time.monotonic()
        self._lift()
        self._forget(started_s)
        advance_statistics(self._log, now_ms=self._now_ms(), every_s=STATISTICS_EVERY_S)
        last = self._log.last_seq()
        waiting = last - self._applied
        if waiting > MANY_EVENTS:
            self._processes = self._processes or ProcessBuilder(self._builders, self._lock.handle)
        elif self._processes:
            self._end_processes()
        through = min(last, self._applied + (MANY_EVENTS if self._processes else ROUND_EVENTS))
        manifest = self._projector.project(through)
        if manifest.erased_seq > manifest.purged_seq and through == last and started_s >= self._purge_at_s:
            manifest = self._projector.purge()
            self._purge_at_s = time.monotonic() + PURGE_EVERY_S
        applied = manifest.applied_seq - self._applied
        if manifest.epoch != self._epoch:
            seconds = time.monotonic() - started_s
            _ROUND.observe(seconds)
            _EVENTS.inc(applied)
            if applied >= _TELLING_EVENTS:
                rate = applied / max(seconds, EPOCH_EVERY_S if applied == waiting else 0)
                self._per_s += (rate - self._per_s) * (_SMOOTHING if self._per_s else 1)
            for one in set(manifest.parked) - self._parked:
                _log.error("event parked", seq=one.seq, article=one.article_id, reason=one.reason)
            self._parked = set(manifest.parked)
            self._applied, self._epoch = manifest.applied_seq, manifest.epoch
            self._log.applied(self._applied, round(self._per_s))
            self._published()
            _APPLIED.set(self._applied)
            _SEGMENTS.set(sum(record.segments for record in manifest.partitions))
            _PARKED.set(len(manifest.parked))
        self._projector.tidy()
        _WAITING.set(last - self._applied)
        return self._applied < last

    def _lift(self) -> None:
        """Lift what is due, as much as one round can bring in; many embargoes end at midnight."""
        while self._log.last_seq() - self._applied <= MANY_EVENTS and self._log.lift_due():
            pass

    def _forget(self, now_s: float) -> None:
        """Forget, now and then, what became of write requests that can no longer be asked about."""
        if now_s >= self._forget_at_s:
            before = id_bound(max(0, self._now_ms() - KEPT_MS))
            more = self._log.forget(before, ROUND_EVENTS) == ROUND_EVENTS
            self._forget_at_s = now_s + (0 if more else FORGET_EVERY_S)

    def _build(self, jobs: Sequence[BuildJob], progress: Progress) -> list[Built]:
        # What was merged here is taken over here.
        here = [job for job in jobs if job.merged or not self._processes]
        built = {job.partition: one for job, one in zip(here, self._inline(here, progress), strict=True)}
        if self._processes:
            there = [job for job in jobs if not job.merged]
            built |= {job.partition: one for job, one in zip(there, self._processes(there, progress), strict=True)}
        return [built[job.partition] for job in jobs]

    def _follow(self, root: Path, through: int) -> None:
        follow = self._processes.follow_stories if self._processes else follow_stories
        follow(root, through)

    def _end_processes(self) -> None:
        if self._processes:
            self._processes.__exit__()
            self._processes = None

    def _patience_s(self) -> float:
        lift_ms = self._log.next_lift_ms()
        until_lift_s = LOOK_EVERY_S if lift_ms is None else (lift_ms - self._now_ms()) / 1000
        return max(0.0, min(LOOK_EVERY_S, until_lift_s))
