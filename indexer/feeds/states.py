"""What is remembered of each source between two requests: one SQLite file.

    source    source -> url, etag, last_modified, validated_url, digest, refresh_s, asked_ms, due_ms, failures,
              last_error, stopped, polls, taken, rejected, success_ms

Contract: the file is read once, when it is opened; `save` is durable when it returns (WAL, `synchronous=FULL`). A
source that is not in the file is due at once. Losing the file costs requests, never articles. One thread uses it.

Not here: what the numbers mean for the schedule (`schedule.py`).
"""

import sqlite3
from dataclasses import astuple, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE source (
    source TEXT PRIMARY KEY, url TEXT NOT NULL, etag TEXT, last_modified TEXT, validated_url TEXT, digest BLOB,
    refresh_s INTEGER, asked_ms INTEGER NOT NULL, due_ms INTEGER NOT NULL, failures INTEGER NOT NULL,
    last_error TEXT NOT NULL, stopped TEXT NOT NULL, polls INTEGER NOT NULL, taken INTEGER NOT NULL,
    rejected INTEGER NOT NULL, success_ms INTEGER) WITHOUT ROWID;
"""
_SAVE = "REPLACE INTO source VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


class StateError(Exception):
    """The file cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class SourceState:
    """What is remembered of one source."""

    source: str
    """As it was given: the key."""
    url: str
    """Where it is asked; another address than `source` once it has moved for good (301, 308)."""
    etag: str | None = None
    last_modified: str | None = None
    validated_url: str | None = None
    """Which address gave these two."""
    digest: bytes | None = None
    """Of the body that was handed on last (BLAKE2b, 16 bytes)."""
    refresh_s: int | None = None
    """How long the feed said that it may be held, when it was last read."""
    asked_ms: int = 0
    """When it was asked last, in ms since 1970."""
    due_ms: int = 0
    """When it is to be asked next."""
    failures: int = 0
    """In a row, up to now."""
    last_error: str = ""
    """Of the last request; empty where it succeeded."""
    stopped: str = ""
    """Why it is asked no more; empty while it is."""
    polls: int = 0
    taken: int = 0
    """Entries handed on, over all polls; one that stays in the feed counts each time."""
    rejected: int = 0
    success_ms: int | None = None
    """When it last answered, in ms since 1970."""


class StateFile:
    """A context manager over the file."""

    def __init__(self, path: Path) -> None:
        """Open the file at `path`, made if it is not there.

        Raises:
            StateError: it is another file, of a later version, or cannot be opened.
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
        except StateError:
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
            raise StateError(f"{self._path}: written by a later version of Broadsheet; use that one")
        # The columns are the fields of `SourceState`, in order.
        rows = self._db.execute("SELECT * FROM source")
        self._states: dict[str, SourceState] = {row[0]: SourceState(*row) for row in rows}

    def load(self, source: str) -> SourceState:
        """What is remembered of a source; of a new one, that it is due."""
        return self._states.get(source) or SourceState(source, source)

    def save(self, state: SourceState) -> None:
        """Remember; durable when this returns."""
        try:
            self._db.execute(_SAVE, astuple(state))
        except sqlite3.Error as error:
            raise self._broken(error) from None
        self._states[state.source] = state

    def _broken(self, error: sqlite3.Error) -> StateError:
        return StateError(f"{self._path}: not a usable file of sources ({error}); move it away and run again")

    def close(self) -> None:
        """Release the file."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
