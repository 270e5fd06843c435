"""Where in texts some words probably stand, and the passages around them as HTML.

Contract: texts are UTF-8, ranges are half-open ranges of bytes. Words are runs of word characters, as in `tokens.py`.
A text is escaped as `html.escape` does it.

Not here: whether a word is one that was meant, how long a passage is (`search/snippets.py`).
"""

from typing import TYPE_CHECKING

import numpy as np

from partition.kernels.bits import ONE, popcount
from partition.kernels.jit import allocating, i64, i64s, i64w, i64w2, inlined, kernel, u8s, u8w, void
from partition.kernels.tokens import MAX_WORD_CHARS

if TYPE_CHECKING:
    from numpy.typing import NDArray

FORM_SLOTS = 1024
"""A power of two."""
_AMPERSAND, _LESS, _MORE, _QUOTE, _APOSTROPHE, _MARK, _END_OF_MARK, _ELLIPSIS = (
    np.frombuffer(content.encode(), np.uint8)
    for content in ("&amp;", "&lt;", "&gt;", "&quot;", "&#x27;", "<mark>", "</mark>", "… ")
)


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


@inlined
def _end_of_word(
    text: "NDArray[np.uint8]", at: int, stop: int, lower: "NDArray[np.uint8]", letters: "NDArray[np.uint8]"
) -> int:
    chars = 0
    while at < stop and chars < MAX_WORD_CHARS:
        size = _size(text, at, lower, letters)
        if size == 0:
            break
        at += size
        chars += 1
    return at


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
    """Set `likely`, zeros, where bytes that follow no ASCII word character are like some of `firsts` and `seconds`.

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
        previous = text[at - 1]
        letter = np.uint8(np.uint8((previous | np.uint8(32)) - np.uint8(97)) < np.uint8(26))
        digit = np.uint8(np.uint8(previous - np.uint8(48)) < np.uint8(10))
        likely[at] &= ~(letter | digit | np.uint8(previous == np.uint8(95)))


@kernel(i64(u8s, i64s, u8s, u8s, u8s, i64s, u8s, u8s, i64w2, i64w2, i64w))
def find_words(
    text: "NDArray[np.uint8]",
    text_ends: "NDArray[np.int64]",
    lower: "NDArray[np.uint8]",
    letters: "NDArray[np.uint8]",
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
        lower, letters: as `tokens.tokenize` takes them.
        beginnings, ends: bytes, ASCII letters in lower case, and where each ends.
        firsts, seconds: the first two bytes of each beginning, with bit 32 set; a second of 0 is any byte.
        found: shape (texts * most, 3): receives where each word begins and ends, and its form; of a text the first
            `most` words are found.
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
            previous = text[at - 1] if at > first else np.uint8(0)
            if previous < 0x80 or _size(text, _before(text, at), lower, letters) == 0:
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
                    if same == length:
                        end = _end_of_word(text, at, stop, lower, letters)
                        if end > at:
                            form = _form(text, at, end, slots, forms, different)
                            if form == different:
                                forms[form, 0], forms[form, 1] = at, end
                                different += 1
                            found[count, 0], found[count, 1], found[count, 2] = at, end, form
                            count += 1
                            at = end - 1
                        break
            at += 1
        found_ends[nth_text] = count
        first = stop
    return different


@allocating
def _best_window(found: "NDArray[np.int64]", first: int, last: int, terms: "NDArray[np.int64]", span: int) -> int:
    """The first of the words that stand together with most different terms, then most words; the earliest of equals.

    Args:
        found: shape (n, 3), as `find_words` fills it; looked at from `first` to `last`.
        terms: by form.
        span: bytes that words may be apart to be together.
    """
    counts = np.zeros(len(terms) + 1, np.int64)
    words = last - first
    different = 0
    best, worth = first, -1
    for newest in range(first, last):
        term = terms[found[newest, 2]]
        different += counts[term] == 0
        counts[term] += 1
        while found[newest, 0] - found[first, 0] > span:
            term = terms[found[first, 2]]
            counts[term] -= 1
            different -= counts[term] == 0
            first += 1
        value = different * words + newest - first
        if value > worth:
            best, worth = first, value
    return best


@inlined
def _bounds_of_passage(
    text: "NDArray[np.uint8]",
    low: int,
    high: int,
    lower: "NDArray[np.uint8]",
    letters: "NDArray[np.uint8]",
    middle: int,
    before: int,
    most: int,
    bounds: "NDArray[np.int64]",
) -> int:
    """Where a passage begins and ends.

    Args:
        text, lower, letters: as above; the passage is one of the text from `low` to `high`.
        middle: where the word begins that it is about.
        before: words that it shows before that one.
        most: words that it may have.
        bounds: receives its first byte and the one after its last, and whether words precede and follow it. What
            stands at the ends of the text, punctuation too, belongs to a passage that reaches them.

    Returns:
        How many words it has.
    """
    start, at, words, inside = middle, middle, 0, False
    while at > low and words <= before:
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
    at = start if precedes else low
    first = at
    end, count, chars = at, 0, 0
    follows = False
    while at < high:
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
            while at < high and text[at] & 0xC0 == 0x80:
                at += 1
    bounds[0], bounds[1] = first, end if follows else high
    bounds[2], bounds[3] = precedes, follows
    return count


@inlined
def _space(text: "NDArray[np.uint8]", at: int, stop: int) -> int:
    """Bytes of the white space (`str.isspace`) at `at`, 0 for anything else."""
    byte = text[at]
    if byte < 0x80:
        return 1 if byte == 0x20 or 0x09 <= byte <= 0x0D or 0x1C <= byte <= 0x1F else 0
    if byte == 0xC2:
        return 2 if at + 1 < stop and (text[at + 1] == 0x85 or text[at + 1] == 0xA0) else 0
    if not 0xE1 <= byte <= 0xE3 or at + 2 >= stop:
        return 0
    code = (np.int64(byte & 0x0F) << 12) | (np.int64(text[at + 1] & 0x3F) << 6) | np.int64(text[at + 2] & 0x3F)
    if 0x2000 <= code <= 0x200A or 0x2028 <= code <= 0x2029:
        return 3
    return 3 if code in (0x1680, 0x202F, 0x205F, 0x3000) else 0


@inlined
def _put(out: "NDArray[np.uint8]", at: int, content: "NDArray[np.uint8]") -> int:
    for byte in range(len(content)):
        out[at + byte] = content[byte]
    return at + len(content)


@inlined
def _put_html(text: "NDArray[np.uint8]", start: int, stop: int, out: "NDArray[np.uint8]", at: int) -> int:
    """Text as HTML, each run of white space as one space; none at the beginning, or after another."""
    while start < stop:
        space = _space(text, start, stop)
        if space:
            start += space
            if at and out[at - 1] != 0x20 and out[at - 1] != 0:
                out[at] = 0x20
                at += 1
            continue
        byte = text[start]
        start += 1
        if byte == 0x26:
            at = _put(out, at, _AMPERSAND)
        elif byte == 0x3C:
            at = _put(out, at, _LESS)
        elif byte == 0x3E:
            at = _put(out, at, _MORE)
        elif byte == 0x22:
            at = _put(out, at, _QUOTE)
        elif byte == 0x27:
            at = _put(out, at, _APOSTROPHE)
        else:
            out[at] = byte
            at += 1
    return at


@kernel(void(u8s, i64s, u8s, u8s, i64w2, i64s, i64s, i64, i64, i64, u8w, i64w))
def write_passages(
    text: "NDArray[np.uint8]",
    text_ends: "NDArray[np.int64]",
    lower: "NDArray[np.uint8]",
    letters: "NDArray[np.uint8]",
    found: "NDArray[np.int64]",
    found_ends: "NDArray[np.int64]",
    terms: "NDArray[np.int64]",
    span: int,
    context: int,
    most: int,
    out: "NDArray[np.uint8]",
    out_ends: "NDArray[np.int64]",
) -> None:
    """The best passage of each text as HTML, with marked words.

    Args:
        text, text_ends, lower, letters, found, found_ends: as of `find_words`.
        terms: shape (forms,): the ordinal of the term that a form is of, -1 if it is none that is wanted.
        span: bytes that words may be apart to be together.
        context: words that a passage shows before the first that is marked.
        most: words that it may have.
        out: shape (6 * bytes of text + 13 * words found + 16 * texts,): receives the passages, each after a zero.
        out_ends: shape (texts,): receives where each ends.
    """
    bounds = np.empty(4, np.int64)
    first, first_word, at = 0, 0, 0
    for nth in range(len(text_ends)):
        stop = text_ends[nth]
        last_word = first_word
        for word in range(first_word, found_ends[nth]):  # those that are wanted move up
            if terms[found[word, 2]] >= 0:
                found[last_word] = found[word]
                last_word += 1
        out[at] = 0
        at += 1
        middle, before = first, 0
        if last_word > first_word:
            middle, before = found[_best_window(found, first_word, last_word, terms, span), 0], context
        if _bounds_of_passage(text, first, stop, lower, letters, middle, before, most, bounds):
            if bounds[2]:
                at = _put(out, at, _ELLIPSIS)
            start = bounds[0]
            for word in range(first_word, last_word):
                if start <= found[word, 0] and found[word, 1] <= bounds[1]:
                    at = _put_html(text, start, found[word, 0], out, at)
                    at = _put(out, at, _MARK)
                    start = found[word, 1]
                    at = _put_html(text, found[word, 0], start, out, at)
                    at = _put(out, at, _END_OF_MARK)
            at = _put_html(text, start, bounds[1], out, at)
            if bounds[3]:
                if out[at - 1] != 0x20:
                    out[at] = 0x20
                    at += 1
                at = _put(out, at, _ELLIPSIS) - 1
            elif out[at - 1] == 0x20:
                at -= 1
        out_ends[nth] = at
        first, first_word = stop, found_ends[nth]
