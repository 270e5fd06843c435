"""The words of a dictionary that a wildcard stands for.

In a wildcard `?` is one letter and `*` any number of them; what it begins with narrows the dictionary to a range.

Contract: a term's language is not looked at, so that a wildcard stands for words of all languages.

Not here: the loop (`kernels/wildcards.py`), dictionaries (`segment.py`, `statistics.py`).
"""

import re
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from partition.kernels.terms import lower_bound
from partition.kernels.wildcards import ANY_LETTER, ANY_LETTERS, like_keys


class Wildcard(NamedTuple):
    """One, as kernels want it."""

    beginning: NDArray[np.uint8]
    """What all its words begin with."""
    after: NDArray[np.uint8]
    """What sorts after all that begins so, and before anything else that does."""
    pattern: NDArray[np.int64]


@lru_cache(maxsize=256)
def wildcard_of(text: str) -> Wildcard:
    """What a text means."""
    beginning = re.split(r"[?*]", text, maxsplit=1)[0].encode()
    kinds = {"?": ANY_LETTER, "*": ANY_LETTERS}
    return Wildcard(
        np.frombuffer(beginning, np.uint8),
        np.frombuffer(beginning + b"\xff", np.uint8),  # no byte of UTF-8
        np.array([kinds.get(letter, ord(letter)) for letter in text], np.int64),
    )


def terms_like(
    keys: NDArray[np.uint8], ends: NDArray[np.uint32], first: int, last: int, text: str
) -> NDArray[np.int64]:
    """Ordinals of the keys that a wildcard stands for, ascending.

    Args:
        keys: of a dictionary, as `kernels/terms.py` has it.
        ends: where each ends.
        first: of a range of keys, which ascend.
        last: after it.
        text: of the wildcard.
    """
    wildcard = wildcard_of(text)
    start = lower_bound(keys, ends, first, last, wildcard.beginning)
    stop = lower_bound(keys, ends, start, last, wildcard.after)
    found = np.empty(stop - start, np.int64)
    return found[: like_keys(keys, ends, start, stop, wildcard.pattern, found)]
