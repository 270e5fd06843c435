"""What articles hold, laid out article by article: hashes of words, texts as numbers, and simple counts over them.

Contract: a segment's texts are ordinals of a field's dictionary; *places* count through all of them, article after
article, in ascending order of docnums. Hashes are of 64 bits, alike in all segments, and are not compared further.

Not here: words in a row (`ngrams.py`), what is laid out (`partition/occurring.py`).
"""

from typing import TYPE_CHECKING

import numpy as np

from partition.kernels.jit import i32s, i32w, i64, i64s, i64w, inlined, kernel, u8s, u32s, u64s, u64w, void

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)
_ONE = np.uint64(1)


@inlined
def mixed(hash_: int, more: int) -> int:
    """A hash that more was taken into."""
    sum_ = (np.uint64(hash_) ^ np.uint64(more)) * _MULTIPLIER
    return sum_ ^ (sum_ >> _SHIFT)


@inlined
def weight_of(doc: int, fresh: "NDArray[np.int64]") -> int:
    """How much an article counts: twice as much from each of these docnums on."""
    weight = 1
    for bound in fresh:
        if doc >= bound:
            weight *= 2
    return weight


@inlined
def is_alive(live: "NDArray[np.uint64]", doc: int) -> bool:
    """Whether the bit of an article is set."""
    return (live[doc >> 6] >> np.uint64(doc & 63)) & _ONE != 0


@kernel(void(u8s, u32s, i64, i64, u64w))
def hash_keys(
    keys: "NDArray[np.uint8]", ends: "NDArray[np.uint32]", first: int, last: int, hashes: "NDArray[np.uint64]"
) -> None:
    """A hash of each key in [first, last) of a dictionary (`terms.py`), up to U+001F: languages do not count."""
    for key in range(first, last):
        start = np.int64(ends[key - 1]) if key else 0
        hash_ = _MULTIPLIER
        for at in range(start, np.int64(ends[key])):
            if keys[at] == 0x1F:
                break
            hash_ = mixed(hash_, np.uint64(keys[at]))
        hashes[key - first] = hash_


@kernel(void(u64s, i64s, i64s, i32w, i32w, i32w))
def lay_out(
    occurrences: "NDArray[np.uint64]",
    starts: "NDArray[np.int64]",
    begins: "NDArray[np.int64]",
    words: "NDArray[np.int32]",
    docs: "NDArray[np.int32]",
    places: "NDArray[np.int32]",
) -> None:
    """Texts from posting lists.

    Args:
        occurrences: docnum << 32 | position, word after word.
        starts: shape (words + 1,): where those of each word begin.
        begins: by docnum: where the text of each article begins.
        words, docs: receive by place the word and the article.
        places: receives the place of each occurrence.
    """
    for word in range(len(starts) - 1):
        for at in range(starts[word], starts[word + 1]):
            doc = np.int64(occurrences[at] >> np.uint64(32))
            place = begins[doc] + np.int64(occurrences[at] & np.uint64(0xFFFF_FFFF))
            words[place], docs[place], places[at] = word, doc, place


@kernel(void(i32s, i32s, u64s, i64s, i32w, i32w, i32w))
def count_words(
    words: "NDArray[np.int32]",
    docs: "NDArray[np.int32]",
    live: "NDArray[np.uint64]",
    fresh: "NDArray[np.int64]",
    counts: "NDArray[np.int32]",
    uses: "NDArray[np.int32]",
    newest: "NDArray[np.int32]",
) -> None:
    """Count the articles of one segment that hold each word.

    Args:
        words, docs: by place.
        live: a bit for each docnum.
        fresh: docnums from which on an article weighs twice as much, each time.
        counts, uses: zeros; receive by word how many articles hold it, and the sum of their weights.
        newest: receives by word where it first stands in the newest of them; what was there does not matter.
    """
    for place in range(len(words)):
        word, doc = words[place], docs[place]
        if is_alive(live, doc) and (counts[word] == 0 or docs[newest[word]] != doc):
            counts[word] += 1
            uses[word] += weight_of(doc, fresh)
            newest[word] = place


@inlined
def keep_last(found: "NDArray[np.int64]", count: int, doc: int) -> int:
    """Put an article among the last ones, descending, each once; returns how many they are then."""
    at = count
    while at and found[at - 1] < doc:
        at -= 1
    if at == len(found) or (at and found[at - 1] == doc):
        return count
    if count < len(found):
        count += 1
    for moved in range(count - 1, at, -1):
        found[moved] = found[moved - 1]
    found[at] = doc
    return count


@kernel(i64(i64s, i32s, i64s, i32s, u64s, i64w))
def last_docs(
    chosen: "NDArray[np.int64]",
    docs: "NDArray[np.int32]",
    starts: "NDArray[np.int64]",
    places: "NDArray[np.int32]",
    live: "NDArray[np.uint64]",
    found: "NDArray[np.int64]",
) -> int:
    """The last live articles that hold one of the words.

    Args:
        chosen: words.
        docs, starts, places: as `lay_out` has them.
        live: a bit for each docnum.
        found: receives docnums, descending, as many as there is room for.

    Returns:
        How many there are.
    """
    count = 0
    for word in chosen:
        for back in range(starts[word + 1] - starts[word]):
            doc = np.int64(docs[places[starts[word + 1] - 1 - back]])
            if count == len(found) and doc <= found[count - 1]:
                break
            if is_alive(live, doc):
                count = keep_last(found, count, doc)
    return count


@kernel(i64(u8s, u32s, i64, i64, u8s, i64w))
def keys_with_word(
    keys: "NDArray[np.uint8]",
    ends: "NDArray[np.uint32]",
    first: int,
    last: int,
    text: "NDArray[np.uint8]",
    found: "NDArray[np.int64]",
) -> int:
    """The keys in [first, last) in which a word begins with the text, which is not empty.

    Words begin behind what is neither a letter nor a digit in ASCII; all else counts as letters.

    Returns:
        How many there are; `found` receives them, counted from `first`.
    """
    count = 0
    for key in range(first, last):
        start = np.int64(ends[key - 1]) if key else 0
        stop = np.int64(ends[key])
        for at in range(start, stop - len(text) + 1):
            if at > start:
                before = keys[at - 1]
                lower, digit = 0x61 <= before <= 0x7A, 0x30 <= before <= 0x39
                if lower or digit or before >= 0x80 or 0x41 <= before <= 0x5A:
                    continue
            same = 0
            while same < len(text) and keys[at + same] == text[same]:
                same += 1
            if same == len(text):
                found[count] = key - first
                count += 1
                break
    return count
