"""The scrubber: reads every byte of the open epoch again and again, since disks and memory forget.

Contract: every segment is compared with its checksums once in each period, a partition at a time, in a thread that
nothing waits for. A partition found damaged answers no more: queries name it, until an epoch brings another
generation of it. What a query touches first is verified then, whether the scrubber has been there or not.

Not here: the checksums (`partition/envelope.py`), `broadsheet check`, which looks deeper.
"""

import asyncio

import structlog
from prometheus_client import Counter

from partition.errors import IndexFileError
from search.epochs import Epochs
from search.snapshot import Snapshots

_DAMAGED = Counter("broadsheet_damaged_partitions", "Partitions that were found damaged while they were served")
_log = structlog.get_logger()


class Scrubber:
    """Looks after the epoch that new queries are answered from."""

    def __init__(self, epochs: Epochs, snapshots: Snapshots, *, period_s: float) -> None:
        """Args: which epoch, where it is open, and in what time all of it is read once."""
        self._epochs = epochs
        self._snapshots = snapshots
        self._period_s = period_s

    async def follow(self) -> None:
        """Scrub until cancelled."""
        while True:
            manifest = self._epochs.current
            partitions = len(manifest.partitions) if manifest else 1
            for partition in range(partitions):
                await asyncio.sleep(self._period_s / partitions)
                if self._epochs.current:
                    await asyncio.to_thread(self.scrub, self._epochs.current.epoch, partition)

    def scrub(self, epoch: int, partition: int) -> None:
        """Read one partition of an epoch."""
        snapshot = self._snapshots.open(epoch)
        leaf = snapshot.leaf(partition)
        if leaf is None:  # empty, or known to be damaged
            return
        try:
            leaf.reader.verify()
        except IndexFileError as error:
            _DAMAGED.inc()
            _log.error("partition is damaged", partition=partition, epoch=epoch, reason=str(error))
            snapshot.condemn(partition, error)
