"""Any Whoosh schema in a segment of our format: what holds the codec to Whoosh's own.

This is a function and no `whoosh.codec.base.Codec` writer, because what hands a codec writer its postings is Whoosh's
`SegmentWriter`, which pickles: values by the formats, runs that do not fit in memory, schemas in the table of
contents. `Field.index`, which makes the postings, does not, once formats are plain (`whoosh_schema.kept`).

The file is a segment as `format.py` describes it, in the order of documents. For want of articles its ids are the
docnums, and nothing has a date. Of its own it has, for each field that can be sorted by:

    section             type    length    holds
    number/NAME         any     N         a number for each document
    bytes/NAME          u8      any       bytes for each document
    bytes_ends/NAME     u64     N         where each document's end

Contract: terms are bytes; frequencies are integers; stored values are what JSON gives back unchanged. Anything else
is refused with a `ValueError` that names the field. Everything is held in memory: this is for tests and small things.

Not here: articles (`build.py`), which are analysed fast; deletions (`tombstones.py`).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from whoosh.fields import NUMERIC, Schema

from partition.build import ListsWriter, average_of, write_articles, write_columns
from partition.documents import DocumentCodec
from partition.format import SegmentWriter
from partition.inversion import FieldLists
from partition.manifest import FileRecord
from partition.schema import NO_DATE_MS
from partition.scoring import norms_of
from partition.types import hash64
from partition.whoosh_schema import NUMBERS, kept_schema

_ORJSON = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_SUBCLASS


def write_whoosh_segment(path: Path, schema: Schema, documents: Iterable[Mapping[str, Any]]) -> FileRecord:
    """Write documents as one segment.

    Args:
        path: the new file.
        schema: without dynamic fields; `open_whoosh_index` is told the same.
        documents: each as the keywords of Whoosh's `add_document`, `_stored_NAME` included.

    Raises:
        ValueError: something in a document cannot be held.
    """
    kept, read = kept_schema(schema), [_checked(document, schema) for document in documents]
    codec = DocumentCodec()
    with SegmentWriter(path) as file:
        lists = ListsWriter(file, len(read))
        lengths: dict[str, NDArray[Any]] = {}
        for name, field in sorted(kept.items()):
            if field.indexed and field.format:
                _write_field(lists, name, field, _values(read, name, kept), lengths)
        lists.finish()
        numbers = range(len(read))
        fixed: dict[str, NDArray[Any]] = {
            "published_ms": np.full(len(read), NO_DATE_MS),
            "hash": np.array([hash64(str(number)) for number in numbers], np.uint64),
        }
        write_columns(
            file, {**fixed, **{f"{name}_length": found.astype(np.uint32) for name, found in lengths.items()}}
        )
        for name, field in kept.items():
            if field.column_type:
                _write_column(file, name, field, read)
        write_articles(
            file,
            [str(number).encode() for number in numbers],
            [codec.compress(_stored(document, kept)) for document in read],
        )
        file.describe(articles=len(read), dictionary=None, fields=lists.fields)
    return file.record()


def _checked(document: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    for name in document:
        if name not in schema and name.removeprefix("_stored_") not in schema:
            raise ValueError(f"{name}: no such field; boosts of documents and fields are not kept, boost queries")
    return {name: value for name, value in document.items() if value is not None}


def _values(documents: list[dict[str, Any]], name: str, schema: Schema) -> list[Any]:
    """What each document has to be indexed in a field, `None` for nothing: its value, or words that are suggested."""
    for source, field in schema.items():
        if field.separate_spelling() and field.spelling_fieldname(source) == name:
            return [list(field.spellable_words(one[source])) if source in one else None for one in documents]
    return [document.get(name) for document in documents]


def _write_field(
    lists: ListsWriter, name: str, field: Any, values: list[Any], lengths: dict[str, NDArray[Any]]
) -> None:
    """Invert one field."""
    positions = field.format.supports("positions")
    found: dict[bytes, dict[int, None]] = defaultdict(dict)
    words = np.zeros(len(values), np.int64)
    for docnum, value in enumerate(values):
        for key, frequency, weight, posting in field.index(value) if value is not None else ():
            if weight != frequency * field.format.field_boost:
                raise ValueError(f"{name}: {key!r} weighs {weight}, not its frequency; boosts of tokens are not kept")
            places = field.format.decode_positions(posting) if positions else range(frequency)
            known = len(found[key])
            found[key].update(zip((docnum << 32 | place for place in places), repeat(None), strict=False))
            if positions and len(found[key]) - known != frequency:
                raise ValueError(f"{name}: {key!r} stands twice at one position; use a format without positions")
            words[docnum] += frequency
    keys = sorted(found)
    occurrences = [np.array(sorted(found[key]), np.uint64) for key in keys]
    stops = np.cumsum([len(one) for one in occurrences], dtype=np.int64)
    starts = np.concatenate([np.zeros(1, np.int64), stops])[:-1]
    joined = np.concatenate([np.zeros(0, np.uint64), *occurrences])
    average = average_of(words) if field.scorable and len(words) else None
    lists.begin(name, positions=positions, average=average)
    lists.add(
        FieldLists(name, keys, joined, starts, stops), np.zeros(0) if average is None else norms_of(words, average)
    )
    if field.scorable:
        lengths[name] = words


def _write_column(file: SegmentWriter, name: str, field: Any, documents: list[dict[str, Any]]) -> None:
    default = field.column_type.default_value()
    given = [document.get(f"_stored_{name}", document.get(name)) for document in documents]
    column = [default if value is None else field.to_column_value(value) for value in given]
    if isinstance(field.column_type, NUMBERS):
        file.append(f"number/{name}", _numbers(name, field, column))
        return
    if not all(isinstance(value, bytes) for value in column):
        raise ValueError(f"{name}: a column of bytes was given something else; encode it")
    file.append(f"bytes_ends/{name}", np.cumsum([len(value) for value in column]).astype(np.uint64))
    file.append(f"bytes/{name}", np.frombuffer(b"".join(column), np.uint8))


def _numbers(name: str, field: Any, column: list[Any]) -> NDArray[Any]:
    """The column, of a type that does not depend on the numbers' sizes, so that segments go together."""
    fractions = any(isinstance(value, float) for value in column)
    type_ = np.uint64 if isinstance(field, NUMERIC) else np.float64 if fractions else np.int64
    try:
        return np.array(column, type_)
    except (OverflowError, TypeError, ValueError) as error:
        raise ValueError(f"{name}: a column has a number of more than 64 bits, or none; leave it out") from error


def _stored(document: dict[str, Any], schema: Schema) -> bytes:
    """The stored fields as JSON."""
    stored = {
        name: document.get(f"_stored_{name}", document[name])
        for name, field in schema.items()
        if field.stored and name in document
    }
    try:
        raw = orjson.dumps(stored, option=_ORJSON)
    except orjson.JSONEncodeError as error:
        raise ValueError(f"{', '.join(stored)}: a stored value is not JSON; turn it into text") from error
    if orjson.loads(raw) != stored:
        raise ValueError(f"{', '.join(stored)}: a stored value changes in JSON; turn it into text or a list")
    return raw
