"""Publishing: a new epoch becomes visible by one hard link, and old ones go when nobody may still hold a cursor.

Contract: `publish` is durable when it returns and refuses a number that is taken; everything a manifest names is
durable before. `prune` removes epochs past retention, then every file that no remaining manifest names, and
leftovers of builds that died. Both need `IndexerLock`, which one process at a time holds; its builders inherit it,
so that a new indexer waits until the orphans of a killed one are gone.

Not here: building generations (`builder.py`), reading manifests (`partition/manifest.py`).
"""

import fcntl
import os
import shutil
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Self

from partition.envelope import fsync_folder, make_folder, write_durably
from partition.manifest import Layout, RootManifest, encode_manifest, read_manifest

LOCK_WAIT_S = 5.0
"""How long to wait for another indexer to go away."""


class IndexerBusyError(Exception):
    """Another process is writing this archive."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long epochs are kept for the cursors that point into them, after a newer one was published."""

    seconds: int = 3600
    epochs: int = 64
    """At most so many, the newest included, however young."""


class IndexerLock:
    """The right to write an archive: an advisory lock (flock) on `DATA/lock`."""

    def __init__(self, root: Path) -> None:
        self._path = root / "lock"
        self.handle = -1
        """The open file that carries the lock; a child process that inherits it holds the lock too."""

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self.handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        give_up = time.monotonic() + LOCK_WAIT_S
        while True:
            try:
                fcntl.flock(self.handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= give_up:
                    os.close(self.handle)
                    raise IndexerBusyError(
                        f"{self._path}: another process is indexing into this folder; wait for it to end"
                    ) from None
                time.sleep(0.05)
            else:
                return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.handle)


def publish(layout: Layout, manifest: RootManifest) -> None:
    """Make `manifest` the newest epoch.

    Raises:
        FileExistsError: an epoch with this number was published before.
    """
    make_folder(layout.epochs)
    write_durably(layout.manifest(manifest.epoch), encode_manifest(manifest))


def prune(layout: Layout, retention: Retention, *, now_ms: int) -> None:
    """Remove what no epoch within `retention` needs."""
    epochs = layout.published_epochs()
    manifests = {epoch: read_manifest(layout, epoch) for epoch in epochs}
    for epoch, successor in pairwise(epochs):
        superseded_ms = manifests[successor].published_ms
        kept = epochs.index(epoch) >= len(epochs) - retention.epochs
        if kept and superseded_ms > now_ms - retention.seconds * 1000:
            continue
        layout.manifest(epoch).unlink()
        del manifests[epoch]
    _remove_unnamed(layout, list(manifests.values()))


def _remove_unnamed(layout: Layout, manifests: list[RootManifest]) -> None:
    named = {layout.statistics / manifest.statistics_file.name for manifest in manifests}
    for manifest in manifests:
        named |= {layout.generation(p, record.generation) for p, record in enumerate(manifest.partitions)}
    if layout.epochs.exists():
        fsync_folder(layout.epochs)
        for aside in layout.epochs.glob("*.tmp"):
            aside.unlink()
    for path in [*layout.statistics.glob("*"), *(layout.root / "partitions").glob("*/*")]:
        if path not in named:
            _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
