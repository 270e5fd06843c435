"""Jobs: what is remembered of write requests, so that each can be asked about, and sent again.

    job     id -> kind, client, created_ms, key, digest, state, lines, rejected, last_seq, reason
    reject  (job, line) -> what was wrong with a line

A job's id is 16 bytes: the milliseconds at which it began, and ten bytes of chance. What became of each line stands
in the log, as the outcome of a message whose id is the job's id and the line's number; so a job that is sent again,
with the same key, repeats nothing. A single write without a key is in the log only.

Contract: `begin` is durable before it returns; a key belongs to its client. Several processes use the file at a time.

Not here: what a job does (`writing.py`).
"""

import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Literal, NamedTuple

from indexer.job_file import JobFile

JobState = Literal["receiving", "received", "failed"]
ID_BYTES = 16
KEPT_MS = 7 * 24 * 3600 * 1000
"""How long a job can be asked about after it began."""
_EXPIRE_EVERY_S = 3600.0
MAX_COUNTED = 10_000
"""How many of the newest jobs are looked through where they are counted."""
_TIME_BYTES = 6

_SCHEMA = """
CREATE TABLE IF NOT EXISTS job (
    id BLOB PRIMARY KEY, kind TEXT NOT NULL, client TEXT NOT NULL, key BLOB UNIQUE, digest BLOB, state TEXT NOT NULL,
    lines INTEGER NOT NULL, rejected INTEGER NOT NULL, last_seq INTEGER NOT NULL, reason TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS reject (
    job BLOB NOT NULL, line INTEGER NOT NULL, article_id TEXT, reason TEXT NOT NULL, PRIMARY KEY (job, line)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Job:
    """One write request."""

    id: bytes
    kind: str
    client: str
    digest: bytes | None
    """Of what was sent; `None` until all of it was."""
    state: JobState
    lines: int
    rejected: int
    last_seq: int
    """The highest sequence of its events; 0 without any."""
    reason: str
    """Why it failed."""

    @property
    def created_ms(self) -> int:
        """When it began."""
        return created_ms_of(self.id)


class LineReject(NamedTuple):
    """A line that is no article."""

    line: int
    article_id: str | None
    reason: str


class JobStore:
    """The file of jobs; any thread may use it.

    Raises:
        JobsError: by any of its methods.
    """

    def __init__(self, path: Path, now_ms: Callable[[], int]) -> None:
        """Args: the file, and the clock. It is opened by whoever uses it first, and again after an error."""
        self._file = JobFile(path, _SCHEMA)
        self._now_ms = now_ms
        self._expire_at_s = 0.0

    def close(self) -> None:
        """Release the file."""
        self._file.close()

    def new_id(self) -> bytes:
        """An id for a write that is in the log only."""
        return new_job_id(self._now_ms())

    def begin(self, kind: str, client: str, key: str | None, digest: bytes | None = None) -> tuple[Job, bool]:
        """A new job, or the one that this client began with this key; and whether it is new."""
        hashed = None
        if key is not None:
            hashed = blake2b(f"{client}\0{key}".encode(), digest_size=16).digest()
        job = Job(self.new_id(), kind, client, digest, "receiving", 0, 0, 0, "")
        with self._file.using() as db:
            self._expire(db)
            made = db.execute(
                "INSERT INTO job VALUES (?, ?, ?, ?, ?, 'receiving', 0, 0, 0, '') ON CONFLICT (key) DO NOTHING",
                (job.id, kind, client, hashed, digest),
            )
            if made.rowcount:
                return job, True
            (job_id,) = db.execute("SELECT id FROM job WHERE key = ?", (hashed,)).fetchone()
        found = self.find(job_id)
        assert found
        return found, False

    def finish(self, job: Job) -> None:
        """Remember how it ended."""
        with self._file.using() as db:
            db.execute(
                "UPDATE job SET digest = ?, state = ?, lines = ?, rejected = ?, last_seq = ?, reason = ?"
                " WHERE id = ?",
                (job.digest, job.state, job.lines, job.rejected, job.last_seq, job.reason, job.id),
            )

    def find(self, job_id: bytes) -> Job | None:
        """A job that was begun here."""
        query = "SELECT id, kind, client, digest, state, lines, rejected, last_seq, reason FROM job WHERE id = ?"
        with self._file.using() as db:
            row = db.execute(query, (job_id,)).fetchone()
        return Job(*row) if row else None

    def of_late(self, began_ms: int, applied_seq: int) -> tuple[dict[bool, int], int, list[Job]]:
        """Bulk requests that began since, among the newest `MAX_COUNTED` jobs.

        Returns:
            how many were received, by whether an epoch that has applied `applied_seq` shows all of it; how many
            failed; and those that nobody has said to have ended.
        """
        newest = "FROM (SELECT * FROM job WHERE id >= ? ORDER BY id DESC LIMIT ?) WHERE kind = 'bulk'"
        bounds = (id_bound(began_ms), MAX_COUNTED)
        if not self._file.path.exists():  # nobody is to make it by looking
            return {}, 0, []
        counted = f"SELECT state, last_seq <= ?, count(*) {newest} AND state != 'receiving' GROUP BY 1, 2"
        columns = "id, kind, client, digest, state, lines, rejected, last_seq, reason"
        unended = f"SELECT {columns} {newest} AND state = 'receiving'"
        with self._file.using() as db:
            rows = db.execute(counted, (applied_seq, *bounds)).fetchall()
            receiving = [Job(*row) for row in db.execute(unended, bounds)]
        received = {bool(shown): count for state, shown, count in rows if state == "received"}
        return received, sum(count for state, _, count in rows if state == "failed"), receiving

    def reject(self, job_id: bytes, rejects: Iterable[LineReject]) -> None:
        """Remember lines that are no articles."""
        with self._file.using() as db:
            db.executemany("INSERT OR REPLACE INTO reject VALUES (?, ?, ?, ?)", ((job_id, *one) for one in rejects))

    def rejects(self, job_id: bytes, after: int, limit: int) -> list[LineReject]:
        """Lines that are no articles, in order, after a line."""
        query = "SELECT line, article_id, reason FROM reject WHERE job = ? AND line > ? ORDER BY line LIMIT ?"
        with self._file.using() as db:
            return [LineReject(*row) for row in db.execute(query, (job_id, after, limit))]

    def forget(self, article_id: str, quotes: Callable[[str], bool]) -> int:
        """Destroy what is told of an article: lines with its id, and those that quote it; returns how many."""
        with self._file.using() as db:
            rows = db.execute("SELECT job, line, article_id, reason FROM reject")
            told = [(job, line) for job, line, of, reason in rows if of == article_id or quotes(reason)]
            db.executemany("DELETE FROM reject WHERE job = ? AND line = ?", told)
        # Also when there is none any more: an earlier attempt may have come as far as that.
        self._file.scrub()
        return len(told)

    def _expire(self, db: sqlite3.Connection) -> None:
        """Forget, now and then, what began `KEPT_MS` ago."""
        now_s = time.monotonic()
        if now_s < self._expire_at_s:
            return
        self._expire_at_s = now_s + _EXPIRE_EVERY_S
        before = id_bound(max(0, self._now_ms() - KEPT_MS))
        db.execute("DELETE FROM reject WHERE job < ?", (before,))
        db.execute("DELETE FROM job WHERE id < ?", (before,))


def new_job_id(now_ms: int) -> bytes:
    """An id that no job has."""
    return now_ms.to_bytes(_TIME_BYTES, "big") + secrets.token_bytes(ID_BYTES - _TIME_BYTES)


def id_bound(began_ms: int) -> bytes:
    """What lies after the ids of all jobs that began before, and before those of all others."""
    return began_ms.to_bytes(_TIME_BYTES, "big")


def created_ms_of(job_id: bytes) -> int:
    """When the job with this id began."""
    return int.from_bytes(job_id[:_TIME_BYTES], "big")


def message_id(job_id: bytes, line: int) -> bytes:
    """The id under which the log knows a line of a job."""
    return job_id + line.to_bytes(4, "big")


def line_of(message: bytes) -> int:
    """The line of a job that has this message id."""
    return int.from_bytes(message[ID_BYTES:], "big")
