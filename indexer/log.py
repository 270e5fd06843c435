"""The event log: every article event in one global order, durable before it is acknowledged.

    event    seq, kind, partition, article_id, version, created_ms, live, previous, source, client, reason, notice,
             body
    article  article_id -> how it stands after its last event (`events.Standing`)
    message  message_id -> the outcome of a submission that had one

`previous` is the article's event before; `source` is the event whose body this one shows again; `notice` is what
readers are told of it; `body` is zstd of JSON; `live` is how many articles were to be seen then.

Contract: `events.Log`, on SQLite (WAL, `synchronous=FULL`). Any number of processes append, one after the other; any
number read. Appending a version with the digest of the live one is a no-op, so that submitting a file twice appends
nothing the second time.

Not here: what is read of it (`log_reading.py`), validation (`article.py`), what a submission comes to (`events.py`),
the statements of messages (`log_messages.py`).
"""

import contextlib
import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from indexer.events import (
    LIFTED_AT_MOST,
    LogError,
    LogFullError,
    OtherSubmissionError,
    Outcome,
    Standing,
    Submission,
    decide,
    lifted,
)
from indexer.log_messages import NEW
from indexer.log_reading import LogReader, explained
from indexer.log_rows import EVENT, FORMAT, SCHEMA, STANDING, Writing, columns_of, standing_of
from partition.envelope import fsync_file, fsync_folder

_NO_LOG = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
"""Primary codes of errors that say what the file is; all others are of the disk, or of somebody who holds it."""
_BUSY_S = 10.0
"""How long others may be writing."""
_LOOK_S = 0.001
_CACHE_KB = 64 << 10
"""Of the tree of articles, which is looked into for every submission."""


