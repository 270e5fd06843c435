"""SQLite's FTS5, from the standard library.

Title and body with Porter stems over `unicode61` (accents are dropped), the title counting twice, the text stored;
publication times in a table beside it, joined by row. One transaction, written durably; no `optimize` afterwards.

What differs: words are counted over both columns at once by its `bm25`, with k1 = 1.2 and an idf that is nearly zero
for a word in more than half of the articles. It ranks all matches, without pruning. Ids are row numbers.

Contract: as `engine.Engine` says.

Not here: FTS5 as a user of a server's database would see it.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from benchmarks.peers.engine import TOP, Answer, Ask, QueryClass, Question, folder_bytes
from partition.types import Article

_SCHEMA = """
CREATE VIRTUAL TABLE article USING fts5(title, body, tokenize = 'porter unicode61');
INSERT INTO article(article, rank) VALUES ('rank', 'bm25(2.0, 1.0)');
CREATE TABLE published(number INTEGER PRIMARY KEY, published_ms INTEGER);
"""
_RANKED = "SELECT rowid FROM article WHERE article MATCH ? ORDER BY rank LIMIT ?"
_COUNTED = "SELECT count(*) FROM article WHERE article MATCH ?"
_DATED = """
SELECT article.rowid FROM article JOIN published ON number = article.rowid
WHERE article MATCH ? AND published_ms >= ? AND published_ms < ? ORDER BY rank LIMIT ?
"""
_NEWEST = """
SELECT article.rowid FROM article JOIN published ON number = article.rowid
WHERE article MATCH ? ORDER BY published_ms DESC LIMIT ?
"""


class Fts5:
    """SQLite."""

    exact = False

    def build(self, articles: Sequence[Article], folder: Path) -> None:
        """As `Engine` says."""
        with closing(_connect(folder)) as database:
            database.executescript(_SCHEMA)
            with database:
                database.executemany(
                    "INSERT INTO article(rowid, title, body) VALUES (?, ?, ?)",
                    ((number, article.title, article.body) for number, article in enumerate(articles)),
                )
                database.executemany(
                    "INSERT INTO published VALUES (?, ?)",
                    ((number, article.published_ms) for number, article in enumerate(articles)),
                )

    @contextmanager
    def open(self, folder: Path) -> Iterator[Mapping[QueryClass, Ask]]:
        """As `Engine` says."""
        with closing(_connect(folder)) as database:

            def numbers(select: str, *values: str | int) -> list[int]:
                return [number for (number,) in database.execute(select, (*values, TOP))]

            def ranked(match: str) -> Answer:
                return Answer(numbers(_RANKED, match), None)

            def counted(question: Question) -> Answer:
                match = _any(question)
                ((total,),) = database.execute(_COUNTED, (match,))
                return Answer(numbers(_RANKED, match), total)

            def dated(question: Question) -> Answer:
                return Answer(numbers(_DATED, _any(question), question.from_ms, question.to_ms), None)

            def every(question: Question) -> Answer:
                return ranked(_quoted(question, " "))

            yield {
                "or": lambda question: ranked(_any(question)),
                "or_total": counted,
                "and": every,
                "and_empty": every,
                "phrase": lambda question: ranked(f'"{question.text}"'),
                "date": dated,
                "newest": lambda question: Answer(numbers(_NEWEST, _any(question)), None),
            }

    def footprint(self, folder: Path) -> dict[str, int]:
        """As `Engine` says."""
        return {"size_bytes": folder_bytes(folder)}


def _connect(folder: Path) -> sqlite3.Connection:
    database = sqlite3.connect(folder / "articles.sqlite")
    # The default of 2 MB would measure the file system.
    database.execute("PRAGMA cache_size = -512000")
    return database


def _quoted(question: Question, joint: str) -> str:
    return joint.join(f'"{word}"' for word in question.text.split())


def _any(question: Question) -> str:
    return _quoted(question, " OR ")
