"""Words that are probably wanted: where in texts they stand.

Contract: texts are UTF-8, ranges are half-open ranges of bytes. Words are runs of word characters, as in `tokens.py`,
but each ideograph is one by itself here: it is wanted if a pair is that it is in.

Not here: whether a word is one that was meant (`search/snippets.py`), what is shown around it (`passages.py`).
"""

from typing import TYPE_CHECKING

import numpy as np

from partition.kernels.bits import ONE, popcount
from partition.kernels.jit import i64, i64s, i64w, i64w2, inlined, kernel, u8s, void
from partition.kernels.tokens import FIRST_IDEOGRAPH, MAX_WORD_CHARS

if TYPE_CHECKING:
    from numpy.typing import NDArray

FORM, TERM, PLACE = 2, 2, 3
"""Of a word, after where it begins and ends."""
_OTHERS = np.uint64(0x8080_8080_8080_8080)
FORM_SLOTS = 1024
"""A power of two."""


@inlined
def size_of(text: "NDArray[np.uint8]", at: int, lower: "NDArray[np.uint8]", letters: "NDArray[np.uint8]") -> int:
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
def is_ideograph(text: "NDArray[np.uint8]", at: int, size: int, ideographs: "NDArray[np.uint8]") -> bool:
    """Whether the word character of so many bytes at `at` is a word by itself."""
    if text[at] < FIRST_IDEOGRAPH:
        return False
    code = np.int64(text[at] & (0xFF >> (size + 1)))
    for extra in range(1, size):
        code = (code << 6) | np.int64(text[at + extra] & 0x3F)
    return (ideographs[code >> 3] >> np.uint8(code & 7)) & 1 != 0


@inlined
def begins_word(
    text: "NDArray[np.uint8]",
    first: int,
    at: int,
    size: int,
    lower: "NDArray[np.uint8]",
    letters: "NDArray[np.uint8]",
    ideographs: "NDArray[np.uint8]",
) -> bool:
    """Whether a word begins with the word character of so many bytes at `at`, in a text that begins at `first`."""
    if at == first or is_ideograph(text, at, size, ideographs):
        return True
    before = character_before(text, at)
    size_before = size_of(text, before, lower, letters)
    return size_before == 0 or is_ideograph(text, before, size_before, ideographs)


@inlined
def is_ascii_word(byte: np.uint8) -> np.uint8:
    """1 for an ASCII word character, else 0, by arithmetic that the compiler does for dozens of bytes at a time."""
    letter = np.uint8(np.uint8((byte | np.uint8(32)) - np.uint8(97)) < np.uint8(26))
    digit = np.uint8(np.uint8(byte - np.uint8(48)) < np.uint8(10))
    return np.uint8(letter | digit | np.uint8(byte == np.uint8(95)))


@inlined
def character_before(text: "NDArray[np.uint8]", at: int) -> int:
    """Where the character before `at` begins."""
    at -= 1
    while at > 0 and text[at] & 0xC0 == 0x80:
        at -= 1
    return at


@inlined
def _end_of_word(
    text: "NDArray[np.uint8]",
    at: int,
    stop: int,
    lower: "NDArray[np.uint8]",
    letters: "NDArray[np.uint8]",
    ideographs: "NDArray[np.uint8]",
) -> int:
    chars = 0
    while at < stop and chars < MAX_WORD_CHARS:
        size = size_of(text, at, lower, letters)
        if size == 0 or is_ideograph(text, at, size, ideographs):
            break
        at += size
        chars += 1
    return at


@inlined
def _end_of_pair(
    text: "NDArray[np.uint8]",
    first: int,
    at: int,
    size: int,
    stop: int,
    lower: "NDArray[np.uint8]",
    letters: "NDArray[np.uint8]",
    ideographs: "NDArray[np.uint8]",
) -> int:
    """Where the pair ends that begins with an ideograph: after it, if another neither precedes nor follows it.

    The last one of several begins no pair: `at` then, and a form that nobody wants.
    """
    after = at + size
    if after < stop:
        size_after = size_of(text, after, lower, letters)
        if size_after and is_ideograph(text, after, size_after, ideographs):
            return after + size_after
    if at > first:
        before = character_before(text, at)
        size_before = size_of(text, before, lower, letters)
        if size_before and is_ideograph(text, before, size_before, ideographs):
            return at
    return after


