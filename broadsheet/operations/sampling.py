"""Taking a look at the service: the epoch, the log, jobs, metrics and notes, put together as figures.

Contract: whatever cannot be found out is named and leaves the rest as it is: the page is for bad days. A look reads
files, and belongs into a thread; one at a time. Rates are those since the look before, if that is not longer ago than
`GAP_S`. The last `REMEMBERED` ticks are remembered, so that whoever opens the page sees what others saw.

Not here: the arithmetic (`counted.py`), who wants it when (`watching.py`).
"""

import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec
from prometheus_client import Metric

from broadsheet.operations.counted import (
    BOUNDS_MS,
    Counted,
    Measured,
    percentile_ms,
    rates,
    read_counts,
    round_s,
    since,
    span_of,
)
from broadsheet.operations.noted import Noted
from broadsheet.operations.shapes import (
    Answered,
    EpochFigures,
    Found,
    Gauges,
    JobFigures,
    LogFigures,
    OperationsAnswer,
    PartitionFigures,
    Span,
    Tick,
)
from indexer.events import LogError
from indexer.job_counts import JobCounts
from indexer.job_file import JobsError
from indexer.log import EventLog, log_path
from partition.manifest import RootManifest
from web.times import iso

GAP_S = 60.0
MINUTE_S = 60.0
REMEMBERED = 300


class Sources(NamedTuple):
    """Where figures come from."""

    root: Path
    max_backlog: int
    current: Callable[[], RootManifest | None]
    """The epoch that answers."""
    metrics: Callable[[], Iterable[Metric]]
    """Of all processes."""
    jobs: Callable[[], JobCounts]
    """Raises `JobsError`."""
    noted: Callable[[], Noted]
    now: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic


class Sample(NamedTuple):
    """One look, as it is told."""

    answer: OperationsAnswer
    whole: bytes
    """As JSON."""
    discreet: bytes
    """The same without what people searched for."""
    ticks: tuple[Tick, ...]
    """Those before it, oldest first."""

    def body(self, *, known: bool) -> bytes:
        """As JSON, for callers who are known and may learn what others search for, or who are not."""
        return self.whole if known else self.discreet


class _Before(NamedTuple):
    """A look that was taken."""

    at_s: float
    """By the monotonic clock."""
    counted: Counted
    tick: Tick


