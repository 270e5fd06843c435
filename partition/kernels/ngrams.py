"""Words in a row, counted over segments.

Which follow one another, in how many articles, how much these count, and which of them is the newest.

A segment's texts are ordinals of its dictionary, article after article (`partition/occurring.py`). What segments have
in common are hashes of words, and of words in a row those of these hashes; so all of them count into one table, one
row for each n-gram:

    KEY       its hash, never 0; 0 stands in a row that is free
    COUNT     articles
    USE       the sum of their weights
    LAST      segment << 32 | docnum, plus 1, of the article that was counted last
    TIME      of the newest article: when it was published
    HASH      of the newest article: `types.hash64` of its id, as signed
    PLACE     segment << 32 | where the n-gram first begins in the newest article
    POSITION  words before that in the article
    LENGTH    words
    DISTANCE  edits
    CHOSEN    1 for those that go on

Contract: an article counts once for each n-gram, and comes in ascending order of docnums; what is found does not
depend on the order of segments.

Not here: how texts are laid out (`occurring.py`), which n-grams are worth showing (`search/phrases.py`).
"""

from typing import TYPE_CHECKING

import numpy as np

from partition.kernels.jit import boolean, i32s, i64, i64s, i64w, i64w2, inlined, kernel, u64s, void
from partition.kernels.occurring import is_alive, mixed, weight_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

KEY, COUNT, USE, LAST, TIME, HASH, PLACE, POSITION, LENGTH, DISTANCE, CHOSEN = range(11)
COLUMNS = 11
FULL = 2
"""A table has so many times as many rows as it may hold."""
_ONE = np.uint64(1)


@inlined
def _joined(before: int, word: int) -> int:
    """The hash of an n-gram and one word more; that of no words is 0."""
    return np.int64(mixed(mixed(np.uint64(before), np.uint64(word)), _ONE) | _ONE)


@inlined
def _row(table: "NDArray[np.int64]", key: int) -> int:
    """The row of an n-gram, or the free one that it would get."""
    mask = np.uint64(len(table) - 1)
    at = np.int64((np.uint64(key) >> np.uint64(20)) & mask)
    while table[at, KEY] != 0 and table[at, KEY] != key:
        at = (at + 1) & np.int64(mask)
    return at


@inlined
def chosen_row(table: "NDArray[np.int64]", hash_: int) -> int:
    """The row of a single word, by its hash."""
    return _row(table, _joined(0, hash_))


@inlined
def _see(row: "NDArray[np.int64]", time_ms: int, hash_: int, segment: int, place: int, position: int) -> None:
    """Note an article that holds the n-gram, if it is the newest so far: the first when the newest come first."""
    newer = time_ms > row[TIME] or (time_ms == row[TIME] and np.uint64(hash_) < np.uint64(row[HASH]))
    if row[COUNT] == 0 or newer:
        row[TIME], row[HASH] = time_ms, np.int64(hash_)
        row[PLACE], row[POSITION] = segment << 32 | place, position


@kernel(void(i64s, i64s, i32s, i32s, i32s, i32s, i64s, i64s, u64s, u64s, i64, i64w2, i64w, i64w))
def gather(
    chosen: "NDArray[np.int64]",
    distances: "NDArray[np.int64]",
    counts: "NDArray[np.int32]",
    uses: "NDArray[np.int32]",
    newest: "NDArray[np.int32]",
    docs: "NDArray[np.int32]",
    begins: "NDArray[np.int64]",
    times: "NDArray[np.int64]",
    ids: "NDArray[np.uint64]",
    hashes: "NDArray[np.uint64]",
    segment: int,
    table: "NDArray[np.int64]",
    used: "NDArray[np.int64]",
    state: "NDArray[np.int64]",
) -> None:
    """Put single words of one segment into the table, which has room for them.

    Args:
        chosen: words.
        distances: of each, or of none.
        counts, uses, newest: as `count_words` left them.
        docs, begins: by place, by docnum.
        times, ids: by docnum, when it was published, and the hash of its id.
        hashes: of words.
        segment: its number.
        table, used, state: the table, its rows in use, and how many there are.
    """
    for at in range(len(chosen)):
        word = chosen[at]
        if counts[word] == 0:
            continue
        key = _joined(0, hashes[word])
        slot = _row(table, key)
        row = table[slot]
        if row[KEY] == 0:
            row[KEY] = key
            row[LENGTH] = 1
            used[state[0]] = slot
            state[0] += 1
        doc = docs[newest[word]]
        _see(row, times[doc], ids[doc], segment, newest[word], newest[word] - begins[doc])
        row[COUNT] += counts[word]
        row[USE] += uses[word]
        if len(distances):
            row[DISTANCE] = distances[at]


@kernel(i64(i64s, i32s, i64s, i32s, u64s, u64s, i64w2, i64w, i64w))
def spread(
    chosen: "NDArray[np.int64]",
    docs: "NDArray[np.int32]",
    starts: "NDArray[np.int64]",
    places: "NDArray[np.int32]",
    live: "NDArray[np.uint64]",
    hashes: "NDArray[np.uint64]",
    table: "NDArray[np.int64]",
    found: "NDArray[np.int64]",
    keys: "NDArray[np.int64]",
) -> int:
    """Where words stand in live articles.

    Args:
        chosen: words.
        docs, starts, places: as `lay_out` has them.
        live, hashes: by docnum, by word.
        table: says which words go on; all of them, if it has no rows.
        found, keys: receive places and hashes, as many as `starts` says at most.

    Returns:
        How many there are.
    """
    count = 0
    for word in chosen:
        key = _joined(0, hashes[word])
        if len(table) and table[_row(table, key), CHOSEN] == 0:
            continue
        for at in range(starts[word], starts[word + 1]):
            if is_alive(live, docs[places[at]]):
                found[count], keys[count] = places[at], key
                count += 1
    return count


