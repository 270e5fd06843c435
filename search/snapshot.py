"""An epoch, opened: its manifest, its statistics and the partitions that were asked for.

Contract: every file is verified against the manifest before Whoosh opens it, and opened at most once. A snapshot
belongs to one thread. `Snapshots` keeps the few epochs that are in use.

Not here: publishing epochs (`indexer/publisher.py`).
"""

from collections import OrderedDict
from functools import cached_property
from pathlib import Path

from partition.errors import IndexFileError
from partition.manifest import Layout, RootManifest, read_manifest
from partition.reader import PartitionReader, PostingsCache
from partition.statistics import Statistics

MAX_OPEN_EPOCHS = 4
POSTINGS_CACHE_BYTES = 64 << 20


class Snapshot:
    """One epoch."""

    def __init__(self, layout: Layout, epoch: int, postings: PostingsCache) -> None:
        """Read the manifest.

        Raises:
            IndexFileError: `MissingFile` when the epoch is no longer kept.
        """
        self._layout = layout
        self._postings = postings
        self._partitions: dict[int, PartitionReader | None] = {}
        self._damaged: dict[int, IndexFileError] = {}
        self.manifest: RootManifest = read_manifest(layout, epoch)

    @cached_property
    def statistics(self) -> Statistics:
        """The frozen statistics that this epoch scores with."""
        # The envelope's own checksum is verified on opening.
        return Statistics(self._layout.statistics / self.manifest.statistics_file.name)

    def partition(self, partition: int) -> PartitionReader | None:
        """The reader of one partition, `None` for one that was always empty.

        Raises:
            IndexFileError: a file is damaged, or the epoch is no longer kept.
        """
        if partition in self._damaged:  # generations are immutable: it will not get better
            raise self._damaged[partition]
        if partition not in self._partitions:
            try:
                self._partitions[partition] = self._open(partition)
            except IndexFileError as error:
                self._damaged[partition] = error
                raise
        return self._partitions[partition]

    def _open(self, partition: int) -> PartitionReader | None:
        record = self.manifest.partitions[partition]
        if not record.generation:
            return None
        folder = self._layout.generation(partition, record.generation)
        for file in record.files:
            file.verify(folder)
        reader = PartitionReader(folder, self._postings)
        reader.warm()
        return reader


class Snapshots:
    """The open epochs of one archive, least recently used out first."""

    def __init__(self, root: Path) -> None:
        self._layout = Layout(root)
        self._postings = PostingsCache(POSTINGS_CACHE_BYTES)
        self._open: OrderedDict[int, Snapshot] = OrderedDict()

    def open(self, epoch: int) -> Snapshot:
        """The snapshot of `epoch`.

        Raises:
            IndexFileError: as `Snapshot` says.
        """
        if epoch not in self._open:
            self._open[epoch] = Snapshot(self._layout, epoch, self._postings)
        self._open.move_to_end(epoch)
        while len(self._open) > MAX_OPEN_EPOCHS:
            self._open.popitem(last=False)
        return self._open[epoch]
