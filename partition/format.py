"""The segment file: what lies where, and the one gate to its bytes.

A segment is one immutable file in the envelope of `envelope.py` (kind `SEGM`). Its content is a sequence of
*sections*, arrays of one type each, then the *directory*, JSON that names them, then the directory's length (u32).
All numbers are little endian; every section begins 8-byte aligned in the file. N is the number of articles, deleted
ones included, at most `MAX_ARTICLES`; docnums, 0 to N - 1, ascend by publication time, articles without a date first,
and among equal times by descending `hash`. T is the number of terms. Strings are UTF-8.

    section             type   length    holds
    postings            u64    any       one list for each term, in the order of terms; see below
    areas               u64    T         first word of each list | largest bound << 48
    dfs                 u32    T         articles on each list, deleted ones included
    totals              u32    T         occurrences on each list: the sum of its frequencies
    key_ends            u32    T         where each term's key ends
    keys                u8     any       the terms, field after field, ascending byte by byte within each
    ids, id_ends        u8,u32 any, N    the articles' ids, and where each ends
    by_hash             u32    N         docnums, ascending by `hash`: where an id is looked up
    stored, stored_ends u8,u64 any, N    stored articles, each a Zstandard frame made with the dictionary
    column/NAME         any    N         a number for each article, see `schema.COLUMNS`
    value/FIELD         u8-u32 any       keyword field: for each article its values, as ordinals of the field's terms
    value_ends/FIELD    u32    N         where each article's end; absent when each has one at most, and then
                                         value/FIELD has N entries, of which the largest number means none

The directory:

    {"articles": N, "dictionary": file name or null,
     "fields": {NAME: {"terms": [first, last + 1], "positions": bool, "average": mean length or null}, ...},
     "sections": {NAME: [first byte, entries, type], ...}}

`average` is the mean length over the segment, from which the bounds were computed; null for a field that is not
scored, whose bounds are all 255.

A posting list of `df` articles takes consecutive words of `postings`, in this order:

    headers     2 words for each block of 128 articles
                  first:  last docnum of the block | first word of its data << 32
                  second: first word of its gaps | doc width << 40 | tf width << 45 | gap width << 50 | bound << 55
    bitmap      only if 16 df >= N (a dense list): a bit for each docnum, ceil(N / 64) words
    ranks       only with the bitmap: for each 512 docnums, two in a word, how many articles come before them
    data        for each block, from a new word on: the docnums as differences to the one before (to -1 at first),
                minus 1, but for the last, which the header holds; none, width 0, if there is a bitmap. Then the
                frequencies minus 1
    gaps        only with positions; for each block, from a new word on: for each article its first position, then
                for each further one the words in between

"First word" of data and gaps counts from the word after headers, bitmap and ranks. Numbers of a block are packed at
its width, least significant bit first. A bound says how much the block can add: ceil(255 * max(tf / (tf + norm))),
with norm = k1 * (1 - b + b * length / average) as in `scoring.py`.

Example. A field's words: article 0 "vote", article 1 "a vote a vote", article 2 "vote", and 98 more without it;
average length 2, so that norm is 0.75, 2.1 and 0.75; N is 101. The list of "vote": df 3, so not dense; docnums
0 1 2, frequencies 1 2 1, gaps 0, 1 1, 0. Differences minus 1: 0 0 (2 is in the header); so doc width 0, tf width 1,
data 0b010, one word; gap width 1, gaps 0b0110, one word, after one word of data. The bound: 255 * max(1 / 1.75,
2 / 4.1) = 145.7, so 146. Four words:

    0000000000000002  4904200000000001  0000000000000002  0000000000000006

Version ledger: 1 first.

Contract: whoever reads goes through `SegmentFile`, which checks the page table on opening, then all but `postings`
and `stored` before they are given out, and of those what is touched (`verify_words`, `stored`). After that, kernels
trust what they read.

Not here: what writes segments (`build.py`, `merge.py`), what reads them (`segment.py`), deletions (`tombstones.py`).
"""

import struct
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import orjson
from numpy.typing import NDArray

from partition.envelope import PagedFile, PagedWriter
from partition.errors import SegmentTooLarge
from partition.manifest import FileRecord

KIND = b"SEGM"
VERSIONS = range(1, 2)
SUFFIX = ".segment"
MAX_ARTICLES = 8_000_000
"""So that ids of `types.MAX_ARTICLE_ID_BYTES` end within 32 bits; larger segments are not merged."""
LAZY = ("postings", "stored")
"""Sections that are verified when they are touched."""