class Sampler:
    """Takes looks at one service."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._before: deque[_Before] = deque(maxlen=REMEMBERED)

    def look(self) -> Sample:
        """Take a look."""
        sources, unreadable = self._sources, list[str]()
        at_s, now_ms = sources.monotonic(), int(sources.now() * 1000)
        counted, measured = read_counts(sources.metrics())
        manifest = sources.current()
        log, waiting = _log_figures(sources, manifest, now_ms, unreadable)
        noted = sources.noted()
        tick = self._tick(at_s, now_ms, counted, measured, manifest, log)
        answer = OperationsAnswer(
            at=iso(now_ms),
            unreadable=unreadable,
            epoch=_epoch_figures(manifest, measured, now_ms) if manifest else None,
            log=log,
            partitions=_partitions(manifest, waiting) if manifest else [],
            jobs=_job_figures(sources, unreadable),
            now=_gauges(measured),
            minute=self._minute(at_s, counted),
            total=span_of(counted, None),
            bounds_ms=BOUNDS_MS,
            tick=tick,
            slowest=noted.searches,
            failures=noted.failures,
        )
        ticks = tuple(before.tick for before in self._before)
        self._before.append(_Before(at_s, counted, tick))
        return Sample(answer, msgspec.json.encode(answer), msgspec.json.encode(discreet(answer)), ticks)

    def _minute(self, at_s: float, counted: Counted) -> Span | None:
        """What came within the last minute, as far as it was looked at."""
        earliest = next((before for before in self._before if at_s - before.at_s <= MINUTE_S), None)
        if earliest is None:
            return None
        return span_of(since(earliest.counted, counted), at_s - earliest.at_s)

    def _tick(
        self,
        at_s: float,
        now_ms: int,
        counted: Counted,
        measured: Measured,
        manifest: RootManifest | None,
        log: LogFigures | None,
    ) -> Tick:
        tick = Tick(
            at_ms=now_ms,
            seconds=None,
            epoch=manifest.epoch if manifest else 0,
            articles=manifest.articles if manifest else 0,
            backlog=log.backlog if log else None,
            waiting_s=log.waiting_s if log else None,
            working=measured.get("broadsheet_admission_working"),
            queued=measured.get("broadsheet_admission_queued"),
            answered=None,
            searches=None,
            p50_ms=None,
            p99_ms=None,
            cache=None,
            events=None,
            epochs=None,
            round_s=None,
        )
        before = self._before[-1] if self._before else None
        if before is None or not 0 < at_s - before.at_s <= GAP_S:
            return tick
        seconds = at_s - before.at_s
        came = since(before.counted, counted)
        tick.seconds = round(seconds, 3)
        tick.answered = Answered(*rates(came.answered, seconds))
        tick.searches = [int(count) for count in came.searches]
        tick.p50_ms, tick.p99_ms = (percentile_ms(came.searches, share) for share in (0.5, 0.99))
        tick.cache = Found(*rates(came.cache, seconds))
        tick.events, tick.epochs = rates([came.events, max(0, tick.epoch - before.tick.epoch)], seconds)
        tick.round_s = round_s(came)
        return tick


def discreet(answer: OperationsAnswer) -> OperationsAnswer:
    """The same without what people searched for."""
    hidden = [msgspec.structs.replace(one, query=None, filters=None) for one in answer.slowest]
    return msgspec.structs.replace(answer, slowest=hidden)


def _epoch_figures(manifest: RootManifest, measured: Measured, now_ms: int) -> EpochFigures:
    return EpochFigures(
        epoch=manifest.epoch,
        published_at=iso(manifest.published_ms),
        age_s=max(0, now_ms - manifest.published_ms) / 1000,
        took_s=max(0, manifest.published_ms - manifest.indexed_through_ms) / 1000,
        articles=manifest.articles,
        segments=sum(record.segments for record in manifest.partitions),
        size_bytes=sum(record.size_bytes for record in manifest.partitions),
        statistics_epoch=manifest.statistics_epoch,
        parked=len(manifest.parked),
        applied_seq=manifest.applied_seq,
        indexed_through=iso(manifest.indexed_through_ms),
        slowest_process=measured.get("broadsheet_epoch"),
    )


def _log_figures(
    sources: Sources, manifest: RootManifest | None, now_ms: int, unreadable: list[str]
) -> tuple[LogFigures | None, dict[int, int]]:
    """How far the log is beyond the epoch; and how many of those events belong to each partition."""
    applied = manifest.applied_seq if manifest else 0
    try:
        with EventLog(log_path(sources.root)) as log:
            # One after the other, while others append: nothing is told beyond the first.
            last = max(applied, log.last_seq())
            waiting = log.pending(applied, last) if last > applied else {}
            oldest_ms = log.created_ms(applied + 1) if last > applied else now_ms
    except LogError as error:
        unreadable.append(f"log: {error}")
        return None, {}
    waiting_s = max(0, now_ms - (oldest_ms or now_ms)) / 1000
    return LogFigures(last, last - applied, waiting_s, sources.max_backlog), waiting


def _partitions(manifest: RootManifest, waiting: dict[int, int]) -> list[PartitionFigures]:
    return [
        PartitionFigures(
            partition=number,
            articles=record.articles,
            tombstones=record.tombstones,
            segments=record.segments,
            size_bytes=record.size_bytes,
            waiting=waiting.get(number, 0),
        )
        for number, record in enumerate(manifest.partitions)
    ]


def _job_figures(sources: Sources, unreadable: list[str]) -> list[JobFigures]:
    try:
        counts = sources.jobs()
    except JobsError as error:
        unreadable.append(f"jobs: {error}")
        return []
    return [
        JobFigures(kind, *(count[status] for status in ("queued", "running", "succeeded", "failed", "canceled")))
        for kind, count in sorted(counts.items())
    ]


def _gauges(measured: Measured) -> Gauges:
    return Gauges(
        working=measured.get("broadsheet_admission_working"),
        queued=measured.get("broadsheet_admission_queued"),
        cache_entries=measured.get("broadsheet_cache_memory_entries"),
        cache_bytes=measured.get("broadsheet_cache_memory_bytes"),
        without_redis=bool(measured.get("broadsheet_cache_breaker_open")),
        following=measured.get("broadsheet_changes_watching"),
        damaged=measured.get("broadsheet_damaged_partitions_total"),
    )
