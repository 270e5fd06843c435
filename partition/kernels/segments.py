"""A table of segments: one row of addresses for each, so that one call from Python is about all of them.

A call from Python costs as much as a segment of some thousand articles.

Contract: an address is that of an array which its owner keeps alive, and whose length stands beside it; nothing here
checks them.

Not here: what is done with segments (`sharing.py`, `collecting.py`, `facets.py`), who fills tables
(`search/tables.py`).
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import carray, types
from numba.core import cgutils
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic

from partition.kernels.jit import allocating, i64, i64w, i64w2, kernel, u8s, void
from partition.kernels.postings import FIRST_WORD, row_of
from partition.kernels.ranking import WINDOW, WORDS
from partition.kernels.terms import compare, lower_bound
from partition.kernels.views import Range, SegmentView

if TYPE_CHECKING:
    from numpy.typing import NDArray

POSTINGS, POSTINGS_SIZE, NORMS_AT, SIZE, TIMES, HASHES, IDS, IDS_SIZE, ID_ENDS, DATED, PARTITION = range(11)
KEYS, KEYS_SIZE, KEY_ENDS, TERMS, AREAS, DFS = range(11, 17)
SOUND, POSTINGS_AT, DECAY = range(17, 20)
COLUMNS = 20
"""A row of the table: addresses of a segment's sections, with their lengths where articles or terms do not tell.
DECAY is 0 where scores do not decay."""
MASK, LOW, HIGH = range(3)
"""A row of ranges: the address of a mask, and docnums, as `views.Range`."""
PAGE_BYTES = 1 << 14
TEXT_FIELDS = 4


@intrinsic  # type: ignore[untyped-decorator]
def pointer(_context: Any, address: Any) -> Any:
    """An address as a pointer, of which `carray` makes an array."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(address), generate


@intrinsic  # type: ignore[untyped-decorator]
def frozen(_context: Any, array: Any) -> Any:
    """The same array, which is now read-only, as views have it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return impl_ret_borrowed(context, builder, signature.return_type, arguments[0])

    return array.copy(readonly=True)(array), generate


@allocating
def view_of(table: "NDArray[np.int64]", s: int) -> SegmentView:
    """Segment `s` of the table."""
    size = table[s, SIZE]
    return SegmentView(
        frozen(carray(pointer(table[s, POSTINGS]), (table[s, POSTINGS_SIZE],), np.uint64)),
        carray(pointer(table[s, NORMS_AT]), (TEXT_FIELDS, size), np.float64),
        frozen(carray(pointer(table[s, TIMES]), (size,), np.int64)),
        frozen(carray(pointer(table[s, HASHES]), (size,), np.uint64)),
        frozen(carray(pointer(table[s, IDS]), (table[s, IDS_SIZE],), np.uint8)),
        frozen(carray(pointer(table[s, ID_ENDS]), (size,), np.uint32)),
        table[s, DATED],
        carray(pointer(table[s, DECAY]), (size if table[s, DECAY] else 0,), np.float64),
    )


@kernel(void(i64w2, i64w2, u8s, i64w2, i64w))
def find_lists(
    table: "NDArray[np.int64]",
    terms: "NDArray[np.int64]",
    key: "NDArray[np.uint8]",
    rows: "NDArray[np.int64]",
    unverified: "NDArray[np.int64]",
) -> None:
    """Look one term up in every segment, and whether the pages that hold its list were verified.

    Args:
        table: the segments.
        terms: shape (segments, 2): the terms of the field in each dictionary.
        key: the term.
        rows: shape (segments, 8), zeros; receives the first six numbers of each list's row (`postings.py`).
        unverified: shape (segments,), receives the ordinal of the term in each dictionary where its list is there and
            was not verified yet, else -1.
    """
    for s in range(len(table)):
        keys = carray(pointer(table[s, KEYS]), (table[s, KEYS_SIZE],), np.uint8)
        ends = carray(pointer(table[s, KEY_ENDS]), (table[s, TERMS],), np.uint32)
        areas = carray(pointer(table[s, AREAS]), (table[s, TERMS],), np.uint64)
        dfs = carray(pointer(table[s, DFS]), (table[s, TERMS],), np.uint32)
        unverified[s] = -1
        term = lower_bound(keys, ends, terms[s, 0], terms[s, 1], key)
        if term < terms[s, 1]:
            start = np.int64(ends[term - 1]) if term else 0
            if compare(keys, start, np.int64(ends[term]), key, 0, len(key)) == 0:
                area = np.int64(areas[term] & FIRST_WORD)
                row_of(area, np.int64(dfs[term]), table[s, SIZE], rows, s)
                stop = table[s, POSTINGS_SIZE]
                if term + 1 < table[s, TERMS]:
                    # Readers of bits look one word ahead.
                    stop = min(stop, np.int64(areas[term + 1] & FIRST_WORD) + 1)
                first = (table[s, POSTINGS_AT] + 8 * area) // PAGE_BYTES
                last = (table[s, POSTINGS_AT] + 8 * stop - 1) // PAGE_BYTES
                sound = carray(pointer(table[s, SOUND]), (last + 1,), np.uint8)
                for page in range(first, last + 1):
                    if not sound[page]:
                        unverified[s] = term


@kernel(void(i64w2, i64, i64, i64, i64, i64w2))
def ranges_of(
    table: "NDArray[np.int64]", has_from: int, from_ms: int, has_to: int, to_ms: int, ranges: "NDArray[np.int64]"
) -> None:
    """Fill LOW and HIGH of every segment's range for articles in [from_ms, to_ms), of times that ascend by docnum."""
    for s in range(len(table)):
        size = table[s, SIZE]
        times = carray(pointer(table[s, TIMES]), (size,), np.int64)
        low, high = 0, size
        if has_from or has_to:
            low = table[s, DATED]
        if has_from:
            low = max(low, np.searchsorted(times, from_ms))
        if has_to:
            high = np.searchsorted(times, to_ms)
        ranges[s, LOW], ranges[s, HIGH] = low, high


@allocating
def range_of(table: "NDArray[np.int64]", ranges: "NDArray[np.int64]", s: int) -> Range:
    """Which articles of segment `s` may match."""
    words = (table[s, SIZE] + WINDOW - 1) // WINDOW * WORDS
    return Range(carray(pointer(ranges[s, MASK]), (words,), np.uint64), ranges[s, LOW], ranges[s, HIGH])
