"""Documents of any schema in our format: what is kept, and what is refused."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from whoosh import columns, fields, formats, query, sorting
from whoosh.analysis import DelimitedAttributeFilter, NgramFilter, RegexTokenizer, SimpleAnalyzer, StemmingAnalyzer
from whoosh.filedb.filestore import RamStorage

from partition.manifest import GenerationRecord
from partition.reader import PartitionReader
from partition.whoosh_codec import WhooshIndex, open_whoosh_index
from partition.whoosh_writer import write_whoosh_segment


def _index(folder: Path, schema: fields.Schema, *segments: Sequence[Mapping[str, Any]]) -> WhooshIndex:
    records = tuple(
        write_whoosh_segment(folder / f"{at}.segment", schema, documents) for at, documents in enumerate(segments)
    )
    return open_whoosh_index([PartitionReader(folder, GenerationRecord(1, 0, 0, len(records), records))], schema)


def test_stored_values_and_columns(tmp_path: Path) -> None:
    """Stored values come back, others are replaced, columns sort and have defaults, over several segments."""
    schema = fields.Schema(
        body=fields.TEXT(stored=True),
        key=fields.ID(sortable=True, stored=True),
        number=fields.NUMERIC(sortable=True, signed=True),
        price=fields.COLUMN(columns.NumericColumn("d", default=1.5)),
        count=fields.COLUMN(columns.NumericColumn("i", default=-3)),
        flag=fields.COLUMN(columns.BitColumn()),
        code=fields.COLUMN(columns.FixedBytesColumn(2)),
        note=fields.STORED(),
    )
    first = {"body": "x", "_stored_body": "the x", "key": "b", "number": -2, "price": 2, "flag": True, "code": b"ab"}
    index = _index(tmp_path, schema, [first, {"note": [1, {"a": None}]}], [{"key": "a", "number": 5, "count": 9}])
    with index.searcher() as searcher:
        reader = searcher.reader()
        assert [reader.stored_fields(docnum) for docnum in range(3)] == [
            {"body": "the x", "key": "b"},
            {"note": [1, {"a": None}]},
            {"key": "a"},
        ]
        read = {name: list(reader.column_reader(name)) for name in schema.names() if reader.has_column(name)}
        assert read == {
            "key": ["b", "", "a"],
            "number": [-2, 2**31 - 1, 5],
            "price": [2.0, 1.5, 1.5],
            "count": [-3, -3, 9],
            "flag": [True, False, False],
            "code": [b"ab", b"\0\0", b"\0\0"],
        }
        by_number = searcher.search(query.Every(), sortedby="number")
        assert [hit.docnum for hit in by_number] == [0, 2, 1]
        by_key = searcher.search(query.Every(), sortedby=sorting.FieldFacet("key", reverse=True))
        assert [hit.docnum for hit in by_key] == [0, 2, 1]
        assert list(searcher.docs_for_query(query.ColumnQuery("count", 9))) == [2]


def test_words_that_are_suggested(tmp_path: Path) -> None:
    """A stemmed field suggests whole words, as over Whoosh's own codec."""
    schema = fields.Schema(body=fields.TEXT(analyzer=StemmingAnalyzer(), spelling=True))
    documents = [{"body": "rendering shades"}, {"body": "shading renders"}]
    ours = _index(tmp_path, schema, documents)
    stock = RamStorage().create_index(schema)
    with stock.writer() as writer:
        for one in documents:
            writer.add_document(**one)
    for index in (ours, stock):
        with index.searcher() as searcher:
            assert searcher.suggest("body", "renderin") == ["rendering", "renders"]


def test_terms_are_bytes(tmp_path: Path) -> None:
    """A term may be any bytes, and a list of numbers is as many terms."""
    schema = fields.Schema(number=fields.NUMERIC(int, 64), ngrams=fields.NGRAMWORDS(2, 3))
    index = _index(tmp_path, schema, [{"number": [7, 2**40]}, {"number": 7, "ngrams": "storm"}])
    with index.searcher() as searcher:
        assert searcher.search(query.Term("number", 2**40), limit=None).docs() == {0}
        assert searcher.search(query.NumericRange("number", 1, 8), limit=None).docs() == {0, 1}
        assert searcher.search(query.Term("ngrams", "or"), limit=None).docs() == {1}


class _Unknown(formats.Format):  # type: ignore[misc]  # Whoosh's classes are untyped
    """A format that nobody knows."""


BOOSTED = RegexTokenizer(r"\S+") | DelimitedAttributeFilter()
SAME_PLACE = RegexTokenizer() | NgramFilter(2)


@pytest.mark.parametrize(
    ("field", "document", "problem"),
    [
        (fields.TEXT(), {"other": "x"}, "other: no such field"),
        (fields.TEXT(), {"f": "x", "_boost": 2.0}, "_boost: no such field; boosts"),
        (fields.TEXT(analyzer=BOOSTED), {"f": "x^2"}, "boosts of tokens"),
        (fields.TEXT(analyzer=SAME_PLACE), {"f": "aaaa"}, "stands twice at one position"),
        (fields.STORED(), {"f": datetime(2026, 1, 1, tzinfo=UTC)}, "is not JSON"),
        (fields.STORED(), {"f": float("nan")}, "changes in JSON"),
        (fields.STORED(), {"f": (1, 2)}, "changes in JSON"),
        (fields.COLUMN(columns.VarBytesColumn()), {"f": "text"}, "something else; encode it"),
        (fields.COLUMN(columns.NumericColumn("Q")), {"f": 2**64}, "more than 64 bits"),
        (fields.COLUMN(columns.VarBytesListColumn()), {}, "neither numbers nor bytes"),
        (fields.FieldType(_Unknown(), SimpleAnalyzer()), {}, "_Unknown is unknown"),
    ],
)
def test_what_cannot_be_held_is_refused(tmp_path: Path, field: Any, document: dict[str, Any], problem: str) -> None:
    """It is a `ValueError` that says what, and no file is left."""
    path = tmp_path / "refused.segment"
    with pytest.raises(ValueError, match=problem):
        write_whoosh_segment(path, fields.Schema(f=field), [document])
