"""Passages of texts as HTML, with marked words: the best one of each text, or those that show most of the query.

Contract: a text is escaped as `html.escape` does it; the only markup is `<mark>`. Ranges are half-open, of bytes in
UTF-8 unless they are said to be of characters, which are Unicode code points.

Not here: which words are found (`likely_words.py`), which passages are chosen (`passages.py`).
"""

from typing import TYPE_CHECKING

import numpy as np

from partition.kernels.jit import i64, i64m, i64s, i64w, i64w2, inlined, kernel, u8s, u8w, void
from partition.kernels.passages import FOLLOWED, PRECEDED, START, STOP, choose_passages, place_passage

if TYPE_CHECKING:
    from numpy.typing import NDArray

_AMPERSAND, _LESS, _MORE, _QUOTE, _APOSTROPHE, _MARK, _END_OF_MARK, _ELLIPSIS = (
    np.frombuffer(content.encode(), np.uint8)
    for content in ("&amp;", "&lt;", "&gt;", "&quot;", "&#x27;", "<mark>", "</mark>", "… ")
)


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
def _put_byte(byte: int, out: "NDArray[np.uint8]", at: int) -> int:
    """A byte of a text, escaped."""
    if byte == 0x26:
        return _put(out, at, _AMPERSAND)
    if byte == 0x3C:
        return _put(out, at, _LESS)
    if byte == 0x3E:
        return _put(out, at, _MORE)
    if byte == 0x22:
        return _put(out, at, _QUOTE)
    if byte == 0x27:
        return _put(out, at, _APOSTROPHE)
    out[at] = byte
    return at + 1


@inlined
def _put_spaced(text: "NDArray[np.uint8]", start: int, stop: int, out: "NDArray[np.uint8]", at: int) -> int:
    """Text, escaped, each run of white space as one space; none at the beginning, or after another."""
    while start < stop:
        space = _space(text, start, stop)
        if space:
            start += space
            if at and out[at - 1] != 0x20 and out[at - 1] != 0:
                out[at] = 0x20
                at += 1
            continue
        at = _put_byte(text[start], out, at)
        start += 1
    return at


@inlined
def _put_escaped(text: "NDArray[np.uint8]", start: int, stop: int, out: "NDArray[np.uint8]", at: int) -> int:
    """Text, escaped."""
    for place in range(start, stop):
        at = _put_byte(text[place], out, at)
    return at


@inlined
def _end_of_mark(found: "NDArray[np.int64]", word: int, last: int, end: int) -> int:
    """Where the mark ends that begins with a word: what follows at once and is marked belongs to it."""
    while word + 1 < last and found[word + 1, 0] == found[word, 1] and found[word + 1, 1] <= end:
        word += 1
    return found[word, 1]


@kernel(void(u8s, i64s, u8s, u8s, u8s, i64m, i64s, i64, i64, i64, u8w, i64w))
def write_snippets(
    text: "NDArray[np.uint8]",
    text_ends: "NDArray[np.int64]",
    lower: "NDArray[np.uint8]",
    letters: "NDArray[np.uint8]",
    ideographs: "NDArray[np.uint8]",
    found: "NDArray[np.int64]",
    found_ends: "NDArray[np.int64]",
    terms: int,
    before: int,
    most: int,
    out: "NDArray[np.uint8]",
    out_ends: "NDArray[np.int64]",
) -> None:
    """The best passage of each text as HTML, else its beginning, white space as single spaces, with marked words.

    Args:
        text, text_ends, lower, letters, ideographs: as of `likely_words.find_words`.
        found, found_ends: as `likely_words.keep_words` leaves them.
        terms: how many there are.
        before: words that a passage shows before the one that it is about.
        most: words that it may have.
        out: shape (6 * bytes of text + 13 * words found + 16 * texts,): receives the passages, each after a zero.
        out_ends: shape (texts,): receives where each ends.
    """
    shown, counts = np.zeros(terms, np.int64), np.zeros(terms, np.int64)
    passages = np.empty((1, 5), np.int64)
    start, first, at = 0, 0, 0
    for nth in range(len(text_ends)):
        stop, last = text_ends[nth], found_ends[nth]
        out[at] = 0
        at += 1
        words = 1
        if not choose_passages(
            text, start, stop, lower, letters, ideographs, found, first, last, shown, counts, before, most, passages
        ):
            words = place_passage(text, start, stop, lower, letters, ideographs, start, 0, most, passages, 0)
        if words:
            begin, end = passages[0, START], passages[0, STOP]
            if passages[0, PRECEDED]:
                at = _put(out, at, _ELLIPSIS)
            for word in range(first, last):
                if begin <= found[word, 0] and found[word, 1] <= end:
                    at = _put_spaced(text, begin, found[word, 0], out, at)
                    at = _put(out, at, _MARK)
                    begin = _end_of_mark(found, word, last, end)
                    at = _put_spaced(text, found[word, 0], begin, out, at)
                    at = _put(out, at, _END_OF_MARK)
            at = _put_spaced(text, begin, end, out, at)
            if passages[0, FOLLOWED]:
                if out[at - 1] != 0x20:
                    out[at] = 0x20
                    at += 1
                at = _put(out, at, _ELLIPSIS) - 1
            elif out[at - 1] == 0x20:
                at -= 1
        out_ends[nth] = at
        start, first = stop, last


