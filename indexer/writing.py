"""The command side of the API: articles are put, withdrawn and sent in bulk, and what became of them can be asked.

Contract: what is acknowledged is durable in the log. Each request is a job; a line of it that was logged is logged
once, however often the request is sent again with its key. Refusals come at once and say when to come back.

Not here: HTTP (`routes.py`), the queue (`intake.py`), the index (`worker.py`).
"""

import contextlib
import fcntl
import heapq
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from indexer.article import ArticleInvalid
from indexer.bulk_body import BodyPipe, read_lines
from indexer.events import LogFullError, Outcome, Standing, Submission
from indexer.fields import FieldMap
from indexer.intake import Intake
from indexer.jobs import Job, JobStore, LineReject, created_ms_of, message_id
from indexer.log import EventLog
from indexer.projection import log_path
from indexer.readers.unpack import StreamBroken
from indexer.receiving import Receiving
from indexer.rejects import Reject
from indexer.sagas import Receipt, Saga, SagaStore
from indexer.submitting import submission_of
from partition.manifest import ParkedEvent

_PAGE = 1000

Status = Literal["running", "succeeded", "failed"]


class BusyJobError(Exception):
    """The job with this key is being received just now."""


class OtherBodyError(Exception):
    """The key was used before, with something else."""


class Applied(NamedTuple):
    """How far the index is, as this process sees it."""

    seq: int
    parked: tuple[ParkedEvent, ...]


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as it is told."""

    id: bytes
    kind: str
    status: Status
    accepted: int
    """Lines that were logged, or changed nothing."""
    lines: int
    rejected: int
    created_ms: int
    seq: int
    """The log sequence at which all of it is searchable; 0 where nothing changed."""
    reason: str = ""
    receipts: tuple[Receipt, ...] = ()
    """Of a saga."""


class LineResult(NamedTuple):
    """What became of one line."""

    line: int
    article_id: str | None
    status: str
    version: int | None
    error: str | None


def saga_view(saga: Saga) -> JobView:
    """A saga as a job: its lines are its steps."""
    status: Status = saga.state if saga.state in {"succeeded", "failed"} else "running"
    steps = len(saga.receipts)
    seq = next((one.told["seq"] for one in saga.receipts if "seq" in one.told), 0)
    return JobView(
        *(saga.id, saga.kind, status, steps, steps + (status == "running"), 0),
        created_ms=created_ms_of(saga.id),
        seq=seq,
        reason=saga.reason,
        receipts=saga.receipts,
    )


class WriteService:
    """Writes of one archive; any thread may use it."""

    def __init__(
        self,
        root: Path,
        intake: Intake,
        jobs: JobStore,
        sagas: SagaStore,
        applied: Callable[[], Applied],
        now_ms: Callable[[], int],
    ) -> None:
        self._root = root
        self._intake = intake
        self._jobs = jobs
        self._sagas = sagas
        self._applied = applied
        self._now_ms = now_ms

    def parse(self, fields: Mapping[str, Any]) -> Submission:
        """What is asked by the fields of an article, under the names in common use.

        Raises:
            ArticleInvalid
        """
        return submission_of(FieldMap().rename(fields), now_ms=self._now_ms())

    def write(
        self, submission: Submission, kind: str, client: str, key: str | None, digest: bytes
    ) -> "tuple[bytes, Future[list[Outcome]]]":
        """Submit one change; returns the id of its job, and its outcome as soon as it is durable.

        Raises:
            IntakeFullError: nothing was submitted.
            OtherBodyError
        """
        job_id = self._jobs.new_id()
        if key is not None:
            job, fresh = self._jobs.begin(kind, client, key, digest)
            if not fresh and job.digest != digest:
                raise OtherBodyError
            job_id = job.id
        named = replace(submission, client=client, message_id=message_id(job_id, 1))
        return job_id, self._intake.submit(client, [named])

    def standing(self, article_id: str) -> Standing:
        """How it stands with an article in the log."""
        with EventLog(log_path(self._root)) as log:
            return log.standing(article_id)

    def room(self, max_backlog: int) -> None:
        """Look whether the log takes anything at all.

        Raises:
            LogFullError
        """
        with EventLog(log_path(self._root)) as log:
            drain = log.drain()
        if drain.waiting >= max_backlog:
            raise LogFullError(drain, max_backlog)

    def bulk(self, pipe: BodyPipe, client: str, key: str | None) -> Job:
        """Log the articles of a body; returns when all of it was read and is durable.

        Raises:
            BusyJobError, OtherBodyError
        """
        job, fresh = self._jobs.begin("bulk", client, key)
        with self._mine(job):
            if not fresh and job.state == "received":
                for _line in read_lines(pipe):
                    pass
                if pipe.digest() != job.digest:
                    raise OtherBodyError
                return job
            receiving = Receiving(job, client, self._intake, self._jobs)
            reason = ""
            try:
                fields = FieldMap()
                for item in read_lines(pipe):
                    if isinstance(item, Reject):
                        receiving.reject(LineReject(item.line, item.id, item.reason))
                        continue
                    try:
                        submission = submission_of(fields.rename(item.values), now_ms=self._now_ms())
                    except ArticleInvalid as error:
                        receiving.reject(LineReject(item.line, error.article_id, error.reason))
                    else:
                        receiving.submit(item.line, submission, len(item.raw))
                receiving.settle()
            except StreamBroken as error:
                receiving.settle()
                reason = str(error)
            except LogFullError as error:
                reason = str(error)
            finally:
                pipe.leave()
                ended = replace(
                    job,
                    state="failed" if reason else "received",
                    digest=pipe.digest(),
                    lines=receiving.lines,
                    rejected=receiving.rejected,
                    last_seq=receiving.last_seq,
                    reason=reason,
                )
                self._jobs.finish(ended)
            return ended

    @contextlib.contextmanager
    def _mine(self, job: Job) -> Iterator[None]:
        """Hold a job while it is received: a lock that goes with its process."""
        folder = self._root / "run"
        folder.mkdir(exist_ok=True)
        path = folder / f"job-{job.id.hex()}"
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise BusyJobError from None
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
            os.close(handle)

    def _is_received(self, job: Job) -> bool:
        """Whether a process is receiving it."""
        try:
            handle = os.open(self._root / "run" / f"job-{job.id.hex()}", os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(handle)
        return False

    def job(self, job_id: bytes) -> JobView | None:
        """A job as it stands; `None` where there is no such job."""
        applied = self._applied()
        saga = self._sagas.find(job_id)
        if saga:
            return saga_view(saga)
        job = self._jobs.find(job_id)
        if job is None or job.kind != "bulk":
            with EventLog(log_path(self._root)) as log:
                found = log.outcomes(job_id, b"", 1)
            if not found:
                return None
            seq = found[0][2].seq or 0
            status: Status = "succeeded" if seq <= applied.seq else "running"
            kind = job.kind if job else "article"
            return JobView(job_id, kind, status, 1, 1, 0, created_ms_of(job_id), seq)
        reason = job.reason
        if job.state == "received":
            status = "succeeded" if job.last_seq <= applied.seq else "running"
        elif job.state == "receiving" and self._is_received(job):
            status = "running"
        else:
            status, reason = "failed", reason or "it was interrupted; send it again with the same Idempotency-Key"
        accepted = job.lines - job.rejected
        return JobView(
            job.id, job.kind, status, accepted, job.lines, job.rejected, job.created_ms, job.last_seq, reason
        )

    def results(self, job_id: bytes) -> Iterator[LineResult]:
        """What became of each line of a job, in order."""
        return heapq.merge(self._logged(job_id), self._rejected(job_id), key=lambda result: result.line)

    def _logged(self, job_id: bytes) -> Iterator[LineResult]:
        parked = {one.seq: one.reason for one in self._applied().parked}
        after = b""
        with EventLog(log_path(self._root)) as log:
            while rows := log.outcomes(job_id, after, _PAGE):
                for after, article_id, outcome in rows:
                    line = int.from_bytes(after[len(job_id) :], "big")
                    error = parked.get(outcome.seq or 0)
                    status = "parked" if error else outcome.status
                    yield LineResult(line, article_id, status, outcome.version, error)

    def _rejected(self, job_id: bytes) -> Iterator[LineResult]:
        after = 0
        while rows := self._jobs.rejects(job_id, after, _PAGE):
            for after, article_id, reason in rows:
                yield LineResult(after, article_id, "rejected", None, reason)
