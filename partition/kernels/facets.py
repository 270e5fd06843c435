"""Counting articles of a set: by value, and by stretches of docnums.

Contract: what is counted is added to `counts`; both look at the deadline between windows, and return whether it has
passed.

Not here: what matches (`matching.py`), which values and which times (`search/facets.py`).
"""

from typing import TYPE_CHECKING

import numpy as np

from partition.kernels.bits import ONE, popcount
from partition.kernels.clock import passed
from partition.kernels.jit import boolean, i64, i64s, i64w, kernel, u32s, u64s
from partition.kernels.ranking import WORDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

NONE = 2**32 - 1
"""The ordinal of no value."""


@kernel(boolean(u64s, u32s, u32s, i64, i64w))
def count_values(
    bitmap: "NDArray[np.uint64]",
    ordinals: "NDArray[np.uint32]",
    ends: "NDArray[np.uint32]",
    deadline_ns: int,
    counts: "NDArray[np.int64]",
) -> bool:
    """How many of the articles hold each value.

    Args:
        bitmap: a bit for each docnum.
        ordinals: of values, article after article.
        ends: where each article's end; empty if each has one, which may be NONE.
        deadline_ns: on the monotonic clock.
        counts: by ordinal.
    """
    timespec = np.empty(2, np.int64)
    single = len(ends) == 0
    for word in range(len(bitmap)):
        if word % WORDS == 0 and passed(deadline_ns, timespec):
            return True
        left = bitmap[word]
        while left:
            lowest = left & (~left + ONE)
            left ^= lowest
            docnum = 64 * word + np.int64(popcount(lowest - ONE))
            if single:
                if ordinals[docnum] != NONE:
                    counts[ordinals[docnum]] += 1
            else:
                for at in range(ends[docnum - 1] if docnum else 0, ends[docnum]):
                    counts[ordinals[at]] += 1
    return False


@kernel(boolean(u64s, i64s, i64, i64w))
def count_stretches(
    bitmap: "NDArray[np.uint64]", starts: "NDArray[np.int64]", deadline_ns: int, counts: "NDArray[np.int64]"
) -> bool:
    """How many of the articles lie in each stretch of docnums; it begins at its start and ends at the next one.

    Args:
        bitmap: a bit for each docnum.
        starts: ascending, one more than there are stretches.
        deadline_ns: on the monotonic clock.
        counts: by stretch.
    """
    timespec = np.empty(2, np.int64)
    looked = 0
    for stretch in range(len(starts) - 1):
        low, high = starts[stretch], starts[stretch + 1]
        for word in range(low >> 6, (high + 63) >> 6):
            if looked % WORDS == 0 and passed(deadline_ns, timespec):
                return True
            looked += 1
            bits = bitmap[word]
            if 64 * word < low:
                bits &= ~np.uint64(0) << np.uint64(low - 64 * word)
            if 64 * word + 64 > high:
                bits &= ~np.uint64(0) >> np.uint64(64 * word + 64 - high)
            counts[stretch] += np.int64(popcount(bits))
    return False
