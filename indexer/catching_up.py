"""Bringing an archive up to its log, if nobody else is doing so.

Contract: `catch_up` publishes what the log holds, embargoes that have ended among it, or returns at once where there
is nothing to do or another process is indexing. It may be called at any time, from any thread, and says when it has
to be called again.

Not here: who calls it (`broadsheet/intake_commands.py`), how an epoch is made (`projection.py`).
"""

import time
from pathlib import Path
from typing import Protocol

from indexer.builder_processes import ProcessBuilder
from indexer.log import EventLog, log_path
from indexer.projection import Projector, advance_statistics, lift_all_due
from indexer.publisher import IndexerBusyError, IndexerLock, Retention

BUSY_S = 1.0
"""How long what is due is left to somebody else who is indexing."""


class IndexingSettings(Protocol):
    """As much of the settings as it takes."""

    @property
    def builders(self) -> int:
        """Processes that build side by side."""

    @property
    def memory_mb(self) -> int:
        """MB that a segment may take in each of them while it is made."""

    @property
    def retain_seconds(self) -> int:
        """How long states are kept for cursors."""


def catch_up(root: Path, settings: IndexingSettings) -> float | None:
    """Index and publish what waits in the log of the archive at `root`.

    Returns:
        In how many seconds the next embargo ends, if one is known.

    Raises:
        LogError, BuildError, IndexFileError, OSError: the archive cannot be written.
    """
    with EventLog(log_path(root)) as log:
        at_least_s = 0.0
        try:
            with IndexerLock(root, wait_s=0) as lock, ProcessBuilder(settings.builders, lock.handle) as builder:
                retention = Retention(settings.retain_seconds)
                projector = Projector(
                    *(root, log, builder),
                    retention=retention,
                    memory_mb=settings.memory_mb,
                    follow=builder.follow_stories,
                )
                lift_all_due(log)
                current = projector.current()
                if log.last_seq() > (current.applied_seq if current else 0):
                    advance_statistics(log)
                    current = projector.project()
                if current and current.erased_seq > current.purged_seq:
                    current = projector.purge()
                if current:
                    # Said even if nothing was done: a full log waits for it.
                    log.applied(current.applied_seq)
        except IndexerBusyError:
            at_least_s = BUSY_S
        lift_ms = log.next_lift_ms()
    return None if lift_ms is None else max(at_least_s, lift_ms / 1000 - time.time())