@inlined
def _form(
    text: "NDArray[np.uint8]",
    start: int,
    end: int,
    slots: "NDArray[np.int64]",
    forms: "NDArray[np.int64]",
    different: int,
) -> int:
    """The form of a word; `different`, if it is a new one."""
    hash_ = np.uint64(14695981039346656037)  # FNV-1a
    for at in range(start, end):
        hash_ = (hash_ ^ np.uint64(text[at])) * np.uint64(1099511628211)
    slot = np.int64(hash_ >> np.uint64(40)) & (FORM_SLOTS - 1)
    for _probe in range(8):
        form = slots[slot]
        if form < 0:
            slots[slot] = different
            return different
        if forms[form, 1] - forms[form, 0] == end - start:
            same = 0
            while same < end - start and text[forms[form, 0] + same] == text[start + same]:
                same += 1
            if same == end - start:
                return form
        slot = (slot + 1) & (FORM_SLOTS - 1)
    return different


@inlined
def _mark_likely(
    text: "NDArray[np.uint8]", firsts: "NDArray[np.uint8]", seconds: "NDArray[np.uint8]", likely: "NDArray[np.uint8]"
) -> None:
    """Set `likely`, zeros, where bytes are like some of `firsts` and `seconds`, and a word may begin.

    Plain arithmetic on bytes, of which the compiler does dozens at a time; what is like it is rather too much.
    """
    for nth in range(len(firsts)):
        first, second = firsts[nth], seconds[nth]
        if second == 0:
            for at in range(len(text)):
                likely[at] |= np.uint8((text[at] | np.uint8(32)) == first)
            continue
        for at in range(len(text) - 1):
            one, other = text[at] | np.uint8(32), text[at + 1] | np.uint8(32)
            likely[at] |= np.uint8(one == first) & np.uint8(other == second)
    for at in range(1, len(text)):
        likely[at] &= ~is_ascii_word(text[at - 1]) | np.uint8(text[at] >= FIRST_IDEOGRAPH)


