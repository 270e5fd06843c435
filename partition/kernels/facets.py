"""Counting articles of a set of several segments: by value, and by stretches of articles.

Contract: what is counted is added to `counts`; both look at the deadline between windows, and return whether it has
passed. A set is one bitmap, as `collecting.py` fills it.

Not here: what matches (`collecting.py`), which values and which times (`search/values.py`).
"""

from typing import TYPE_CHECKING

import numpy as np
from numba import carray

from partition.kernels.bits import ONE, popcount
from partition.kernels.clock import passed
from partition.kernels.jit import boolean, i64, i64m, i64s, i64w, kernel, u64s
from partition.kernels.ranking import WORDS
from partition.kernels.segments import pointer

if TYPE_CHECKING:
    from numpy.typing import NDArray

NONE = 2**32 - 1
"""The number of no value."""
VALUES, VALUES_SIZE, ENDS, ARTICLES = range(4)
"""A row of the table of a facet: addresses of values and of ends, which is 0 if each article has one value, and how
many articles the segment has."""


@kernel(boolean(u64s, i64s, i64m, i64, i64w))
def count_values(
    bitmap: "NDArray[np.uint64]",
    words: "NDArray[np.int64]",
    table: "NDArray[np.int64]",
    deadline_ns: int,
    counts: "NDArray[np.int64]",
) -> bool:
    """How many of the articles hold each value.

    Args:
        bitmap: the set.
        words: shape (segments + 1,): the first word of each segment, and the end.
        table: shape (segments, 4): numbers of values (uint32), article after article, and where each article's end
            (uint32); without ends each article has one, which may be NONE. Segments without values have no numbers.
        deadline_ns: on the monotonic clock.
        counts: by number.
    """
    timespec = np.empty(2, np.int64)
    for s in range(len(table)):
        size, single = table[s, VALUES_SIZE], table[s, ENDS] == 0
        values = carray(pointer(table[s, VALUES]), (size,), np.uint32)
        ends = carray(pointer(table[s, ENDS]), (0 if single else table[s, ARTICLES],), np.uint32)
        for word in range(words[s] if size else words[s + 1], words[s + 1]):
            if word % WORDS == 0 and passed(deadline_ns, timespec):
                return True
            left = bitmap[word]
            while left:
                lowest = left & (~left + ONE)
                left ^= lowest
                docnum = 64 * (word - words[s]) + np.int64(popcount(lowest - ONE))
                if single:
                    if values[docnum] != NONE:
                        counts[values[docnum]] += 1
                else:
                    for at in range(ends[docnum - 1] if docnum else 0, ends[docnum]):
                        counts[values[at]] += 1
    return False


@kernel(boolean(u64s, i64m, i64, i64w))
def count_stretches(
    bitmap: "NDArray[np.uint64]", stretches: "NDArray[np.int64]", deadline_ns: int, counts: "NDArray[np.int64]"
) -> bool:
    """How many of the articles lie in each stretch.

    Args:
        bitmap: the set.
        stretches: shape (n, 3): where each begins and ends in the set, and the number it counts for.
        deadline_ns: on the monotonic clock.
        counts: by number.
    """
    timespec = np.empty(2, np.int64)
    looked = 0
    for n in range(len(stretches)):
        low, high, number = stretches[n, 0], stretches[n, 1], stretches[n, 2]
        for word in range(low >> 6, (high + 63) >> 6):
            if looked % WORDS == 0 and passed(deadline_ns, timespec):
                return True
            looked += 1
            bits = bitmap[word]
            if 64 * word < low:
                bits &= ~np.uint64(0) << np.uint64(low - 64 * word)
            if 64 * word + 64 > high:
                bits &= ~np.uint64(0) >> np.uint64(64 * word + 64 - high)
            counts[number] += np.int64(popcount(bits))
    return False
