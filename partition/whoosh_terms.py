"""Terms and posting lists as Whoosh reads them.

Contract: what `whoosh.codec.base.TermsReader`, `FieldCursor` and `whoosh.matching.LeafMatcher` promise, over a
`VirtualSegment`. A posting list is decoded whole, as numbers; values in Whoosh's encoding are made when asked for.

Not here: lengths and columns (`whoosh_documents.py`), how segments become one (`virtual_segment.py`).
"""

import copy
import struct
from bisect import bisect_left
from collections.abc import Iterator
from typing import Any, Self

import numpy as np
from whoosh.codec import base
from whoosh.fields import Schema
from whoosh.matching import LeafMatcher, ReadTooFar
from whoosh.reading import TermInfo, TermNotFound

from partition.schema import NO_DATE_MS
from partition.virtual_segment import DictionaryTerms, FieldTerms, IdTerms, NumberTerms, TermPostings, VirtualSegment
from partition.whoosh_schema import STEP_BITS, TIMES

_FREQUENCY = struct.Struct("!I")


class Cursor(base.FieldCursor):  # type: ignore[misc]  # Whoosh's classes are untyped, here and below
    """A place among the terms of a field."""

    def __init__(self, terms: "Terms", name: str, field: Any) -> None:
        self._terms, self._name, self._field = terms, name, field
        self.find(b"")

    def first(self) -> Any:
        """Go to the first term and return it."""
        return self.find(b"")

    def find(self, string: Any) -> Any:
        """Go to the first term that does not sort before `string` and return it; `None` past the last."""
        key = string if isinstance(string, bytes) else self._field.to_bytes(string)
        self._rest = self._terms.of(self._name).keys_from(key)
        return self.next()

    def next(self) -> Any:
        """Go on to the next term and return it."""
        self._key = next(self._rest, None)
        return self.text()

    def text(self) -> Any:
        """The term; `None` past the last."""
        return None if self._key is None else self._field.from_bytes(self._key)

    term = text

    def term_info(self) -> TermInfo | None:
        """What is known of it."""
        return None if self._key is None else self._terms.term_info(self._name, self._key)

    def is_valid(self) -> bool:
        """Whether there is a term here."""
        return self._key is not None


class Terms(base.TermsReader):  # type: ignore[misc]
    """The dictionary and the posting lists."""

    def __init__(self, virtual: VirtualSegment, schema: Schema, *, archive: bool) -> None:
        """Args: the segments, what they hold, and whether that is articles."""
        self._virtual, self._schema, self._archive = virtual, schema, archive
        self._fields: dict[str, FieldTerms] = {}
        self._last: tuple[str, bytes, TermPostings] | None = None
        """The list read last: Whoosh asks for what is known of a term, then for its list."""

    def of(self, name: str) -> FieldTerms:
        """The terms of a field."""
        if name not in self._fields:
            self._fields[name] = self._open(name)
        return self._fields[name]

    def _open(self, name: str) -> FieldTerms:
        if self._archive and name in TIMES:
            return NumberTerms(self._virtual.numbers(f"column/{name}"), NO_DATE_MS, STEP_BITS)
        if self._archive and name == "id":
            return IdTerms(self._virtual.parts)
        return DictionaryTerms(self._virtual.parts, name)

    def indexed_field_names(self) -> list[str]:
        """The fields that have terms."""
        return sorted(name for name, field in self._schema.items() if field.indexed and field.format)

    def __contains__(self, term: tuple[str, bytes]) -> bool:
        name, key = term
        return self.of(name).df(key) > 0

    def cursor(self, fieldname: str, fieldobj: Any) -> Cursor:
        """A cursor at the field's first term."""
        return Cursor(self, fieldname, fieldobj)

    def terms(self) -> Iterator[tuple[str, bytes]]:
        """All fields with their terms."""
        return self.terms_from("", b"")

    def terms_from(self, fieldname: str, prefix: bytes) -> Iterator[tuple[str, bytes]]:
        """The same from a term on, and on through the fields after."""
        for name in self.indexed_field_names():
            if name >= fieldname:
                for key in self.of(name).keys_from(prefix if name == fieldname else b""):
                    yield name, key

    def items(self) -> Iterator[tuple[tuple[str, bytes], TermInfo]]:
        """All terms with what is known of them."""
        return self.items_from("", b"")

    def items_from(self, fieldname: str, prefix: bytes) -> Iterator[tuple[tuple[str, bytes], TermInfo]]:
        """The same from a term on."""
        return ((term, self.term_info(*term)) for term in self.terms_from(fieldname, prefix))

    def _read(self, name: str, key: bytes) -> TermPostings:
        if self._last is None or self._last[:2] != (name, key):
            found = self.of(name).postings(key)
            if found is None:
                raise TermNotFound(f"no term {name}:{key!r}")
            self._last = name, key, found
        return self._last[2]

    def _boost(self, name: str) -> float:
        boost: float = self._schema[name].format.field_boost
        return boost

    def term_info(self, fieldname: str, text: bytes) -> TermInfo:
        """What is known of a term; a new object each time, for Whoosh may change it.

        Raises:
            TermNotFound
        """
        found, boost = self._read(fieldname, text), self._boost(fieldname)
        section = f"column/{fieldname}_length"
        lengths = self._virtual.numbers(section)[found.docnums] if self._virtual.has(section) else np.zeros(1)
        return TermInfo(
            weight=float(found.tf.sum()) * boost,
            df=len(found.docnums),
            minlength=int(lengths.min()),
            maxlength=int(lengths.max()),
            maxweight=float(found.tf.max()) * boost,
            minid=int(found.docnums[0]),
            maxid=int(found.docnums[-1]),
        )

    def doc_frequency(self, fieldname: str, text: bytes) -> int:
        """Articles that hold the term, deleted ones included.

        Raises:
            KeyError: none does.
        """
        df = self.of(fieldname).df(text)
        if not df:
            raise KeyError((fieldname, text))
        return df

    def frequency(self, fieldname: str, text: bytes) -> float:
        """How often the term occurs, times the field's boost.

        Raises:
            KeyError: it does not.
        """
        self.doc_frequency(fieldname, text)
        return float(self.term_info(fieldname, text).weight())

    def matcher(self, fieldname: str, text: bytes, format_: Any, scorer: Any = None) -> "TermMatcher":
        """The articles that hold the term.

        Raises:
            TermNotFound
        """
        found, known = self._read(fieldname, text), self.term_info(fieldname, text)
        return TermMatcher((fieldname, text), found, known, format_, scorer, self._virtual.size)


