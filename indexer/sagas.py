"""Sagas: long work in steps, each of which is done, or undone, whatever dies in between.

    saga      id -> kind, client, subject, state, progress, reason
    receipt   (saga, position) -> step, at_ms, what it did

A saga's steps are done one after the other (H. Garcia-Molina and K. Salem, "Sagas", 1987). What each did is its
receipt, which is durable before the next begins; a step that was broken off is done again, so that each must come to
the same if it is. A step may say that it is not yet possible, and is tried later; one that fails for good has all
those before it undone, the last first.

Contract: a saga that was begun ends, as `succeeded` or `failed`, for as long as some process runs it. One process at
a time does: it holds a lock that goes with it. Several processes use the file. One that is canceled, even when it has
ended, has all its steps undone.

Not here: what is done (`takedown.py`, `exporting.py`), which thread does it (`saga_runner.py`).
"""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal, NamedTuple

import orjson

from indexer.job_file import JobFile
from indexer.jobs import id_bound, new_job_id

SagaState = Literal["running", "undoing", "succeeded", "failed"]

SAGAS_FILE = "sagas.sqlite"
"""Its name in the data folder."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS saga (
    id BLOB PRIMARY KEY, kind TEXT NOT NULL, client TEXT NOT NULL, key BLOB UNIQUE, subject TEXT NOT NULL,
    state TEXT NOT NULL, progress TEXT NOT NULL, reason TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS saga_unfinished ON saga (id) WHERE state IN ('running', 'undoing');
CREATE TABLE IF NOT EXISTS receipt (
    saga BLOB NOT NULL, position INTEGER NOT NULL, step TEXT NOT NULL, at_ms INTEGER NOT NULL, told TEXT NOT NULL,
    PRIMARY KEY (saga, position)) WITHOUT ROWID;
"""

MAX_TOLD = 200
"""How many of the newest sagas are looked at where they are counted."""
CANCELED = "it was canceled"
"""The reason of one that was."""

Told = Mapping[str, Any]
"""What a step says that it did, as JSON."""


class NotYet(Exception):  # noqa: N818 - a wait, not an error
    """The step is not possible yet."""


class SagaFailedError(Exception):
    """The step fails for good: what was done before it is undone."""


class Receipt(NamedTuple):
    """What a step did."""

    step: str
    at_ms: int
    told: Told


@dataclass(frozen=True, slots=True)
class Saga:
    """One saga, as it stands."""

    id: bytes
    kind: str
    client: str
    subject: Told
    """What it is about."""
    state: SagaState
    progress: Told
    """How far the step is that is being done; empty where it does not say."""
    reason: str
    """Why it failed."""
    receipts: tuple[Receipt, ...] = field(default=())

    @property
    def ended(self) -> bool:
        """Whether there is nothing to do."""
        return self.state in {"succeeded", "failed"}

    def receipt(self, step: str) -> Told:
        """What a step that was done said."""
        return next(one.told for one in self.receipts if one.step == step)


class Doing(NamedTuple):
    """A step's view of its saga."""

    saga: Saga
    note: Callable[[Told], None]
    """Remember how far it is: `saga.progress`, should it be broken off."""
    stopping: Callable[[], bool]
    """Whether it is to break off, by `NotYet`."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a kind of saga."""

    name: str
    do: Callable[[Doing], Told]
    """Raises `NotYet`, or `SagaFailedError`; anything else is tried again."""
    undo: Callable[[Saga], None] | None = None


Steps = Sequence[Step]


