"""One posting list in words: how it is encoded, and the ways to read it. The layout is told in `format.py`.

A list is handed around as a row of eight integers (`AREA` ff.), made once when its term is looked up, so that no
reader computes an offset twice. The articles of a *dense* list, one that every sixteenth article or more is on, are a
bitmap with ranks; those of any other are deltas in blocks. Frequencies and positions are in blocks either way.

Contract: docnums ascend; a block cursor is the ordinal of a block; `seek` and `find` take the cursor's last place as
a hint and are right whatever it is.

Not here: scores (`ranking.py`), where rows come from (`partition/segment.py`).
"""

from typing import TYPE_CHECKING

import numpy as np

from partition.kernels.bits import ONE, get, popcount, put, width_of
from partition.kernels.jit import allocating, inlined

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCK = 128
DENSE_SHARE = 16
"""A list is dense when df * DENSE_SHARE >= articles of the segment."""
BOUND_STEPS = 255
"""Block maxima of tf / (tf + norm) are kept in so many steps, rounded up."""
FIRST_WORD = np.uint64((1 << 48) - 1)
"""Of an entry of a segment's `areas`: where the list begins. Above it is its largest bound."""

AREA, DF, BLOCKS, BITMAP, RANKS, DATA, _UNUSED, NORMS = range(8)
"""A row: first word of the list, articles on it, blocks, first word of the bitmap (-1 unless dense) and of its ranks,
first word of the blocks' data, nothing (eight numbers are a line of the CPU's cache), row of the field's norms."""

_LOW = np.uint64(0xFFFF_FFFF)
_PLACE = np.uint64((1 << 40) - 1)
_WIDTH = np.uint64(31)
_REST = np.uint64(63)
_WORD = np.uint64(64)


@inlined
def row_of(area: int, df: int, articles: int, rows: "NDArray[np.int64]", n: int) -> None:
    """Fill the first six numbers of a row."""
    blocks = (df + BLOCK - 1) // BLOCK
    rows[n, AREA], rows[n, DF], rows[n, BLOCKS] = area, df, blocks
    rows[n, DATA] = area + 2 * blocks
    rows[n, BITMAP] = rows[n, RANKS] = -1
    if df * DENSE_SHARE >= articles:
        rows[n, BITMAP] = rows[n, DATA]
        rows[n, RANKS] = rows[n, BITMAP] + (articles + 63) // 64
        rows[n, DATA] = rows[n, RANKS] + (articles + 1023) // 1024


@inlined
def most_words(df: int, occurrences: int, articles: int) -> int:
    """More words than a list can take."""
    blocks = (df + BLOCK - 1) // BLOCK
    numbers = (2 * df + occurrences + 1) // 2  # at most 32 bits each
    return 5 * blocks + numbers + articles // 64 + articles // 1024 + 4


