"""The write service where something fails or comes in between: no lie is told, and nothing is taken for done.

Not here: HTTP (`test_http_writes.py`), deaths (`tests/broadsheet/live_kill_harness.py`).
"""

import asyncio
import os
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import pytest

from indexer.bulk_body import BodyPipe
from indexer.events import Log, LogError, OtherSubmissionError, Submission
from indexer.intake import Intake
from indexer.job_file import JobsError
from indexer.jobs import KEPT_MS, Job, JobStore, LineReject
from indexer.log import EventLog, log_path
from indexer.sagas import SAGAS_FILE, SagaStore
from indexer.writing import Applied, BusyJobError, OtherBodyError, WriteService
from partition.manifest import ParkedEvent
from tests.api_server import eventually
from tests.small_index import Clock, SmallIndex


class Service:
    """A write service, and what it stands on."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = Clock()
        EventLog(log_path(root), partitions=2).close()
        self.jobs = JobStore(root / "jobs.sqlite", self.clock)
        self.broken = False
        """Whether the log can be opened."""
        self.applied = 0
        self.parked: tuple[ParkedEvent, ...] = ()
        self.intake = Intake(self._open, lambda: None)
        sagas = SagaStore(root / SAGAS_FILE, self.clock)
        self.writes = WriteService(
            *(root, self.intake, self.jobs, sagas),
            applied=lambda: Applied(self.applied, self.parked),
            now_ms=self.clock,
        )

    def _open(self) -> Log:
        if self.broken:
            raise LogError("the disk is full")
        return EventLog(log_path(self.root))

    def bulk(self, body: bytes, key: str = "key") -> Job:
        """Send a body."""
        pipe = BodyPipe()

        async def send() -> None:
            for piece in (body, b""):
                await pipe.put(piece)

        with ThreadPoolExecutor(1) as pool:
            received = pool.submit(self.writes.bulk, pipe, "me", key)
            received.add_done_callback(lambda _done: pipe.leave())
            asyncio.run(send())
            return received.result(60)

    def status(self, job: Job) -> tuple[str, str]:
        """Of a job, and why."""
        view = self.writes.job(job.id)
        assert view
        return view.status, view.reason


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """On an empty log."""
    made = Service(tmp_path)
    with made.intake:
        yield made
    made.jobs.close()


def _lines(count: int) -> bytes:
    rows = ({"id": f"a/{number}", "title": f"Title {number}"} for number in range(count))
    return b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)


def test_a_body_that_cannot_be_logged_was_not_received(service: Service) -> None:
    """It failed, for the reason that is told; the same request again is not taken for done, and completes it."""
    service.broken = True
    with pytest.raises(LogError, match="the disk is full"):
        service.bulk(_lines(3))
    job, fresh = service.jobs.begin("bulk", "me", "key")
    assert not fresh
    assert service.status(job) == ("failed", "the disk is full")
    service.broken = False
    assert service.bulk(_lines(3)).id == job.id
    service.applied = 3
    assert service.status(job) == ("succeeded", "")
    assert [one.status for page in service.writes.results(job.id) for one in page] == ["created"] * 3


@pytest.mark.parametrize("moment", ["settle", "finish", "reject"])
def test_jobs_that_cannot_be_remembered_are_not_received(
    service: Service, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Wherever that shows: the request fails, and sent again it is completed, without a line logged twice."""
    body = _lines(3) + b"{broken\n"

    def full(*_given: Any) -> None:
        raise JobsError("the file of jobs cannot be used (disk is full)")

    with monkeypatch.context() as patched:
        patched.setattr(
            "indexer.receiving.Receiving.settle" if moment == "settle" else f"indexer.jobs.JobStore.{moment}", full
        )
        with pytest.raises(JobsError):
            service.bulk(body)
    job, _fresh = service.jobs.begin("bulk", "me", "key")
    assert job.state != "received"
    assert service.status(job)[0] == "failed"
    done = service.bulk(body)
    assert (done.state, done.lines, done.rejected, done.last_seq) == ("received", 4, 1, 3)
    with EventLog(log_path(service.root)) as log:
        assert log.last_seq() == 3


def test_a_key_is_of_one_request(service: Service) -> None:
    """Another kind of request, another body and half a body are not the same request."""
    service.writes.write(service.writes.parse({"id": "a", "title": "t"}), "put", "me", "single", b"digest")
    with pytest.raises(OtherBodyError):
        service.bulk(_lines(1), "single")
    service.bulk(_lines(2))
    for other in (_lines(1), _lines(2)[:-1], b"\x1f\x8b\x08rubbish-rubbish"):
        with pytest.raises(OtherBodyError):
            service.bulk(other)
    assert service.bulk(_lines(2)).lines == 2


def test_a_key_is_of_one_body_also_where_that_broke_off(service: Service) -> None:
    """What was said to be logged under a line is not said of another; the body that broke off can be completed."""
    whole = _lines(500)
    broken = service.bulk(zlib.compress(whole, wbits=31)[:-10])
    assert broken.state == "failed"
    with EventLog(log_path(service.root)) as log:
        logged = log.last_seq()
        assert 0 < logged <= 500
        with pytest.raises(OtherSubmissionError):
            service.bulk(whole.replace(b"Title 0", b"Another"))
        with pytest.raises(OtherSubmissionError):
            service.bulk(whole.replace(b'"Title 0"', b'"Title 0", "embargoed_until": "2100-01-01"'))
        assert log.last_seq() == logged
    assert service.status(broken)[0] == "failed"
    assert service.bulk(whole).state == "received"
    with EventLog(log_path(service.root)) as log:
        assert log.last_seq() == 500


