"""Typed words in the texts of several segments: one call for all of them.

Segments are rows of addresses, as in `segments.py`: of their texts (`occurring.py`), of what is counted of these, and
of the part of their dictionary that the texts are of. Words of all segments are one array, segment after segment,
with where those of each begin; so are places of words.

Contract: what is found, goes on and is counted is what `ngrams.py`, `occurring.py` and `spelling.py` say of each
segment: they do the work.

Not here: which words are tried (`search/phrases.py`), who fills tables (`search/parts.py`).
"""

from typing import TYPE_CHECKING

import numpy as np
from numba import carray

from partition.kernels.jit import allocating, boolean, i64, i64s, i64w, i64w2, kernel, u8s, void
from partition.kernels.ngrams import CHOSEN, chosen_row, count_ngrams, follow, gather, spread
from partition.kernels.occurring import keep_last, keys_with_word, last_docs
from partition.kernels.ranking import WINDOW, WORDS
from partition.kernels.segments import frozen, pointer
from partition.kernels.spelling import near_keys
from partition.kernels.terms import lower_bound

if TYPE_CHECKING:
    from numpy.typing import NDArray

TEXTS, TEXTS_SIZE, DOCS, BEGINS, ARTICLES, STARTS, PLACES, HASHES, VOCABULARY = range(9)
LIVE, TIMES, IDS, COUNTS, USES, NEWEST, FRESH, FRESH_SIZE = range(9, 17)
KEYS, KEYS_SIZE, KEY_ENDS, TERMS, FIRST, LAST = range(17, 23)
COLUMNS = 23
"""A row of the table: `partition.occurring.Occurring` and `Use`, live articles and when each was published, hashes of
ids, the docnums from which on articles weigh more; the dictionary and the terms of the field in it."""


@allocating
def _i32(parts: "NDArray[np.int64]", part: int, column: int, size: int) -> "NDArray[np.int32]":
    return frozen(carray(pointer(parts[part, column]), (size,), np.int32))


@allocating
def _i64(parts: "NDArray[np.int64]", part: int, column: int, size: int) -> "NDArray[np.int64]":
    return frozen(carray(pointer(parts[part, column]), (size,), np.int64))


@allocating
def _u64(parts: "NDArray[np.int64]", part: int, column: int, size: int) -> "NDArray[np.uint64]":
    return frozen(carray(pointer(parts[part, column]), (size,), np.uint64))


