"""Stock Whoosh: its own codec, its own searcher, no kernels.

Title and body with Broadsheet's analyser, the title counting twice, ids stored, publication times as a sortable
column. One process, a pool of 128 MB, one commit.

What differs: the text is not stored, lengths are kept in one byte, and the exact total is a second search.

Contract: as `engine.Engine` says. It is slow: ask for fewer articles and questions.

Not here: Broadsheet's Whoosh codec (`broadsheet_engine.py`).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from whoosh import fields, index, query
from whoosh.qparser import MultifieldParser, OrGroup

from benchmarks.peers.engine import TOP, Answer, Ask, QueryClass, Question, folder_bytes
from partition.analysis import ANALYZER
from partition.types import Article

_NO_DATE_MS = -(1 << 62)
"""Sorts last among the newest and lies in no range."""

_SCHEMA = fields.Schema(
    id=fields.ID(stored=True),
    title=fields.TEXT(analyzer=ANALYZER, field_boost=2.0),
    body=fields.TEXT(analyzer=ANALYZER),
    published=fields.NUMERIC(int, bits=64, signed=True, sortable=True),
)


class StockWhoosh:
    """Whoosh as it comes."""

    exact = False

    def build(self, articles: Sequence[Article], folder: Path) -> None:
        """As `Engine` says."""
        with closing(index.create_in(str(folder), _SCHEMA)) as created:
            writer = created.writer(limitmb=128)
            for article in articles:
                published_ms = _NO_DATE_MS if article.published_ms is None else article.published_ms
                writer.add_document(id=article.id, title=article.title, body=article.body, published=published_ms)
            writer.commit()

    @contextmanager
    def open(self, folder: Path) -> Iterator[Mapping[QueryClass, Ask]]:
        """As `Engine` says."""
        either = MultifieldParser(["title", "body"], _SCHEMA, group=OrGroup)
        every = MultifieldParser(["title", "body"], _SCHEMA)
        with closing(index.open_dir(str(folder))) as opened, opened.searcher() as searcher:

            def answer(parser: MultifieldParser, text: str, *, count: bool = False, **options: Any) -> Answer:
                results = searcher.search(parser.parse(text), limit=TOP, **options)
                return Answer([hit["id"] for hit in results], len(results) if count else None)

            def dated(question: Question) -> Answer:
                days = query.NumericRange("published", question.from_ms, question.to_ms, endexcl=True)
                return answer(either, question.text, filter=days)

            def everything(question: Question) -> Answer:
                return answer(every, question.text)

            yield {
                "or": lambda question: answer(either, question.text),
                "or_total": lambda question: answer(either, question.text, count=True),
                "and": everything,
                "and_empty": everything,
                "phrase": lambda question: answer(either, f'"{question.text}"'),
                "date": dated,
                "newest": lambda question: answer(either, question.text, sortedby="published", reverse=True),
            }

    def footprint(self, folder: Path) -> dict[str, int]:
        """As `Engine` says."""
        return {"size_bytes": folder_bytes(folder)}
