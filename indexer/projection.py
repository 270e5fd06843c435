"""Projection: the index is brought up to the log, and each new state published as an epoch.

Contract: what an epoch holds is a function of the log up to its `applied_seq` and of nothing else; the manifest
stores that sequence, so that every event is applied exactly once whatever happens in between. An epoch with fewer or
more articles than the log says is not published. Statistics are frozen, and partitions change in number, exactly
where the log says so, whatever the moments of publishing: a projection stops at each such event.

Not here: reading input (`bulk.py`), how one partition is built (`builder.py`).
"""

import time
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from indexer.builder import Builder, BuildJob, Progress
from indexer.builder_processes import BuildError
from indexer.events import Log, LogError
from indexer.freezing import forget_words, freeze, no_statistics
from indexer.log import log_path
from indexer.merging import BackgroundMerger, small
from indexer.publisher import Known, Retention, prune, publish
from indexer.resharding import spread
from indexer.routing import ROUTING_VERSION, partition_of
from indexer.stories import Follow, Stories, follow_stories
from partition.envelope import make_folder
from partition.errors import IndexFileError
from partition.format import MAX_ARTICLES
from partition.manifest import (
    EMPTY_GENERATION,
    GenerationRecord,
    LanguageRecord,
    Layout,
    ParkedEvent,
    RootManifest,
    last_number,
    read_manifest,
)
from partition.merge_aside import MergedSegments
from partition.reader import OpenFiles, PartitionReader
from partition.schema import SCHEMA_VERSION
from partition.statistics import Statistics
from partition.writer import DEFAULT_MEMORY_MB

PRUNE_EVERY_S = 5
"""While articles arrive one by one."""
MERGE_EVERY = 4
"""Generations of a partition of which one merges small segments, while articles arrive one by one."""
STATISTICS_GROWTH = 0.1
"""Statistics advance when the number of live articles has changed by this share since they were frozen."""


class MiscountError(BuildError):
    """What was built is not what the log says; it was not published, and the epoch before stays."""


def statistics_due(live: int, frozen: int, *, early: bool = False) -> bool:
    """Whether `live` articles have outgrown statistics frozen at `frozen` articles; `early` takes more than that."""
    growth = abs(live - frozen)
    return growth >= max(1, (1 if early else STATISTICS_GROWTH) * frozen)


def advance_statistics(log: Log, *, now_ms: int = 0, every_s: int = 0) -> None:
    """Log a statistics event if one is due: not within `every_s` of the last, unless articles have doubled since."""
    events = log.statistics_events(0, log.last_seq())
    seq, frozen = events[-1] if events else (0, 0)
    # What lies ahead was logged before the clock was put back.
    early = 0 <= now_ms - log.created_ms(seq) < every_s * 1000
    if statistics_due(log.live_articles(), frozen, early=early):
        log.append_statistics()


def lift_all_due(log: Log) -> None:
    """Lift every embargo that has ended."""
    while log.lift_due():
        pass