_LENGTH = struct.Struct("<I")


def narrowed(path: Path, values: NDArray[np.int64], type_: type[np.unsignedinteger[Any]]) -> NDArray[Any]:
    """The values, of which none is negative, as `type_`.

    Raises:
        SegmentTooLarge: one does not fit.
    """
    largest = int(values.max(initial=0))
    if largest > np.iinfo(type_).max:
        raise SegmentTooLarge(path, f"{largest:,} is too large a number for a segment", "use more partitions")
    return values.astype(type_)


class SegmentWriter:
    """Writes sections one after the other; a context manager that finishes the file if nothing went wrong."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = PagedWriter(path, KIND, VERSIONS.stop - 1)
        self._sections: dict[str, tuple[int, int, str]] = {}
        self._directory: dict[str, Any] = {}

    def append(self, name: str, values: NDArray[Any]) -> None:
        """Begin section `name`, or go on with it if it is the last one."""
        type_ = values.dtype.newbyteorder("<").str
        if name in self._sections:
            first, entries, begun = self._sections[name]
            assert type_ == begun, "a section has one type"
            assert next(reversed(self._sections)) == name, "sections come one after the other"
        else:
            self._file.write(bytes(-self._file.length % 8))
            first, entries = self._file.length, 0
        self._file.write(np.ascontiguousarray(values, type_).data)
        self._sections[name] = first, entries + len(values), type_

    def describe(self, **directory: Any) -> None:
        """What the directory says beside the sections."""
        self._directory = directory

    def record(self) -> FileRecord:
        """The finished file, for the manifest."""
        return FileRecord(self.path.name, self.path.stat().st_size, self._file.seal)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            directory = orjson.dumps({**self._directory, "sections": self._sections})
            self._file.write(directory + _LENGTH.pack(len(directory)))
        self._file.__exit__(kind, error, trace)


class SegmentFile:
    """A segment file, opened: its directory and its sections."""

    def __init__(self, path: Path, *, seal: str | None = None) -> None:
        """Map `path` and read its directory.

        Raises:
            IndexFileError: as `envelope.PagedFile` says.
        """
        self._file = PagedFile(path, KIND, VERSIONS, seal=seal)
        content = self._file.content
        self._file.verify(max(0, len(content) - _LENGTH.size), len(content))
        (length,) = _LENGTH.unpack(content[-_LENGTH.size :])
        self._end = len(content) - _LENGTH.size - length
        self._file.verify(self._end, len(content))
        self.directory: dict[str, Any] = orjson.loads(content[self._end : -_LENGTH.size])
        self.articles: int = self.directory["articles"]
        self._sections: dict[str, tuple[int, int, str]] = self.directory["sections"]
        self.postings_at: int = self._sections["postings"][0]
        """Where the words of `postings` begin in the content, in bytes."""
        self.sound = self._file.sound
        """As of `envelope.PagedFile`."""
        self._stored = self._sections["stored"][0]

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self._file.path

    @property
    def size_bytes(self) -> int:
        """Of the whole file."""
        return self._file.size_bytes

    def __contains__(self, name: str) -> bool:
        return name in self._sections

    def section(self, name: str) -> NDArray[Any]:
        """A section; the pages of one that is not lazy have been verified.

        Raises:
            CorruptFile
        """
        first, entries, type_ = self._sections[name]
        if name not in LAZY:
            self._file.verify(first, first + entries * np.dtype(type_).itemsize)
        return np.frombuffer(self._file.content, type_, entries, first)

    def verify_whole(self) -> None:
        """Verify everything that was not verified yet.

        Raises:
            CorruptFile
        """
        self._file.verify(0, len(self._file.content))

    def verify_words(self, start: int, stop: int) -> None:
        """Verify words [start, stop) of `postings`.

        Raises:
            CorruptFile
        """
        self._file.verify(self.postings_at + 8 * start, self.postings_at + 8 * stop)

    def stored(self, start: int, stop: int) -> memoryview:
        """Bytes [start, stop) of `stored`, verified.

        Raises:
            CorruptFile
        """
        self._file.verify(self._stored + start, self._stored + stop)
        return self._file.content[self._stored + start : self._stored + stop]

    def verify_all(self) -> None:
        """Check every page again.

        Raises:
            CorruptFile
        """
        self._file.verify_all()
