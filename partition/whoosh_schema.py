"""The schema of an archive in Whoosh's words, and what becomes of other schemas in our format.

`text`, `title`, `body` and `author` are searched as the leaf searches them; keyword fields hold whole values;
`published_ms` and `modified_ms` are numbers that can be sorted by and asked for in ranges; an `id` can be looked up;
`hash` can be sorted by, to break ties as the leaf does. Texts that Whoosh analyses are taken for English: terms of
other languages say so at their end (`analysis.py`). What an article stores beside these is there to be read.

Contract: no format here writes or reads a pickle. What our format does not hold is refused (`kept`), or, where Whoosh
does without it, left out: character ranges, position boosts and term vectors.

Not here: boosts of fields, which are a query's matter; how segments are read (`whoosh_codec.py`).
"""

import copy
import struct
from collections.abc import Iterator
from dataclasses import fields as fields_of
from typing import Any

from whoosh import columns, fields, formats
from whoosh.analysis import Filter, IDTokenizer

from partition.analysis import ANALYZER, NAMES, analyzer, exact
from partition.schema import KEYWORD_FIELDS, NAME_FIELDS, POSITION_FIELDS, TEXT
from partition.types import Article

TIMES = ("published_ms", "modified_ms")
STEP_BITS = 8
"""A range of times takes at most 2 * 256 terms for each of 8 steps."""
SINGLE_VALUED = ("section", "source", "language")
"""Keyword fields of which an article has one value at most, so that they can be columns."""
NUMBERS = (columns.NumericColumn, columns.BitColumn)
"""Columns of numbers; `bool` is one."""
_BYTES = (columns.VarBytesColumn, columns.FixedBytesColumn, columns.RefBytesColumn)
_FROM_LOG = ("version", "indexed_ms")


class PlainPositions(formats.Positions):  # type: ignore[misc]  # Whoosh's classes are untyped
    """Positions as 32-bit numbers, where Whoosh's own format pickles them."""

    def encode(self, poslist: list[int]) -> bytes:
        """The value of one posting."""
        return struct.pack(f"<{len(poslist)}I", *poslist)

    def decode_positions(self, valuestring: bytes) -> list[int]:
        """The positions in one posting."""
        return [position for (position,) in struct.iter_unpack("<I", valuestring)]

    def decode_frequency(self, valuestring: bytes) -> int:
        """How many there are."""
        return len(valuestring) // 4


class Whole(Filter):  # type: ignore[misc]  # as above
    """Makes the value of a keyword field what it is indexed as."""

    def __call__(self, tokens: Iterator[Any]) -> Iterator[Any]:
        """The tokens, each changed."""
        for token in tokens:
            token.text = exact(token.text)
            yield token


def kept(field: Any) -> Any:
    """A field of any schema as our format holds it, the rest of it unchanged.

    Raises:
        ValueError: its postings or its column cannot be held.
    """
    field = copy.copy(field)
    field.vector = None
    column = field.column_type
    if column and (not isinstance(column, (*NUMBERS, *_BYTES)) or isinstance(column, columns.StructColumn)):
        raise ValueError(f"a {type(column).__name__} holds neither numbers nor bytes; leave it out")
    if not field.indexed or not field.format:
        return field
    boost = field.format.field_boost
    if field.format.supports("positions"):
        field.format = PlainPositions(field_boost=boost)
    elif not isinstance(field.format, formats.Existence | formats.Frequency):
        raise ValueError(f"the format {type(field.format).__name__} is unknown; use one of whoosh.formats")
    return field


def kept_schema(schema: fields.Schema) -> fields.Schema:
    """A schema with every field as our format holds it; dynamic fields are left out.

    Raises:
        ValueError: as `kept` says.
    """
    made = {prefix + name for name, field in schema.items() for prefix, _field in field.subfields() if prefix}
    return fields.Schema(**{name: kept(field) for name, field in schema.items() if name not in made})


def article_schema() -> fields.Schema:
    """The schema of an archive."""
    whole = IDTokenizer() | Whole()
    found: dict[str, Any] = {
        "id": fields.ID(stored=True, unique=True),
        TEXT: fields.TEXT(analyzer=ANALYZER, phrase=False, stored=True),
        **{
            name: kept(fields.TEXT(analyzer=analyzer(NAMES) if name in NAME_FIELDS else ANALYZER, stored=True))
            for name in POSITION_FIELDS
        },
        **{
            name: fields.ID(analyzer=whole, stored=name in SINGLE_VALUED, sortable=name in SINGLE_VALUED)
            for name in KEYWORD_FIELDS
        },
        **{name: fields.NUMERIC(int, 64, stored=True, shift_step=STEP_BITS, sortable=True) for name in TIMES},
        "hash": fields.COLUMN(columns.NumericColumn("Q")),
    }
    stored = (*(one.name for one in fields_of(Article)), *_FROM_LOG)
    return fields.Schema(**{**{name: fields.STORED() for name in stored}, **found})


def stored_texts(stored: dict[str, Any]) -> dict[str, str]:
    """The texts of fields that an article does not store under their names."""
    return {TEXT: f"{stored['title']}\n{stored['body']}", "author": "\n".join(stored["authors"])}
