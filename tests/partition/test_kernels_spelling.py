"""Words that are spelled alike: the walk over a dictionary finds what comparing with each key finds."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from partition.kernels.spelling import MAX_CHARS, near_keys
from tests.reference.naive import distance

_words = st.text("abcé中", max_size=6)
_keys = st.lists(st.one_of(_words, _words.map("{}\x1fde".format), st.just("a" * 80)), max_size=40, unique=True)


def near(
    keys: list[str], word: str, edits: int, first: int = 0, room: int = 100, *, prefix: bool = False
) -> list[tuple[str, int]]:
    """What the kernel finds among the keys from `first` on."""
    encoded = sorted(key.encode() for key in keys)
    ends = np.cumsum([len(key) for key in encoded]).astype(np.uint32)
    found, distances = np.empty(room, np.int64), np.empty(room, np.int64)
    codes = np.array(list(map(ord, word)), np.int64)
    content = np.frombuffer(b"".join(encoded), np.uint8)
    count = near_keys(content, ends, first, len(encoded), codes, edits, prefix, found, distances)
    some = min(count, room)
    return [
        (encoded[at].decode(), away)
        for at, away in zip(found[:some].tolist(), distances[:some].tolist(), strict=True)
    ]


@given(keys=_keys, word=_words, edits=st.integers(0, 3), first=st.integers(0, 5))
@example(keys=["ab", "ba", "b"], word="ab", edits=1, first=0)
@example(keys=["ca", "abc"], word="ca", edits=2, first=0)
def test_the_walk_is_the_comparison(keys: list[str], word: str, edits: int, first: int) -> None:
    """All keys within so many edits, in their order, each with how many it is away; languages do not count."""
    ordered = sorted(keys, key=str.encode)
    expected = [(key, distance(word, key.partition("\x1f")[0])) for key in ordered[min(first, len(keys)) :]]
    assert near(keys, word, edits, min(first, len(keys))) == [one for one in expected if one[1] <= edits]


@given(keys=_keys, word=_words, edits=st.integers(0, 3))
@example(keys=["abca", "abcb"], word="ab", edits=1)
def test_a_beginning_is_as_near_as_the_nearest(keys: list[str], word: str, edits: int) -> None:
    """With `prefix` it is the beginnings of keys that are compared."""
    texts = [(key, key.partition("\x1f")[0]) for key in sorted(keys, key=str.encode)]
    nearest = [(key, min(distance(word, text[:end]) for end in range(len(text) + 1))) for key, text in texts]
    assert near(keys, word, edits, prefix=True) == [one for one in nearest if one[1] <= edits]


def test_there_may_be_more_than_there_is_room_for() -> None:
    """The first are found, and it is said how many there are."""
    assert near(["a", "b", "c"], "x", 1, room=2) == [("a", 1), ("b", 1)]


@pytest.mark.parametrize("length", [MAX_CHARS - 2, MAX_CHARS, MAX_CHARS + 5])
def test_long_words(length: int) -> None:
    """Words have fewer letters than there is room for; longer keys are none of them."""
    keys = ["a" * length, "a" * 60]
    assert near(keys, "a" * 60, 2) == [("a" * 60, 0)]
