"""All segments of some partitions as one: articles numbered through, dictionaries merged, posting lists joined.

A docnum here is the docnum inside its segment plus the sizes of all segments before. Terms come from three places:
from dictionaries (`DictionaryTerms`), from columns of times, which have no dictionary (`NumberTerms`), and from
article ids (`IdTerms`).

Contract: nothing is merged on opening; a list is read when asked for, and dictionaries merge while they are walked.
Deleted articles are counted and listed like others, until their segments are merged; `dead` says which they are.
Belongs to one thread.

Not here: Whoosh (`whoosh_codec.py`), which answers from this; the fast path (`search/`), which does not.
"""

import heapq
import struct
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from partition.kernels.reading import read_positions
from partition.kernels.terms import lower_bound
from partition.reader import PartitionReader
from partition.schema import FORM, HEADING
from partition.segment import Segment, TermList
from partition.types import DocAddress

_SIGN = 1 << 63
_NUMBERS = 1 << 64
_NUMBER_KEY = struct.Struct(">BQ")


@dataclass(frozen=True)
class Part:
    """One segment among all."""

    partition: int
    ordinal: int
    """Of the segment inside its generation."""
    base: int
    """Articles of the segments before it."""
    reader: PartitionReader
    segment: Segment


@dataclass(frozen=True)
class TermPostings:
    """All articles that hold a term, deleted ones included."""

    docnums: NDArray[np.int64]
    """Shape (n,), ascending."""
    tf: NDArray[np.int64]
    """Shape (n,), how often each holds it."""
    lists: tuple[tuple[Part, TermList], ...] = field(default=(), repr=False)
    """Where it was read, in the order of docnums; empty for terms without a dictionary."""

    @cached_property
    def positions(self) -> NDArray[np.int64]:
        """All positions, article after article; only for a field that keeps them."""
        joined = np.empty(int(self.tf.sum()), np.int64)
        at = taken = 0
        for part, found in self.lists:
            docs = self.docnums[at : at + found.df] - part.base
            count = int(self.tf[at : at + found.df].sum())
            room, ends = np.empty(count, np.int64), np.empty(found.df, np.int64)
            read_positions(part.segment.words, np.array([found.row], np.int64), docs, ends, room)
            joined[taken : taken + count] = room
            at += found.df
            taken += count
        return joined

    @cached_property
    def ends(self) -> list[int]:
        """Where each article's positions end."""
        ends: list[int] = np.cumsum(self.tf).tolist()
        return ends


class FieldTerms(Protocol):
    """The terms of one field."""

    def keys_from(self, key: bytes) -> Iterator[bytes]:
        """All terms that do not sort before `key`, ascending, each once."""

    def df(self, key: bytes) -> int:
        """How many articles hold the term."""

    def postings(self, key: bytes) -> TermPostings | None:
        """The articles that hold the term; `None` if none does."""


class DictionaryTerms:
    """Terms of a field that has dictionaries."""

    def __init__(self, parts: Sequence[Part], name: str) -> None:
        self._parts = [part for part in parts if name in part.segment.fields]
        self._name = name

    def keys_from(self, key: bytes) -> Iterator[bytes]:
        """As `FieldTerms` says."""
        wanted = np.frombuffer(key, np.uint8)
        runs = [self._run(part.segment, wanted) for part in self._parts]
        return (found for found, _same in groupby(heapq.merge(*runs)))

    def _run(self, segment: Segment, wanted: NDArray[np.uint8]) -> Iterator[bytes]:
        first, last = segment.fields[self._name]["terms"]
        return map(segment.key, range(lower_bound(segment.keys, segment.key_ends, first, last, wanted), last))

    def _lists(self, key: bytes) -> tuple[tuple[Part, TermList], ...]:
        looked_up = ((part, part.segment.term_list(self._name, key)) for part in self._parts)
        return tuple((part, found) for part, found in looked_up if found)

    def df(self, key: bytes) -> int:
        """As `FieldTerms` says."""
        return sum(found.df for _part, found in self._lists(key))

    def postings(self, key: bytes) -> TermPostings | None:
        """As `FieldTerms` says."""
        lists = self._lists(key)
        if not lists:
            return None
        read = [(part.base, *part.segment.read(found)) for part, found in lists]
        docnums = np.concatenate([docs.astype(np.int64) + base for base, docs, _tf in read])
        return TermPostings(docnums, np.concatenate([tf for _base, _docs, tf in read]).astype(np.int64), lists)


