"""A state, opened: the plans of its queries, its leaves.

Files show the state of the epoch that they were published for, and earlier ones (`partition/reader.py`). So however
old the state that somebody walks through, it is read from the files of the current epoch.

Contract: every file is compared with the manifest when it is opened. States that share segments, or statistics, share
what was opened and remembered of them. A snapshot may be used by several threads at once, and stays good after its
files are no longer kept.

Not here: publishing epochs (`indexer/publisher.py`), which epoch is current (`epochs.py`).
"""

import threading
from collections import OrderedDict
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

import structlog
from prometheus_client import Counter

from partition.errors import IndexFileError, MissingFile
from partition.manifest import Layout, RootManifest, State, read_manifest
from partition.reader import OpenFiles, PartitionReader
from partition.segment import Segment
from partition.statistics import Statistics
from search.changed import Changes
from search.leaf import Leaf, PartitionDamagedError, Searchable
from search.plan import Plan, plan_of
from search.query import Node
from search.share import Share, shared_out
from search.stories import USED, StoryIndex

MAX_OPEN_STATES = 16
"""Besides the current one."""
MAX_REMEMBERED_PLANS = 10_000

_DAMAGED = Counter("broadsheet_damaged_partitions", "Partitions that were found damaged while they were served")
_log = structlog.get_logger()


class Planner:
    """Plans under the same statistics; those made last are remembered."""

    def __init__(self, statistics: Statistics) -> None:
        self.statistics = statistics
        self._plan = lru_cache(MAX_REMEMBERED_PLANS)(lambda node: plan_of(node, statistics))

    def plan(self, node: Node) -> Plan:
        """The plan of a tree."""
        return self._plan(node)


class Partitions:
    """The partitions of an epoch, as far as is known: replaced when one is found damaged."""

    def __init__(self, leaves: list[Leaf], damaged: dict[int, IndexFileError]) -> None:
        self.leaves = leaves
        """Of those that hold anything and are sound."""
        self.damaged = damaged
        """Partition to what is wrong with a file of it."""
        self.spellings: dict[tuple[str, str], str] = {}
        """Field and value to how the articles here write it, as far as that is known (`spellings.py`)."""
        self.alike: dict[tuple[str, str, int], Any] = {}
        """Field, word and letters apart to the words here that are spelled like it (`spelling.py`)."""
        self.parts: Any = None
        """Its segments, as completions look at them (`parts.py`)."""
        self.words: dict[tuple[str, bool, bool], Any] = {}
        """Typed words to what they may stand for in titles, as far as that is known (`phrases.py`)."""
        self._stories: StoryIndex | None = None
        self._by_partition = {leaf.partition: leaf for leaf in leaves}
        self._shares: dict[int, list[Share]] = {}

    @property
    def stories(self) -> StoryIndex:
        """The stories of the articles here, found when somebody first asks; two who ask at once both look.

        Raises:
            PartitionDamagedError
        """
        if self._stories is None:
            segments: dict[tuple[int, int], Segment] = {}
            for leaf in self.leaves:
                for ordinal, prepared in enumerate(leaf.segments):
                    segments[leaf.partition, ordinal] = prepared.segment
                    try:
                        for name in USED:
                            prepared.segment.column(name)
                    except IndexFileError as error:
                        raise PartitionDamagedError(leaf.partition, error) from None
            self._stories = StoryIndex(segments)
        return self._stories

    def shares(self, threads: int) -> list[Share]:
        """The leaves, shared out among so many threads at most."""
        width = max(1, min(threads, len(self.leaves)))
        shares = self._shares.get(width)
        if shares is None:
            shares = self._shares[width] = shared_out(self.leaves, width)
        return shares

    def leaf(self, partition: int) -> Leaf | None:
        """One partition; `None` for one that was always empty.

        Raises:
            PartitionDamagedError
        """
        if partition in self.damaged:
            raise PartitionDamagedError(partition, self.damaged[partition])
        return self._by_partition.get(partition)

    def without(self, partition: int, error: IndexFileError) -> "Partitions":
        """The same, but for one that is damaged."""
        leaves = [leaf for leaf in self.leaves if leaf.partition != partition]
        return Partitions(leaves, {**self.damaged, partition: error})


class View(NamedTuple):
    """A state, and the epoch from whose files it is read."""

    files: int
    state: State


class Snapshot:
    """One state."""

    def __init__(self, manifest: RootManifest, state: State, planner: Planner, partitions: Partitions) -> None:
        self.manifest = manifest
        """Of the epoch from whose files it is read."""
        self.state = state
        self._planner = planner
        self.partitions = partitions
        """Whoever reads more than one thing of them holds them meanwhile."""
        self._changes: Changes | None = None
        self._finding = threading.Lock()

    @property
    def statistics(self) -> Statistics:
        """What this state's scores are computed from."""
        return self._planner.statistics

    def plan(self, node: Node) -> Plan:
        """The plan of a tree."""
        return self._planner.plan(node)

    def changes(self) -> Changes:
        """What changed up to this state, found when somebody first asks, for all who do meanwhile.

        Raises:
            PartitionDamagedError
        """
        with self._finding:
            if self._changes is None:
                seqs = self.manifest.since_seq, self.state.applied_seq
                self._changes = Changes(self.partitions.leaves, since_seq=seqs[0], applied_seq=seqs[1])
            return self._changes


