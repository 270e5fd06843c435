"""Texts to shingles: 64-bit hashes of each few words in a row, by one pass over the bytes; and two texts compared.

A *shingle* is so many words in a row. A *head* is a word's first letters, or all of a word that begins with a digit:
what is left of it when endings and the marks around them are forgotten.

Contract: words are what `analysis.words` finds in the same text, also Chinese, Japanese and Korean in pairs. Equal
words have equal hashes in all texts, on all machines and in all versions, for they are compared with those of years
ago; they are not compared further: of n shingles, two are taken for one another once in 2^64 / n^2.

Source: A. Broder, "On the resemblance and containment of documents", 1997.

Not here: what is made of them (`indexer/likeness.py`), words with ordinals (`tokens.py`).
"""

from typing import TYPE_CHECKING

import numpy as np

from partition.kernels.jit import i64, i64s, i64w, inlined, kernel, u8s, u64s, u64w, void
from partition.kernels.tokens import FIRST_IDEOGRAPH, MAX_WORD_CHARS, code_at, ideograph, size_at

if TYPE_CHECKING:
    from numpy.typing import NDArray

HEAD_CHARS = 4
_SEED = np.uint64(0x9E3779B97F4A7C15)
_ODD = np.uint64(0xFF51AFD7ED558CCD)
_SHIFT = np.uint64(32)
_BYTE = np.uint64(8)
_ONE = np.uint64(1)
_ZERO, _NINE = 0x30, 0x39


@inlined
def _mixed(hash_: np.uint64, more: np.uint64) -> np.uint64:
    """As in the finalizer of MurmurHash3 (A. Appleby)."""
    product = (hash_ ^ more) * _ODD
    return product ^ (product >> _SHIFT)


@kernel(void(u8s, i64s, i64, u8s, u8s, u8s, u64w, i64w, u64w, i64w))
def shingle(
    text: "NDArray[np.uint8]",
    bounds: "NDArray[np.int64]",
    width: int,
    lower: "NDArray[np.uint8]",
    letters: "NDArray[np.uint8]",
    ideographs: "NDArray[np.uint8]",
    shingles: "NDArray[np.uint64]",
    ends: "NDArray[np.int64]",
    heads: "NDArray[np.uint64]",
    head_ends: "NDArray[np.int64]",
) -> None:
    """Hash the words of some texts, and each `width` of them in a row.

    Args:
        text: UTF-8 bytes of all texts.
        bounds: shape (n + 1,), half-open ranges of the texts in `text`.
        width: how many words are a shingle.
        lower, letters, ideographs: as of `tokens.tokenize`.
        shingles: receives the hashes, text after text; there is room for as many as for heads.
        ends: shape (n,), receives how many there are after each text.
        heads: receives a hash for the head of each word, odd if it begins with a digit; the words of a text take at
            most half its bytes and one.
        head_ends: shape (n,), receives how many there are after each text.
    """
    written = words = 0
    hashes = np.zeros(width, np.uint64)
    for nth in range(len(bounds) - 1):
        at, stop = bounds[nth], bounds[nth + 1]
        first = words
        paired = False
        while at < stop:
            word = at
            chars = 0
            hash_, packed, shift = _SEED, np.uint64(0), np.uint64(0)
            head = np.uint64(0)
            first_size = ideograph(text, at, stop, ideographs)
            if first_size:
                at += first_size
                second_size = ideograph(text, at, stop, ideographs)
                if second_size == 0 and paired:  # it was the second of a pair
                    paired = False
                    continue
                paired = second_size > 0
                chars = 1
                for byte in text[word : at + second_size]:
                    packed |= np.uint64(byte) << shift
                    shift += _BYTE
            while first_size == 0 and at < stop and chars < MAX_WORD_CHARS:
                byte = text[at]
                size = 1
                if byte < 128:
                    if lower[byte] == 0:
                        break
                else:
                    size = size_at(text, at)
                    code = code_at(text, at, size)
                    if not (letters[code >> 3] >> np.uint8(code & 7)) & 1:
                        break
                    if byte >= FIRST_IDEOGRAPH and (ideographs[code >> 3] >> np.uint8(code & 7)) & 1:
                        break
                for extra in range(size):
                    if shift == 64:
                        hash_ = _mixed(hash_, packed)
                        packed = shift = np.uint64(0)
                    packed |= np.uint64(text[at + extra]) << shift
                    shift += _BYTE
                at += size
                chars += 1
                if chars == HEAD_CHARS:
                    head = _mixed(hash_, packed)
            if chars == 0:
                # Not a word character: step over it, however many bytes it has.
                at += 1
                while at < stop and text[at] & 0xC0 == 0x80:
                    at += 1
                continue
            hash_ = _mixed(hash_, packed)
            if chars < HEAD_CHARS:
                head = hash_
            head = hash_ | _ONE if _ZERO <= text[word] <= _NINE else head & ~_ONE
            for back in range(width - 1):
                hashes[back] = hashes[back + 1]
            hashes[width - 1] = hash_
            heads[words] = head
            words += 1
            if words - first >= width:
                whole = np.uint64(0)
                for back in range(width):  # Horner's rule
                    whole = whole * _ODD + hashes[back]
                shingles[written] = _mixed(_SEED, whole)
                written += 1
        ends[nth], head_ends[nth] = written, words


