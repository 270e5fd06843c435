"""Articles as Whoosh reads them, one by one: how many, which are deleted, lengths, columns, stored fields.

Contract: what `whoosh.codec.base.PerDocumentReader` and `whoosh.columns.ColumnReader` promise, over a
`VirtualSegment`. The columns of an archive are times, `hash`, and keyword fields with one value at most; those of
other schemas are the sections that `whoosh_writer.py` writes. A time that is missing reads as the field's default,
the largest number, so that it sorts last.

Not here: terms (`whoosh_terms.py`).
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from whoosh import columns
from whoosh.codec import base

from partition.schema import NO_DATE_MS
from partition.virtual_segment import Part, VirtualSegment
from partition.whoosh_schema import TIMES, stored_texts

_SECTIONS = ("number/{}", "bytes/{}")
_ARCHIVE_SECTIONS = ("column/{}", "value/{}")


class Numbers(columns.ColumnReader):  # type: ignore[misc]  # Whoosh's classes are untyped, here and below
    """A column of numbers."""

    def __init__(self, values: NDArray[Any]) -> None:
        # Single entries are read through memory views, ten times as fast as through arrays.
        self._values, self._sign = values.data, 1

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, docnum: int) -> Any:
        return self._values[docnum]

    def sort_key(self, docnum: int) -> Any:
        """What to sort the article by."""
        return self._sign * self._values[docnum]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def load(self) -> list[Any]:
        """The whole column."""
        return list(self._values)

    def set_reverse(self) -> None:
        """Sort the largest first."""
        self._sign = -1


class Texts(columns.ColumnReader):  # type: ignore[misc]
    """A column of bytes."""

    def __init__(self, virtual: VirtualSegment, name: str) -> None:
        self._virtual = virtual
        self._of = {part.base: _texts_of(part, name) for part in virtual.parts}

    def __len__(self) -> int:
        return self._virtual.size

    def __getitem__(self, docnum: int) -> bytes:
        base_ = self._virtual.part_of(docnum).base
        return self._of[base_](docnum - base_)

    def __iter__(self) -> Iterator[bytes]:
        return map(self.__getitem__, range(len(self)))


def _texts_of(part: Part, name: str) -> Callable[[int], bytes]:
    """The bytes of each article of one segment."""
    segment = part.segment
    if f"bytes/{name}" in segment.file:
        content, ends = segment.file.section(f"bytes/{name}").data, segment.file.section(f"bytes_ends/{name}").data
        return lambda docnum: bytes(content[ends[docnum - 1] if docnum else 0 : ends[docnum]])
    ordinals = segment.file.section(f"value/{name}")
    none, first = np.iinfo(ordinals.dtype).max, segment.fields[name]["terms"][0]
    return lambda docnum: b"" if ordinals[docnum] == none else segment.key(first + int(ordinals[docnum]))


class Documents(base.PerDocumentReader):  # type: ignore[misc]
    """Numbers of articles, lengths, columns and stored fields."""

    def __init__(self, virtual: VirtualSegment, *, archive: bool) -> None:
        """Args: the segments, and whether they hold articles."""
        self._virtual, self._archive = virtual, archive
        self._lengths: dict[str, memoryview | None] = {}

    def doc_count(self) -> int:
        """Articles that are not deleted."""
        return self._virtual.size - self._virtual.deleted

    def doc_count_all(self) -> int:
        """All articles."""
        return self._virtual.size

    def has_deletions(self) -> bool:
        """Whether any is deleted."""
        return self._virtual.deleted > 0

    def is_deleted(self, docnum: int) -> bool:
        """Whether one is."""
        return docnum in self._virtual.dead

    def deleted_docs(self) -> frozenset[int]:
        """Those that are."""
        return self._virtual.dead

    def stored_fields(self, docnum: int) -> dict[str, Any]:
        """What was stored of an article."""
        stored = self._virtual.stored(docnum)
        return {**stored, **stored_texts(stored)} if self._archive else stored

    def _length_of(self, name: str) -> NDArray[Any] | None:
        section = f"column/{name}_length"
        return self._virtual.numbers(section) if self._virtual.has(section) else None

    def doc_field_length(self, docnum: int, fieldname: str, default: int = 0) -> int:
        """Words of a field, exactly; `default` if the field has no lengths."""
        if fieldname not in self._lengths:
            found = self._length_of(fieldname)
            # Single entries are read through memory views, ten times as fast as through arrays.
            self._lengths[fieldname] = None if found is None else found.data
        lengths = self._lengths[fieldname]
        return default if lengths is None else int(lengths[docnum])

    def field_length(self, fieldname: str) -> int:
        """Words of a field over all articles."""
        return self._over_all(fieldname, np.sum)

    def min_field_length(self, fieldname: str) -> int:
        """Words of the article with the fewest."""
        return self._over_all(fieldname, np.min)

    def max_field_length(self, fieldname: str) -> int:
        """Words of the article with the most."""
        return self._over_all(fieldname, np.max)

    def _over_all(self, fieldname: str, of: Callable[[NDArray[Any]], Any]) -> int:
        lengths = self._length_of(fieldname)
        return 0 if lengths is None or not len(lengths) else int(of(lengths))

    def supports_columns(self) -> bool:
        """Yes."""
        return True

    def has_column(self, fieldname: str) -> bool:
        """Whether a field can be sorted by without its terms."""
        return self._section(fieldname) is not None

    def _section(self, name: str) -> str | None:
        sections = (section.format(name) for section in (_ARCHIVE_SECTIONS if self._archive else _SECTIONS))
        return next(filter(self._virtual.has, sections), None)

    def column_reader(self, fieldname: str, column: columns.Column) -> columns.ColumnReader:
        """The column of a field that has one."""
        section = self._section(fieldname)
        assert section, "Whoosh asks whether there is a column first"
        if section.startswith(("bytes/", "value/")):
            return Texts(self._virtual, fieldname)
        numbers = self._virtual.numbers(section)
        if self._archive and fieldname in TIMES:
            sortable = numbers.view(np.uint64) ^ np.uint64(1 << 63)
            return Numbers(np.where(numbers == NO_DATE_MS, np.uint64(column.default_value()), sortable))
        return Numbers(numbers)
