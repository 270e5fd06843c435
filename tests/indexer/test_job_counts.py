"""Counting jobs: each under the status that is told of it, and nothing made by looking.

Not here: over HTTP (`tests/broadsheet/test_operations.py`).
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.job_counts import COUNTED_MS, JobCounts, job_counts
from indexer.jobs import Job, JobStore
from indexer.sagas import CANCELED, SagaStore
from tests.small_index import Clock

APPLIED = 10


class Files:
    """Both files, and what is said of them."""

    def __init__(self, root: Path, jobs: JobStore, sagas: SagaStore, clock: Clock) -> None:
        self.root, self.jobs, self.sagas, self.clock = root, jobs, sagas, clock
        self.receiving: set[bytes] = set()

    def bulk(self, state: str, last_seq: int = 0) -> bytes:
        """A bulk request that came to this."""
        job, _new = self.jobs.begin("bulk", "client", None)
        if state != "receiving":
            self.jobs.finish(replace(job, state=state, last_seq=last_seq))  # type: ignore[arg-type] # any of them
        return job.id

    def is_received(self, job: Job) -> bool:
        """Whether a process is receiving it."""
        return job.id in self.receiving

    def counts(self) -> JobCounts:
        """How many stand how."""
        return job_counts(self.jobs, self.sagas, self.is_received, now_ms=self.clock(), applied_seq=APPLIED)


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    """Neither of which is there yet."""
    clock = Clock()
    with (
        closing(JobStore(tmp_path / "jobs.sqlite", clock)) as jobs,
        closing(SagaStore(tmp_path / "sagas.sqlite", clock)) as sagas,
    ):
        yield Files(tmp_path, jobs, sagas, clock)


def test_nothing_is_made_by_looking(files: Files) -> None:
    """Where there are no files, there are no jobs."""
    assert files.counts() == {"bulk": Counter()}
    assert list(files.root.iterdir()) == []


def test_bulk_requests_count_as_they_are_told(files: Files) -> None:
    """Running until they are searchable, and while they are received; failed when that was interrupted."""
    for state, last_seq in (("received", APPLIED), ("received", 0), ("received", APPLIED + 1), ("failed", 3)):
        files.bulk(state, last_seq)
    files.receiving.add(files.bulk("receiving"))
    files.bulk("receiving")
    files.jobs.begin("article", "client", "a single write")
    counts = files.counts()["bulk"]
    assert (counts["succeeded"], counts["running"], counts["failed"], counts["queued"]) == (2, 2, 2, 0)


def test_a_job_that_ends_while_it_is_counted_has_not_failed(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look at its state and the look at who receives it."""
    job_id = files.bulk("receiving")

    def ended(job: Job) -> bool:
        assert job.id == job_id
        files.jobs.finish(replace(job, state="received", last_seq=APPLIED))
        return False

    monkeypatch.setattr(files, "is_received", ended)
    assert files.counts() == {"bulk": Counter(succeeded=1, running=0, failed=0)}


def test_sagas_count_by_kind(files: Files) -> None:
    """Those that have not ended always; others for an hour, as bulk requests do."""
    waits, _ = files.sagas.begin("export", "client", None, {})
    canceled, _ = files.sagas.begin("export", "client", None, {})
    files.sagas.fails(canceled, CANCELED)
    files.sagas.failed(canceled)
    done, _ = files.sagas.begin("takedown", "client", None, {})
    files.sagas.done(done, "step", {}, last=True)
    files.bulk("received")
    assert files.counts() == {
        "bulk": Counter(succeeded=1),
        "export": Counter(queued=1, canceled=1),
        "takedown": Counter(succeeded=1),
    }
    files.clock.now_ms += COUNTED_MS + 1
    assert files.counts() == {"bulk": Counter(), "export": Counter(queued=1)}
    files.sagas.note(waits, {"articles": 1})
    assert files.counts()["export"] == Counter(running=1)
