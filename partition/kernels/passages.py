"""Where in a text some words probably stand, and where a passage around them begins and ends.

Contract: texts are UTF-8, ranges are half-open ranges of bytes. Words are runs of word characters, as in `tokens.py`.

Not here: whether a word is one that was meant, what a passage looks like (`search/snippets.py`).
"""

from typing import TYPE_CHECKING

import numpy as np

from partition.kernels.jit import i64, i64m, i64s, i64w, i64w2, inlined, kernel, u8s
from partition.kernels.tokens import MAX_WORD_CHARS

if TYPE_CHECKING:
    from numpy.typing import NDArray


@inlined
def _size(text: "NDArray[np.uint8]", at: int, lower: "NDArray[np.uint8]", letters: "NDArray[np.uint8]") -> int:
    """Bytes of the character at `at` if it is a word character, else 0."""
    byte = text[at]
    if byte < 128:
        return 1 if lower[byte] else 0
    size = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
    code = np.int64(byte & (0xFF >> (size + 1)))
    for extra in range(1, size):
        code = (code << 6) | np.int64(text[at + extra] & 0x3F)
    return size if (letters[code >> 3] >> np.uint8(code & 7)) & 1 else 0


@inlined
def _before(text: "NDArray[np.uint8]", at: int) -> int:
    """Where the character before `at` begins."""
    at -= 1
    while at > 0 and text[at] & 0xC0 == 0x80:
        at -= 1
    return at


@kernel(i64(u8s, u8s, u8s, u8s, i64s, u8s, i64w2))
def find_words(
    text: "NDArray[np.uint8]",
    lower: "NDArray[np.uint8]",
    letters: "NDArray[np.uint8]",
    beginnings: "NDArray[np.uint8]",
    ends: "NDArray[np.int64]",
    firsts: "NDArray[np.uint8]",
    found: "NDArray[np.int64]",
) -> int:
    """Find the words that begin in one of some ways, ASCII letters in either case.

    Args:
        text: UTF-8.
        lower, letters: as `tokens.tokenize` takes them.
        beginnings, ends: bytes, ASCII letters in lower case, and where each ends.
        firsts: shape (256,): the first bytes of beginnings, ASCII letters in both cases, are not 0.
        found: shape (most, 2): receives where each word begins and ends.

    Returns:
        How many were found; no more are looked for when `found` is full.
    """
    count = 0
    at = 0
    while at < len(text) and count < len(found):
        byte = text[at]
        if firsts[byte] and (at == 0 or _size(text, _before(text, at), lower, letters) == 0):
            start = 0
            for nth in range(len(ends)):
                length = ends[nth] - start
                same = 0
                while same < length and at + same < len(text):
                    other = text[at + same]
                    if (lower[other] or other) != beginnings[start + same]:
                        break
                    same += 1
                start = ends[nth]
                if same == length:
                    end, chars = at, 0
                    while end < len(text) and chars < MAX_WORD_CHARS:
                        size = _size(text, end, lower, letters)
                        if size == 0:
                            break
                        end += size
                        chars += 1
                    if end > at:
                        found[count, 0], found[count, 1] = at, end
                        count += 1
                        at = end - 1
                    break
        at += 1
    return count


@kernel(i64(i64m, i64s, i64))
def best_window(found: "NDArray[np.int64]", terms: "NDArray[np.int64]", span: int) -> int:
    """The first of the words that stand together with most different terms, then most words; the earliest of equals.

    Args:
        found: shape (n, 2): where words begin and end, ascending.
        terms: shape (n,): the ordinal of each one's term.
        span: bytes that words may be apart to be together.
    """
    counts = np.zeros(len(found), np.int64)
    first, different = 0, 0
    best, worth = 0, -1
    for last in range(len(found)):
        different += counts[terms[last]] == 0
        counts[terms[last]] += 1
        while found[last, 0] - found[first, 0] > span:
            counts[terms[first]] -= 1
            different -= counts[terms[first]] == 0
            first += 1
        value = different * len(found) + last - first
        if value > worth:
            best, worth = first, value
    return best


@kernel(i64(u8s, u8s, u8s, i64, i64, i64, i64w))
def bounds_of_passage(
    text: "NDArray[np.uint8]",
    lower: "NDArray[np.uint8]",
    letters: "NDArray[np.uint8]",
    middle: int,
    before: int,
    most: int,
    bounds: "NDArray[np.int64]",
) -> int:
    """Where a passage begins and ends.

    Args:
        text, lower, letters: as above.
        middle: where the word begins that it is about.
        before: words that it shows before that one.
        most: words that it may have.
        bounds: receives its first byte and the one after its last, and whether words precede and follow it. What
            stands at the ends of the text, punctuation too, belongs to a passage that reaches them.

    Returns:
        How many words it has.
    """
    start, at, words, inside = middle, middle, 0, False
    while at > 0 and words <= before:
        previous = _before(text, at)
        if _size(text, previous, lower, letters):
            if not inside:
                words += 1
            inside = True
            if words <= before:
                start = previous
        else:
            inside = False
        at = previous
    precedes = words > before
    at = start if precedes else 0
    first = at
    end, count, chars = at, 0, 0
    follows = False
    while at < len(text):
        size = _size(text, at, lower, letters)
        if size:
            if chars in (0, MAX_WORD_CHARS):
                chars = 0
                if count == most:
                    follows = True
                    break
                count += 1
            chars += 1
            at += size
            end = at
        else:
            chars = 0
            at += 1
            while at < len(text) and text[at] & 0xC0 == 0x80:
                at += 1
    bounds[0], bounds[1] = first, end if follows else len(text)
    bounds[2], bounds[3] = precedes, follows
    return count
