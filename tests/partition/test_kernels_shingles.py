"""Shingles and heads of texts are those of their words, spelled out with lists and sets."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from partition.analysis import words
from partition.kernels.shingles import HEAD_CHARS, contexts, in_common, replaced, shingle
from partition.vocabulary import ascii_lower, ideographs, word_characters
from tests.reference import stories

Numbers = NDArray[np.uint64]

_pieces = st.sampled_from(
    (
        "vote",
        "votes",
        "voter",
        "a",
        "12",
        "13",
        "12th",
        "é",
        "élan",
        "élans",
        "東京都",
        "東",
        "한국어",
        "🗞",
        "-",
        "\u2028",
        "x" * 70,
    )
)
_texts = st.lists(_pieces | st.text(max_size=6), max_size=30).map(" ".join) | st.text(max_size=80)


def _cut(texts: list[str], width: int) -> list[tuple[list[int], list[int]]]:
    """Shingles and heads of each text."""
    encoded = [text.encode() for text in texts]
    text = np.frombuffer(b"".join(encoded), np.uint8)
    bounds = np.cumsum([0, *map(len, encoded)])
    room = len(text) // 2 + len(texts) + 1
    found, heads = np.zeros(room, np.uint64), np.zeros(room, np.uint64)
    ends, head_ends = np.zeros(len(texts) + 1, np.int64), np.zeros(len(texts) + 1, np.int64)
    tables = ascii_lower(), word_characters(), ideographs()
    shingle(text, bounds, width, *tables, found, ends[1:], heads, head_ends[1:])
    return [
        (found[ends[at] : ends[at + 1]].tolist(), heads[head_ends[at] : head_ends[at + 1]].tolist())
        for at in range(len(texts))
    ]


@settings(deadline=None)
@given(st.lists(_texts, min_size=1, max_size=5), st.integers(1, 6))
def test_hashes_are_equal_where_words_are(texts: list[str], width: int) -> None:
    """Each run of words has a hash, each word a head; equal ones, and only these, have equal ones."""
    texts = [text.casefold() for text in texts]
    by_run: dict[int, tuple[str, ...]] = {}
    by_head: dict[int, str] = {}
    for text, (shingles, heads) in zip(texts, _cut(texts, width), strict=True):
        held = words(text)
        runs = [tuple(held[at : at + width]) for at in range(len(held) - width + 1)]
        assert len(shingles) == len(runs)
        assert len(heads) == len(held)
        for hash_, run in zip(shingles, runs, strict=True):
            assert by_run.setdefault(hash_, run) == run
        for hash_, word in zip(heads, held, strict=True):
            figure = word[0] in "0123456789"
            assert hash_ & 1 == figure
            # A pair of ideographs is whole, as a figure is.
            head = word if figure else word[:HEAD_CHARS]
            assert by_head.setdefault(hash_, head) == head
    assert len(set(by_run.values())) == len(by_run)
    assert len(set(by_head.values())) == len(by_head)


@given(st.sets(st.integers(0, 40)), st.sets(st.integers(0, 40)))
def test_what_is_in_both(one: set[int], other: set[int]) -> None:
    """As sets count it."""
    assert in_common(*(np.array(sorted(some), np.uint64) for some in (one, other))) == len(one & other)


_few = st.lists(st.sampled_from(("12", "13", "a", "b", "c", "d", "e")), min_size=3, max_size=14)


@settings(deadline=None)
@given(_few, _few)
def test_what_stands_in_the_place_of_something_else(one: list[str], other: list[str]) -> None:
    """The pairs that the plain way finds: of figures, and of words that the other text does not have."""
    (_, heads), (_, theirs) = _cut([" ".join(one), " ".join(other)], 5)
    figures: set[int] = set()
    pairs: list[set[int]] = []
    for side in (0, 1):
        mine, others = (_places(each, side) for each in (heads, theirs))
        found, counts = np.zeros(len(mine[0]), np.uint64), np.zeros(2, np.int64)
        replaced(*mine, _distinct(heads), *others, _distinct(theirs), found, counts)
        many, more = counts.tolist()
        figures |= set(found[:many].tolist())
        pairs.append(set(found[many : many + more].tolist()))
    before, after = pairs
    assert (len(figures), len(before & after), max(map(len, pairs))) == stories.replaced(one, other)


def _distinct(heads: list[int]) -> Numbers:
    return np.array(sorted(set(heads)), np.uint64)


def _places(heads: list[int], side: int) -> tuple[Numbers, Numbers]:
    """Contexts that always have the same word, ascending, and the word."""
    around = np.empty((2, len(heads) - 2), np.uint64)
    contexts(np.array(heads, np.uint64), *around)
    by_context: dict[int, set[int]] = {}
    for context, word in zip(around[side].tolist(), heads[2:] if side == 0 else heads[:-2], strict=True):
        by_context.setdefault(context, set()).add(word)
    certain = {context: found.pop() for context, found in sorted(by_context.items()) if len(found) == 1}
    return np.array(list(certain), np.uint64), np.array(list(certain.values()), np.uint64)
