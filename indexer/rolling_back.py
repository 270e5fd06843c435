"""Going back: the newest epoch that is sound takes the place of later ones that are damaged.

Contract: every byte of an epoch is read before it counts as sound. It is published once more, under a number of its
own, after the damaged ones; so no number, and no name of a file, ever means two things. What was logged later is
brought in again by whoever indexes next, from the log. Nothing that was taken down since is shown again, not even for
a moment. It can be interrupted at any moment and run again.

Not here: building everything anew (`projection.py`), which needs no sound epoch.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from indexer.builder_processes import BuildError
from indexer.events import Log
from indexer.publisher import publish
from indexer.routing import partition_of
from partition.check import check_epoch
from partition.errors import IndexFileError
from partition.manifest import GenerationRecord, Layout, RootManifest, last_number, read_manifest


class NoSoundEpochError(BuildError):
    """None of the epochs that are kept can be gone back to."""


class RolledBack(NamedTuple):
    """What came of it."""

    manifest: RootManifest
    """The newest epoch now."""
    to: int
    """The epoch that it answers like; its own number if nothing was damaged."""
    damaged: tuple[IndexFileError, ...]
    """What is wrong with those after it, newest first."""


def roll_back(root: Path, log: Log, *, now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000) -> RolledBack:
    """Go back to the newest sound epoch of an archive, which was made from this log; needs the `IndexerLock`.

    Raises:
        NoSoundEpochError
        LogError, OSError
    """
    layout = Layout(root)
    epochs = layout.published_epochs()
    damaged: list[IndexFileError] = []
    for epoch in reversed(epochs):
        try:
            sound = read_manifest(layout, epoch)
            check_epoch(layout, sound, partition_of, lambda _partition, _record: None)
        except IndexFileError as error:
            damaged.append(error)
        else:
            break
    else:
        found = f": {damaged[0]}" if damaged else ""
        raise NoSoundEpochError(f"{root}: no epoch that is kept is sound{found}")
    manifest = sound
    if damaged:
        if log.takedowns(sound.applied_seq, log.last_seq()):
            raise NoSoundEpochError(f"{root}: epoch {sound.epoch} is sound, but shows what was taken down since")
        records = enumerate(sound.partitions)
        manifest = replace(
            sound,
            epoch=epochs[-1] + 1,
            lineage=epochs[-1] + 1,
            published_ms=now_ms(),
            partitions=tuple(_beyond(layout.partition(partition), record) for partition, record in records),
        )
        publish(layout, manifest)
    return RolledBack(manifest, sound.epoch, tuple(damaged))


def _beyond(folder: Path, record: GenerationRecord) -> GenerationRecord:
    """The same files, and the next generation has names that none in the folder has, nor had when it was damaged."""
    return replace(record, generation=max(record.generation, last_number(folder)))
