"""A bulk job in the making: articles in batches to the intake, lines that are none to the job.

Contract: batches are logged in the order of their lines, each after the one before; while one is logged, the next is
read. Where the log is full, it waits for room, for `STALL_S` at most.

Not here: reading lines (`bulk_body.py`), when a job begins and ends (`writing.py`).
"""

import time
from concurrent.futures import Future
from dataclasses import replace

from indexer.events import LogFullError, Outcome, Submission
from indexer.intake import Intake, IntakeFullError
from indexer.jobs import Job, JobStore, LineReject, message_id

BATCH_LINES = 200
BATCH_BYTES = 1 << 20
STALL_S = 30.0
_RETRY_S = 0.05


class Receiving:
    """A bulk job in the making: one batch is logged while the next is read."""

    def __init__(self, job: Job, client: str, intake: Intake, jobs: JobStore) -> None:
        self._job = job
        self._client = client
        self._intake = intake
        self._jobs = jobs
        self._batch: list[Submission] = []
        self._batch_bytes = 0
        self._rejects: list[LineReject] = []
        self._under_way: tuple[list[Submission], Future[list[Outcome]]] | None = None
        self.lines = 0
        self.rejected = 0
        self.last_seq = 0

    def submit(self, line: int, submission: Submission, size_bytes: int) -> None:
        """One article."""
        self.lines += 1
        self._batch.append(replace(submission, client=self._client, message_id=message_id(self._job.id, line)))
        self._batch_bytes += size_bytes
        if len(self._batch) >= BATCH_LINES or self._batch_bytes >= BATCH_BYTES:
            self._send()

    def reject(self, reject: LineReject) -> None:
        """One line that is no article."""
        self.lines += 1
        self.rejected += 1
        self._rejects.append(reject)
        if len(self._rejects) >= BATCH_LINES:
            self._tell()

    def settle(self) -> None:
        """Wait until everything is durable.

        Raises:
            LogFullError: there was no room for `STALL_S`.
        """
        if self._batch:
            self._send()
        self._settle()
        self._tell()

    def _send(self) -> None:
        self._settle()
        batch, self._batch, self._batch_bytes = self._batch, [], 0
        self._under_way = batch, self._patiently(batch)

    def _settle(self) -> None:
        if self._under_way is None:
            return
        batch, logged = self._under_way
        give_up = time.monotonic() + STALL_S
        while True:
            try:
                outcomes = logged.result()
                break
            except LogFullError:
                if time.monotonic() >= give_up:
                    raise
                time.sleep(_RETRY_S)
                logged = self._patiently(batch)
        self._under_way = None
        self.last_seq = max(self.last_seq, *(outcome.seq or 0 for outcome in outcomes))

    def _patiently(self, batch: list[Submission]) -> "Future[list[Outcome]]":
        while True:
            try:
                return self._intake.submit(self._client, batch)
            except IntakeFullError:
                time.sleep(_RETRY_S)

    def _tell(self) -> None:
        if self._rejects:
            self._jobs.reject(self._job.id, self._rejects)
            self._rejects = []