@inlined
def _characters(text: "NDArray[np.uint8]", start: int, stop: int) -> int:
    count = 0
    for at in range(start, stop):
        count += text[at] & 0xC0 != 0x80
    return count


@kernel(void(u8s, i64s, u8s, u8s, u8s, i64m, i64s, i64, i64, i64, i64, u8w, i64w2, i64w, i64w2))
def write_highlights(
    text: "NDArray[np.uint8]",
    text_ends: "NDArray[np.int64]",
    lower: "NDArray[np.uint8]",
    letters: "NDArray[np.uint8]",
    ideographs: "NDArray[np.uint8]",
    found: "NDArray[np.int64]",
    found_ends: "NDArray[np.int64]",
    terms: int,
    before: int,
    most: int,
    in_passages: int,
    out: "NDArray[np.uint8]",
    written: "NDArray[np.int64]",
    written_ends: "NDArray[np.int64]",
    marks: "NDArray[np.int64]",
) -> None:
    """The best passages of each text, or all of it, as HTML with marked words, and where in the text they stand.

    Args:
        text, text_ends, lower, letters, ideographs, found, found_ends, terms, before, most: as of `write_snippets`.
        in_passages: how many of the texts are shown in passages; the others are shown whole.
        out: shape (6 * bytes of text + 13 * words found,): receives the passages.
        written: shape (texts * passages of each, 4): receives of each passage where it ends in `out`, the range of
            the text, in characters, and where its marks end.
        written_ends: shape (texts,): receives where each text's passages end in `written`.
        marks: shape (words found, 2): receives ranges of the text, in characters.
    """
    shown, counts = np.zeros(terms, np.int64), np.zeros(terms, np.int64)
    passages = np.empty((len(written) // max(1, len(text_ends)), 5), np.int64)
    start, first, at, row, mark = 0, 0, 0, 0, 0
    for nth in range(len(text_ends)):
        stop, last = text_ends[nth], found_ends[nth]
        chosen = 1
        if nth < in_passages:
            chosen = choose_passages(
                text,
                start,
                stop,
                lower,
                letters,
                ideographs,
                found,
                first,
                last,
                shown,
                counts,
                before,
                most,
                passages,
            )
        else:
            passages[0, START], passages[0, STOP] = start, stop
        # What has been counted so far: up to which byte, how many characters.
        byte, characters = start, 0
        for passage in range(chosen):
            begin, end = passages[passage, START], passages[passage, STOP]
            characters += _characters(text, byte, begin)
            written[row, 1] = characters
            byte = begin
            for word in range(first, last):
                if begin <= found[word, 0] and found[word, 1] <= end:
                    begin = found[word, 0]
                    at = _put_escaped(text, byte, begin, out, at)
                    characters += _characters(text, byte, begin)
                    marks[mark, 0] = characters
                    byte = _end_of_mark(found, word, last, end)
                    at = _put(out, at, _MARK)
                    at = _put_escaped(text, begin, byte, out, at)
                    at = _put(out, at, _END_OF_MARK)
                    characters += _characters(text, begin, byte)
                    marks[mark, 1] = characters
                    mark += 1
                    begin = byte
            at = _put_escaped(text, byte, end, out, at)
            characters += _characters(text, byte, end)
            byte = end
            written[row, 0], written[row, 2], written[row, 3] = at, characters, mark
            row += 1
        written_ends[nth] = row
        start, first = stop, last
