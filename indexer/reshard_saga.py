"""Resharding, as somebody asks for it: another number of partitions, step by step.

    room     there is room on the disk for what moves
    log      from here on articles are routed over the new number
    epoch    an epoch is published in which everything lies where it belongs

Contract: searches and writes go on meanwhile. What was broken off is gone on with; what fails for good is undone, by
resharding back.

Not here: moving (`resharding.py`), when the index stops for it (`projection.py`).
"""

import shutil
from collections.abc import Callable
from pathlib import Path

from indexer.events import Log
from indexer.sagas import Doing, NotYet, Saga, SagaFailedError, Step, Steps, Told
from partition.manifest import Layout, read_manifest

KIND = "reshard"


class ReshardSaga:
    """The steps of every reshard of an archive; a saga's subject is `{"partitions": ..}`."""

    def __init__(self, root: Path, open_log: Callable[[], Log], index: Callable[[], None]) -> None:
        """Args: the archive; its log; has it indexed, by whoever does."""
        self._layout = Layout(root)
        self._open_log = open_log
        self._index = index

    def steps(self) -> Steps:
        """Those steps."""
        return (Step("room", self._room), Step("log", self._reroute, self._undo), Step("epoch", self._epoch))

    def _room(self, doing: Doing) -> Told:
        newest = self._layout.newest_epoch()
        if not newest:
            raise SagaFailedError("nothing was ever indexed here; index with --partitions instead")
        manifest = read_manifest(self._layout, newest)
        before, after = len(manifest.partitions), doing.saga.subject["partitions"]
        # Jump consistent hashing moves so much of everything; the rest is rewritten at most.
        needed = sum(record.size_bytes for record in manifest.partitions)
        free = shutil.disk_usage(self._layout.root).free
        if free < needed:
            raise SagaFailedError(f"{needed:,} bytes may be needed, and {free:,} are free")
        return {"before": before, "after": after, "articles": manifest.articles}

    def _reroute(self, doing: Doing) -> Told:
        log = self._open_log()
        try:
            seq = log.append_reshard(doing.saga.subject["partitions"])
            return {"seq": log.last_seq() if seq is None else seq}
        finally:
            log.close()

    def _undo(self, saga: Saga) -> None:
        if len(saga.receipts) > 1:
            log = self._open_log()
            try:
                log.append_reshard(saga.receipt("room")["before"])
            finally:
                log.close()

    def _epoch(self, doing: Doing) -> Told:
        self._index()
        manifest = read_manifest(self._layout, self._layout.newest_epoch())
        if manifest.applied_seq < doing.saga.receipt("log")["seq"]:
            raise NotYet
        return {"epoch": manifest.epoch, "articles": manifest.articles, "partitions": len(manifest.partitions)}
