"""Text to words: UTF-8 bytes to the ordinals of distinct forms, by one pass and a hash table.

A *form* is a word as it stands in the text, but for ASCII letters in lower case: few enough that everything dear
(`analysis.term_of`) is done once a form. The table is open addressing with linear probing, at most half full. A form
of up to seven bytes is its own key, with its length in the top byte; the key of a longer one is a hash with the top
bit set, and its bytes decide.

Of a run of ideographs each two neighbours are a word, so that most of them are in two.

Contract: words are what `analysis.words` finds; `tokenize` stops before an article for which the tables may be too
small, and goes on from there when they have grown.

Not here: stems and terms (`analysis.py`), postings (`invert.py`).
"""

from typing import TYPE_CHECKING

import numpy as np

from partition.kernels.jit import i32s, i32w, i64, i64s, i64w, inlined, kernel, u8s, u8w, u64s, u64w, void

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_WORD_CHARS = 64
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_LONG = np.uint64(1 << 63)
_BYTE = np.uint64(8)
FIRST_IDEOGRAPH = 0xE1
"""No ideograph begins with a smaller byte."""


@inlined
def _mixed(hash_: np.uint64, packed: np.uint64) -> np.uint64:
    mixed = (hash_ ^ packed) * _PRIME
    return mixed ^ (mixed >> np.uint64(29))


@inlined
def size_at(text: "NDArray[np.uint8]", at: int) -> int:
    """Bytes of a character that is not ASCII."""
    return 2 if text[at] < 0xE0 else 3 if text[at] < 0xF0 else 4


@inlined
def code_at(text: "NDArray[np.uint8]", at: int, size: int) -> int:
    """The code point of a character that is not ASCII."""
    code = np.int64(text[at] & (0xFF >> (size + 1)))
    for extra in range(1, size):
        code = (code << 6) | np.int64(text[at + extra] & 0x3F)
    return code


@inlined
def ideograph(text: "NDArray[np.uint8]", at: int, stop: int, ideographs: "NDArray[np.uint8]") -> int:
    """Bytes of the ideograph at a place, 0 if there is none."""
    if at >= stop or text[at] < FIRST_IDEOGRAPH:
        return 0
    size = size_at(text, at)
    code = code_at(text, at, size)
    return size if (ideographs[code >> 3] >> np.uint8(code & 7)) & 1 else 0


@kernel(void(u8s, i64s, i64, u8s, u8s, u8s, u64w, i32w, i64w, u8w, i64, i32w, i64, i64w, i64w))
def tokenize(
    text: "NDArray[np.uint8]",
    bounds: "NDArray[np.int64]",
    first: int,
    lower: "NDArray[np.uint8]",
    letters: "NDArray[np.uint8]",
    ideographs: "NDArray[np.uint8]",
    keys: "NDArray[np.uint64]",
    slots: "NDArray[np.int32]",
    starts: "NDArray[np.int64]",
    forms: "NDArray[np.uint8]",
    used: int,
    tokens: "NDArray[np.int32]",
    written: int,
    ends: "NDArray[np.int64]",
    state: "NDArray[np.int64]",
) -> None:
    """Cut articles into words.

    Args:
        text: UTF-8 bytes of all articles' texts.
        bounds: shape (n + 1,), half-open ranges of the articles in `text`.
        first: the article to begin with.
        lower: shape (256,): lower case of an ASCII word character, 0 for every other byte.
        letters: a bit for each code point: whether it is a word character.
        ideographs: the same: whether it is one that is taken in pairs.
        keys, slots: the hash table: a form's key, 0 where there is none, and its ordinal.
        starts, forms: shape (forms + 1,) and the bytes of the forms, one after the other.
        used: how many forms there are.
        tokens: receives the ordinal of each word's form.
        written: how many of them there are already.
        ends: shape (n,), receives how many there are after each article.
        state: receives the article it stopped before (n if none), forms used, tokens written.
    """
    article = first
    mask = len(keys) - 1
    while article < len(bounds) - 1:
        at, stop = bounds[article], bounds[article + 1]
        # A word takes at least two bytes with what separates it, and no byte is in more than two words.
        if 2 * (used + (stop - at + 1) // 2) > mask or starts[used] + 2 * (stop - at) > len(forms):
            break
        paired = False
        while at < stop:
            word = at
            chars = 0
            hash_ = np.uint64(0)
            packed = np.uint64(0)
            shift = np.uint64(0)
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
                    if shift == 64:
                        hash_ = _mixed(hash_, packed)
                        packed = shift = np.uint64(0)
                    packed |= np.uint64(byte) << shift
                    shift += _BYTE
            while first_size == 0 and at < stop and chars < MAX_WORD_CHARS:
                byte = text[at]
                folded = np.uint64(lower[byte])
                if folded:
                    if shift == 64:
                        hash_ = _mixed(hash_, packed)
                        packed = shift = np.uint64(0)
                    packed |= folded << shift
                    shift += _BYTE
                    at += 1
                elif byte < 128:
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
            if chars == 0:
                # Not a word character: step over it, however many bytes it has.
                at += 1
                while at < stop and text[at] & 0xC0 == 0x80:
                    at += 1
                continue
            length = at - word
            if first_size:
                length += second_size
            hash_ = _mixed(hash_, packed)
            short = length < 8
            key = packed | (np.uint64(length) << np.uint64(56)) if short else hash_ | _LONG
            slot = np.int64(hash_ >> np.uint64(20)) & mask
            while True:
                if keys[slot] == key:
                    form = np.int64(slots[slot])
                    if short:
                        break
                    start = starts[form]
                    if starts[form + 1] - start == length:
                        same = 0
                        while same < length:
                            byte = text[word + same]
                            if forms[start + same] != (lower[byte] or byte):
                                break
                            same += 1
                        if same == length:
                            break
                elif keys[slot] == 0:
                    form = np.int64(used)
                    keys[slot] = key
                    slots[slot] = form
                    start = starts[form]
                    for offset in range(length):
                        byte = text[word + offset]
                        forms[start + offset] = lower[byte] or byte
                    starts[form + 1] = start + length
                    used += 1
                    break
                slot = (slot + 1) & mask
            tokens[written] = form
            written += 1
        ends[article] = written
        article += 1
    state[0], state[1], state[2] = article, used, written


@kernel(void(u64s, i32s, u8s, i64s, u64w, i32w))
def rehash(
    keys: "NDArray[np.uint64]",
    slots: "NDArray[np.int32]",
    forms: "NDArray[np.uint8]",
    starts: "NDArray[np.int64]",
    larger_keys: "NDArray[np.uint64]",
    larger_slots: "NDArray[np.int32]",
) -> None:
    """Move all forms into a larger, empty table."""
    mask = len(larger_keys) - 1
    for old in range(len(keys)):
        if keys[old]:
            form = np.int64(slots[old])
            hash_ = np.uint64(0)
            at = starts[form]
            while at < starts[form + 1]:
                packed = np.uint64(0)
                for offset in range(min(8, starts[form + 1] - at)):
                    packed |= np.uint64(forms[at + offset]) << np.uint64(8 * offset)
                hash_ = _mixed(hash_, packed)
                at += 8
            slot = np.int64(hash_ >> np.uint64(20)) & mask
            while larger_keys[slot]:
                slot = (slot + 1) & mask
            larger_keys[slot] = keys[old]
            larger_slots[slot] = form
