"""The event log: every article event in one global order, durable before it is acknowledged.

    event    seq, kind, partition, article_id, version, created_ms, body (zstd of JSON)
    article  article_id -> the state that the last event left: version, digest, live

Contract: `append` returns when the events are on disk (SQLite WAL, `synchronous=FULL`), in the order given, as one
transaction; events are never changed. Appending a version with the digest of the live one is a no-op, so that
submitting a file twice appends nothing the second time. `read` gives one partition's events in order. One process
writes; any number read.

Not here: validation (`article.py`), what events do to the index (`projection.py`).
"""

import contextlib
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import orjson
import zstandard

from indexer.routing import partition_of
from partition.envelope import fsync_file, fsync_folder
from partition.types import Article

Kind = Literal["put", "withdraw", "statistics"]

_SCHEMA = """
CREATE TABLE setting (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE event (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, partition INTEGER, article_id TEXT,
    version INTEGER, created_ms INTEGER NOT NULL, live INTEGER NOT NULL, body BLOB);
CREATE INDEX event_by_partition ON event (partition, seq, article_id);
CREATE INDEX event_statistics ON event (seq) WHERE kind = 'statistics';
CREATE TABLE article (
    article_id TEXT PRIMARY KEY, version INTEGER NOT NULL, digest BLOB, live INTEGER NOT NULL) WITHOUT ROWID;
"""


class LogError(Exception):
    """The log cannot be used as asked; the message says why and what to do."""


_VARIABLES = 500
"""Of one statement; SQLite allows 999 at least."""
_CACHE_KB = 64 << 10
"""Of the tree of articles, which is looked into for every submission."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What a caller asks to log: an article, or the withdrawal of one."""

    article_id: str
    article: Article | None
    """`None` withdraws."""
    digest: bytes
    """Equal digests mean equal articles, as submitted."""


