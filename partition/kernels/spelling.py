"""Words that are spelled alike: the keys of a dictionary within some edits of a word.

An edit is a letter more, a letter less, another letter, or two neighbours exchanged (each letter is edited once at
most: optimal string alignment). Keys ascend, so the rows of the table that is filled for one are kept for what the
next one has in common with it; and when no continuation can come near, all keys with that beginning are skipped.

Contract: exact, over Unicode letters; what stands behind U+001F, a term's language, is not looked at.

Source: B. Oommen and R. Loke, "Pattern recognition of strings with substitutions, insertions, deletions and
generalized transpositions", 1997; the walk is that over a trie, as in K. Schulz and S. Mihov, "Fast String Correction
with Levenshtein Automata", 2002, by rows instead of an automaton.

Not here: which words are worth suggesting (`search/spelling.py`).
"""

from typing import TYPE_CHECKING

import numpy as np

from partition.kernels.jit import boolean, i64, i64s, i64w, inlined, kernel, u8s, u32s
from partition.kernels.terms import OF, code_point, compare

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_CHARS = 72
"""A longer key has more letters than a word has, and edits."""


@inlined
def _skip(keys: "NDArray[np.uint8]", ends: "NDArray[np.uint32]", first: int, last: int, start: int, stop: int) -> int:
    """The first key in [first, last) that does not begin with bytes [start, stop), which all before do."""
    low, high, step = first, last, 1
    narrowing = False
    while low < high:
        # Most beginnings are those of few keys: in steps that double, then halve.
        middle = (low + high) >> 1 if narrowing else min(low + step, high) - 1
        begin = np.int64(ends[middle - 1])
        end = min(np.int64(ends[middle]), begin + stop - start)
        if compare(keys, begin, end, keys, start, stop) <= 0:
            low = middle + 1
            step *= 2
        else:
            high = middle
            narrowing = True
    return low


@kernel(i64(u8s, u32s, i64, i64, i64s, i64, boolean, i64w, i64w))
def near_keys(
    keys: "NDArray[np.uint8]",
    ends: "NDArray[np.uint32]",
    first: int,
    last: int,
    word: "NDArray[np.int64]",
    edits: int,
    prefix: bool,
    found: "NDArray[np.int64]",
    distances: "NDArray[np.int64]",
) -> int:
    """The keys that are within some edits of a word.

    Args:
        keys, ends: a dictionary, as `terms.py` has it.
        first, last: the range of keys to look through.
        word: its code points, at most `MAX_CHARS` of them.
        edits: how many at most.
        prefix: whether a key is as near as the nearest of its beginnings.
        found, distances: receive the ordinals of the keys and their edits, as many as there is room for.

    Returns:
        How many there are, with or without room.
    """
    length = len(word)
    rows = np.empty((MAX_CHARS + 2, length + 2), np.int64)
    chars = np.empty(MAX_CHARS + 2, np.int64)
    offsets = np.zeros(MAX_CHARS + 2, np.int64)
    """By depth: the letter, and how many bytes of the key come before the next."""
    least = np.zeros(MAX_CHARS + 2, np.int64)
    """By depth: the fewest edits in the row."""
    whole = np.empty(MAX_CHARS + 2, np.int64)
    """By depth: the edits of this beginning, or more than count."""
    nearest = np.empty(MAX_CHARS + 2, np.int64)
    """By depth: the fewest edits of a beginning that is no longer."""
    beyond = edits + 1
    rows[0] = np.arange(length + 2)
    whole[0] = nearest[0] = length
    depth = 0
    count = 0
    key = first
    before_start, before_stop = np.int64(0), np.int64(0)
    while key < last:
        start = np.int64(ends[key - 1]) if key else 0
        stop = np.int64(ends[key])
        common = 0
        while (
            common < stop - start
            and common < before_stop - before_start
            and keys[start + common] == keys[before_start + common]
        ):
            common += 1
        while depth and offsets[depth] > common:
            depth -= 1
        before_start, before_stop = start, stop
        far = False
        while start + offsets[depth] < stop and keys[start + offsets[depth]] != OF:
            if depth > length + edits or depth == MAX_CHARS:
                far = not (prefix and nearest[depth] <= edits)
                break
            code, size = code_point(keys, start + offsets[depth])
            row, above = rows[depth + 1], rows[depth]
            # Farther from the diagonal there are more edits than count.
            low, high = max(1, depth + 1 - edits), min(length, depth + 1 + edits)
            row[low - 1] = depth + 1 if low == 1 else beyond
            fewest = row[low - 1]
            for at in range(low, high + 1):
                best = min(above[at], row[at - 1]) + 1
                best = min(best, above[at - 1] + (word[at - 1] != code))
                if depth and at > 1 and word[at - 1] == chars[depth] and word[at - 2] == code:
                    best = min(best, rows[depth - 1, at - 2] + 1)
                row[at] = best
                fewest = min(fewest, best)
            row[high + 1] = beyond
            depth += 1
            chars[depth] = code
            offsets[depth] = offsets[depth - 1] + size
            least[depth] = fewest
            whole[depth] = row[length] if low <= length + 1 and high == length else beyond
            nearest[depth] = min(nearest[depth - 1], whole[depth])
            # An exchange may still mend what the row before could not.
            if fewest > edits and least[depth - 1] + 1 > edits:
                far = not (prefix and nearest[depth] <= edits)
                break
        if far:
            # The next key that does not begin so.
            key = _skip(keys, ends, key + 1, last, start, start + offsets[depth])
            continue
        distance = nearest[depth] if prefix else whole[depth]
        if distance <= edits:
            if count < len(found):
                found[count], distances[count] = key, distance
            count += 1
        key += 1
    return count
