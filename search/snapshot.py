"""An epoch, opened: its manifest, its statistics and the partitions that were asked for.

Contract: every file is compared with the manifest when it is opened, and opened at most once. A snapshot
belongs to one thread. `Snapshots` keeps the few epochs that are in use.

Not here: publishing epochs (`indexer/publisher.py`).
"""

from collections import OrderedDict
from functools import cached_property
from pathlib import Path

from partition.errors import IndexFileError
from partition.manifest import Layout, RootManifest, read_manifest
from partition.reader import PartitionReader
from partition.statistics import Statistics
from search.leaf import Leaf

MAX_OPEN_EPOCHS = 4


class Snapshot:
    """One epoch."""

    def __init__(self, layout: Layout, epoch: int) -> None:
        """Read the manifest.

        Raises:
            IndexFileError: `MissingFile` when the epoch is no longer kept.
        """
        self._layout = layout
        self._leaves: dict[int, Leaf | None] = {}
        self._damaged: dict[int, IndexFileError] = {}
        self.manifest: RootManifest = read_manifest(layout, epoch)

    @cached_property
    def statistics(self) -> Statistics:
        """The frozen statistics that this epoch scores with."""
        frozen = self.manifest.statistics_file
        return Statistics(self._layout.statistics / frozen.name, seal=frozen.seal)

    def leaf(self, partition: int) -> Leaf | None:
        """One partition, `None` for one that was always empty.

        Raises:
            IndexFileError: a file is damaged, or the epoch is no longer kept.
        """
        if partition in self._damaged:  # generations are immutable: it will not get better
            raise self._damaged[partition]
        if partition not in self._leaves:
            try:
                self._leaves[partition] = self._open(partition)
            except IndexFileError as error:
                self._damaged[partition] = error
                raise
        return self._leaves[partition]

    def _open(self, partition: int) -> Leaf | None:
        record = self.manifest.partitions[partition]
        if not record.generation:
            return None
        reader = PartitionReader(self._layout.generation(partition, record.generation), record)
        return Leaf(partition, reader, self.statistics)


class Snapshots:
    """The open epochs of one archive, least recently used out first."""

    def __init__(self, root: Path) -> None:
        self._layout = Layout(root)
        self._open: OrderedDict[int, Snapshot] = OrderedDict()

    def open(self, epoch: int) -> Snapshot:
        """The snapshot of `epoch`.

        Raises:
            IndexFileError: as `Snapshot` says.
        """
        if epoch not in self._open:
            self._open[epoch] = Snapshot(self._layout, epoch)
        self._open.move_to_end(epoch)
        while len(self._open) > MAX_OPEN_EPOCHS:
            self._open.popitem(last=False)
        return self._open[epoch]