@allocating
def _live(parts: "NDArray[np.int64]", part: int) -> "NDArray[np.uint64]":
    return _u64(parts, part, LIVE, (parts[part, ARTICLES] + WINDOW - 1) // WINDOW * WORDS)


@allocating
def _dictionary(parts: "NDArray[np.int64]", part: int) -> tuple["NDArray[np.uint8]", "NDArray[np.uint32]"]:
    return (
        frozen(carray(pointer(parts[part, KEYS]), (parts[part, KEYS_SIZE],), np.uint8)),
        frozen(carray(pointer(parts[part, KEY_ENDS]), (parts[part, TERMS],), np.uint32)),
    )


@kernel(i64(i64w2, u8s, u8s, i64, i64w2))
def words_between(
    parts: "NDArray[np.int64]",
    low: "NDArray[np.uint8]",
    high: "NDArray[np.uint8]",
    enough: int,
    ranges: "NDArray[np.int64]",
) -> int:
    """Words between two texts.

    Args:
        parts: the table.
        low, high: the first that may be, and the first that may not.
        enough: how many articles need not be counted further.
        ranges: shape (segments, 2), receives the words of each.

    Returns:
        How many live articles hold one, of each word counted once; of many not all.
    """
    used = 0
    for part in range(len(parts)):
        keys, ends = _dictionary(parts, part)
        first, last = parts[part, FIRST], parts[part, LAST]
        begin = lower_bound(keys, ends, first, last, low)
        end = lower_bound(keys, ends, begin, last, high)
        ranges[part, 0], ranges[part, 1] = begin - first, end - first
        counts = _i32(parts, part, COUNTS, parts[part, VOCABULARY])
        for word in range(begin - first, end - first):
            if used >= enough:
                break
            used += counts[word]
    return used


@kernel(void(i64w2, u8s, i64w, i64w))
def words_with(
    parts: "NDArray[np.int64]", text: "NDArray[np.uint8]", found: "NDArray[np.int64]", offsets: "NDArray[np.int64]"
) -> None:
    """Values in which a word begins with a text.

    Args:
        parts: the table.
        text: not empty.
        found: has room for the words of all segments, and receives some.
        offsets: shape (segments + 1,), receives where those of each begin.
    """
    offsets[0] = 0
    for part in range(len(parts)):
        first, last = parts[part, FIRST], parts[part, LAST]
        keys, ends = _dictionary(parts, part)
        offsets[part + 1] = offsets[part] + keys_with_word(keys, ends, first, last, text, found[offsets[part] :])


@kernel(void(i64w2, i64s, i64, boolean, i64w, i64w, i64w))
def words_near(
    parts: "NDArray[np.int64]",
    word: "NDArray[np.int64]",
    edits: int,
    prefix: bool,
    found: "NDArray[np.int64]",
    distances: "NDArray[np.int64]",
    offsets: "NDArray[np.int64]",
) -> None:
    """Words that are within some edits of another.

    Args:
        parts, found, offsets: as above.
        word, edits, prefix: as `spelling.near_keys` has them.
        distances: receives the edits of each.
    """
    offsets[0] = 0
    for part in range(len(parts)):
        begin, first, last = offsets[part], parts[part, FIRST], parts[part, LAST]
        keys, ends = _dictionary(parts, part)
        count = near_keys(keys, ends, first, last, word, edits, prefix, found[begin:], distances[begin:])
        found[begin : begin + count] -= first
        offsets[part + 1] = begin + count


@kernel(void(i64w2, i64s, i64s, i64s, i64w2, i64w, i64w))
def gather_all(
    parts: "NDArray[np.int64]",
    offsets: "NDArray[np.int64]",
    chosen: "NDArray[np.int64]",
    distances: "NDArray[np.int64]",
    table: "NDArray[np.int64]",
    used: "NDArray[np.int64]",
    state: "NDArray[np.int64]",
) -> None:
    """Put single words into a table of n-grams, which has room for them.

    Args:
        parts: the table of segments.
        offsets: shape (segments + 1,): where the words of each begin.
        chosen: the words.
        distances: of each, or of none.
        table, used, state: as `ngrams.gather` has them.
    """
    for part in range(len(parts)):
        low, high = offsets[part], offsets[part + 1]
        if low == high:
            continue
        words, articles = parts[part, VOCABULARY], parts[part, ARTICLES]
        gather(
            chosen[low:high],
            distances[low:high] if len(distances) else distances,
            _i32(parts, part, COUNTS, words),
            _i32(parts, part, USES, words),
            _i32(parts, part, NEWEST, words),
            _i32(parts, part, DOCS, parts[part, TEXTS_SIZE]),
            _i64(parts, part, BEGINS, articles),
            _i64(parts, part, TIMES, articles),
            _u64(parts, part, IDS, articles),
            _u64(parts, part, HASHES, words),
            part,
            table,
            used,
            state,
        )


@kernel(void(i64w2, i64s, i64s, i64w))
def room_for_places(
    parts: "NDArray[np.int64]", offsets: "NDArray[np.int64]", chosen: "NDArray[np.int64]", bounds: "NDArray[np.int64]"
) -> None:
    """Where the places of words begin, of each segment; `bounds`, shape (segments + 1,), receives it."""
    bounds[0] = 0
    for part in range(len(parts)):
        starts = _i64(parts, part, STARTS, parts[part, VOCABULARY] + 1)
        bounds[part + 1] = bounds[part]
        for at in range(offsets[part], offsets[part + 1]):
            bounds[part + 1] += starts[chosen[at] + 1] - starts[chosen[at]]


@kernel(void(i64w2, i64s, i64s, i64w2, i64s, i64w, i64w, i64w))
def spread_all(
    parts: "NDArray[np.int64]",
    offsets: "NDArray[np.int64]",
    chosen: "NDArray[np.int64]",
    table: "NDArray[np.int64]",
    bounds: "NDArray[np.int64]",
    places: "NDArray[np.int64]",
    keys: "NDArray[np.int64]",
    counts: "NDArray[np.int64]",
) -> None:
    """Where words stand in live articles.

    Args:
        parts, offsets, chosen: as above.
        table: as `ngrams.spread` has it.
        bounds: of `room_for_places`.
        places, keys: receive them, those of each segment from its bound on.
        counts: shape (segments,), receives how many.
    """
    for part in range(len(parts)):
        low, high = bounds[part], bounds[part + 1]
        counts[part] = 0
        if low == high:
            continue
        size, words = parts[part, TEXTS_SIZE], parts[part, VOCABULARY]
        counts[part] = spread(
            chosen[offsets[part] : offsets[part + 1]],
            _i32(parts, part, DOCS, size),
            _i64(parts, part, STARTS, words + 1),
            _i32(parts, part, PLACES, size),
            _live(parts, part),
            _u64(parts, part, HASHES, words),
            table,
            places[low:high],
            keys[low:high],
        )


@kernel(void(i64w2, i64s, i64s, boolean, i64w2, i64s, i64w, i64w, i64w))
def follow_all(
    parts: "NDArray[np.int64]",
    offsets: "NDArray[np.int64]",
    chosen: "NDArray[np.int64]",
    any_: bool,
    table: "NDArray[np.int64]",
    bounds: "NDArray[np.int64]",
    places: "NDArray[np.int64]",
    keys: "NDArray[np.int64]",
    counts: "NDArray[np.int64]",
) -> None:
    """Keep those that go on; arguments as of `spread_all`, `any_` as of `ngrams.follow`."""
    for part in range(len(parts)):
        if counts[part]:
            low, high, size = bounds[part], bounds[part + 1], parts[part, TEXTS_SIZE]
            counts[part] = follow(
                chosen[offsets[part] : offsets[part + 1]],
                table,
                any_,
                _i32(parts, part, TEXTS, size),
                _i32(parts, part, DOCS, size),
                _u64(parts, part, HASHES, parts[part, VOCABULARY]),
                places[low:high],
                keys[low:high],
                counts[part],
            )


@kernel(boolean(i64w2, i64s, i64w, i64w, i64s, i64, i64w2, i64w, i64w, i64w))
def count_all(
    parts: "NDArray[np.int64]",
    bounds: "NDArray[np.int64]",
    places: "NDArray[np.int64]",
    keys: "NDArray[np.int64]",
    counts: "NDArray[np.int64]",
    length: int,
    table: "NDArray[np.int64]",
    used: "NDArray[np.int64]",
    state: "NDArray[np.int64]",
    done: "NDArray[np.int64]",
) -> bool:
    """Count n-grams until the table is full.

    Args:
        parts, bounds, places, keys, counts: as above.
        length, table, used, state: as `ngrams.count_ngrams` has them.
        done: shape (2,): the segment to go on with and the occurrence in it; zeros at first.

    Returns:
        Whether all were counted.
    """
    for part in range(done[0], len(parts)):
        first = done[1] if part == done[0] else 0
        low, high, articles = bounds[part], bounds[part + 1], parts[part, ARTICLES]
        if first == counts[part]:
            continue
        at = count_ngrams(
            places[low:high],
            keys[low:high],
            first,
            counts[part],
            _i32(parts, part, DOCS, parts[part, TEXTS_SIZE]),
            _i64(parts, part, BEGINS, articles),
            _i64(parts, part, TIMES, articles),
            _u64(parts, part, IDS, articles),
            _i64(parts, part, FRESH, parts[part, FRESH_SIZE]),
            length,
            part,
            table,
            used,
            state,
        )
        if at < counts[part]:
            done[0], done[1] = part, at
            return False
    return True


@kernel(void(i64w2, i64s, i64s, i64w2, i64w))
def last_with_words(
    parts: "NDArray[np.int64]",
    offsets: "NDArray[np.int64]",
    chosen: "NDArray[np.int64]",
    found: "NDArray[np.int64]",
    held: "NDArray[np.int64]",
) -> None:
    """The last live articles of each segment that hold one of the words.

    Args:
        parts, offsets, chosen: as above.
        found: shape (segments, n), receives docnums, descending.
        held: shape (segments,), receives how many.
    """
    for part in range(len(parts)):
        size = parts[part, TEXTS_SIZE]
        held[part] = last_docs(
            chosen[offsets[part] : offsets[part + 1]],
            _i32(parts, part, DOCS, size),
            _i64(parts, part, STARTS, parts[part, VOCABULARY] + 1),
            _i32(parts, part, PLACES, size),
            _live(parts, part),
            found[part],
        )


@kernel(void(i64w2, i64s, i64s, i64s, i64w2, i64w))
def last_at_places(
    parts: "NDArray[np.int64]",
    bounds: "NDArray[np.int64]",
    places: "NDArray[np.int64]",
    counts: "NDArray[np.int64]",
    found: "NDArray[np.int64]",
    held: "NDArray[np.int64]",
) -> None:
    """The last articles of each segment that some places are in; `found` and `held` as above."""
    for part in range(len(parts)):
        docs = _i32(parts, part, DOCS, parts[part, TEXTS_SIZE])
        held[part] = 0
        for at in range(bounds[part], bounds[part] + counts[part]):
            held[part] = keep_last(found[part], held[part], np.int64(docs[places[at]]))


@kernel(void(i64w2, i64w2, i64s, i64w, i64w))
def keep_chosen(
    parts: "NDArray[np.int64]",
    table: "NDArray[np.int64]",
    offsets: "NDArray[np.int64]",
    words: "NDArray[np.int64]",
    kept: "NDArray[np.int64]",
) -> None:
    """Keep the words that a table chose.

    Args:
        parts: the table of segments.
        table: of n-grams.
        offsets: where the words of each segment begin.
        words: what is kept moves to the front.
        kept: shape (segments + 1,), receives where those of each begin then.
    """
    kept[0] = 0
    for part in range(len(parts)):
        hashes = _u64(parts, part, HASHES, parts[part, VOCABULARY])
        to = kept[part]
        for at in range(offsets[part], offsets[part + 1]):
            if table[chosen_row(table, hashes[words[at]]), CHOSEN] != 0:
                words[to] = words[at]
                to += 1
        kept[part + 1] = to
