"""The scrubber: reads every byte of the open epoch again and again, since disks and memory forget.

Contract: every segment is compared with its checksums once in each period, a partition at a time, in a thread that
nothing waits for. A partition found damaged answers no more: queries name it, until an epoch brings another
generation of it. What a query touches first is verified then, whether the scrubber has been there or not.

Not here: the checksums (`partition/envelope.py`), `broadsheet check`, which looks deeper.
"""

import asyncio

import structlog
from prometheus_client import Gauge

from partition.errors import IndexFileError
from search.epochs import POLL_S, Epochs
from search.snapshot import Snapshots

_SCRUBBED = Gauge(
    "broadsheet_scrubbed_timestamp_seconds", "When all of the index had been read again", multiprocess_mode="livemin"
)
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
            if manifest is None:
                await asyncio.sleep(min(POLL_S, self._period_s))
                continue
            for partition in range(len(manifest.partitions)):
                await asyncio.sleep(self._period_s / len(manifest.partitions))
                try:
                    await asyncio.to_thread(self.scrub, partition)
                except Exception:  # noqa: BLE001 - the next partition, or the next time, may fare better
                    _log.exception("partition cannot be scrubbed", partition=partition)
            _SCRUBBED.set_to_current_time()

    def scrub(self, partition: int) -> None:
        """Read one partition of the current state."""
        snapshot = self._snapshots.open(self._epochs.view())
        for leaf in snapshot.partitions.leaves:
            if leaf.partition == partition:
                try:
                    leaf.reader.verify()
                except IndexFileError as error:
                    self._snapshots.condemn(snapshot, partition, error)
