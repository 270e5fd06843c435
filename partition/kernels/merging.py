"""Posting lists of several segments into one, without reading a text again.

Each segment's lists are unpacked into occurrences under their articles' new numbers; segments are sorted alike, so
each list ascends, and the lists of one term merge as sorted runs. `invert.encode_terms` then writes them as if
they came from texts.

Contract: works on as many terms at a time as the caller has room for; deleted articles have no new number and vanish.

Not here: which segments are merged (`partition/merge_policy.py`), the rest of a segment (`partition/merge.py`).
"""

from typing import TYPE_CHECKING

import numpy as np

from partition.kernels.bits import get
from partition.kernels.jit import boolean, i32s, i64, i64m, i64s, i64w, kernel, u64s, u64w, void
from partition.kernels.postings import BLOCK, BLOCKS, block_docs, block_gaps, block_tfs, row_of

if TYPE_CHECKING:
    from numpy.typing import NDArray


@kernel(void(u64s, i64m, i64, i32s, boolean, i64w, u64w))
def unpack_lists(
    words: "NDArray[np.uint64]",
    lists: "NDArray[np.int64]",
    articles: int,
    numbers: "NDArray[np.int32]",
    positions: bool,
    places: "NDArray[np.int64]",
    occurrences: "NDArray[np.uint64]",
) -> None:
    """Append the lists of one segment to the runs of their terms.

    Args:
        words, articles: the segment's postings and size.
        lists: shape (n, 3): which term of the merged segment, first word of the list, articles on it.
        numbers: by docnum: the new one, -1 for a deleted article.
        positions: whether the field has positions.
        places: by merged term: where its next occurrence goes; advanced.
        occurrences: receives new docnum << 32 | position.
    """
    rows = np.empty((1, 8), np.int64)
    docs = np.empty((1, BLOCK), np.int32)
    tfs = np.empty(BLOCK, np.int32)
    before = np.empty((1, BLOCK + 1), np.int32)
    for nth in range(len(lists)):
        row_of(lists[nth, 1], lists[nth, 2], articles, rows, 0)
        place = places[lists[nth, 0]]
        for block in range(rows[0, BLOCKS]):
            count = block_docs(words, rows, 0, block, docs, 0)
            block_tfs(words, rows, 0, block, tfs)
            bit, width = 0, 0
            if positions:
                bit, width = block_gaps(words, rows, 0, block, before)
            for at in range(count):
                number = np.int64(numbers[docs[0, at]])
                if number < 0:
                    bit += width * tfs[at]
                    continue
                high = np.uint64(number) << np.uint64(32)
                position = -1
                for _nth in range(tfs[at]):
                    position += get(words, bit, width) + 1 if positions else 1
                    bit += width
                    occurrences[place] = high | np.uint64(position)
                    place += 1
        places[lists[nth, 0]] = place


@kernel(void(u64w, i64m, i64s))
def merge_runs(occurrences: "NDArray[np.uint64]", run_ends: "NDArray[np.int64]", starts: "NDArray[np.int64]") -> None:
    """Sort the occurrences of each term, which are as many ascending runs as there are segments.

    Args:
        occurrences: sorted in place.
        run_ends: shape (segments, terms): where each run ends; it begins where the one before ends.
        starts: shape (terms,): where the first begins.
    """
    segments = len(run_ends)
    longest = 0
    for term in range(len(starts)):
        longest = max(longest, run_ends[segments - 1, term] - starts[term])
    room = np.empty(longest, np.uint64)
    for term in range(len(starts)):
        start = starts[term]
        middle = run_ends[0, term]
        for segment in range(1, segments):
            stop = run_ends[segment, term]
            if start < middle < stop and occurrences[middle] < occurrences[middle - 1]:
                before = middle - start
                room[:before] = occurrences[start:middle]
                at, left, right = start, 0, middle
                while left < before:
                    if right < stop and occurrences[right] < room[left]:
                        occurrences[at] = occurrences[right]
                        right += 1
                    else:
                        occurrences[at] = room[left]
                        left += 1
                    at += 1
            middle = max(middle, stop)