def log_path(root: Path) -> Path:
    """Where an archive's event log lies."""
    return root / "log.sqlite"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class EventLog(LogReader):
    """The embedded log: one SQLite file."""

    def __init__(
        self,
        path: Path,
        *,
        partitions: int | None = None,
        max_backlog: int | None = None,
        now_ms: Callable[[], int] = _now_ms,
    ) -> None:
        """Open the log at `path`, making it if `partitions` is given.

        Args:
            path: of the file; others lie beside it.
            partitions: how many, for a new log.
            max_backlog: how many events may wait to be applied; no more are taken then.
            now_ms: the clock.

        Raises:
            LogError: it is not there, is not a log, or is routed over another number of partitions.
        """
        if partitions is None and not path.exists():
            raise LogError(f"{path}: there is no event log here; index something first")
        self._now_ms = now_ms
        self._max_backlog = max_backlog
        self._folder, self._named = path.parent, False
        try:
            if partitions is not None and not path.exists():
                _make(path, partitions)
            with contextlib.ExitStack() as undo:
                super().__init__(sqlite3.connect(path, isolation_level=None, timeout=_BUSY_S))
                undo.callback(self._db.close)
                self._open(partitions)
                undo.pop_all()
        except sqlite3.Error as error:
            if error.sqlite_errorcode & 0xFF in _NO_LOG:
                raise LogError(f"{path}: not a usable event log ({error}); restore it from a copy") from None
            raise LogError(
                f"{path}: the event log cannot be opened ({error}); put that right and run again"
            ) from None

    def _open(self, partitions: int | None) -> None:
        settings = dict(self._db.execute("SELECT name, value FROM setting").fetchall())
        (form,) = self._db.execute("PRAGMA user_version").fetchone()
        if form != FORMAT:
            raise LogError(f"the event log has format {form}, not {FORMAT}: index into a new folder")
        self.partitions = settings["partitions"]
        self.archive = f"{settings['archive']:016x}"
        """Sixteen hexadecimal digits that tell this archive from any other."""
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
        has = self._routed_over()
        if partitions not in {None, has}:
            raise LogError(
                f"the archive has {has} partitions, not {partitions}; leave --partitions out, or index "
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

    def append(self, submissions: Iterable[Submission]) -> list[Outcome]:
        """As `events.Log` says."""
        submitted = list(submissions)
        try:
            with self._transaction():
                outcomes = self._append(submitted)
            self._name()
        except (sqlite3.Error, OSError) as error:
            raise LogError(f"the event log cannot be written ({error}); put that right and run again") from None
        return outcomes

    def _refuse_when_full(self, more: int) -> None:
        if self._max_backlog is not None and more:
            drain = self.drain()
            if drain.waiting + more > self._max_backlog:
                raise LogFullError(drain, self._max_backlog)

    def _append(self, submitted: list[Submission]) -> list[Outcome]:
        known = self._messages.known([one.message_id for one in submitted if one.message_id])
        standings = self._standings({one.article_id for one in submitted})
        writing = Writing(self.last_seq(), self.live_articles(), self._now_ms(), self._routed_over())
        outcomes: list[Outcome] = []
        for one in submitted:
            identity = one.identity if one.message_id else b""
            outcome, said = known.get(one.message_id, NEW) if one.message_id else NEW
            if outcome is None:
                now = standings[one.article_id]
                status, kind, following, waiting = decide(now, one, seq=writing.seq + 1, now_ms=writing.created_ms)
                if kind:
                    body = self._bodies.encode(one.article) if one.article and kind != "cancel" else None
                    shown_again = kind == "restore" or (kind == "retry" and now.state == "live")
                    source = now.body_seq if shown_again else None
                    article = one.article if body else None
                    writing.event(
                        *(kind, one.article_id, now, following),
                        source=source,
                        article=article,
                        body=body,
                        submission=one,
                    )
                    standings[one.article_id] = following
                version = following.version if waiting is None else waiting
                outcome = Outcome(status, writing.seq if kind and status != "unchanged" else None, version)
                if one.message_id:
                    known[one.message_id] = outcome, identity
                    writing.messages.append((one.message_id, one.article_id, *outcome, identity))
            elif said != identity:
                raise OtherSubmissionError(f"what is said of {one.article_id!r} was another thing the first time")
            outcomes.append(outcome)
        self._refuse_when_full(len(writing.events))
        self._write(writing, standings)
        return outcomes

    def _write(self, writing: "Writing", standings: dict[str, Standing]) -> None:
        self._db.executemany(
            f"INSERT INTO event ({EVENT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - our columns
            writing.events,
        )
        # In order of the key, so that neighbours in the tree are written together.
        self._db.executemany(
            f"INSERT OR REPLACE INTO article (article_id, {STANDING}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            ((article_id, *columns_of(standings[article_id])) for article_id in sorted(writing.changed)),
        )
        self._messages.add(writing.messages)
        self._db.executemany("INSERT OR IGNORE INTO language VALUES (?, ?)", writing.languages.items())

    def _name(self) -> None:
        if not self._named:
            fsync_folder(self._folder)  # SQLite has made a file beside the log, and ignores an error of this
            self._named = True

    @explained()
    def lift_due(self, at_most: int = LIFTED_AT_MOST) -> int:
        """As `events.Log` says."""
        next_ms, now_ms = self.next_lift_ms(), self._now_ms()
        if next_ms is None or next_ms > now_ms:
            return 0  # without keeping anybody from writing
        with self._transaction():
            query = f"SELECT article_id, {STANDING} FROM article WHERE held_until_ms <= ?"  # noqa: S608 - our columns
            rows = self._db.execute(f"{query} ORDER BY held_until_ms, held_seq LIMIT ?", (now_ms, at_most))
            due = {row[0]: standing_of(row[1:]) for row in rows}
            writing = Writing(self.last_seq(), self.live_articles(), now_ms, self._routed_over())
            standings = {
                article_id: lifted(now, writing.seq + 1 + at) for at, (article_id, now) in enumerate(due.items())
            }
            for article_id, now in due.items():
                source = now.held.seq if now.held else None
                (body,) = self._db.execute("SELECT body FROM event WHERE seq = ?", (source,)).fetchone()
                article, _fault = self._bodies.decode(body)
                writing.event("lift", article_id, now, standings[article_id], source=source, article=article)
            self._write(writing, standings)
        return len(due)

    @explained()
    def applied(self, through: int, per_s: int | None = None) -> None:
        """As `events.Log` says."""
        with self._transaction():
            noted = {"applied": through} if per_s is None else {"applied": through, "drained_per_s": per_s}
            self._db.executemany("INSERT OR REPLACE INTO setting VALUES (?, ?)", noted.items())

    @explained()
    def forget(self, before: bytes, at_most: int) -> int:
        """As `events.Log` says."""
        if not self._messages.any_before(before):
            return 0  # without keeping anybody from writing
        with self._transaction():
            return self._messages.forget(before, at_most)

    @explained()
    def destroy(self, article_id: str) -> int:
        """As `events.Log` says.

        A row that keeps its size is overwritten where it stands (`btreeOverwriteCell` of SQLite), and rows are only
        ever appended: so no page holds a second copy, as it might if rows were moved. What is in the WAL still is
        brought into the file, and the WAL cut to nothing.
        """
        standing = self.standing(article_id)
        if standing.state != "down":
            raise LogError(f"{article_id!r} was not taken down")
        with self._transaction():
            seqs, seq = [], standing.seq
            while seq:
                seqs.append((seq,))
                (seq,) = self._db.execute("SELECT previous FROM event WHERE seq = ?", (seq,)).fetchone()
            self._db.executemany(
                "UPDATE event SET reason = printf('%*s', length(CAST(reason AS BLOB)), ''),"
                " body = zeroblob(length(body)) WHERE seq = ? AND kind != 'takedown'",
                seqs,
            )
        (busy, _pages, _moved) = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise LogError("the event log is being read; what was overwritten stands in its WAL still: try again")
        return len(seqs) - 1

    @explained()
    def append_statistics(self) -> int:
        """As `events.Log` says."""
        with self._transaction():
            return self._append_of_no_article("statistics", None)

    @explained()
    def append_reshard(self, partitions: int) -> int | None:
        """As `events.Log` says."""
        with self._transaction():
            return None if partitions == self._routed_over() else self._append_of_no_article("reshard", partitions)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """What is read in it is so until it ends: nobody else appends."""
        try:
            self._begin()
            yield
            self._db.execute("COMMIT")
        finally:
            with contextlib.suppress(sqlite3.Error):  # what failed was said already
                self._db.rollback()  # does nothing after a commit

    def _begin(self) -> None:
        give_up = time.monotonic() + _BUSY_S
        # SQLite itself looks ten times a second at last, and so may never meet a pause of whoever writes on and on.
        self._db.execute("PRAGMA busy_timeout = 0")
        try:
            while not self._begun():
                if time.monotonic() >= give_up:
                    raise LogError(f"others have been writing the event log for {_BUSY_S:g} s; run again")
                time.sleep(_LOOK_S)
        finally:
            self._db.execute(f"PRAGMA busy_timeout = {_BUSY_S * 1000:.0f}")

    def _begun(self) -> bool:
        try:
            self._db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                return False
            raise
        return True

    def _append_of_no_article(self, kind: str, number: int | None) -> int:
        row = self._db.execute(
            "INSERT INTO event (kind, created_ms, live, version) VALUES (?, ?, ?, ?)",
            (kind, self._now_ms(), self.live_articles(), number),
        )
        return row.lastrowid or 0


def _make(path: Path, partitions: int) -> None:
    """Make an empty log that is complete when it gets its name: nobody ever sees half of one, or two."""
    aside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.tmp")
    with contextlib.closing(sqlite3.connect(aside)) as db:
        db.executescript("PRAGMA journal_mode = OFF;" + SCHEMA)
        archive = secrets.randbits(63)
        db.executemany("INSERT INTO setting VALUES (?, ?)", (("partitions", partitions), ("archive", archive)))
        db.commit()
    fsync_file(aside)
    # Unlike a rename, a link refuses an existing name: whoever comes second takes the log of the first, who removes
    # what others were making, and what processes that died here have left.
    with contextlib.suppress(FileExistsError, FileNotFoundError):
        os.link(aside, path)
    for left in path.parent.glob(f"{path.name}.*.tmp"):
        left.unlink(missing_ok=True)
    fsync_folder(path.parent)
