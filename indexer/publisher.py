"""Publishing: a new epoch becomes visible by one hard link, and old states go when nobody may still hold a cursor.

Contract: `publish` is durable when it returns and refuses a number that is taken; everything a manifest names is
durable before. `Retention` says which states the files must still show. `prune` removes manifests that nobody can be
opening any more, then every file that no remaining manifest names, and leftovers of builds that died. However the
clock is put, manifests stay for as long as they must, and states at most for their time once more. Both need
`IndexerLock`, which one process at a time holds; its builders inherit it, so that a new indexer waits until the
orphans of a killed one are gone.

Not here: building generations (`builder.py`), reading manifests (`partition/manifest.py`).
"""

import fcntl
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from partition.envelope import fsync_folder, make_folder, write_durably
from partition.errors import IndexFileError
from partition.manifest import Layout, Moment, RootManifest, encode_manifest, read_manifest

LOCK_WAIT_S = 5.0
"""How long to wait for another indexer to go away."""
OPENING_S = 30
"""How long the files of a replaced epoch stay for those who are opening it."""
MOMENTS = 60
"""Into so many parts retention is divided: a state is kept for up to one part longer than it must be."""
MIN_DEAD = 10_000
"""So many deleted articles are kept in any case."""


class IndexerBusyError(Exception):
    """Another process is writing this archive."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long states are kept for the cursors that point into them, after a newer one was published."""

    seconds: int = 3600
    dead_share: float = 0.5
    """Deleted articles that are kept for earlier states, as a share of live ones; beyond it the earlier half of the
    states goes before its time."""

    def history(self, manifest: RootManifest, now_ms: int) -> tuple[Moment, ...]:
        """The states that the epoch after `manifest`, published at `now_ms`, must still show."""
        published = [*manifest.history, Moment(manifest.published_ms, manifest.applied_seq)]
        # What lies ahead was published before the clock was put back.
        moments = [Moment(min(moment.published_ms, now_ms), moment.applied_seq) for moment in published]
        ended_ms = now_ms - self.seconds * 1000
        # A state counts from when it was replaced; the present one is replaced now.
        while moments and (moments[1].published_ms if len(moments) > 1 else now_ms) <= ended_ms:
            del moments[0]
        dead = sum(record.tombstones for record in manifest.partitions)
        if dead > MIN_DEAD + self.dead_share * manifest.articles:
            del moments[: (len(moments) + 1) // 2]
        step_ms = self.seconds * 1000 / MOMENTS
        kept = moments[:1]
        for moment, following in pairwise(moments[1:]):
            # One that is left out is shown with the one before it.
            if following.published_ms - kept[-1].published_ms > step_ms:
                kept.append(moment)
        return (*kept, *moments[1:][-1:])


class IndexerLock:
    """The right to write an archive: an advisory lock (flock) on `DATA/lock`."""

    def __init__(self, root: Path, *, wait_s: float = LOCK_WAIT_S) -> None:
        """Args: the data folder, and how long to wait for whoever holds it."""
        self._path = root / "lock"
        self._wait_s = wait_s
        self.handle = -1
        """The open file that carries the lock; a child process that inherits it holds the lock too."""

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self.handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        give_up = time.monotonic() + self._wait_s
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


class Known(NamedTuple):
    """An epoch that was read, or published."""

    manifest: RootManifest
    published_s: float
    """When, by the monotonic clock: its date says how long ago that was, when it is first seen here."""

    @classmethod
    def of(cls, manifest: RootManifest, *, now_ms: int, now_s: float) -> "Known":
        """First seen now, by both clocks."""
        return cls(manifest, now_s - max(0, now_ms - manifest.published_ms) / 1000)


def prune(
    layout: Layout,
    known: dict[int, Known],
    *,
    now_ms: int,
    now_s: float,
    writing: Callable[[], Path | None] = lambda: None,
) -> None:
    """Remove manifests that were replaced `OPENING_S` ago, and every file that is named no more.

    One that cannot be read goes as soon as it is replaced: nobody can open it, nor say what it names.

    Args:
        layout: where the archive lies.
        known: manifests that were read already, by epoch; kept up to date.
        now_ms: the time.
        now_s: by the monotonic clock.
        writing: the file that is being made beside, and will be named; said from before it is there.
    """
    published = layout.published_epochs()
    for epoch in published[:]:
        if epoch not in known:
            try:
                known[epoch] = Known.of(read_manifest(layout, epoch), now_ms=now_ms, now_s=now_s)
            except IndexFileError:
                if epoch == published[-1]:
                    raise
                layout.manifest(epoch).unlink()
                published.remove(epoch)
    for epoch, successor in pairwise(published):
        if known[successor].published_s <= now_s - OPENING_S:
            layout.manifest(epoch).unlink()
    for epoch in known.keys() - set(layout.published_epochs()):
        del known[epoch]
    _remove_unnamed(layout, [one.manifest for one in known.values()], writing)


def _remove_unnamed(layout: Layout, manifests: list[RootManifest], writing: Callable[[], Path | None]) -> None:
    # By folder: a path for each file of each manifest would cost more than a round of building.
    named: dict[Path, set[str]] = {layout.statistics: set()}
    for manifest in manifests:
        named[layout.statistics].update(one.file.name for one in manifest.statistics)
    for partition in range(max((len(manifest.partitions) for manifest in manifests), default=0)):
        # Manifests that were published one after the other share what did not change.
        some = (record for manifest in manifests for record in manifest.partitions[partition : partition + 1])
        records = {id(record): record for record in some}
        named[layout.partition(partition)] = {file.name for one in records.values() for file in one.files}
    if layout.epochs.exists():
        fsync_folder(layout.epochs)  # before any file goes that a manifest which was removed had named
        for aside in layout.epochs.glob("*.tmp"):
            aside.unlink()
    for folder in [layout.statistics, *(layout.root / "partitions").glob("*")]:
        kept = named.get(folder, set())
        unnamed = [path for path in folder.glob("*") if path.name not in kept]
        # Asked when it is known what is there: another thread may begin a file at any moment.
        made = writing()
        for path in unnamed:
            if path != made:
                path.unlink()