class NumberTerms:
    """Terms of a column of 64-bit integers: those that Whoosh's `NUMERIC` would have, found by binary search.

    There is a term for each number, and one for what is left of it after each shift by `step` bits, so that a range
    is made of few of them. A key is the shift, one byte, and the number plus 2^63, shifted, eight bytes, big endian.
    """

    def __init__(self, numbers: NDArray[np.int64], missing: int, step: int) -> None:
        """Args: a number for each article, that which stands for none, and the bits of a step."""
        has = np.flatnonzero(numbers != missing)
        order = has[np.argsort(numbers[has], kind="stable")]
        self._docnums = order
        self._sortable: NDArray[np.uint64] = numbers[order].view(np.uint64) ^ np.uint64(_SIGN)
        self._shifts = range(0, 64, step)

    def _before(self, number: int) -> int:
        """How many articles have a smaller sortable number."""
        if number >= _NUMBERS:
            return len(self._sortable)
        return int(np.searchsorted(self._sortable, np.uint64(number)))

    def keys_from(self, key: bytes) -> Iterator[bytes]:
        """As `FieldTerms` says."""
        for shift in self._shifts:
            at = self._before(_first_number(key, shift) << shift)
            while at < len(self._sortable):
                number = int(self._sortable[at]) >> shift
                yield _NUMBER_KEY.pack(shift, number)
                at = self._before((number + 1) << shift)

    def df(self, key: bytes) -> int:
        """As `FieldTerms` says."""
        return len(self._range(key))

    def _range(self, key: bytes) -> range:
        if len(key) != _NUMBER_KEY.size or key[0] not in self._shifts:
            return range(0)
        shift, number = _NUMBER_KEY.unpack(key)
        return range(self._before(number << shift), self._before((number + 1) << shift))

    def postings(self, key: bytes) -> TermPostings | None:
        """As `FieldTerms` says."""
        found = self._range(key)
        if not found:
            return None
        docnums = np.sort(self._docnums[found.start : found.stop])
        return TermPostings(docnums, np.ones(len(docnums), np.int64))


def _first_number(key: bytes, shift: int) -> int:
    """The first number of the tier `shift` whose key does not sort before `key`, 2^64 if there is none."""
    tier, rest = key[:1], key[1:]
    if tier != bytes([shift]):
        return 0 if tier < bytes([shift]) else _NUMBERS
    number = int.from_bytes(rest[:8].ljust(8, b"\0"), "big")
    return number + (len(rest) > 8)


class IdTerms:
    """The ids of articles as terms."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts

    @cached_property
    def _ids(self) -> list[bytes]:
        return sorted(
            {
                part.segment.article_id(docnum).encode()
                for part in self._parts
                for docnum in part.segment.live.nonzero()[0].tolist()
            }
        )

    def keys_from(self, key: bytes) -> Iterator[bytes]:
        """As `FieldTerms` says."""
        return iter(self._ids[bisect_left(self._ids, key) :])

    def df(self, key: bytes) -> int:
        """As `FieldTerms` says."""
        return len(self._find(key))

    def _find(self, key: bytes) -> list[int]:
        try:
            article_id = key.decode()
        except UnicodeDecodeError:
            return []
        found = ((part.base, part.segment.find(article_id)) for part in self._parts)
        return [base + docnum for base, docnum in found if docnum is not None]

    def postings(self, key: bytes) -> TermPostings | None:
        """As `FieldTerms` says."""
        docnums = self._find(key)
        return TermPostings(np.array(docnums, np.int64), np.ones(len(docnums), np.int64)) if docnums else None


class VirtualSegment:
    """All segments of some partitions."""

    def __init__(self, readers: Sequence[PartitionReader]) -> None:
        """Args: the partitions, each opened; their order is that of docnums."""
        self.parts: list[Part] = []
        self.size = 0
        """Articles, deleted ones included."""
        for partition, reader in enumerate(readers):
            for ordinal, segment in enumerate(reader.segments):
                self.parts.append(Part(partition, ordinal, self.size, reader, segment))
                self.size += segment.size
        self._bases = [part.base for part in self.parts]
        self.deleted = sum(len(part.segment.dead) for part in self.parts)
        """Deleted articles."""
        self._numbers: dict[str, NDArray[Any]] = {}

    @cached_property
    def dead(self) -> frozenset[int]:
        """The docnums of deleted articles."""
        return frozenset(part.base + docnum for part in self.parts for docnum in part.segment.dead.tolist())

    def part_of(self, docnum: int) -> Part:
        """The segment that holds an article."""
        return self.parts[bisect_right(self._bases, docnum) - 1]

    def address(self, docnum: int) -> DocAddress:
        """Where an article lies; the partition is its ordinal among those given."""
        part = self.part_of(docnum)
        return DocAddress(part.partition, part.ordinal, docnum - part.base)

    def stored(self, docnum: int) -> dict[str, Any]:
        """The stored fields of an article."""
        part = self.part_of(docnum)
        return part.reader.stored(part.ordinal, docnum - part.base)

    def fields(self) -> set[str]:
        """The fields that have a dictionary."""
        return {name for part in self.parts for name in part.segment.fields if name not in {FORM, HEADING}}

    def has(self, section: str) -> bool:
        """Whether every segment has this section; there must be a segment."""
        return bool(self.parts) and all(section in part.segment.file for part in self.parts)

    def numbers(self, section: str) -> NDArray[Any]:
        """Shape (size,): a section with one number for each article."""
        if section not in self._numbers:
            read = [part.segment.file.section(section) for part in self.parts]
            # One segment's is not copied.
            self._numbers[section] = read[0] if len(read) == 1 else np.concatenate([*read, np.zeros(0, np.uint8)])
        return self._numbers[section]