class TermMatcher(LeafMatcher):  # type: ignore[misc]
    """One posting list, walked; to Whoosh's pruning it is one block."""

    def __init__(
        self, term: tuple[str, bytes], found: TermPostings, known: TermInfo, format_: Any, scorer: Any, end: int
    ) -> None:
        """Args: the term, its list, what is known of it, its field's format, Whoosh's scorer, docnums there are."""
        self._term, self._found, self._known = term, found, known
        self.format, self.scorer = format_, scorer
        self._docnums: list[int] = found.docnums.tolist()
        self._tf: list[int] = found.tf.tolist()
        self._at, self._end = 0, end

    def is_active(self) -> bool:
        """Whether there is an article here."""
        return self._at < len(self._docnums)

    def reset(self) -> None:
        """Back to the first."""
        self._at = 0

    def copy(self) -> Self:
        """A matcher at the same place."""
        return copy.copy(self)

    def id(self) -> int:
        """The article's docnum; past the end, one that there is not, for some of Whoosh's matchers still ask."""
        return self._docnums[self._at] if self._at < len(self._docnums) else self._end

    def all_ids(self) -> Iterator[int]:
        """The docnums from here on."""
        return iter(self._docnums[self._at :])

    def next(self) -> None:
        """On to the next article."""
        if not self.is_active():
            raise ReadTooFar
        self._at += 1

    def skip_to(self, id: int) -> None:  # noqa: A002 - Whoosh's name
        """On to the first article that is not before `id`; never back."""
        if not self.is_active():
            raise ReadTooFar
        if id > self._docnums[self._at]:
            self._at = bisect_left(self._docnums, id, self._at)

    def weight(self) -> float:
        """How often the article holds the term, times the field's boost."""
        return float(self._tf[self._at] * self.format.field_boost)

    def value(self) -> bytes:
        """The posting as its format has it."""
        if self.supports("positions"):
            return bytes(self.format.encode(self._positions()))
        return _FREQUENCY.pack(self._tf[self._at]) if self.format.posting_size else b""

    def value_as(self, astype: str) -> Any:
        """The posting, decoded."""
        return self._positions() if astype == "positions" else super().value_as(astype)

    def _positions(self) -> list[int]:
        end = self._found.ends[self._at]
        positions: list[int] = self._found.positions[end - self._tf[self._at] : end].tolist()
        return positions

    def block_min_length(self) -> int:
        """Of the fields that hold the term, the length of the shortest."""
        return int(self._known.min_length())

    def block_max_length(self) -> int:
        """Of the longest."""
        return int(self._known.max_length())

    def block_max_weight(self) -> float:
        """The largest weight."""
        return float(self._known.max_weight())

    def skip_to_quality(self, minquality: float) -> int:
        """To the end, if no article is good enough; returns how many blocks that skips."""
        if self.block_quality() > minquality:
            return 0
        self._at = len(self._docnums)
        return 1