@dataclass(frozen=True, slots=True)
class Event:
    """One logged event."""

    seq: int
    kind: Kind
    partition: int | None
    """`None` for a statistics event, which concerns all."""
    article_id: str
    version: int
    """Ordinal of this version of the article, from 1, withdrawals included."""
    created_ms: int
    article: Article | None


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """An error of SQLite is one of the log."""
    try:
        yield
    except sqlite3.Error as error:
        raise LogError(f"the event log cannot be used ({error}); put that right and run again") from None


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class EventLog:
    """The embedded log: one SQLite file."""

    def __init__(self, path: Path, *, partitions: int | None = None, now_ms: Callable[[], int] = _now_ms) -> None:
        """Open the log at `path`, making it if `partitions` is given.

        Raises:
            LogError: it is not there, is not a log, or is routed over another number of partitions.
        """
        if partitions is None and not path.exists():
            raise LogError(f"{path}: there is no event log here; index something first")
        self._now_ms = now_ms
        self._folder, self._named = path.parent, False
        self._compressor = zstandard.ZstdCompressor(level=1)
        try:
            if partitions is not None and not path.exists():
                _make(path, partitions)
            with contextlib.ExitStack() as undo:
                self._db = sqlite3.connect(path, isolation_level=None, timeout=10.0)
                undo.callback(self._db.close)
                self._open(partitions)
                undo.pop_all()
        except sqlite3.Error as error:
            raise LogError(f"{path}: not a usable event log ({error}); restore it from a copy") from None

    def _open(self, partitions: int | None) -> None:
        settings = dict(self._db.execute("SELECT name, value FROM setting").fetchall())
        self.partitions: int = settings["partitions"]
        self.archive = f"{settings['archive']:016x}"
        """Sixteen hexadecimal digits that tell this archive from any other."""
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
        if partitions not in {None, self.partitions}:
            raise LogError(
                f"the archive has {self.partitions} partitions, not {partitions}; leave --partitions out, or index "
                "into a new folder"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the file."""
        self._db.close()

    @_explained()
    def last_seq(self) -> int:
        """The sequence of the newest event, 0 before the first."""
        row = self._db.execute("SELECT max(seq) FROM event").fetchone()
        return row[0] or 0

    @_explained()
    def live_articles(self) -> int:
        """How many articles are neither withdrawn nor unknown, after the newest event."""
        row = self._db.execute("SELECT live FROM event ORDER BY seq DESC LIMIT 1").fetchone()
        return row[0] if row else 0

    @_explained()
    def created_ms(self, seq: int) -> int:
        """When the event `seq` was logged; 0 for sequence 0."""
        row = self._db.execute("SELECT created_ms FROM event WHERE seq = ?", (seq,)).fetchone()
        return row[0] if row else 0

    def append(self, submissions: Iterable[Submission]) -> list[int | None]:
        """Log one transaction of submissions; durable when this returns.

        Returns:
            For each submission its sequence, or `None` where nothing changed: the same article again, or the
            withdrawal of an article that is not there.

        Raises:
            LogError: it could not be written, or perhaps it was. Submitted again, what was not logged is logged, and
                what was is not logged twice.
        """
        submitted = list(submissions)
        sequences: list[int | None] = []
        try:
            self._db.execute("BEGIN IMMEDIATE")
            states = self._states({submission.article_id for submission in submitted})
            seq, live, created_ms = self.last_seq(), self.live_articles(), self._now_ms()
            events, changed = [], set()
            for article_id, article, digest in ((one.article_id, one.article, one.digest) for one in submitted):
                version, known_digest, was_live = states.get(article_id, (0, None, 0))
                if (was_live and digest == known_digest) if article else not was_live:
                    sequences.append(None)
                    continue
                seq, live, is_live = seq + 1, live + (article is not None) - was_live, int(article is not None)
                body = None if article is None else self._compressor.compress(orjson.dumps(article))
                partition = partition_of(article_id, self.partitions)
                kind = "put" if article else "withdraw"
                events.append((seq, kind, partition, article_id, version + 1, created_ms, live, body))
                states[article_id] = version + 1, digest, is_live
                changed.add(article_id)
                sequences.append(seq)
            self._db.executemany(
                "INSERT INTO event (seq, kind, partition, article_id, version, created_ms, live, body)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                events,
            )
            # In order of the key, so that neighbours in the tree are written together.
            self._db.executemany(
                "INSERT OR REPLACE INTO article VALUES (?, ?, ?, ?)",
                ((article_id, *states[article_id]) for article_id in sorted(changed)),
            )
            self._db.execute("COMMIT")
            if not self._named:
                fsync_folder(self._folder)  # SQLite has made a file beside the log, and ignores an error of this
                self._named = True
        except (sqlite3.Error, OSError) as error:
            raise LogError(f"the event log cannot be written ({error}); put that right and run again") from None
        finally:
            self._db.rollback()  # does nothing after a commit
        return sequences

    def _states(self, article_ids: Iterable[str]) -> dict[str, tuple[int, bytes | None, int]]:
        """Version, digest and whether it is live, of those articles that were ever logged."""
        found: dict[str, tuple[int, bytes | None, int]] = {}
        ordered = sorted(article_ids)
        for at in range(0, len(ordered), _VARIABLES):
            some = ordered[at : at + _VARIABLES]
            marks = ", ".join("?" * len(some))
            query = f"SELECT article_id, version, digest, live FROM article WHERE article_id IN ({marks})"  # noqa: S608 - question marks
            found.update({row[0]: row[1:] for row in self._db.execute(query, some)})
        return found

    @_explained()
    def append_statistics(self) -> int:
        """Log that a statistics epoch is frozen here; returns its sequence."""
        live = self.live_articles()
        row = self._db.execute(
            "INSERT INTO event (kind, created_ms, live) VALUES ('statistics', ?, ?)", (self._now_ms(), live)
        )
        return row.lastrowid or 0

    @_explained()
    def statistics_events(self, after: int, through: int) -> list[tuple[int, int]]:
        """(sequence, live articles) of the statistics events in (after, through], oldest first."""
        query = "SELECT seq, live FROM event WHERE kind = 'statistics' AND seq > ? AND seq <= ? ORDER BY seq"
        return self._db.execute(query, (after, through)).fetchall()

    @_explained()
    def pending(self, after: int, through: int) -> dict[int, int]:
        """How many events each partition has in (after, through]; partitions without any are left out."""
        query = (
            "SELECT partition, count(*) FROM event WHERE partition IS NOT NULL AND seq > ? AND seq <= ?"
            " GROUP BY partition"
        )
        return dict(self._db.execute(query, (after, through)).fetchall())

    def read(self, partition: int, after: int, through: int) -> Iterator[Event]:
        """The last event of each article of one partition in (after, through], in order; earlier ones are undone."""
        decompressor = zstandard.ZstdDecompressor()
        where = "FROM event WHERE partition = ? AND seq > ? AND seq <= ?"
        bounds = (partition, after, through)
        with _explained():
            # The index has all of it: no event is read for this.
            last = dict(self._db.execute(f"SELECT article_id, seq {where} ORDER BY seq", bounds))
            query = f"SELECT seq, kind, article_id, version, created_ms, body {where} ORDER BY seq"
            for seq, kind, article_id, version, created_ms, body in self._db.execute(query, bounds):
                if last[article_id] == seq:
                    article = None if body is None else _decode(decompressor.decompress(body))
                    yield Event(seq, kind, partition, article_id, version, created_ms, article)


def _make(path: Path, partitions: int) -> None:
    """Make an empty log that is complete when it gets its name: nobody ever sees half of one."""
    aside = path.with_name(path.name + ".tmp")
    aside.unlink(missing_ok=True)  # of a process that died here
    with contextlib.closing(sqlite3.connect(aside)) as db:
        db.executescript("PRAGMA journal_mode = OFF;" + _SCHEMA)
        archive = secrets.randbits(63)
        db.executemany("INSERT INTO setting VALUES (?, ?)", (("partitions", partitions), ("archive", archive)))
        db.commit()
    fsync_file(aside)
    aside.rename(path)
    fsync_folder(path.parent)


def _decode(content: bytes) -> Article:
    fields = orjson.loads(content)
    return Article(**{**fields, "authors": tuple(fields["authors"]), "tags": tuple(fields["tags"])})