def test_what_is_parked_is_not_told_as_searchable(service: Service) -> None:
    """Lines of a body are counted, those of others are not; a retry of one of them alone fails if it is parked."""
    first, job = service.bulk(_lines(2), "first"), service.bulk(_lines(5))
    service.applied = 5
    reason = "it cannot be indexed"
    service.parked = tuple(ParkedEvent(seq, f"a/{seq - 1}", reason, 0) for seq in (2, 4))
    for one, told in ((first, (1, 2, 1)), (job, (4, 5, 1))):
        view = service.writes.job(one.id)
        assert view
        assert (view.status, view.accepted, view.lines, view.failed) == ("succeeded", *told)
    retry = Submission("a/3", None, b"", "retry")
    job_id, logged = service.writes.write(retry, "retry", "me", None, b"")
    (outcome,) = logged.result(60)
    service.parked = (ParkedEvent(outcome.seq or 0, "a/3", reason, 0),)
    service.applied = 6
    view = service.writes.job(job_id)
    assert view
    assert (view.status, view.accepted, view.failed, view.reason) == ("failed", 0, 1, reason)


def test_a_job_that_ends_while_it_is_looked_at_has_not_failed(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at its state and the look at who receives it."""
    job, _fresh = service.jobs.begin("bulk", "me", "key")
    received: list[Job] = []

    def ended(_self: WriteService, _job: Job) -> bool:
        received.append(service.bulk(_lines(2)))
        return False

    monkeypatch.setattr(WriteService, "is_received", ended)
    assert service.status(job) == ("running", "")
    assert [one.id for one in received] == [job.id]


def test_a_job_is_received_by_one(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where one comes just as the other lets go; a body that is sent again is running, not failed."""
    pipe = BodyPipe()
    held = threading.Thread(target=lambda: service.writes.bulk(pipe, "me", "key"))
    held.start()
    job, _fresh = service.jobs.begin("bulk", "me", "key")
    eventually(lambda: service.status(job)[0] == "running")
    with pytest.raises(BusyJobError):
        service.bulk(_lines(1))
    asyncio.run(pipe.put(None))
    held.join(60)
    assert service.status(job) == ("failed", "the connection broke off")
    opened = os.open

    def slowly(path: Any, *given: Any) -> int:
        handle = opened(path, *given)
        if "job-" in str(path):
            path.unlink()  # by whoever held it, who had it open too
        return handle

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", slowly)
        with pytest.raises(BusyJobError):
            service.bulk(_lines(1))
    again = BodyPipe()
    held = threading.Thread(target=lambda: service.writes.bulk(again, "me", "key"))
    held.start()
    eventually(lambda: service.status(job)[0] == "running")
    asyncio.run(again.put(b""))
    held.join(60)
    assert service.status(job) == ("succeeded", "")


def test_what_is_published_counts_wherever_it_is_open(service: Service) -> None:
    """The newest epoch says how far the index is, before anybody has opened it."""
    assert service.writes.published() == 0
    service.bulk(_lines(5))
    with SmallIndex(service.root, partitions=2) as index:
        manifest = index.publish()
        assert service.writes.published() == 5
        index.layout.manifest(manifest.epoch).write_bytes(b"{")
    assert service.writes.published() == 0


def test_a_file_of_jobs_in_trouble_is_opened_again(tmp_path: Path) -> None:
    """Each use says what is wrong, until nothing is."""
    path = tmp_path / "jobs.sqlite"
    path.write_bytes(b"no database, but long enough to be looked at as one" * 100)
    jobs = JobStore(path, Clock())
    for use in (
        lambda: jobs.begin("put", "me", "key"),
        lambda: jobs.find(bytes(16)),
        lambda: jobs.rejects(b"", 0, 1),
    ):
        with pytest.raises(JobsError, match="the file of jobs cannot be used"):
            use()
    path.unlink()
    job, fresh = jobs.begin("put", "me", "key")
    assert fresh
    with pytest.raises(ZeroDivisionError):
        jobs.reject(job.id, (LineReject(1 // 0, None, "") for _one in range(1)))
    assert jobs.find(job.id) == job
    jobs.close()


def test_jobs_are_forgotten_after_a_week(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the service runs for longer than that; what is younger stays."""
    clock, passed_s = Clock(), 0.0
    monkeypatch.setattr("time.monotonic", lambda: passed_s)
    jobs = JobStore(tmp_path / "jobs.sqlite", clock)
    old, _fresh = jobs.begin("bulk", "me", "old")
    jobs.reject(old.id, [LineReject(1, None, "broken")])
    passed_s = KEPT_MS / 1000 - 10
    clock.pass_s(passed_s)
    young, _fresh = jobs.begin("bulk", "me", "young")
    passed_s += 3600
    clock.pass_s(3600)
    jobs.begin("bulk", "me", "new")
    assert (jobs.find(old.id), jobs.rejects(old.id, 0, 10)) == (None, [])
    assert jobs.find(young.id)
    jobs.close()
