"""An epoch, opened: its manifest, the plans of its queries, its leaves.

Contract: every file is compared with the manifest when it is opened. Epochs that share a generation, or statistics,
share what was opened and remembered of them. A snapshot may be used by several threads at once, and stays good after
its epoch is no longer kept.

Not here: publishing epochs (`indexer/publisher.py`), which epoch is current (`epochs.py`).
"""

import threading
from collections import OrderedDict
from functools import lru_cache
from pathlib import Path
from weakref import WeakValueDictionary

import structlog
from prometheus_client import Counter

from partition.errors import IndexFileError, MissingFile
from partition.manifest import Layout, RootManifest, read_manifest
from partition.reader import PartitionReader
from partition.statistics import Statistics
from search.leaf import Leaf
from search.plan import Plan, plan_of
from search.query import Node
from search.share import Share, shared_out

MAX_OPEN_EPOCHS = 4
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


class PartitionDamagedError(Exception):
    """A partition was found damaged while an answer was made of it."""

    def __init__(self, partition: int, error: IndexFileError) -> None:
        super().__init__(str(error))
        self.partition = partition
        self.error = error


class Partitions:
    """The partitions of an epoch, as far as is known: never changed, but replaced when one is found damaged."""

    def __init__(self, leaves: list[Leaf], damaged: dict[int, IndexFileError]) -> None:
        self.leaves = leaves
        """Of those that hold anything and are sound."""
        self.damaged = damaged
        """Partition to what is wrong with a file of it."""
        self._by_partition = {leaf.partition: leaf for leaf in leaves}
        self._shares: dict[int, list[Share]] = {}

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


class Snapshot:
    """One epoch."""

    def __init__(self, manifest: RootManifest, planner: Planner, partitions: Partitions) -> None:
        self.manifest = manifest
        self._planner = planner
        self.partitions = partitions
        """Whoever reads more than one thing of them holds them meanwhile."""

    @property
    def statistics(self) -> Statistics:
        """What this epoch's scores are computed from."""
        return self._planner.statistics

    def plan(self, node: Node) -> Plan:
        """The plan of a tree."""
        return self._planner.plan(node)


class Snapshots:
    """The open epochs of one archive, least recently used out first."""

    def __init__(self, root: Path) -> None:
        self._layout = Layout(root)
        self._open: OrderedDict[int, Snapshot] = OrderedDict()
        self._opening = threading.Lock()
        self._leaves: WeakValueDictionary[tuple[int, int, str], Leaf] = WeakValueDictionary()
        self._damaged: dict[Path, IndexFileError] = {}
        """Folder of a generation to what was found wrong with a file of it."""
        self._planners: WeakValueDictionary[str, Planner] = WeakValueDictionary()

    def open(self, epoch: int) -> Snapshot:
        """The snapshot of `epoch`.

        Raises:
            IndexFileError: `MissingFile` when the epoch is no longer kept; else its manifest or its statistics are
                damaged. Damaged partitions are the snapshot's to name.
        """
        found = self._open.get(epoch)
        if found is None:
            with self._opening:  # others go on with the epochs that are open
                found = self._open.get(epoch) or self._read(epoch)
                self._open[epoch] = found
                while len(self._open) > MAX_OPEN_EPOCHS:
                    self._open.popitem(last=False)
        try:
            self._open.move_to_end(epoch)
        except KeyError:  # out again already
            self._open[epoch] = found
        return found

    def is_open(self, epoch: int) -> bool:
        """Whether opening it takes no time."""
        return epoch in self._open

    def condemn(self, snapshot: Snapshot, partition: int, error: IndexFileError) -> None:
        """A partition was found damaged: no epoch that shares its files searches it any more."""
        with self._opening:
            folder = next(
                (one.reader.folder for one in snapshot.partitions.leaves if one.partition == partition), None
            )
            if folder is None:  # somebody else said so already
                return
            self._damaged[folder] = error
            for other in {snapshot, *self._open.values()}:
                if folder in {leaf.reader.folder for leaf in other.partitions.leaves}:
                    other.partitions = other.partitions.without(partition, error)
        _DAMAGED.inc()
        epoch = snapshot.manifest.epoch
        _log.error("partition is damaged", partition=partition, epoch=epoch, reason=str(error))

    def _read(self, epoch: int) -> Snapshot:
        manifest = read_manifest(self._layout, epoch)
        frozen = manifest.statistics_file
        planner = self._planners.get(frozen.name)
        if planner is None:
            planner = Planner(Statistics(self._layout.statistics / frozen.name, seal=frozen.seal))
            self._planners[frozen.name] = planner
        leaves: list[Leaf] = []
        damaged: dict[int, IndexFileError] = {}
        for partition, record in enumerate(manifest.partitions):
            if not record.generation:
                continue
            key = partition, record.generation, frozen.name
            folder = self._layout.generation(partition, record.generation)
            try:
                if folder in self._damaged:
                    raise self._damaged[folder]
                leaf = self._leaves.get(key)
                if leaf is None:
                    reader = PartitionReader(folder, record)
                    leaf = self._leaves[key] = Leaf(partition, reader, planner.statistics)
                leaves.append(leaf)
            except IndexFileError as error:
                if isinstance(error, MissingFile) and not self._layout.manifest(epoch).exists():
                    raise  # the epoch went meanwhile
                damaged[partition] = error
        return Snapshot(manifest, planner, Partitions(leaves, damaged))
