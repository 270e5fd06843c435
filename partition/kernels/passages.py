"""Passages of texts in which words were found: which ones to show.

A passage begins some words before one that it is about, and ends when it is so many words long. The next one chosen
is the one with most different terms that none before it shows; of equals the one in which more words have such a
term, then the earliest.

Contract: texts are UTF-8, ranges are half-open ranges of bytes. Passages do not overlap.

Not here: which words are found (`likely_words.py`), how long a passage is (`search/snippets.py`), passages as HTML
(`highlights.py`).
"""

from typing import TYPE_CHECKING

from partition.kernels.jit import inlined
from partition.kernels.likely_words import PLACE, TERM, begins_word, character_before, is_ideograph, size_of
from partition.kernels.tokens import MAX_WORD_CHARS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

START, STOP, PRECEDED, FOLLOWED, END = range(5)
"""A passage: its first byte and the one after its last, whether words precede and follow it, and how many words come
before its end."""


@inlined
def _best_passage(
    found: "NDArray[np.int64]",
    first: int,
    last: int,
    shown: "NDArray[np.int64]",
    counts: "NDArray[np.int64]",
    passages: "NDArray[np.int64]",
    chosen: int,
    before: int,
    most: int,
) -> int:
    """The word that the next passage is about, -1 if the terms of all are shown.

    Args:
        found: as `likely_words.keep_words` leaves them, of a text those from `first` to `last`.
        shown: by term, whether it is.
        counts: by term, zeros; they are left so.
        passages: the first `chosen` of which are there.
        before: words that a passage shows before the one that it is about.
        most: words that it may have.
    """
    best, worth, different, count = -1, 0, 0, 0
    low, high = first, first
    for word in range(first, last):
        if shown[found[word, TERM]]:
            continue
        begin = max(found[word, PLACE] - before, 0)
        for nth in range(chosen):
            if passages[nth, END] <= found[word, PLACE]:
                begin = max(begin, passages[nth, END])
        # That it may have to end before another passage makes no difference: in and behind that all terms are shown.
        while high < last and found[high, PLACE] < begin + most:
            term = found[high, TERM]
            if not shown[term]:
                different += counts[term] == 0
                counts[term] += 1
                count += 1
            high += 1
        while found[low, PLACE] < begin:
            term = found[low, TERM]
            if not shown[term]:
                counts[term] -= 1
                different -= counts[term] == 0
                count -= 1
            low += 1
        value = different * (last - first + 1) + count
        if value > worth:
            best, worth = word, value
    for word in range(low, high):
        counts[found[word, TERM]] = 0
    return best


@inlined
def place_passage(
    text: "NDArray[np.uint8]",
    first: int,
    stop: int,
    lower: "NDArray[np.uint8]",
    letters: "NDArray[np.uint8]",
    ideographs: "NDArray[np.uint8]",
    middle: int,
    before: int,
    most: int,
    passages: "NDArray[np.int64]",
    chosen: int,
) -> int:
    """Where a passage begins and ends, into passages[chosen].

    Args:
        text, first, stop, lower, letters, ideographs: the text that it is one of, from `first` to `stop`.
        middle: where the word begins that it is about.
        before: words that it shows before that one.
        most: words that it may have.
        passages: those that are there must not overlap it. What stands at the ends of the text, punctuation too,
            belongs to a passage that reaches them.
        chosen: how many are there.

    Returns:
        How many words it has.
    """
    low, high = first, stop
    for nth in range(chosen):
        if passages[nth, STOP] <= middle:
            low = max(low, passages[nth, STOP])
        else:
            high = min(high, passages[nth, START])
    start, at, words = middle, middle, 0
    while at > low and words <= before:
        at = character_before(text, at)
        size = size_of(text, at, lower, letters)
        if size and begins_word(text, low, at, size, lower, letters, ideographs):
            words += 1
            if words <= before:
                start = at
    preceded = words > before or low > first
    at = start if preceded else first
    passages[chosen, START], passages[chosen, PRECEDED] = at, preceded
    end, count, chars = at, 0, 0
    followed = high < stop
    while at < high:
        size = size_of(text, at, lower, letters)
        if size:
            alone = is_ideograph(text, at, size, ideographs)
            if alone or chars in (0, MAX_WORD_CHARS):
                chars = 0
                if count == most:
                    followed = True
                    break
                count += 1
            chars = 0 if alone else chars + 1
            at += size
            end = at
        else:
            chars = 0
            at += 1
            while at < high and text[at] & 0xC0 == 0x80:
                at += 1
    passages[chosen, STOP], passages[chosen, FOLLOWED] = end if followed else stop, followed
    return count


@inlined
def choose_passages(
    text: "NDArray[np.uint8]",
    start: int,
    stop: int,
    lower: "NDArray[np.uint8]",
    letters: "NDArray[np.uint8]",
    ideographs: "NDArray[np.uint8]",
    found: "NDArray[np.int64]",
    first: int,
    last: int,
    shown: "NDArray[np.int64]",
    counts: "NDArray[np.int64]",
    before: int,
    most: int,
    passages: "NDArray[np.int64]",
) -> int:
    """The passages of a text that together show most of the terms in it, in the order of the text; returns how many.

    Arguments as above; `shown` is zeros, and left so; there are as many passages as there is room for, or fewer.
    """
    chosen = 0
    while chosen < len(passages):
        word = _best_passage(found, first, last, shown, counts, passages, chosen, before, most)
        if word < 0:
            break
        count = place_passage(
            text, start, stop, lower, letters, ideographs, found[word, 0], before, most, passages, chosen
        )
        begin = max(found[word, PLACE] - before, 0)
        for nth in range(chosen):
            if passages[nth, END] <= found[word, PLACE]:
                begin = max(begin, passages[nth, END])
        passages[chosen, END] = begin + count
        for other in range(first, last):
            if passages[chosen, START] <= found[other, 0] and found[other, 1] <= passages[chosen, STOP]:
                shown[found[other, TERM]] = 1
        chosen += 1
    for word in range(first, last):
        shown[found[word, TERM]] = 0
    for nth in range(1, chosen):
        at = nth
        while at and passages[at - 1, START] > passages[at, START]:
            for column in range(passages.shape[1]):
                passages[at - 1, column], passages[at, column] = passages[at, column], passages[at - 1, column]
            at -= 1
    return chosen
