"""A file in which jobs or sagas are remembered: SQLite, opened when it is needed, and again after an error.

Contract: what was written is durable when `using` ends (WAL, `synchronous=FULL`); an error of SQLite is a
`JobsError`, and nothing of the block was written. Any thread, and several processes, may use it.

Not here: what stands in it (`jobs.py`, `sagas.py`).
"""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path


class JobsError(Exception):
    """The file of jobs cannot be used; the message says why."""


class JobFile:
    """One file."""

    def __init__(self, path: Path, schema: str) -> None:
        """Args: where it is; what makes its tables, if they are not there."""
        self.path = path
        self._schema = schema
        self._lock = threading.Lock()
        self._opened: sqlite3.Connection | None = None

    @contextlib.contextmanager
    def using(self) -> Iterator[sqlite3.Connection]:
        """The file, for one transaction of one thread.

        Raises:
            JobsError
        """
        with self._connected() as db:
            db.execute("BEGIN")
            yield db
            db.execute("COMMIT")

    def scrub(self) -> None:
        """Leave no byte of rows that were deleted, nor in the WAL.

        Raises:
            JobsError: also when somebody is reading; to be tried again.
        """
        with self._connected() as db:
            # Deleted rows leave their bytes behind, wherever pages were split since.
            db.execute("VACUUM")
            (busy, *_pages) = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if busy:
                raise sqlite3.OperationalError("it is being read")

    def close(self) -> None:
        """Release the file."""
        with self._lock:
            self._close()

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._opened = self._opened or self._open()
                yield self._opened
            except sqlite3.Error as error:
                self._close()
                raise JobsError(f"the file of jobs cannot be used ({error})") from None
            except BaseException:
                self._close()
                raise

    def _open(self) -> sqlite3.Connection:
        with contextlib.ExitStack() as undo:
            db = sqlite3.connect(self.path, isolation_level=None, timeout=10.0, check_same_thread=False)
            undo.callback(db.close)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            db.executescript(self._schema)
            undo.pop_all()
        return db

    def _close(self) -> None:
        if self._opened:
            self._opened.close()
            self._opened = None
