"""Posting lists for whoever wants all of one, or its end.

Contract: a row is made by `fill_row` from what the dictionary says of a term; docnums, frequencies and positions come
back as they went in.

Not here: the layout of a list (`postings.py`), the ways to ask for less (`ranking.py`, `matching.py`).
"""

from typing import TYPE_CHECKING

import numpy as np

from partition.kernels.bits import ONE, get
from partition.kernels.jit import i32w, i64, i64m, i64s, i64w, kernel, u64s, void
from partition.kernels.postings import BLOCK, BLOCKS, block_docs, block_gaps, block_tfs, find, row_of

if TYPE_CHECKING:
    from numpy.typing import NDArray


@kernel(void(i64, i64, i64, i64[:, ::1]))
def fill_row(area: int, df: int, articles: int, rows: "NDArray[np.int64]") -> None:
    """Fill rows[0] for the list that begins at word `area`."""
    row_of(area, df, articles, rows, 0)


@kernel(void(u64s, i64m, i32w, i32w))
def read_list(
    words: "NDArray[np.uint64]", rows: "NDArray[np.int64]", docs: "NDArray[np.int32]", tfs: "NDArray[np.int32]"
) -> None:
    """Decode the list of rows[0] into `docs` and `tfs`, both of shape (df,)."""
    some = np.empty((1, BLOCK), np.int32)
    frequencies = np.empty(BLOCK, np.int32)
    for block in range(rows[0, BLOCKS]):
        count = block_docs(words, rows, 0, block, some, 0)
        block_tfs(words, rows, 0, block, frequencies)
        docs[block * BLOCK : block * BLOCK + count] = some[0, :count]
        tfs[block * BLOCK : block * BLOCK + count] = frequencies[:count]


@kernel(i64(u64s, i64m, i64s, i64w, i64w))
def read_positions(
    words: "NDArray[np.uint64]",
    rows: "NDArray[np.int64]",
    docs: "NDArray[np.int64]",
    ends: "NDArray[np.int64]",
    positions: "NDArray[np.int64]",
) -> int:
    """Decode the positions of some articles.

    Args:
        words, rows: the list is rows[0].
        docs: ascending docnums, all of them on the list.
        ends: receives where each article's positions end.
        positions: receives them, while there is room.

    Returns:
        How many there are.
    """
    cursors = np.full((1, 2), -1, np.int64)
    cursors[0, 0] = 0
    buffer = np.empty((1, BLOCK), np.int32)
    before = np.empty((1, BLOCK + 1), np.int32)
    block, first, width = -1, 0, 0
    count = 0
    for at in range(len(docs)):
        ordinal = find(words, rows, 0, docs[at], cursors, buffer)
        if ordinal >> 7 != block:
            block = ordinal >> 7
            first, width = block_gaps(words, rows, 0, block, before)
        start = np.int64(before[0, ordinal & 127])
        bit = first + width * start
        position = -1
        for nth in range(before[0, (ordinal & 127) + 1] - start):
            position += get(words, bit + nth * width, width) + 1
            if count < len(positions):
                positions[count] = position
            count += 1
        ends[at] = count
    return count


@kernel(void(u64s, i64s, i64, u64s, i64w))
def count_live(
    words: "NDArray[np.uint64]",
    areas: "NDArray[np.int64]",
    articles: int,
    live: "NDArray[np.uint64]",
    dfs: "NDArray[np.int64]",
) -> None:
    """Replace the number of articles on each list by the number of live ones.

    Args:
        words, articles: the segment's postings and size.
        areas: where each list begins.
        live: a bit for each docnum.
        dfs: by list.
    """
    rows = np.empty((1, 8), np.int64)
    docs = np.empty((1, BLOCK), np.int32)
    for nth in range(len(areas)):
        row_of(areas[nth], dfs[nth], articles, rows, 0)
        count = 0
        for block in range(rows[0, BLOCKS]):
            for at in range(block_docs(words, rows, 0, block, docs, 0)):
                doc = docs[0, at]
                count += np.int64((live[doc >> 6] >> np.uint64(doc & 63)) & ONE)
        dfs[nth] = count


@kernel(i64(u64s, i64m, u64s))
def last_live(words: "NDArray[np.uint64]", rows: "NDArray[np.int64]", live: "NDArray[np.uint64]") -> int:
    """The last docnum on the list of rows[0] whose bit is set in `live`, -1 if there is none."""
    docs = np.empty((1, BLOCK), np.int32)
    for block in range(rows[0, BLOCKS] - 1, -1, -1):
        for at in range(block_docs(words, rows, 0, block, docs, 0) - 1, -1, -1):
            doc = docs[0, at]
            if (live[doc >> 6] >> np.uint64(doc & 63)) & ONE:
                return np.int64(doc)
    return -1