@kernel(i64(u8s, i64s, u8s, u8s, u8s, u8s, i64s, u8s, u8s, i64w2, i64w2, i64w))
def find_words(
    text: "NDArray[np.uint8]",
    text_ends: "NDArray[np.int64]",
    lower: "NDArray[np.uint8]",
    letters: "NDArray[np.uint8]",
    ideographs: "NDArray[np.uint8]",
    beginnings: "NDArray[np.uint8]",
    ends: "NDArray[np.int64]",
    firsts: "NDArray[np.uint8]",
    seconds: "NDArray[np.uint8]",
    found: "NDArray[np.int64]",
    forms: "NDArray[np.int64]",
    found_ends: "NDArray[np.int64]",
) -> int:
    """Find the words that begin in one of some ways, ASCII letters in either case.

    Args:
        text, text_ends: some texts in UTF-8, one after the other, and where each ends.
        lower, letters, ideographs: as `tokens.tokenize` takes them.
        beginnings, ends: bytes, ASCII letters in lower case, and where each ends.
        firsts, seconds: the first two bytes of each beginning, with bit 32 set; a second of 0 is any byte.
        found: shape (texts * most, 4): receives where each word begins and ends, and its form (`FORM`); of a text the
            first `most` words are found. An ideograph is found with each pair, whose form it has.
        forms: shape (texts * most, 2): receives a place of each form.
        found_ends: shape (texts,): receives where each text's words end in `found`.

    Returns:
        How many forms there are; equal words have the same form, unless there are very many.
    """
    slots = np.full(FORM_SLOTS, -1, np.int64)
    most = len(found) // max(1, len(text_ends))
    count, different = 0, 0
    likely = np.zeros((len(text) + 7) // 8 * 8, np.uint8)
    _mark_likely(text, firsts, seconds, likely)
    eights = likely.view(np.uint64)
    first = 0
    for nth_text in range(len(text_ends)):
        stop, full = text_ends[nth_text], count + most
        if first < stop:
            likely[first] = 1
        at = first
        while at < stop and count < full:
            left = eights[at >> 3] >> np.uint64(8 * (at & 7))
            if left == 0:
                at = (at | 7) + 1
                continue
            at += np.int64(popcount((left & (~left + ONE)) - ONE)) >> 3
            if at >= stop:
                break
            size = size_of(text, at, lower, letters)
            if size and begins_word(text, first, at, size, lower, letters, ideographs):
                start = 0
                for nth in range(len(ends)):
                    length = ends[nth] - start
                    same = 0
                    while same < length and at + same < stop:
                        other = text[at + same]
                        if (lower[other] or other) != beginnings[start + same]:
                            break
                        same += 1
                    start = ends[nth]
                    if same < length:
                        continue
                    if is_ideograph(text, at, size, ideographs):
                        end = _end_of_pair(text, first, at, size, stop, lower, letters, ideographs)
                    else:
                        end = _end_of_word(text, at, stop, lower, letters, ideographs)
                    form = _form(text, at, end, slots, forms, different)
                    if form == different:
                        forms[form, 0], forms[form, 1] = at, end
                        different += 1
                    found[count, 0], found[count, 1], found[count, FORM] = at, end, form
                    count += 1
                    if is_ideograph(text, at, size, ideographs):
                        found[count - 1, 1] = at + size
                        if at + size < end and count < full:
                            found[count, 0], found[count, 1], found[count, FORM] = at + size, end, form
                            count += 1
                        end = at + size
                    at = end - 1
                    break
            at += 1
        found_ends[nth_text] = count
        first = stop
    return different


@inlined
def _mark_beginnings(
    text: "NDArray[np.uint8]",
    text_ends: "NDArray[np.int64]",
    lower: "NDArray[np.uint8]",
    letters: "NDArray[np.uint8]",
    ideographs: "NDArray[np.uint8]",
    beginnings: "NDArray[np.uint8]",
) -> None:
    """Set `beginnings`, zeros up to a whole number of eight, to 1 where a word begins.

    Most bytes are ASCII, and done by dozens; so it takes a fifth of what looking at each character would.
    """
    for at in range(1, len(text)):
        beginnings[at] = (text[at] & np.uint8(128)) | np.uint8(is_ascii_word(text[at]) > is_ascii_word(text[at - 1]))
    start = 0
    for nth in range(len(text_ends)):
        if start < text_ends[nth]:
            beginnings[start] = (text[start] & np.uint8(128)) | is_ascii_word(text[start])
        start = text_ends[nth]
    eights = beginnings.view(np.uint64)
    nth = 0
    for eight in range(len(eights)):
        while eights[eight] & _OTHERS:
            at = 8 * eight
            while beginnings[at] < 128:
                at += 1
            while text_ends[nth] <= at:
                nth += 1
            first = text_ends[nth - 1] if nth else 0
            size = size_of(text, at, lower, letters)
            beginnings[at] = size and begins_word(text, first, at, size, lower, letters, ideographs)
            alone = size and is_ideograph(text, at, size, ideographs)
            at += 1
            while at < text_ends[nth] and text[at] & 0xC0 == 0x80:
                beginnings[at] = 0
                at += 1
            if size and not alone and at < text_ends[nth] and text[at] < 128:
                beginnings[at] = 0


@kernel(void(u8s, i64s, u8s, u8s, u8s, i64w2, i64w, i64s))
def keep_words(
    text: "NDArray[np.uint8]",
    text_ends: "NDArray[np.int64]",
    lower: "NDArray[np.uint8]",
    letters: "NDArray[np.uint8]",
    ideographs: "NDArray[np.uint8]",
    found: "NDArray[np.int64]",
    found_ends: "NDArray[np.int64]",
    terms: "NDArray[np.int64]",
) -> None:
    """Of the words found keep those that are wanted, each with its term and its place.

    Args:
        text, text_ends, lower, letters, ideographs: as of `find_words`.
        found, found_ends: as `find_words` fills them; a word's term takes the place of its form, and `PLACE` receives
            how many words come before it in its text.
        terms: by form, the ordinal of its term, -1 if it is none that is wanted.
    """
    beginnings = np.zeros((len(text) + 7) // 8 * 8, np.uint8)
    _mark_beginnings(text, text_ends, lower, letters, ideographs, beginnings)
    eights = beginnings.view(np.uint64)
    start, word, kept = 0, 0, 0
    for nth in range(len(found_ends)):
        at, place = start, 0
        while word < found_ends[nth]:
            term = terms[found[word, FORM]]
            again = kept > (found_ends[nth - 1] if nth else 0) and found[kept - 1, 0] == found[word, 0]
            if term >= 0 and not again:
                begin = found[word, 0]
                while at < begin and at & 7:
                    place += beginnings[at]
                    at += 1
                while at + 8 <= begin:
                    place += np.int64(popcount(eights[at >> 3]))
                    at += 8
                while at < begin:
                    place += beginnings[at]
                    at += 1
                found[kept, 0], found[kept, 1], found[kept, TERM] = begin, found[word, 1], term
                found[kept, PLACE] = place
                kept += 1
            word += 1
        found_ends[nth] = kept
        start = text_ends[nth]
