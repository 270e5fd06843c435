"""Merging in the background: large segments, one group at a time, in a thread that gives way.

Contract: `start` never waits; what comes out is put into a later epoch by whoever publishes (`projection.py`). A
merge that fails is told in the log, and leaves nothing behind; the segments go on being searched. Its partition is
left alone, for `AGAIN_S` where the disk failed, and for good where a file is damaged.

Not here: what is merged, and how (`partition/merge_aside.py`).
"""

import math
import os
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Self

import structlog

from partition.errors import IndexFileError
from partition.format import MAX_ARTICLES
from partition.manifest import Layout, RootManifest
from partition.merge_aside import MergedSegments, merge_aside
from partition.merge_policy import FACTOR
from partition.reader import OpenFiles

SMALL = 400
"""Articles of a segment that is merged while an epoch is made: a group takes some hundredths of a second."""
MANY_SEGMENTS = 24
"""Of a partition, which has a few for each size. From there on merging gives way no longer, and epochs help, with
segments `FACTOR` times as large for each `MORE_SEGMENTS`: they take longer, and segments stay bounded."""
MORE_SEGMENTS = 8
AGAIN_S = 30.0
NICE = 10
"""Beside a thread that is busy, such a one gets a tenth of a core (sched(7))."""
_log = structlog.get_logger()


def small(segments: int) -> int:
    """Up to how many articles a segment is small, in a partition of so many segments.

    Where this changes during a merge, an epoch may merge some of the same; then what was merged here is not taken.
    """
    steps = max(0, 1 + (segments - MANY_SEGMENTS) // MORE_SEGMENTS)
    return min(int(SMALL * FACTOR**steps), MAX_ARTICLES)


class BackgroundMerger:
    """Merges in one thread at a time; a context manager."""

    def __init__(self, root: Path, opened: OpenFiles | None = None) -> None:
        """Args: the data folder; files that are open already."""
        self._layout = Layout(root)
        self._yielding = ThreadPoolExecutor(1, thread_name_prefix="merge", initializer=_give_way)
        self._pressing = ThreadPoolExecutor(1, thread_name_prefix="merge")
        self._opened = opened or OpenFiles()
        self._merging: Future[tuple[int, MergedSegments] | None] | None = None
        self._left_alone: dict[int, float] = {}
        """Partition to the moment when it may be tried again, by the monotonic clock."""
        self.writing: Path | None = None
        """A file that no epoch names yet, and that must not be removed."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        """Wait until it is done."""
        for thread in (self._yielding, self._pressing):
            thread.shutdown(cancel_futures=True)

    def start(self, manifest: RootManifest) -> None:
        """Look for something to merge in an epoch, unless that is done already."""
        if self._merging is None:
            many = any(record.segments >= MANY_SEGMENTS for record in manifest.partitions)
            self._merging = (self._pressing if many else self._yielding).submit(self._merge, manifest)

    def ready(self) -> tuple[int, MergedSegments] | None:
        """A partition and what was merged of it, to be put into its next generation."""
        if self._merging is None or not self._merging.done():
            return None
        found = self._merging.result()
        if found is None:
            self._merging = None
        return found

    def taken(self) -> None:
        """What was `ready` is in a published epoch."""
        self._merging = self.writing = None

    def _merge(self, manifest: RootManifest) -> tuple[int, MergedSegments] | None:
        # Those with most segments first: they cost searches most.
        order = sorted(enumerate(manifest.partitions), key=lambda entry: -entry[1].segments)
        for partition, record in order:
            if not record.generation or time.monotonic() < self._left_alone.get(partition, 0):
                continue
            try:
                merged = merge_aside(
                    self._layout.partition(partition),
                    record,
                    since_seq=manifest.since_seq,
                    larger_than=small(record.segments),
                    opened=self._opened,
                    writing=self._write,
                )
            except (IndexFileError, OSError) as error:
                wait_s = AGAIN_S if isinstance(error, OSError) else math.inf
                self._left_alone[partition] = time.monotonic() + wait_s
                _log.error("segments cannot be merged", partition=partition, reason=str(error))
                if self.writing:
                    self.writing.unlink(missing_ok=True)
                    self.writing = None
                continue
            if merged:
                return partition, merged
        return None

    def _write(self, path: Path) -> None:
        self.writing = path


def _give_way() -> None:
    if sys.platform == "linux":  # elsewhere it would be the whole process
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