class Snapshots:
    """The open states of one archive, least recently used out first."""

    def __init__(self, root: Path) -> None:
        self._layout = Layout(root)
        self._current: Snapshot | None = None
        self._replaced: Snapshot | None = None
        """The one that was current before: whoever began in it goes on with it."""
        self._open: OrderedDict[tuple[int, int], Snapshot] = OrderedDict()
        self._opening = threading.Lock()
        self._files = OpenFiles()
        self._searchable = Searchable()
        self._damaged: dict[Path, IndexFileError] = {}
        """What was found wrong with a file."""
        self._planners: WeakValueDictionary[str, Planner] = WeakValueDictionary()

    def open_current(self, epoch: int) -> Snapshot:
        """The snapshot of a published epoch, which stays open until it is the turn of another.

        Raises:
            IndexFileError: `MissingFile` when it is no longer kept; else its manifest or its statistics are damaged.
                Damaged partitions are the snapshot's to name.
        """
        manifest = read_manifest(self._layout, epoch)
        with self._opening:
            opened = self._read(manifest, manifest.state)
            self._replaced, self._current = self._current, opened
        return opened

    def open(self, view: View) -> Snapshot:
        """The snapshot of a state.

        Raises:
            IndexFileError: as of `open_current`.
        """
        if newest := self._newest(view):
            return newest
        key = view.files, view.state.applied_seq
        found = self._open.get(key)
        if found is None:
            with self._opening:  # others go on with the states that are open
                found = self._open.get(key)
                if found is None:
                    known = (one.manifest for one in (self._current, self._replaced) if one)
                    files = next((one for one in known if one.epoch == view.files), None)
                    found = self._read(files or read_manifest(self._layout, view.files), view.state)
                self._open[key] = found
                while len(self._open) > MAX_OPEN_STATES:
                    self._open.popitem(last=False)
        try:
            self._open.move_to_end(key)
        except KeyError:  # out again already
            self._open[key] = found
        return found

    def is_open(self, view: View) -> bool:
        """Whether opening it takes no time."""
        return (view.files, view.state.applied_seq) in self._open or self._newest(view) is not None

    def _newest(self, view: View) -> Snapshot | None:
        for one in (self._current, self._replaced):
            if one and (one.state.epoch, one.state.applied_seq) == (view.files, view.state.applied_seq):
                return one
        return None

    def condemn(self, snapshot: Snapshot, partition: int, error: IndexFileError) -> None:
        """A file of a partition was found damaged: no state that needs it searches the partition any more."""
        with self._opening:
            folder = self._layout.partition(partition)
            files = {folder / file.name for file in snapshot.manifest.partitions[partition].files}
            files = files & {error.path} or files  # where it is not clear which, all of them
            if files <= self._damaged.keys():  # somebody else said so already
                if partition not in snapshot.partitions.damaged:  # of a state that was out of sight then
                    snapshot.partitions = snapshot.partitions.without(partition, error)
                return
            self._damaged |= dict.fromkeys(files, error)
            for other in {snapshot, *self._open.values(), *filter(None, (self._current, self._replaced))}:
                records = other.manifest.partitions[partition : partition + 1]
                if any(folder / file.name in files for record in records for file in record.files):
                    other.partitions = other.partitions.without(partition, error)
        _DAMAGED.inc()
        epoch = snapshot.manifest.epoch
        _log.error("partition is damaged", partition=partition, epoch=epoch, reason=str(error))

    def _known_leaves(self, manifest: RootManifest, state: State, planner: Planner) -> dict[int, Leaf]:
        """The current leaves, if this state sees all of its files, as that one does, under the same statistics."""
        current = self._current
        if current is None or current.statistics is not planner.statistics or state != manifest.state:
            return {}
        return {leaf.partition: leaf for leaf in current.partitions.leaves}

    def _read(self, manifest: RootManifest, state: State) -> Snapshot:
        frozen = manifest.statistics_at(state.applied_seq).file
        planner = self._planners.get(frozen.name)
        if planner is None:
            planner = Planner(Statistics(self._layout.statistics / frozen.name, seal=frozen.seal))
            self._planners[frozen.name] = planner
        leaves: list[Leaf] = []
        damaged: dict[int, IndexFileError] = {}
        known = self._known_leaves(manifest, state, planner)
        for partition, record in enumerate(manifest.partitions):
            if not record.generation:
                continue
            folder = self._layout.partition(partition)
            try:
                for file in record.files if self._damaged else ():
                    if folder / file.name in self._damaged:
                        raise self._damaged[folder / file.name]
                leaf = known.get(partition)
                if leaf is None or leaf.reader.record != record:
                    reader = PartitionReader(folder, record, seq=state.applied_seq, opened=self._files)
                    leaf = Leaf(partition, reader, planner.statistics, self._searchable)
                leaves.append(leaf)
            except IndexFileError as error:
                if isinstance(error, MissingFile) and not self._layout.manifest(manifest.epoch).exists():
                    raise  # the epoch went meanwhile
                damaged[partition] = error
        return Snapshot(manifest, state, planner, Partitions(leaves, damaged))
