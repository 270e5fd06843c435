"""Wildcards: the walk over a dictionary finds what comparing with each key finds."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from partition.kernels.wildcards import like_keys
from partition.wildcards import terms_like, wildcard_of
from tests.reference.naive import like

_words = st.text("abé中😀", max_size=6)
_keys = st.lists(st.one_of(_words, _words.map("{}\x1fde".format)), max_size=40, unique=True)
_wildcards = st.text("abé中😀?**", max_size=6)


def dictionary(keys: list[str]) -> tuple[list[str], NDArray[np.uint8], NDArray[np.uint32]]:
    """The keys in order, and as the kernel wants them."""
    encoded = sorted(key.encode() for key in keys)
    ends = np.cumsum([len(key) for key in encoded]).astype(np.uint32)
    return [key.decode() for key in encoded], np.frombuffer(b"".join(encoded), np.uint8), ends


@given(keys=_keys, wildcard=_wildcards, first=st.integers(0, 5), fewer=st.integers(0, 3))
@example(keys=["aab", "ab"], wildcard="*ab", first=0, fewer=0)
@example(keys=["aba", "ababa", "abab"], wildcard="a*ba*a", first=0, fewer=0)
@example(keys=["", "\x1fde"], wildcard="", first=0, fewer=0)
def test_the_walk_is_the_comparison(keys: list[str], wildcard: str, first: int, fewer: int) -> None:
    """All keys of a range, in their order; languages do not count."""
    ordered, content, ends = dictionary(keys)
    first, last = min(first, len(keys)), max(0, len(keys) - fewer)
    expected = [at for at in range(first, last) if like(wildcard, ordered[at].partition("\x1f")[0])]
    assert terms_like(content, ends, first, max(first, last), wildcard).tolist() == expected


def test_there_may_be_more_than_there_is_room_for() -> None:
    """The first are found, and it is said how many there are."""
    _, content, ends = dictionary(["a", "b", "c"])
    found = np.empty(2, np.int64)
    assert like_keys(content, ends, 0, 3, wildcard_of("?").pattern, found) == 3
    assert found.tolist() == [0, 1]