@inlined
def _is_among(word: int, chosen: "NDArray[np.int64]") -> bool:
    low, high = 0, len(chosen)
    while low < high:
        middle = (low + high) >> 1
        if chosen[middle] < word:
            low = middle + 1
        else:
            high = middle
    return low < len(chosen) and chosen[low] == word


@kernel(i64(i64s, i64w2, boolean, i32s, i32s, u64s, i64w, i64w, i64))
def follow(
    chosen: "NDArray[np.int64]",
    table: "NDArray[np.int64]",
    any_: bool,
    words: "NDArray[np.int32]",
    docs: "NDArray[np.int32]",
    hashes: "NDArray[np.uint64]",
    places: "NDArray[np.int64]",
    keys: "NDArray[np.int64]",
    count: int,
) -> int:
    """Keep the occurrences that go on, and take in the word that follows.

    Args:
        chosen: words that may follow, ascending.
        table: says which occurrences go on, if any word may follow.
        any_: whether that is so: all occurrences then, where the table has no rows.
        words, docs, hashes: as above.
        places, keys: the last words and the hashes of `count` occurrences; what is kept moves to the front.

    Returns:
        How many are kept.
    """
    kept = 0
    for at in range(count):
        place = places[at] + 1
        if place == len(words) or docs[place] != docs[place - 1]:
            continue
        if any_:
            if len(table) and table[_row(table, keys[at]), CHOSEN] == 0:
                continue
        elif not _is_among(words[place], chosen):
            continue
        places[kept] = place
        keys[kept] = _joined(keys[at], hashes[words[place]])
        kept += 1
    return kept


@kernel(i64(i64w, i64w, i64, i64, i32s, i64s, i64s, u64s, i64s, i64, i64, i64w2, i64w, i64w))
def count_ngrams(
    places: "NDArray[np.int64]",
    keys: "NDArray[np.int64]",
    first: int,
    count: int,
    docs: "NDArray[np.int32]",
    begins: "NDArray[np.int64]",
    times: "NDArray[np.int64]",
    ids: "NDArray[np.uint64]",
    fresh: "NDArray[np.int64]",
    length: int,
    segment: int,
    table: "NDArray[np.int64]",
    used: "NDArray[np.int64]",
    state: "NDArray[np.int64]",
) -> int:
    """Count the n-grams of one segment into the table, until it is full.

    Args:
        places, keys: the last words and the hashes of occurrences; of each n-gram articles ascend, and its first
            occurrence in an article comes first.
        first, count: which of them.
        length: words.
        docs, begins, times, ids, fresh, segment, table, used, state: as above.

    Returns:
        The first that was not counted; `count` if all were.
    """
    for at in range(first, count):
        slot = _row(table, keys[at])
        row = table[slot]
        if row[KEY] == 0:
            if (state[0] + 1) * FULL > len(table):
                return at
            row[KEY] = keys[at]
            row[LENGTH] = length
            used[state[0]] = slot
            state[0] += 1
        doc = np.int64(docs[places[at]])
        last = (segment << 32 | doc) + 1
        if row[LAST] != last:
            row[LAST] = last
            start = places[at] - length + 1
            _see(row, times[doc], ids[doc], segment, start, start - begins[doc])
            row[COUNT] += 1
            row[USE] += weight_of(doc, fresh)
    return count


@inlined
def _before(one: "NDArray[np.int64]", other: "NDArray[np.int64]") -> bool:
    """Whether one ranks before another: fewer edits, more use, more articles, newer, fewer words, earlier."""
    if one[DISTANCE] != other[DISTANCE]:
        return one[DISTANCE] < other[DISTANCE]
    for column in (USE, COUNT, TIME):
        if one[column] != other[column]:
            return one[column] > other[column]
    if one[HASH] != other[HASH]:
        return np.uint64(one[HASH]) < np.uint64(other[HASH])
    if one[LENGTH] != other[LENGTH]:
        return one[LENGTH] < other[LENGTH]
    return one[POSITION] < other[POSITION]


@kernel(i64(i64w2, i64w, i64, i64w))
def choose(table: "NDArray[np.int64]", used: "NDArray[np.int64]", count: int, best: "NDArray[np.int64]") -> int:
    """Choose the best n-grams, as many as `best` has room for; the others are no longer chosen.

    Args:
        table, used, count: the table, its rows in use, and how many there are.
        best: receives their rows, the best first.

    Returns:
        How many there are.
    """
    held = 0
    for at in range(count):
        slot = used[at]
        table[slot, CHOSEN] = 0
        if held == len(best) and not _before(table[slot], table[best[held - 1]]):
            continue
        if held < len(best):
            held += 1
        place = held - 1
        while place and _before(table[slot], table[best[place - 1]]):
            best[place] = best[place - 1]
            place -= 1
        best[place] = slot
    for at in range(held):
        table[best[at], CHOSEN] = 1
    return held


@kernel(void(i64w2, i64w, i64, i64w2))
def move(table: "NDArray[np.int64]", used: "NDArray[np.int64]", count: int, larger: "NDArray[np.int64]") -> None:
    """Put all rows into a larger table, which is empty; `used` then says where they are."""
    for at in range(count):
        slot = _row(larger, table[used[at], KEY])
        larger[slot] = table[used[at]]
        used[at] = slot