class Projector:
    """Brings the archive in `root` up to its log; needs the `IndexerLock`.

    Raises:
        LogError: the log is not the one that the archive was made from, or its rules were others.
        IndexFileError: the newest epoch is damaged, and all is not to be built anew: no server could open what is
            built upon it.
    """

    def __init__(
        self,
        root: Path,
        log: Log,
        builder: Builder,
        *,
        retention: Retention,
        memory_mb: int = DEFAULT_MEMORY_MB,
        merger: BackgroundMerger | None = None,
        follow: Follow = follow_stories,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        now_s: Callable[[], float] = time.monotonic,
        anew: bool = False,
    ) -> None:
        """Args: its parts; and whether all is to be built `anew`, so that what there is may be damaged."""
        self._layout = Layout(root)
        self._log = log
        self._builder = builder
        self._retention = retention
        self._memory_mb = memory_mb
        self._merger = merger
        self._follow = follow
        self._now_ms, self._now_s = now_ms, now_s
        for folder in (self._layout.epochs, self._layout.statistics):
            make_folder(folder)
        self._known: dict[int, Known] = {}
        self._prune_at_s = 0.0
        self._taking = False
        """Whether the state in the making has taken over what was merged."""
        try:
            current = self.current()
        except IndexFileError:
            if not anew:
                raise
            current = None
        if current and current.applied_seq > log.last_seq():
            raise LogError(
                f"the event log ends before epoch {current.epoch}, which was made from it; restore the log from a "
                "copy, or index into a new folder"
            )
        if current and not anew:
            self._open(current)
        if not anew:
            self._prune()  # nothing that could be gone back to, before it is known that this one is sound

    def _open(self, manifest: RootManifest) -> None:
        """Look at every file as a server does that opens the epoch."""
        for frozen in manifest.statistics:
            Statistics(self._layout.statistics / frozen.file.name, seal=frozen.file.seal)
        for partition, record in enumerate(manifest.partitions):
            if record.generation:
                PartitionReader(self._layout.partition(partition), record)

    def current(self) -> RootManifest | None:
        """The newest epoch, `None` before the first.

        Raises:
            LogError: the archive was made by a version with other rules of routing or analysis.
        """
        newest = self._layout.newest_epoch()
        if not newest:
            return None
        manifest = read_manifest(self._layout, newest)
        if (manifest.routing_version, manifest.schema_version) != (ROUTING_VERSION, SCHEMA_VERSION):
            raise LogError("this archive was indexed under other rules; index its articles into a new folder")
        return manifest

    def project(
        self,
        through: int | None = None,
        *,
        merge: bool = False,
        purge: bool = False,
        progress: Progress = lambda _articles: None,
    ) -> RootManifest:
        """Apply what the log holds and publish it; publishes nothing when there is nothing new.

        Args:
            through: up to this sequence, `None` for everything.
            merge: also merge every partition into one segment.
            purge: also leave out of all files what was taken down; if the log freezes statistics at `through`.
            progress: told how many articles were indexed.

        Raises:
            MiscountError, BuildError, IndexFileError, LogError, OSError
        """
        through = self._log.last_seq() if through is None else through
        manifest = self.current() or self._genesis()
        if through > manifest.applied_seq:
            self._follow(self._layout.root, through)
        for state in self._states(manifest, through, merge=merge, purge=purge, progress=progress):
            self._publish(state)
            manifest = state
        return manifest

    def rebuild(self, progress: Progress = lambda _articles: None) -> RootManifest:
        """Build the index again from the log alone, beside what there is, and publish it in one epoch.

        It answers as before, but for walks that are under way: earlier states are not built.
        """
        kept, self._retention = self._retention, Retention(seconds=0)
        try:
            start, through = self._genesis(beside=True), self._log.last_seq()
            self._follow(self._layout.root, through)
            states = list(self._states(start, through, merge=False, purge=False, progress=progress))
        finally:
            self._retention = kept
        if not states:
            raise LogError("the log is empty: there is nothing to build")
        epoch = self._layout.newest_epoch() + 1
        manifest = replace(states[-1], epoch=epoch, lineage=epoch)
        self._publish(manifest)
        return manifest

    def _states(
        self, manifest: RootManifest, through: int, *, merge: bool, purge: bool, progress: Progress
    ) -> Iterator[RootManifest]:
        """The states to be published after this one, in order."""
        stops = [(seq, 0) for seq, _live in self._log.statistics_events(manifest.applied_seq, through)]
        for seq, partitions in sorted(stops + self._log.reshards(manifest.applied_seq, through)):
            if not partitions:
                last = purge and seq == through
                manifest = self._advance(manifest, seq, count=True, merge=False, purge=last, progress=progress)
            else:
                if seq - 1 > manifest.applied_seq:
                    manifest = self._advance(manifest, seq - 1, count=False, merge=False, progress=progress)
                    yield manifest
                manifest = self._reshard(manifest, seq, partitions)
            yield manifest
        if through > manifest.applied_seq or merge or (self._merger and self._merger.ready()):
            yield self._advance(manifest, through, count=False, merge=merge, progress=progress)

    def purge(self) -> RootManifest:
        """Leave out of all files what is left of articles that were taken down, and of their words.

        Older files go when nobody may still be opening them (`tidy`). What was written of the partitions concerned is
        written anew, so this takes a while for large ones.
        """
        through = self._log.append_statistics()
        self._follow(self._layout.root, through)
        with Stories(self._layout.root) as stories:
            stories.rewrite()  # first: once there is the epoch, nobody purges again
        return self.project(through, purge=True)

    def tidy(self) -> None:
        """Remove what is no longer needed; `project` does it too."""
        self._prune()

    def _genesis(self, *, beside: bool = False) -> RootManifest:
        """The state before the first event; not published. `beside`: its files have names that none has by now."""
        generation = number = 0
        if beside:
            generation = max(map(last_number, (self._layout.root / "partitions").glob("*")), default=0)
            number = last_number(self._layout.statistics) + 1
        empty = replace(EMPTY_GENERATION, generation=generation)
        return RootManifest(
            epoch=0,
            published_ms=0,
            routing_version=ROUTING_VERSION,
            applied_seq=0,
            indexed_through_ms=0,
            archive=self._log.archive,
            lineage=0,
            since_seq=0,
            history=(),
            parked=(),
            erased_seq=0,
            purged_seq=0,
            schema_version=SCHEMA_VERSION,
            languages=(),
            statistics=(no_statistics(self._layout, number),),
            partitions=(empty,) * self._log.partitions,
        )

    def _advance(
        self,
        manifest: RootManifest,
        through: int,
        *,
        count: bool,
        merge: bool,
        purge: bool = False,
        progress: Progress,
    ) -> RootManifest:
        pending = self._log.pending(manifest.applied_seq, through)
        advanced = self._following(manifest, through)
        ready = self._merger.ready() if self._merger else None
        merged = {ready[0]: ready[1]} if ready and ready[0] < len(manifest.partitions) else {}
        purged = self._taken_down(manifest, through) if purge else set()
        waiting = _by_partition(manifest)
        jobs = [
            self._job(
                *(manifest, advanced, partition, base, pending, merged),
                parked=waiting.get(partition, ()),
                count=count,
                merge=merge,
                purge=partition in purged,
            )
            for partition, base in enumerate(manifest.partitions)
            if partition in pending or partition in merged or (base.generation and (count or merge))
        ]
        built = self._builder(jobs, progress)
        partitions = list(manifest.partitions)
        parked = set(manifest.parked)
        for job, one in zip(jobs, built, strict=True):
            partitions[job.partition] = one.record
            parked = (parked - set(job.parked)) | set(one.parked)
        advanced = replace(
            advanced, parked=tuple(sorted(parked, key=lambda one: one.seq)), partitions=tuple(partitions)
        )
        if count:
            advanced = freeze(self._layout, advanced, [job.counts_path for job in jobs])
        earliest = advanced.statistics_at(advanced.since_seq)
        needed = tuple(one for one in advanced.statistics if one.number >= earliest.number)
        advanced = replace(advanced, statistics=needed)
        if purge:
            advanced = replace(forget_words(self._layout, advanced), purged_seq=advanced.erased_seq)
        self._taking = ready is not None
        return advanced

    def _following(self, manifest: RootManifest, through: int) -> RootManifest:
        """The epoch after this one, when it is to begin, with the same files."""
        now_ms = self._now_ms()
        # The state before the first event is nobody's.
        history = self._retention.history(manifest, now_ms) if manifest.published_ms else ()
        takedowns = self._log.takedowns(manifest.applied_seq, through)
        return replace(
            manifest,
            epoch=manifest.epoch + 1,
            published_ms=now_ms,
            applied_seq=through,
            indexed_through_ms=self._log.created_ms(through),
            since_seq=history[0].applied_seq if history else through,
            history=history,
            erased_seq=takedowns[-1][0] if takedowns else manifest.erased_seq,
            languages=tuple(LanguageRecord(*one) for one in sorted(self._log.languages(through).items())),
        )

    def _publish(self, manifest: RootManifest) -> None:
        self._compare(manifest)
        publish(self._layout, manifest)
        self._known[manifest.epoch] = Known.of(manifest, now_ms=manifest.published_ms, now_s=self._now_s())
        if self._merger:
            if self._taking:
                self._merger.taken()
                self._taking = False
            self._merger.start(manifest)
        self._prune()

    def _reshard(self, manifest: RootManifest, seq: int, partitions: int) -> RootManifest:
        following = self._following(manifest, seq)
        records = spread(
            *(self._layout, manifest.partitions, partitions), since_seq=following.since_seq, opened=OpenFiles()
        )
        return replace(following, partitions=records)

    def _taken_down(self, manifest: RootManifest, through: int) -> set[int]:
        """Partitions that hold something of articles that were taken down."""
        takedowns = self._log.takedowns(manifest.purged_seq, through)
        return {partition_of(article_id, len(manifest.partitions)) for _seq, article_id in takedowns}

    def _compare(self, manifest: RootManifest) -> None:
        """Refuse what differs from the log by more than is known.

        Raises:
            MiscountError
        """
        live = self._log.live_articles(manifest.applied_seq)
        absent, parked = live - manifest.articles, len(manifest.parked)
        if 0 <= absent <= parked or 0 <= absent <= parked + self._log.taken_down(manifest.applied_seq):
            return
        raise MiscountError(
            f"epoch {manifest.epoch} would show {manifest.articles:,} articles, but after event "
            f"{manifest.applied_seq:,} the log has {live:,}, of which {parked:,} are parked; it was not published, "
            "and the epoch before stays. Should it happen again: broadsheet rebuild"
        )

    def _prune(self) -> None:
        now_s = self._now_s()
        if self._merger is None or now_s >= self._prune_at_s:
            self._prune_at_s = now_s + PRUNE_EVERY_S
            prune(self._layout, self._known, now_ms=self._now_ms(), now_s=now_s, writing=self._written_beside)

    def _written_beside(self) -> Path | None:
        return self._merger.writing if self._merger else None

    def _job(
        self,
        manifest: RootManifest,
        advanced: RootManifest,
        partition: int,
        base: GenerationRecord,
        pending: Container[int],
        merged: Mapping[int, MergedSegments],
        *,
        parked: Sequence[ParkedEvent],
        count: bool,
        merge: bool,
        purge: bool,
    ) -> BuildJob:
        return BuildJob(
            root=str(self._layout.root),
            log=str(log_path(self._layout.root)),
            partition=partition,
            base=base,
            number=base.generation + 1,
            after_seq=manifest.applied_seq,
            through_seq=advanced.applied_seq,
            since_seq=advanced.since_seq,
            pending=partition in pending,
            count=count,
            merge=merge,
            purge=purge,
            merge_up_to=self._merge_up_to(partition, base),
            merged=(merged[partition],) if partition in merged else (),
            parked=tuple(parked),
            memory_mb=self._memory_mb,
        )

    def _merge_up_to(self, partition: int, base: GenerationRecord) -> int:
        if self._merger is None:
            return MAX_ARTICLES
        generation = base.generation + 1
        # Partitions that take in the same number of articles have something to merge at the same time: one after the
        # other, they hold up no epoch for long.
        return small(base.segments) if (generation + partition) % MERGE_EVERY == 0 else 0


def _by_partition(manifest: RootManifest) -> dict[int, list[ParkedEvent]]:
    """What is parked of each partition."""
    parked: dict[int, list[ParkedEvent]] = {}
    for one in manifest.parked:
        parked.setdefault(partition_of(one.article_id, len(manifest.partitions)), []).append(one)
    return parked
