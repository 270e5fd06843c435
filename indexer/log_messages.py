"""The log's table of messages: what became of submissions that had an id of their own.

Contract: the statements, each by itself; `log.py` puts them into its transactions and explains their errors.

Not here: when a message is the same again (`log.py`), who gives ids (`jobs.py`).
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from indexer.events import Outcome

NEW: tuple[Outcome | None, bytes] = None, b""
"""What is known of a message that did not come before."""
_VARIABLES = 500
"""Of one statement; SQLite allows 999 at least."""
_OLDEST = "SELECT message_id FROM message WHERE message_id < ? ORDER BY message_id LIMIT ?"


def look_up(db: sqlite3.Connection, query: str, keys: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    """The rows of a query that ends in `IN`, for any number of keys."""
    for at in range(0, len(keys), _VARIABLES):
        some = keys[at : at + _VARIABLES]
        yield from db.execute(f"{query} ({', '.join('?' * len(some))})", some)


class Messages:
    """The table in one connection."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def known(self, message_ids: Sequence[bytes]) -> dict[bytes, tuple[Outcome | None, bytes]]:
        """Outcome and identity of those that came before."""
        query = "SELECT message_id, identity, status, seq, version FROM message WHERE message_id IN"
        return {row[0]: (Outcome(*row[2:]), row[1]) for row in look_up(self._db, query, message_ids)}

    def add(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Message id, article id, status, sequence, version and identity of each."""
        self._db.executemany("INSERT INTO message VALUES (?, ?, ?, ?, ?, ?)", rows)

    def outcomes(self, prefix: bytes, after: bytes, limit: int) -> list[tuple[bytes, str, Outcome]]:
        """As `events.Log` says."""
        query = (
            "SELECT message_id, article_id, status, seq, version FROM message"
            " WHERE message_id > ? AND message_id >= ? AND message_id < ? ORDER BY message_id LIMIT ?"
        )
        rows = self._db.execute(query, (after, *_range(prefix), limit))
        return [(row[0], row[1], Outcome(*row[2:])) for row in rows]

    def led_to(self, prefix: bytes, seqs: Sequence[int]) -> int:
        """As `events.Log` says."""
        rows = self._db.execute("SELECT seq FROM message WHERE message_id >= ? AND message_id < ?", _range(prefix))
        wanted = set(seqs)
        return sum(seq in wanted for (seq,) in rows)

    def any_before(self, before: bytes) -> bool:
        """Whether there is one to forget."""
        return self._db.execute(_OLDEST, (before, 1)).fetchone() is not None

    def forget(self, before: bytes, at_most: int) -> int:
        """As `events.Log` says."""
        query = f"DELETE FROM message WHERE message_id IN ({_OLDEST})"  # noqa: S608 - our text
        return self._db.execute(query, (before, at_most)).rowcount


def _range(prefix: bytes) -> tuple[bytes, bytes]:
    """What begins so lies from the one on, before the other."""
    return prefix, prefix + b"\xff" * 64
