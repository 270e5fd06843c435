"""The command side of the API: articles are put, withdrawn and sent in bulk, and what became of them can be asked.

Contract: what is acknowledged is durable in the log. Each request is a job; a line of it that was logged is logged
once, however often the request is sent again with its key. Refusals come at once and say when to come back.

Not here: HTTP (`routes.py`), the queue (`intake.py`), the index (`worker.py`).
"""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from indexer.article import ArticleInvalid
from indexer.bulk_body import BodyPipe, read_lines
from indexer.events import LogError, LogFullError, Outcome, Standing, Submission
from indexer.fields import FieldMap
from indexer.intake import Intake
from indexer.job_file import JobsError
from indexer.jobs import Job, JobStore, LineReject, created_ms_of, line_of, message_id
from indexer.log import EventLog, log_path
from indexer.readers.unpack import StreamBroken
from indexer.receiving import Receiving
from indexer.rejects import Reject
from indexer.sagas import CANCELED, Receipt, Saga, SagaStore
from indexer.submitting import submission_of
from partition.errors import IndexFileError
from partition.manifest import Layout, ParkedEvent, read_manifest

_PAGE = 1000

Status = Literal["queued", "running", "succeeded", "failed", "canceled"]
UNFINISHED: frozenset[Status] = frozenset({"queued", "running"})
"""Something is to come of them."""


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
    """Lines that were logged and not parked, or changed nothing."""
    lines: int
    failed: int
    """Lines that were rejected or parked."""
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
    """A saga as a job: its lines are its steps. It is queued until the first of them has got anywhere."""
    status: Status
    if saga.state == "succeeded":
        status = "succeeded"
    elif saga.state == "failed":
        status = "canceled" if saga.reason == CANCELED else "failed"
    else:
        status = "running" if saga.receipts or saga.progress or saga.state == "undoing" else "queued"
    steps = len(saga.receipts)
    seq = next((one.told["seq"] for one in saga.receipts if "seq" in one.told), 0)
    return JobView(
        *(saga.id, saga.kind, status, steps, steps + (status in UNFINISHED), 0),
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
            IntakeFullError, JobsError: nothing was submitted.
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
        """Log the articles of a body; returns when all of it was read and is durable, or why it is not.

        Raises:
            BusyJobError, OtherBodyError
            LogError, JobsError: it cannot be logged or remembered; what was logged of it stays.
        """
        begun, _fresh = self._jobs.begin("bulk", client, key)
        with self._mine(begun) as job:
            if job.kind != "bulk" or (job.state == "received" and _digest_of(pipe) != job.digest):
                raise OtherBodyError
            if job.state == "received":
                return job
            if job.state == "failed":
                self._jobs.finish(replace(job, state="receiving", reason=""))
            receiving = Receiving(job, client, self._intake, self._jobs)
            # Whatever ends it from here on: it was not received.
            ended = replace(job, state="failed", reason="it was interrupted")
            try:
                ended = self._received(job, receiving, pipe)
            except (LogError, JobsError) as error:
                ended = replace(ended, reason=str(error))
                raise
            finally:
                pipe.leave()
                lines, rejected, last_seq = receiving.lines, receiving.rejected, receiving.last_seq
                ended = replace(ended, digest=pipe.digest(), lines=lines, rejected=rejected, last_seq=last_seq)
                self._jobs.finish(ended)
            return ended

    def _received(self, job: Job, receiving: Receiving, pipe: BodyPipe) -> Job:
        """Take in a body, up to where it breaks off or the log is full; the job as it is then."""
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
        return replace(job, state="failed" if reason else "received", reason=reason)

    @contextlib.contextmanager
    def _mine(self, begun: Job) -> Iterator[Job]:
        """Hold a job while it is received, by a lock that goes with its process; gives it as it is then.

        Raises:
            BusyJobError, JobsError
        """
        folder = self._root / "run"
        path = folder / f"job-{begun.id.hex()}"
        try:
            folder.mkdir(exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise JobsError(f"the job cannot be held ({error})") from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            named = os.fstat(handle).st_nlink  # else whoever held it has ended between the two
        except BlockingIOError:
            named = 0
        if not named:
            os.close(handle)
            raise BusyJobError
        try:
            yield self._jobs.find(begun.id) or begun
        finally:
            path.unlink(missing_ok=True)
            os.close(handle)

    def is_received(self, job: Job) -> bool:
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
            return _single(job_id, job.kind if job else "article", found[0][2].seq or 0, applied)
        receiving = job.state == "receiving" and self.is_received(job)
        if job.state == "receiving" and not receiving:
            job = self._jobs.find(job_id) or job  # it may have ended between the two
        reason = job.reason
        if job.state == "received":
            status: Status = "succeeded" if job.last_seq <= applied.seq else "running"
        elif receiving:
            status = "running"
        else:
            status, reason = "failed", reason or "it was interrupted; send it again with the same Idempotency-Key"
        failed = job.rejected + self._parked(job, applied)
        return JobView(
            id=job.id,
            kind=job.kind,
            status=status,
            accepted=job.lines - failed,
            lines=job.lines,
            failed=failed,
            created_ms=job.created_ms,
            seq=job.last_seq,
            reason=reason,
        )

    def _parked(self, job: Job, applied: Applied) -> int:
        """How many lines of a job are parked."""
        seqs = [one.seq for one in applied.parked if one.seq <= job.last_seq]
        if not seqs:
            return 0
        with EventLog(log_path(self._root)) as log:
            return log.led_to(job.id, seqs)

    def published(self) -> int:
        """The log sequence that the newest epoch has applied, whether this process has opened it or not."""
        layout = Layout(self._root)
        try:
            return read_manifest(layout, layout.newest_epoch()).applied_seq
        except IndexFileError:  # none yet, or it went meanwhile, or is damaged
            return 0

    def results(self, job_id: bytes) -> Iterator[list[LineResult]]:
        """What became of each line of a job, in order, in pages; whichever threads ask for them."""
        after = 0
        while page := self._results(job_id, after):
            yield page
            after = page[-1].line

    def _results(self, job_id: bytes, after: int) -> list[LineResult]:
        parked = {one.seq: one.reason for one in self._applied().parked}
        with EventLog(log_path(self._root)) as log:
            rows = log.outcomes(job_id, message_id(job_id, after), _PAGE)
        rejects = self._jobs.rejects(job_id, after, _PAGE)
        found = [LineResult(line, article_id, "rejected", None, reason) for line, article_id, reason in rejects]
        for message, article_id, outcome in rows:
            error = parked.get(outcome.seq or 0)
            status = "parked" if error else outcome.status
            found.append(LineResult(line_of(message), article_id, status, outcome.version, error))
        # What either has beyond its page comes after all of it.
        return sorted(found, key=lambda result: result.line)[:_PAGE]


def _single(job_id: bytes, kind: str, seq: int, applied: Applied) -> JobView:
    """The job of one change, by its event."""
    reason = next((one.reason for one in applied.parked if one.seq == seq), "")
    status: Status = "failed" if reason else "succeeded" if seq <= applied.seq else "running"
    failed = int(bool(reason))
    return JobView(job_id, kind, status, 1 - failed, 1, failed, created_ms_of(job_id), seq, reason)


def _digest_of(pipe: BodyPipe) -> bytes | None:
    """Of a body that is only compared; `None` if it does not come to its end."""
    try:
        for _line in read_lines(pipe):
            pass
    except StreamBroken:
        return None
    return pipe.digest()