@kernel(void(u64s, u64w, u64w))
def contexts(heads: "NDArray[np.uint64]", before: "NDArray[np.uint64]", after: "NDArray[np.uint64]") -> None:
    """Hash the two words before and after each word of a text, of which there are more than two.

    Args:
        heads: shape (n,), of the words.
        before: shape (n - 2,), receives those of heads 0 and 1, 1 and 2, and so on: what stands before word 2, 3, ...
        after: shape (n - 2,), receives those of heads 1 and 2, 2 and 3, ...: what stands after word 0, 1, ...
    """
    for at in range(len(heads) - 2):
        before[at] = _mixed(_mixed(_SEED, heads[at]), heads[at + 1])
        after[at] = _mixed(_mixed(_SEED, heads[at + 1]), heads[at + 2])


@inlined
def _holds(ascending: "NDArray[np.uint64]", wanted: np.uint64) -> bool:
    low, high = 0, len(ascending)
    while low < high:
        middle = (low + high) >> 1
        if ascending[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low < len(ascending) and ascending[low] == wanted


@kernel(i64(u64s, u64s))
def in_common(one: "NDArray[np.uint64]", other: "NDArray[np.uint64]") -> int:
    """How many numbers are in both; each ascends, without repetitions."""
    count = left = right = 0
    while left < len(one) and right < len(other):
        if one[left] == other[right]:
            count += 1
            left += 1
            right += 1
        elif one[left] < other[right]:
            left += 1
        else:
            right += 1
    return count


@kernel(void(u64s, u64s, u64s, u64s, u64s, u64s, u64w, i64w))
def replaced(
    contexts: "NDArray[np.uint64]",
    words: "NDArray[np.uint64]",
    heads: "NDArray[np.uint64]",
    other_contexts: "NDArray[np.uint64]",
    other_words: "NDArray[np.uint64]",
    other_heads: "NDArray[np.uint64]",
    found: "NDArray[np.uint64]",
    counts: "NDArray[np.int64]",
) -> None:
    """Find words in the place of which another text has others, in the same context.

    Args:
        contexts: ascending, without repetitions, of one text.
        words: the head of the word in each.
        heads: of all words of the text, ascending, without repetitions.
        other_contexts, other_words, other_heads: of the other text.
        found: receives pairs of words, mixed, to tell different ones; there is room for as many as contexts.
        counts: receives how many pairs there are in `found`: of figures that stand for others first, then, after
            them, of words that the other text does not have anywhere, as it has theirs.
    """
    written = figures = 0
    for wanted in (True, False):
        left = right = 0
        while left < len(contexts) and right < len(other_contexts):
            if contexts[left] < other_contexts[right]:
                left += 1
            elif contexts[left] > other_contexts[right]:
                right += 1
            else:
                one, other = words[left], other_words[right]
                if one != other:
                    both_figures = bool(one & other & _ONE)
                    if both_figures == wanted and (
                        wanted or (not _holds(other_heads, one) and not _holds(heads, other))
                    ):
                        found[written] = _mixed(_mixed(_SEED, one), other)
                        written += 1
                        figures += wanted
                left += 1
                right += 1
    counts[0], counts[1] = figures, written - figures
