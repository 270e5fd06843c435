"""Wildcards: the keys of a dictionary that a pattern stands for.

A `*` takes as little as it can, and one letter more when what follows does not fit; only the last `*` that was passed
need ever take more, so that a key costs its length times the pattern's at most.

Contract: exact, over Unicode letters; what stands behind U+001F, a term's language, is not looked at.

Source: the greedy walk is that of R. Salz' `wildmat`, 1986, with one place to go back to.

Not here: what users may write (`search/parsing.py`), how many words are too many (`search/expansions.py`).
"""

from typing import TYPE_CHECKING

import numpy as np

from partition.kernels.jit import i64, i64s, i64w, kernel, u8s, u32s
from partition.kernels.terms import OF, code_point

if TYPE_CHECKING:
    from numpy.typing import NDArray

ANY_LETTER = -1
"""In a pattern: `?`."""
ANY_LETTERS = -2
"""In a pattern: `*`."""


@kernel(i64(u8s, u32s, i64, i64, i64s, i64w))
def like_keys(
    keys: "NDArray[np.uint8]",
    ends: "NDArray[np.uint32]",
    first: int,
    last: int,
    pattern: "NDArray[np.int64]",
    found: "NDArray[np.int64]",
) -> int:
    """The keys that a pattern stands for.

    Args:
        keys, ends: a dictionary, as `terms.py` has it.
        first, last: the range of keys to look through.
        pattern: code points, `ANY_LETTER` and `ANY_LETTERS`.
        found: receives the ordinals of the keys, as many as there is room for.

    Returns:
        How many there are, with or without room.
    """
    size = len(pattern)
    count = 0
    for key in range(first, last):
        at = np.int64(ends[key - 1]) if key else 0
        stop = np.int64(ends[key])
        place = 0
        back, back_at = -1, np.int64(0)
        fits = True
        while at < stop and keys[at] != OF:
            code, taken = code_point(keys, at)
            if place < size and pattern[place] == ANY_LETTERS:
                place += 1
                back, back_at = place, at
            elif place < size and (pattern[place] == ANY_LETTER or pattern[place] == code):
                place += 1
                at += taken
            elif back >= 0:
                _, passed = code_point(keys, back_at)
                back_at += passed
                place, at = back, back_at
            else:
                fits = False
                break
        while place < size and pattern[place] == ANY_LETTERS:
            place += 1
        if fits and place == size:
            if count < len(found):
                found[count] = key
            count += 1
    return count