@allocating
def encode(
    docs: "NDArray[np.int32]",
    tfs: "NDArray[np.int32]",
    df: int,
    gaps: "NDArray[np.int32]",
    norms: "NDArray[np.float64]",
    articles: int,
    words: "NDArray[np.uint64]",
    area: int,
) -> tuple[int, int]:
    """Write one list at word `area`.

    Args:
        docs, tfs: the first `df` of each.
        df: how many articles.
        gaps: for each article, its first position, then the words between each position and the next; empty when the
            field has no positions.
        norms: shape (articles,), for the bounds; empty when the field is not scored.
        articles: of the segment.
        words: zeros, long enough (`most_words`).
        area: where to begin.

    Returns:
        The word after the list, and the largest bound in steps.
    """
    rows, n = np.empty((1, 8), np.int64), 0
    row_of(area, df, articles, rows, n)
    bitmap, data = rows[n, BITMAP], rows[n, DATA]
    if bitmap >= 0:
        for at in range(df):
            words[bitmap + (docs[at] >> 6)] |= ONE << np.uint64(docs[at] & 63)
        count = np.uint64(0)
        for word in range((articles + 63) // 64):
            if word & 7 == 0:
                words[rows[n, RANKS] + (word >> 4)] |= count << np.uint64((word & 8) << 2)
            count += popcount(words[bitmap + word])
    end = data
    previous = -1
    for block in range(rows[n, BLOCKS]):
        first = block * BLOCK
        stop = min(df, first + BLOCK)
        widest, most, bound = 0, 0, 0.0
        before = previous
        for at in range(first, stop):
            if at < stop - 1:  # the last one is in the header
                widest = max(widest, docs[at] - before - 1)
            most = max(most, tfs[at] - 1)
            before = docs[at]
            bound = max(bound, tfs[at] / (tfs[at] + norms[docs[at]])) if len(norms) else 1.0
        doc_width = 0 if bitmap >= 0 else width_of(widest)
        tf_width = width_of(most)
        steps = min(BOUND_STEPS, np.int64(np.ceil(bound * BOUND_STEPS)))
        words[area + 2 * block] = np.uint64(docs[stop - 1]) | (np.uint64(end - data) << np.uint64(32))
        words[area + 2 * block + 1] = (
            (np.uint64(doc_width) << np.uint64(40))
            | (np.uint64(tf_width) << np.uint64(45))
            | (np.uint64(steps) << np.uint64(55))
        )
        bit = 64 * end
        for at in range(first, stop - 1):
            put(words, bit, doc_width, docs[at] - previous - 1 if doc_width else 0)
            previous = docs[at]
            bit += doc_width
        previous = docs[stop - 1]
        for at in range(first, stop):
            put(words, bit, tf_width, tfs[at] - 1)
            bit += tf_width
        end = (bit + 63) >> 6
    largest = 0
    gap = 0
    for block in range(rows[n, BLOCKS]):
        stop = min(df, (block + 1) * BLOCK)
        header = words[area + 2 * block + 1]
        largest = max(largest, np.int64(header >> np.uint64(55)))
        if len(gaps):
            occurrences, widest = 0, 0
            for at in range(block * BLOCK, stop):
                occurrences += tfs[at]
            for at in range(gap, gap + occurrences):
                widest = max(widest, gaps[at])
            width = width_of(widest)
            words[area + 2 * block + 1] = header | np.uint64(end - data) | (np.uint64(width) << np.uint64(50))
            bit = 64 * end
            for at in range(gap, gap + occurrences):
                put(words, bit, width, gaps[at])
                bit += width
            gap += occurrences
            end = (bit + 63) >> 6
    return end, largest


@inlined
def last_doc(words: "NDArray[np.uint64]", area: int, block: int) -> int:
    """The last docnum of a block."""
    return np.int64(words[area + 2 * block] & _LOW)


@inlined
def steps_of(words: "NDArray[np.uint64]", area: int, block: int) -> int:
    """The bound of a block, in steps."""
    return np.int64(words[area + 2 * block + 1] >> np.uint64(55))


@inlined
def seek(words: "NDArray[np.uint64]", area: int, blocks: int, hint: int, doc: int) -> int:
    """The first block whose last docnum is at least `doc`, `blocks` if there is none."""
    low, high = 0, blocks
    if hint < blocks:
        if last_doc(words, area, hint) >= doc:
            if hint == 0 or last_doc(words, area, hint - 1) < doc:
                return hint
            high = hint
        else:
            low, step = hint + 1, 1
            while low + step < blocks and last_doc(words, area, low + step - 1) < doc:
                low += step
                step *= 2
            high = min(blocks, low + step)
    while low < high:
        middle = (low + high) >> 1
        if last_doc(words, area, middle) < doc:
            low = middle + 1
        else:
            high = middle
    return low


@inlined
def block_docs(
    words: "NDArray[np.uint64]", rows: "NDArray[np.int64]", n: int, block: int, docs: "NDArray[np.int32]", to: int
) -> int:
    """Decode the docnums of one block into row `to` of `docs`; returns how many."""
    area = rows[n, AREA]
    count = min(BLOCK, rows[n, DF] - block * BLOCK)
    doc = last_doc(words, area, block - 1) if block else -1
    if rows[n, BITMAP] >= 0:
        bitmap = rows[n, BITMAP]
        word = (doc + 1) >> 6
        bits = words[bitmap + word] & (~np.uint64(0) << (np.uint64(doc + 1) & _REST)) if count else np.uint64(0)
        at = 0
        while at < count:
            while bits == 0:
                word += 1
                bits = words[bitmap + word]
            # The isolated lowest bit, minus one, has as many bits as stand below it.
            low = bits & (~bits + ONE)
            docs[to, at] = (word << 6) + np.int64(popcount(low - ONE))
            bits ^= low
            at += 1
        return count
    word = rows[n, DATA] + np.int64(words[area + 2 * block] >> np.uint64(32))
    width = (words[area + 2 * block + 1] >> np.uint64(40)) & _WIDTH
    ones = (ONE << width) - ONE
    current = words[word]
    left = _WORD
    for at in range(count - 1):
        value = current
        if left < width:
            word += 1
            value |= words[word] << left
            current = words[word] >> (width - left)
            left += _WORD - width
        else:
            current >>= width
            left -= width
        doc += np.int64(value & ones) + 1
        docs[to, at] = doc
    docs[to, count - 1] = last_doc(words, area, block)
    return count


@inlined
def _tf_bits(words: "NDArray[np.uint64]", rows: "NDArray[np.int64]", n: int, block: int) -> tuple[int, int]:
    """Where the frequencies of a block begin, in bits, and their width."""
    header = words[rows[n, AREA] + 2 * block + 1]
    count = min(BLOCK, rows[n, DF] - block * BLOCK)
    start = rows[n, DATA] + np.int64(words[rows[n, AREA] + 2 * block] >> np.uint64(32))
    doc_width = np.int64((header >> np.uint64(40)) & _WIDTH)
    return 64 * start + (count - 1) * doc_width, np.int64((header >> np.uint64(45)) & _WIDTH)


@inlined
def block_tfs(
    words: "NDArray[np.uint64]", rows: "NDArray[np.int64]", n: int, block: int, tfs: "NDArray[np.int32]"
) -> None:
    """Decode the frequencies of one block."""
    bit, bits = _tf_bits(words, rows, n, block)
    width = np.uint64(bits)
    count = min(BLOCK, rows[n, DF] - block * BLOCK)
    if bits == 0:
        for at in range(count):
            tfs[at] = 1
        return
    ones = (ONE << width) - ONE
    word = bit >> 6
    left = _WORD - (np.uint64(bit) & _REST)
    current = words[word] >> (np.uint64(bit) & _REST)
    for at in range(count):
        value = current
        if left < width:
            word += 1
            value |= words[word] << left
            current = words[word] >> (width - left)
            left += _WORD - width
        else:
            current >>= width
            left -= width
        tfs[at] = np.int64(value & ones) + 1


@inlined
def tf_at(words: "NDArray[np.uint64]", rows: "NDArray[np.int64]", n: int, ordinal: int) -> int:
    """The frequency of the list's posting with this ordinal."""
    bit, width = _tf_bits(words, rows, n, ordinal >> 7)
    return get(words, bit + (ordinal & 127) * width, width) + 1


@inlined
def rank(words: "NDArray[np.uint64]", rows: "NDArray[np.int64]", n: int, doc: int) -> int:
    """How many articles of a dense list come before `doc`."""
    word = doc >> 6
    group = word >> 3
    found = (words[rows[n, RANKS] + (group >> 1)] >> np.uint64((group & 1) << 5)) & _LOW
    for before in range(group << 3, word):
        found += popcount(words[rows[n, BITMAP] + before])
    below = words[rows[n, BITMAP] + word] & ((ONE << (np.uint64(doc) & _REST)) - ONE)
    return np.int64(found + popcount(below))


@inlined
def find(
    words: "NDArray[np.uint64]",
    rows: "NDArray[np.int64]",
    n: int,
    doc: int,
    cursors: "NDArray[np.int64]",
    docs: "NDArray[np.int32]",
) -> int:
    """Ordinal of `doc` on a list, -1 if it is not there.

    Args:
        words, rows, n: the list is row `n`.
        doc: a docnum.
        cursors: shape (lists, 2): the block it is probably in, and the block that `docs` holds (-1 for none).
        docs: shape (lists, BLOCK): docnums of one block each, kept between calls.
    """
    if rows[n, BITMAP] >= 0:
        if not (words[rows[n, BITMAP] + (doc >> 6)] >> (np.uint64(doc) & _REST)) & ONE:
            return -1
        return rank(words, rows, n, doc)
    block = seek(words, rows[n, AREA], rows[n, BLOCKS], cursors[n, 0], doc)
    if block == rows[n, BLOCKS]:
        return -1
    cursors[n, 0] = block
    if last_doc(words, rows[n, AREA], block) == doc:
        return min(rows[n, DF], (block + 1) * BLOCK) - 1
    if cursors[n, 1] != block:
        block_docs(words, rows, n, block, docs, n)
        cursors[n, 1] = block
    low, high = 0, min(BLOCK, rows[n, DF] - block * BLOCK)
    while low < high:
        middle = (low + high) >> 1
        if docs[n, middle] < doc:
            low = middle + 1
        else:
            high = middle
    return block * BLOCK + low if docs[n, low] == doc else -1


@inlined
def block_gaps(
    words: "NDArray[np.uint64]", rows: "NDArray[np.int64]", n: int, block: int, before: "NDArray[np.int32]"
) -> tuple[int, int]:
    """Where the gaps of a block begin, in bits, and their width.

    `before`, shape (lists, BLOCK + 1), receives in row `n` how many gaps come before each posting of the block.
    """
    header = words[rows[n, AREA] + 2 * block + 1]
    bit, bits = _tf_bits(words, rows, n, block)
    count = min(BLOCK, rows[n, DF] - block * BLOCK)
    width = np.uint64(bits)
    ones = (ONE << width) - ONE
    word = bit >> 6
    left = _WORD - (np.uint64(bit) & _REST)
    current = words[word] >> (np.uint64(bit) & _REST)
    total = 0
    before[n, 0] = 0
    for at in range(count):
        value = current
        if left < width:
            word += 1
            value |= words[word] << left
            current = words[word] >> (width - left)
            left += _WORD - width
        else:
            current >>= width
            left -= width
        total += np.int64(value & ones) + 1
        before[n, at + 1] = total
    return 64 * (rows[n, DATA] + np.int64(header & _PLACE)), np.int64((header >> np.uint64(50)) & _WIDTH)
