"""Reading the event log: what the projection, the readers and the sagas ask of it.

Contract: the reading half of `events.Log`, on a connection that its owner opens and closes. Any number of processes
read while others append; what is read in one call is of one moment.

Not here: appending (`log.py`), the tables (`log_rows.py`).
"""

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence

from indexer.events import MAX_HISTORY, Brought, Drain, Event, LogError, Notice, Outcome, Standing
from indexer.log_messages import Messages, look_up
from indexer.log_rows import CHAIN, STANDING, Bodies, standing_of
from partition.types import Article

_TEXTS = ("put", "correct", "lift")
"""Events that bring a text which was not shown before."""


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """An error of SQLite is one of the log."""
    try:
        yield
    except sqlite3.Error as error:
        raise LogError(f"the event log cannot be used ({error}); put that right and run again") from None


class LogReader:
    """The reading half of a log."""

    partitions: int
    """At the beginning."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._messages = Messages(db)
        self._bodies = Bodies()

    @explained()
    def last_seq(self) -> int:
        """The sequence of the newest event, 0 before the first."""
        row = self._db.execute("SELECT max(seq) FROM event").fetchone()
        return row[0] or 0

    @explained()
    def live_articles(self, through: int | None = None) -> int:
        """As `events.Log` says."""
        bound = self.last_seq() if through is None else through
        query = "SELECT live FROM event WHERE seq <= ? ORDER BY seq DESC LIMIT 1"
        row = self._db.execute(query, (bound,)).fetchone()
        return row[0] if row else 0

    @explained()
    def taken_down(self, after: int) -> int:
        """As `events.Log` says."""
        query = "SELECT count(*) FROM article WHERE state = 'down' AND seq > ?"
        return int(self._db.execute(query, (after,)).fetchone()[0])

    @explained()
    def created_ms(self, seq: int) -> int:
        """When the event `seq` was logged; 0 for sequence 0."""
        row = self._db.execute("SELECT created_ms FROM event WHERE seq = ?", (seq,)).fetchone()
        return row[0] if row else 0

    @explained()
    def languages(self, through: int) -> dict[str, int]:
        """As `events.Log` says."""
        return dict(self._db.execute("SELECT language, seq FROM language WHERE seq <= ?", (through,)))

    def _standings(self, article_ids: Iterable[str]) -> dict[str, Standing]:
        found = dict.fromkeys(article_ids, Standing())
        query = f"SELECT article_id, {STANDING} FROM article WHERE article_id IN"  # noqa: S608 - our columns
        for row in look_up(self._db, query, sorted(found)):
            found[row[0]] = standing_of(row[1:])
        return found

    @explained()
    def next_lift_ms(self) -> int | None:
        """As `events.Log` says."""
        row = self._db.execute("SELECT min(held_until_ms) FROM article WHERE held_until_ms IS NOT NULL").fetchone()
        return None if row[0] is None else int(row[0])

    @explained()
    def drain(self) -> Drain:
        """As `events.Log` says."""
        noted = dict(self._db.execute("SELECT name, value FROM setting WHERE name IN ('applied', 'drained_per_s')"))
        return Drain(self.last_seq() - noted.get("applied", 0), noted.get("drained_per_s", 0))

    @explained()
    def standing(self, article_id: str) -> Standing:
        """As `events.Log` says."""
        return self._standings([article_id])[article_id]

    @explained()
    def changes(self, after: int, through: int, limit: int) -> list[Notice]:
        """As `events.Log` says."""
        query = (
            "SELECT seq, notice, article_id, version, created_ms, coalesce(reason, '') FROM event"
            " WHERE notice IS NOT NULL AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?"
        )
        return [Notice(*row) for row in self._db.execute(query, (after, through, limit))]

    @explained()
    def history(
        self, article_id: str, *, before: int | None = None, limit: int = MAX_HISTORY, told: bool = False
    ) -> list[Event]:
        """As `events.Log` says."""
        newest = self.standing(article_id).seq
        rows = self._db.execute(CHAIN, (newest, MAX_HISTORY, newest + 1 if before is None else before, told, limit))
        events = []
        for (seq,) in rows.fetchall():
            kind, partition, version, created_ms, source, reason, notice, body = self._db.execute(
                "SELECT kind, partition, version, created_ms, source, reason, notice, body FROM event WHERE seq = ?",
                (seq,),
            ).fetchone()
            if source:
                (body,) = self._db.execute("SELECT body FROM event WHERE seq = ?", (source,)).fetchone()
            article, fault = self._decode(self._bodies, article_id, body)
            about = (seq, kind, partition, article_id, version, created_ms)
            events.append(Event(*about, article, reason or "", fault, notice))
        return events

    @explained()
    def outcomes(self, prefix: bytes, after: bytes, limit: int) -> list[tuple[bytes, str, Outcome]]:
        """As `events.Log` says."""
        return self._messages.outcomes(prefix, after, limit)

    @explained()
    def led_to(self, prefix: bytes, seqs: Sequence[int]) -> int:
        """As `events.Log` says."""
        return self._messages.led_to(prefix, seqs)

    @explained()
    def takedowns(self, after: int, through: int) -> list[tuple[int, str]]:
        """As `events.Log` says."""
        query = "SELECT seq, article_id FROM event WHERE kind = 'takedown' AND seq > ? AND seq <= ? ORDER BY seq"
        return self._db.execute(query, (after, through)).fetchall()

    @explained()
    def reshards(self, after: int, through: int) -> list[tuple[int, int]]:
        """As `events.Log` says."""
        query = "SELECT seq, version FROM event WHERE kind = 'reshard' AND seq > ? AND seq <= ? ORDER BY seq"
        return self._db.execute(query, (after, through)).fetchall()

    def _routed_over(self) -> int:
        """The partitions that articles are routed over now."""
        query = "SELECT version FROM event WHERE kind = 'reshard' ORDER BY seq DESC LIMIT 1"
        row = self._db.execute(query).fetchone()
        return int(row[0]) if row else self.partitions

    @explained()
    def statistics_events(self, after: int, through: int) -> list[tuple[int, int]]:
        """(sequence, live articles) of the statistics events in (after, through], oldest first."""
        query = "SELECT seq, live FROM event WHERE kind = 'statistics' AND seq > ? AND seq <= ? ORDER BY seq"
        return self._db.execute(query, (after, through)).fetchall()

    @explained()
    def pending(self, after: int, through: int) -> dict[int, int]:
        """How many events each partition has in (after, through]; partitions without any are left out."""
        query = (
            "SELECT partition, count(*) FROM event WHERE partition IS NOT NULL AND seq > ? AND seq <= ?"
            " GROUP BY partition"
        )
        return dict(self._db.execute(query, (after, through)).fetchall())

    def read(self, partition: int, after: int, through: int) -> Iterator[Event]:
        """As `events.Log` says."""
        bodies = Bodies()  # a reader may be left half way, while another begins
        where = "FROM event WHERE partition = ? AND seq > ? AND seq <= ?"
        bounds = (partition, after, through)
        with explained():
            # The index has all of it: no event is read for this.
            last = dict(self._db.execute(f"SELECT article_id, seq {where} ORDER BY seq", bounds))
            columns = "seq, kind, article_id, version, created_ms, source, reason, notice, body"
            for row in self._db.execute(f"SELECT {columns} {where} ORDER BY seq", bounds):
                seq, kind, article_id, version, created_ms, source, reason, notice, body = row
                if last[article_id] != seq:
                    continue
                if source:
                    (body,) = self._db.execute("SELECT body FROM event WHERE seq = ?", (source,)).fetchone()
                article, fault = self._decode(bodies, article_id, body)
                about = (seq, kind, partition, article_id, version, created_ms)
                yield Event(*about, article, reason or "", fault, notice)

    def brought(self, after: int, through: int) -> Iterator[Brought]:
        """As `events.Log` says."""
        query = (
            "SELECT seq, kind, article_id, coalesce(previous, 0), source, body FROM event"
            " WHERE article_id IS NOT NULL AND seq > ? AND seq <= ? ORDER BY seq"
        )
        with explained():
            for seq, kind, article_id, previous, source, body in self._db.execute(query, (after, through)):
                article = self._text(article_id, source, body) if kind in _TEXTS else None
                yield Brought(seq, kind, article_id, previous, article)

    @explained()
    def text_of(self, seq: int) -> Article | None:
        """As `events.Log` says."""
        query = "SELECT kind, article_id, source, body FROM event WHERE seq = ?"
        kind, article_id, source, body = self._db.execute(query, (seq,)).fetchone() or ("", "", None, None)
        return self._text(article_id, source, body) if kind in _TEXTS else None

    def _text(self, article_id: str, source: int | None, body: bytes | None) -> Article | None:
        if source:
            (body,) = self._db.execute("SELECT body FROM event WHERE seq = ?", (source,)).fetchone()
        return self._decode(self._bodies, article_id, body)[0]

    @explained()
    def chain(self, article_id: str) -> list[int]:
        """As `events.Log` says."""
        newest = self.standing(article_id).seq
        rows = self._db.execute(CHAIN, (newest, newest, newest + 1, False, newest))
        return [seq for (seq,) in rows]

    def _decode(self, bodies: Bodies, article_id: str, body: bytes | None) -> tuple[Article | None, str]:
        """The article, none of one that was destroyed; and why it cannot be read, if that is so."""
        if body is not None and not any(body) and self.standing(article_id).state == "down":
            return None, ""
        return bodies.decode(body)