class SagaStore:
    """The file of sagas; any thread may use it.

    Raises:
        JobsError: by any of its methods.
    """

    def __init__(self, path: Path, now_ms: Callable[[], int]) -> None:
        self._file = JobFile(path, _SCHEMA)
        self._now_ms = now_ms

    def close(self) -> None:
        """Release the file."""
        self._file.close()

    def begin(self, kind: str, client: str, key: str | None, subject: Told) -> tuple[Saga, bool]:
        """A new saga, or the one that was begun with this key; and whether it is new. Durable when it returns."""
        hashed = None if key is None else blake2b(f"{kind}\0{key}".encode(), digest_size=16).digest()
        saga = Saga(new_job_id(self._now_ms()), kind, client, subject, "running", {}, "")
        with self._file.using() as db:
            made = db.execute(
                "INSERT INTO saga VALUES (?, ?, ?, ?, ?, 'running', '{}', '') ON CONFLICT (key) DO NOTHING",
                (saga.id, kind, client, hashed, orjson.dumps(subject).decode()),
            )
            if made.rowcount:
                return saga, True
            (saga_id,) = db.execute("SELECT id FROM saga WHERE key = ?", (hashed,)).fetchone()
        found = self.find(saga_id)
        assert found
        return found, False

    def find(self, saga_id: bytes) -> Saga | None:
        """A saga, with its receipts."""
        with self._file.using() as db:
            query = "SELECT id, kind, client, subject, state, progress, reason FROM saga WHERE id = ?"
            row = db.execute(query, (saga_id,)).fetchone()
            query = "SELECT step, at_ms, told FROM receipt WHERE saga = ? ORDER BY position"
            receipts = db.execute(query, (saga_id,)).fetchall()
        if row is None:
            return None
        id_, kind, client, subject, state, progress, reason = row
        told = tuple(Receipt(step, at_ms, orjson.loads(text)) for step, at_ms, text in receipts)
        return Saga(id_, kind, client, orjson.loads(subject), state, orjson.loads(progress), reason, told)

    def unfinished(self, kinds: Sequence[str]) -> list[bytes]:
        """Ids of those that are to be gone on with, oldest first."""
        with self._file.using() as db:
            rows = db.execute("SELECT id, kind FROM saga WHERE state IN ('running', 'undoing') ORDER BY id")
            return [saga_id for saga_id, kind in rows if kind in kinds]

    def of_late(self, began_ms: int) -> list[bytes]:
        """Ids of those that began since, at most `MAX_TOLD`, and of those that have not ended; newest first."""
        query = (
            "SELECT id FROM saga WHERE id IN (SELECT id FROM saga WHERE id >= ? ORDER BY id DESC LIMIT ?)"
            " OR state IN ('running', 'undoing') ORDER BY id DESC"
        )
        if not self._file.path.exists():  # nobody is to make it by looking
            return []
        with self._file.using() as db:
            return [saga_id for (saga_id,) in db.execute(query, (id_bound(began_ms), MAX_TOLD))]

    def note(self, saga: Saga, progress: Told) -> None:
        """Remember how far the present step is."""
        with self._file.using() as db:
            text = orjson.dumps(progress).decode()
            db.execute("UPDATE saga SET progress = ? WHERE id = ?", (text, saga.id))

    def done(self, saga: Saga, step: str, told: Told, *, last: bool) -> None:
        """Remember that a step was done."""
        with self._file.using() as db:
            db.execute(
                "INSERT INTO receipt VALUES (?, ?, ?, ?, ?)",
                (saga.id, len(saga.receipts), step, self._now_ms(), orjson.dumps(told).decode()),
            )
            state = "succeeded" if last else "running"
            # Not if it was canceled meanwhile.
            query = "UPDATE saga SET state = ?, progress = '{}' WHERE id = ? AND state = 'running'"
            db.execute(query, (state, saga.id))

    def fails(self, saga: Saga, reason: str) -> None:
        """From now on what was done is undone."""
        with self._file.using() as db:
            query = "UPDATE saga SET state = 'undoing', reason = ? WHERE id = ? AND state IN ('running', 'succeeded')"
            db.execute(query, (reason, saga.id))

    def forget(self, kind: str, before_ms: int) -> None:
        """Forget those of a kind that began before and have ended."""
        with self._file.using() as db:
            where = "kind = ? AND id < ? AND state IN ('succeeded', 'failed')"
            bounds = (kind, id_bound(before_ms))
            db.execute(f"DELETE FROM receipt WHERE saga IN (SELECT id FROM saga WHERE {where})", bounds)  # noqa: S608
            db.execute(f"DELETE FROM saga WHERE {where}", bounds)  # noqa: S608 - our text

    def failed(self, saga: Saga) -> None:
        """Everything was undone."""
        with self._file.using() as db:
            db.execute("UPDATE saga SET state = 'failed' WHERE id = ?", (saga.id,))

    @contextlib.contextmanager
    def mine(self, saga_id: bytes) -> Iterator[bool]:
        """Hold a saga, by a lock that goes with this process; whether it could be had. It must be read afterwards."""
        path = self._file.path.parent / "run" / f"saga-{saga_id.hex()}"
        path.parent.mkdir(exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
            saga = self.find(saga_id)
            if saga is None or saga.ended:  # whoever gets this lock or another one then finds nothing to do
                path.unlink(missing_ok=True)
        finally:
            os.close(handle)


def advance(store: SagaStore, saga: Saga, steps: Steps, stopping: Callable[[], bool]) -> Saga:
    """Do, or undo, all that is possible now; returns how it stands then.

    Raises:
        NotYet: a step is to be tried later.
        Exception: whatever a step raised; it is to be tried later, too.
    """
    while saga.state == "running":
        step = steps[len(saga.receipts)]
        try:
            told = step.do(Doing(saga, lambda progress: store.note(saga, progress), stopping))  # noqa: B023 - done at once
        except SagaFailedError as error:
            store.fails(saga, str(error))
        else:
            store.done(saga, step.name, told, last=step is steps[-1])
        saga = _again(store, saga)
    if saga.state == "undoing":
        # Also of the step that failed: it may have done a part.
        for step in reversed(steps[: len(saga.receipts) + 1]):
            if step.undo:
                step.undo(saga)
        store.failed(saga)
        saga = _again(store, saga)
    return saga


def _again(store: SagaStore, saga: Saga) -> Saga:
    found = store.find(saga.id)
    assert found
    return found
