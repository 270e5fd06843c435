"""Building: one partition's next generation from its events.

Contract: a `BuildJob` is plain data; `build` does it and leaves only the new generation's files and, when asked,
this partition's share of a statistics epoch. An event that cannot be applied is parked, and all others are applied.

Not here: which partitions need a build (`projection.py`), several at a time (`builder_processes.py`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from indexer.events import Event
from indexer.log import EventLog
from indexer.parking import NOBODYS_FAULT, Unfit, unfit
from indexer.stories import Label, Stories
from partition.changes import Put, Withdraw
from partition.counting import count_partition
from partition.durability import together
from partition.format import MAX_ARTICLES
from partition.manifest import GenerationRecord, Layout, ParkedEvent
from partition.merge_aside import MergedSegments
from partition.reader import OpenFiles, PartitionReader
from partition.vocabulary import Vocabulary
from partition.writer import DEFAULT_MEMORY_MB, write_generation

Progress = Callable[[int], None]
"""Told, now and then, how many more articles were indexed since it was told last."""

_PROGRESS_EVERY = 50
_LABELLED = 100_000
"""Events of which the stories are looked up together."""
_VERSIONS = 10
"""Of an article whose last event cannot be applied, that are looked at together."""


@dataclass(frozen=True, slots=True)
class BuildJob:
    """What to build: generation `number` of `partition`, from `base` and the events in (after, through]."""

    root: str
    log: str
    partition: int
    base: GenerationRecord
    number: int
    after_seq: int
    through_seq: int
    since_seq: int
    """The earliest state that must still be seen."""
    pending: bool
    """Whether there are any."""
    count: bool
    """Also write the partition's share of a statistics epoch, to `counts_path`; none where it has no article."""
    merge: bool = False
    merge_up_to: int = MAX_ARTICLES
    """Segments of more articles are left for `merging.py`."""
    purge: bool = False
    """Write everything anew, so that nothing is left of what was taken down."""
    merged: tuple[MergedSegments, ...] = ()
    """What it has done; not for other processes."""
    parked: tuple[ParkedEvent, ...] = ()
    """Events of this partition that could not be applied, and that none has replaced since."""
    memory_mb: int = DEFAULT_MEMORY_MB
    """What the articles of one segment may take in memory while it is made."""

    @property
    def counts_path(self) -> Path:
        """Where the share of the statistics epoch goes."""
        return Layout(Path(self.root)).partition(self.partition) / f"{self.number:010d}.counts"


class Built(NamedTuple):
    """What came of a job."""

    record: GenerationRecord
    parked: tuple[ParkedEvent, ...]
    """As of `BuildJob`, afterwards."""


Builder = Callable[[Sequence[BuildJob], Progress], list[Built]]
"""Does all the jobs, and returns what came of them in the same order."""


def build(job: BuildJob, log: EventLog, progress: Progress, vocabulary: Vocabulary, opened: OpenFiles) -> Built:
    """Do one job in this process; its log, vocabulary and open files serve one job after the other."""
    built = Built(job.base, job.parked)
    folder = Layout(Path(job.root)).partition(job.partition)
    if job.pending or job.merge or job.merged or job.purge:
        changes = _Changes(job, log)
        try:
            record = _write(job, changes.read(progress), vocabulary, opened)
        except NOBODYS_FAULT:
            raise
        except Exception:
            changes.leave_out(unfit(change for change in changes.read() if isinstance(change, Put)))
            if not changes.unfit:
                raise
            record = _write(job, changes.read(), Vocabulary(), opened)
        built = Built(record, changes.parked())
    if job.count:
        job.counts_path.unlink(missing_ok=True)  # of an attempt that failed
        if built.record.segments:  # a partition built anew has a number, also without an article
            reader = PartitionReader(folder, built.record, opened=opened)
            count_partition(reader, job.counts_path, through_seq=job.through_seq)
    return built


def _write(
    job: BuildJob, changes: Iterator[Put | Withdraw], vocabulary: Vocabulary, opened: OpenFiles
) -> GenerationRecord:
    folder = Layout(Path(job.root)).partition(job.partition)
    number = f"{job.number:010d}"
    for path in folder.glob("*"):
        if number in path.name:
            path.unlink()  # of an attempt that failed: no epoch names this generation yet
    return write_generation(
        folder,
        number=job.number,
        base=job.base if job.base.generation else None,
        changes=changes,
        merge=job.merge,
        merge_up_to=job.merge_up_to,
        merged=job.merged,
        purge=job.purge,
        since_seq=job.since_seq,
        memory_mb=job.memory_mb,
        vocabulary=vocabulary,
        opened=opened,
    )


