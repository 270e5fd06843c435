"""Sets of articles of a segment: a bit for each docnum, as kernels take them, or docnums.

Contract: a bitmap has whole windows of words (`Segment.live_words`), least significant bit first.

Not here: which articles they are.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def bitmap_of(docnums: NDArray[np.int64], words: int) -> NDArray[np.uint64]:
    """The set of these articles, in so many words."""
    bits = np.zeros(64 * words, np.bool_)
    bits[docnums] = True
    return packed(bits)


def packed(bits: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """A bool for each docnum as a bitmap; there are 64 for each word."""
    return np.packbits(bits, bitorder="little").view(np.uint64)


def docnums_of(bitmap: NDArray[np.uint64]) -> NDArray[np.int64]:
    """The articles of a set, ascending."""
    return np.flatnonzero(np.unpackbits(bitmap.view(np.uint8), bitorder="little").view(np.bool_))


def among(bitmap: NDArray[np.uint64], docnums: NDArray[Any]) -> NDArray[np.bool_]:
    """Which of some articles are in a set; for few this is quicker than to take all of it."""
    words, places = bitmap[docnums >> 6], (docnums & 63).astype(np.uint64)
    held: NDArray[np.bool_] = ((words >> places) & np.uint64(1)).astype(np.bool_)
    return held
