"""The command side of an API process: what its write routes need, from its settings to its threads.

Contract: it begins and ends with the app. It does not index: that is the indexer's process.

Not here: the routes (`indexer/routes.py`), the query side (`app.py`).
"""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

from broadsheet.bells import LOG, ring
from broadsheet.settings import Settings
from indexer.intake import Intake
from indexer.jobs import JobStore
from indexer.log import EventLog
from indexer.projection import log_path
from indexer.routes import MAX_BULK, Writes
from indexer.writing import Applied, WriteService
from search.epochs import Epochs

JOBS_FILE = "jobs.sqlite"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@contextmanager
def command_side(settings: Settings, epochs: Epochs) -> Iterator[Writes]:
    """What the write routes need, until the block ends."""
    root = settings.root

    def applied() -> Applied:
        current = epochs.current
        return Applied(current.applied_seq, current.parked) if current else Applied(0, ())

    with (
        closing(JobStore(root / JOBS_FILE, _now_ms)) as jobs,
        Intake(lambda: EventLog(log_path(root), max_backlog=settings.max_backlog), lambda: ring(root, LOG)) as intake,
        ThreadPoolExecutor(MAX_BULK, "bulk") as threads,
    ):
        yield Writes(
            service=WriteService(root, intake, jobs, applied, _now_ms),
            bulk=threads,
            receiving=asyncio.Semaphore(MAX_BULK),
            reach=epochs.reach,
            max_backlog=settings.max_backlog,
        )
