"""Tantivy through its Python package, set up as Broadsheet's index is.

Title and body with English stems and positions (`en_stem`: words of letters and digits, of at most 39 bytes, lower
case, Snowball's English stems), the title counting twice; the text stored, compressed; ids and publication times
read from fast fields. One writer thread, one commit, merges awaited; segments are not merged into one.

What differs: only title, body, time and id are kept, and ids are numbers (a text cannot be read from a fast field
through the package). Times are cut to seconds. Only `or_total` counts.

Contract: as `engine.Engine` says; the text of a question goes through Tantivy's own parser.

Not here: other ways to set it up.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import tantivy

from benchmarks.peers.engine import TOP, Answer, Ask, QueryClass, Question, folder_bytes
from partition.types import Article

HEAP_BYTES = 512_000_000
"""Of the writer, before it writes a segment."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIELDS = ["title", "body"]
_BOOSTS = {"title": 2.0}


class Tantivy:
    """The fair peer."""

    exact = False

    def build(self, articles: Sequence[Article], folder: Path) -> None:
        """As `Engine` says."""
        index = tantivy.Index(_schema(), path=str(folder))
        writer = index.writer(heap_size=HEAP_BYTES, num_threads=1)
        for number, article in enumerate(articles):
            document = tantivy.Document()
            document.add_unsigned("number", number)
            document.add_text("title", article.title)
            document.add_text("body", article.body)
            if article.published_ms is not None:
                document.add_date("published", _time(article.published_ms))
            writer.add_document(document)
        writer.commit()
        writer.wait_merging_threads()

    @contextmanager
    def open(self, folder: Path) -> Iterator[Mapping[QueryClass, Ask]]:
        """As `Engine` says."""
        index = tantivy.Index.open(str(folder))
        searcher = index.searcher()

        def answer(query: tantivy.Query, *, count: bool = False, newest: bool = False) -> Answer:
            order = "published" if newest else None
            found = searcher.search(query, TOP, count=count, order_by_field=order)
            numbers = searcher.fast_field_values("number", [address for _key, address in found.hits])
            return Answer([int(number or 0) for number in numbers], found.count)  # type: ignore[attr-defined]  # not in its stubs

        def parse(text: str, *, every: bool = False) -> tantivy.Query:
            return index.parse_query(text, _FIELDS, field_boosts=_BOOSTS, conjunction_by_default=every)

        def dated(question: Question) -> Answer:
            # Measured a tenth faster than a range written into the text.
            bounds = (_time(question.from_ms), _time(question.to_ms))
            days = tantivy.Query.range_query(
                index.schema, "published", tantivy.FieldType.Date, *bounds, include_upper=False
            )
            must = tantivy.Occur.Must
            return answer(tantivy.Query.boolean_query([(must, parse(question.text)), (must, days)]))

        def every(question: Question) -> Answer:
            return answer(parse(question.text, every=True))

        yield {
            "or": lambda question: answer(parse(question.text)),
            "or_total": lambda question: answer(parse(question.text), count=True),
            "and": every,
            "and_empty": every,
            "phrase": lambda question: answer(parse(f'"{question.text}"')),
            "date": dated,
            "newest": lambda question: answer(parse(question.text), newest=True),
        }

    def footprint(self, folder: Path) -> dict[str, int]:
        """As `Engine` says; and `segments`."""
        searcher = tantivy.Index.open(str(folder)).searcher()
        return {"size_bytes": folder_bytes(folder), "segments": searcher.num_segments}


def _schema() -> tantivy.Schema:
    schema = tantivy.SchemaBuilder()
    schema.add_unsigned_field("number", fast=True)
    for field in _FIELDS:
        schema.add_text_field(field, stored=True, tokenizer_name="en_stem", index_option="position")
    schema.add_date_field("published", fast=True)
    return schema.build()


def _time(time_ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=time_ms)
