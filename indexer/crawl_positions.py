"""How far each crawl file was imported: one SQLite file.

    crawl    file -> size_bytes, modified_ns, start, done, number, finished

Contract: `save` is durable when it returns (WAL, `synchronous=FULL`). A file that has another size or time than it
had is a new one. Several processes may use it; losing it costs reading, never articles.

Not here: what the positions mean (`readers/warc.py`), when they are saved (`crawls.py`).
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from indexer.readers import Position, shown_path

_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE crawl (
    file TEXT PRIMARY KEY, size_bytes INTEGER NOT NULL, modified_ns INTEGER NOT NULL, start INTEGER NOT NULL,
    done INTEGER NOT NULL, number INTEGER NOT NULL, finished INTEGER NOT NULL) WITHOUT ROWID;
"""


class Seen(NamedTuple):
    """A crawl file, as it was when a run began."""

    file: str
    """The path (`shown_path`)."""
    size_bytes: int
    modified_ns: int


def seen(file: Path) -> Seen:
    """A file as it is now.

    Raises:
        OSError: it is not there.
    """
    status = file.stat()
    return Seen(shown_path(file), status.st_size, status.st_mtime_ns)


class PositionsError(Exception):
    """The file cannot be used; the message says why and what to do."""


class CrawlPositions:
    """A context manager over the file."""

    def __init__(self, path: Path) -> None:
        """Open the file at `path`, made if it is not there.

        Raises:
            PositionsError: it is another file, of a later version, or cannot be opened.
        """
        self._path = path
        try:
            self._db = sqlite3.connect(path, isolation_level=None, timeout=10.0)
        except sqlite3.Error as error:
            raise self._broken(error) from None
        try:
            self._open()
        except sqlite3.Error as error:
            self._db.close()
            raise self._broken(error) from None
        except PositionsError:
            self._db.close()
            raise

    def _open(self) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("BEGIN IMMEDIATE")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            self._db.execute(_SCHEMA)
            self._db.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")
        self._db.execute("COMMIT")
        if version > _SCHEMA_VERSION:
            raise PositionsError(f"{self._path}: written by a later version of Broadsheet; use that one")

    def load(self, file: Seen) -> tuple[Position | None, bool]:
        """Where to go on in a file, `None` for the start, and whether it was read to its end.

        Raises:
            PositionsError: it cannot be read.
        """
        query = (
            "SELECT start, done, number, finished FROM crawl WHERE file = ? AND size_bytes = ? AND modified_ns = ?"
        )
        try:
            row = self._db.execute(query, file).fetchone()
        except sqlite3.Error as error:
            raise self._broken(error) from None
        return (Position(file.file, *row[:3]), bool(row[3])) if row else (None, False)

    def save(self, finished: Sequence[Seen], left: Seen | None = None, position: Position | None = None) -> None:
        """Remember which files were read to their end, and where another was left; durable when this returns.

        Raises:
            PositionsError: it cannot be written.
        """
        rows = [(*file, 0, 0, 0, 1) for file in finished]
        if left and position:
            rows.append((*left, position.offset, position.done, position.number, 0))
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("REPLACE INTO crawl VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._broken(error) from None

    def _broken(self, error: sqlite3.Error) -> PositionsError:
        return PositionsError(f"{self._path}: not a usable file of positions ({error}); move it away and run again")

    def close(self) -> None:
        """Release the file."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
