"""The embedded log, held to the contract of logs."""

from pathlib import Path
from typing import Any

from indexer.log import EventLog
from tests.indexer.log_contract import log_machine
from tests.small_index import Clock


def _open(folder: Path, partitions: int | None, max_backlog: int | None, clock: Clock) -> EventLog:
    return EventLog(folder / "log.sqlite", partitions=partitions, max_backlog=max_backlog, now_ms=clock)


TestLog: Any = log_machine(_open)
