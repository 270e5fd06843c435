"""What stands in the tables of the log, and the rows of one transaction.

Contract: what is written of a `Standing`, an event or an article is read back as it was; of a body that is damaged it
is said so.

Not here: the tables and their transactions (`log.py`).
"""

from typing import Any

import orjson
import zstandard

from indexer.events import Held, Kind, Standing, Submission, notice_of
from indexer.routing import partition_of
from partition.analysis import language_of
from partition.types import Article

FORMAT = 3
"""Of the file: SQLite's `user_version`."""
SCHEMA = f"""
PRAGMA user_version = {FORMAT};
CREATE TABLE setting (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE event (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, partition INTEGER, article_id TEXT,
    version INTEGER, created_ms INTEGER NOT NULL, live INTEGER NOT NULL, previous INTEGER, source INTEGER,
    client TEXT, reason TEXT, notice TEXT, body BLOB);
CREATE INDEX event_by_partition ON event (partition, seq, article_id);
CREATE INDEX event_statistics ON event (seq) WHERE kind = 'statistics';
CREATE INDEX event_notice ON event (seq) WHERE notice IS NOT NULL;
CREATE INDEX event_reshard ON event (seq) WHERE kind = 'reshard';
CREATE INDEX event_takedown ON event (seq) WHERE kind = 'takedown';
CREATE TABLE article (
    article_id TEXT PRIMARY KEY, state TEXT NOT NULL, version INTEGER NOT NULL, shown INTEGER NOT NULL, digest BLOB,
    seq INTEGER NOT NULL, body_seq INTEGER NOT NULL,
    held_seq INTEGER, held_version INTEGER, held_until_ms INTEGER, held_digest BLOB) WITHOUT ROWID;
CREATE INDEX article_held ON article (held_until_ms, held_seq) WHERE held_until_ms IS NOT NULL;
CREATE TABLE message (
    message_id BLOB PRIMARY KEY, article_id TEXT NOT NULL, status TEXT NOT NULL, seq INTEGER,
    version INTEGER NOT NULL, identity BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE language (language TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
"""

CHAIN = """
WITH RECURSIVE mine (seq, previous, notice, nth) AS (
    SELECT seq, previous, notice, 1 FROM event WHERE seq = ?
    UNION ALL SELECT event.seq, event.previous, event.notice, nth + 1
    FROM mine JOIN event ON event.seq = mine.previous WHERE nth < ?)
SELECT seq FROM mine WHERE seq < ? AND (notice IS NOT NULL OR NOT ?) LIMIT ?
"""
"""The events of an article, one after the other, as far as they are asked for: no body is read for this."""
STANDING = "state, version, shown, digest, seq, body_seq, held_seq, held_version, held_until_ms, held_digest"
"""Columns of the table `article`, beside the id."""
EVENT = "seq, kind, partition, article_id, version, created_ms, live, previous, source, client, reason, notice, body"


class Writing:
    """A transaction in the making."""

    def __init__(self, seq: int, live: int, created_ms: int, partitions: int) -> None:
        self.seq = seq
        self.created_ms = created_ms
        self.events: list[tuple[Any, ...]] = []
        self.messages: list[tuple[Any, ...]] = []
        self.changed: set[str] = set()
        self.languages: dict[str, int] = {}
        """Of articles that are shown from one of these events on, with the first that shows one."""
        self._live = live
        self._partitions = partitions

    def event(
        self,
        kind: Kind,
        article_id: str,
        now: Standing,
        following: Standing,
        *,
        source: int | None,
        article: Article | None = None,
        body: bytes | None = None,
        submission: Submission | None = None,
    ) -> None:
        """One more event, which leads from `now` to `following`; `article` is what it brings to be shown."""
        self.seq += 1
        self._live += (following.state == "live") - (now.state == "live")
        partition = None if kind in {"hold", "cancel"} else partition_of(article_id, self._partitions)
        version = following.shown if kind in {"lift", "retry"} else following.version
        if kind == "hold" and following.held:
            version = following.held.version
        client, reason = (submission.client, submission.reason) if submission else ("", "")
        self.events.append(
            (
                *(self.seq, kind, partition, article_id, version, self.created_ms, self._live, now.seq, source),
                *(client or None, reason or None, notice_of(kind, now, following), body),
            )
        )
        self.changed.add(article_id)
        if article and kind != "hold":
            self.languages.setdefault(language_of(article.language), self.seq)


def columns_of(standing: Standing) -> tuple[Any, ...]:
    """A standing as `STANDING`."""
    held = standing.held
    waiting = (held.seq, held.version, held.until_ms, held.digest) if held else (None,) * 4
    shown = (standing.state, standing.version, standing.shown, standing.digest, standing.seq, standing.body_seq)
    return (*shown, *waiting)


def standing_of(row: tuple[Any, ...]) -> Standing:
    """A standing from `STANDING`."""
    state, version, shown, digest, seq, body_seq, *held = row
    return Standing(state, version, shown, digest, seq, body_seq, None if held[0] is None else Held(*held))


class Bodies:
    """Compresses and decompresses articles."""

    def __init__(self) -> None:
        self._compressor = zstandard.ZstdCompressor(level=1)
        self._decompressor = zstandard.ZstdDecompressor()

    def encode(self, article: Article) -> bytes:
        """The body of an event."""
        return self._compressor.compress(orjson.dumps(article))

    def decode(self, body: bytes | None) -> tuple[Article | None, str]:
        """The article in a body, and why it cannot be read, if that is so."""
        if body is None:
            return None, ""
        try:
            fields = orjson.loads(self._decompressor.decompress(body))
            article = Article(**{**fields, "authors": tuple(fields["authors"]), "tags": tuple(fields["tags"])})
        except (zstandard.ZstdError, ValueError, TypeError, KeyError) as error:
            return None, f"its text in the log is damaged ({error})"
        return article, ""