class _Changes:
    """The events of a job as changes, without those that cannot be applied.

    Where the last event of an article cannot be, the one before it is: as if each had been applied by itself.
    """

    def __init__(self, job: BuildJob, log: EventLog) -> None:
        self._job = job
        self._log = log
        self._earlier = {one.article_id: one for one in job.parked}
        self._since = {one.article_id: one.after_seq for one in job.parked}
        self._instead: dict[int, Put | Withdraw | None] = {}
        self._labels: dict[int, Label] = {}
        self._labelled = range(0)
        """The events of which these are the labels."""
        self.unfit: dict[int, ParkedEvent] = {}
        """By log sequence."""

    def leave_out(self, found: list[Unfit]) -> None:
        """Apply what was before these, from now on."""
        for one in found:
            before = self._before(one)
            # If there is none, it shows what it did when this job began.
            after_seq = before.seq if before else self._since.get(one.article_id, self._job.after_seq)
            self.unfit[one.seq] = ParkedEvent(*one, after_seq)
            self._instead[one.seq] = before

    def _before(self, one: Unfit) -> Put | Withdraw | None:
        """The newest of the article's events in this job, before that one, that can be applied."""
        seq = one.seq
        while events := self._log.history(one.article_id, before=seq, limit=_VERSIONS):
            for event in events:
                if event.seq <= self._job.after_seq:
                    return None
                if event.partition is not None and not event.fault:
                    change = self._change(event)
                    if isinstance(change, Withdraw) or not unfit([change]):
                        return change
            seq = events[-1].seq
        return None

    def parked(self) -> tuple[ParkedEvent, ...]:
        """What is parked after all of them were read."""
        return tuple(sorted((*self._earlier.values(), *self.unfit.values()), key=lambda one: one.seq))

    def read(self, progress: Progress = lambda _articles: None) -> Iterator[Put | Withdraw]:
        """All that can be applied, one for each article."""
        done = 0
        events = self._log.read(self._job.partition, self._job.after_seq, self._job.through_seq)
        for done, event in enumerate(events, start=1):
            self._earlier.pop(event.article_id, None)
            if event.fault and event.seq not in self.unfit:
                self.leave_out([Unfit(event.seq, event.article_id, event.fault)])
            change = self._instead[event.seq] if event.seq in self.unfit else self._change(event)
            if change:
                yield change
            if done % _PROGRESS_EVERY == 0:
                progress(_PROGRESS_EVERY)
        progress(done % _PROGRESS_EVERY)

    def _change(self, event: Event) -> Put | Withdraw:
        if event.article is None:
            return Withdraw(event.article_id, event.seq, erase=event.kind == "takedown")
        return Put(event.article, event.version, event.created_ms, event.seq, *self._label(event.seq))

    def _label(self, seq: int) -> Label:
        if seq not in self._labelled:
            self._labelled = range(seq, seq + _LABELLED)
            with Stories(Path(self._job.root)) as stories:
                self._labels = stories.labels(seq - 1, self._labelled[-1])
        return self._labels.get(seq, Label(seq, seq))


class InlineBuilder:
    """A `Builder` that works in this process, one job after the other, and remembers what it has opened."""

    def __init__(self) -> None:
        self._vocabulary = Vocabulary()
        self.opened = OpenFiles()
        self._held: dict[int, PartitionReader] = {}
        """The newest generations, which are the next to be built upon."""

    def __call__(self, jobs: Sequence[BuildJob], progress: Progress) -> list[Built]:
        """Do all the jobs.

        Raises:
            IndexFileError, LogError, OSError
        """
        if not jobs:
            return []
        with together(), EventLog(Path(jobs[0].log)) as log:
            return [self._build(job, log, progress) for job in jobs]

    def _build(self, job: BuildJob, log: EventLog, progress: Progress) -> Built:
        built = build(job, log, progress, self._vocabulary, self.opened)
        if built.parked:
            # What was raised in the middle of an article may have left half of something.
            self._vocabulary = Vocabulary()
        folder = Layout(Path(job.root)).partition(job.partition)
        self._held[job.partition] = PartitionReader(folder, built.record, opened=self.opened)
        return built
