"""From words in articles to posting lists of terms, by counting sort.

Contract: `number_terms` numbers the terms that occur, so that nothing depends on how many there are in the language;
`count_terms` counts; a prefix sum outside gives each term its place; `scatter` puts each occurrence there, in the
order of articles and positions; `encode_terms` writes the lists into words, as many as fit. Memory is eight bytes an
occurrence, known before. A field that consists of others gets its occurrences from theirs: `append_runs`, then
`merging.merge_runs`.

Source: the inversion in memory of I. Witten, A. Moffat and T. Bell, "Managing Gigabytes", 1999, section 5.2.

Not here: the layout of a list (`postings.py`), the order of terms (`partition/build.py`).
"""

from typing import TYPE_CHECKING

import numpy as np

from partition.kernels.jit import boolean, f64s, i32s, i32w, i64, i64s, i64w, kernel, u64s, u64w, void
from partition.kernels.postings import encode, most_words

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LOW = np.uint64(0xFFFF_FFFF)
_HIGH = np.uint64(32)


@kernel(i64(i32w, i32w, i32w, i64))
def number_terms(
    tokens: "NDArray[np.int32]", numbers: "NDArray[np.int32]", used: "NDArray[np.int32]", count: int
) -> int:
    """Number terms in the order in which they first occur.

    Args:
        tokens: terms; become their numbers.
        numbers: by term, its number if it has one, else -1.
        used: by number, its term; receives those that are new.
        count: how many have a number.

    Returns:
        How many have one then.
    """
    for at in range(len(tokens)):
        term = tokens[at]
        if numbers[term] < 0:
            numbers[term] = count
            used[count] = term
            count += 1
        tokens[at] = numbers[term]
    return count


@kernel(void(i32s, i64w))
def count_terms(tokens: "NDArray[np.int32]", counts: "NDArray[np.int64]") -> None:
    """Add up occurrences by term."""
    for at in range(len(tokens)):
        counts[tokens[at]] += 1


@kernel(void(i32s, i64s, i64s, i64s, i64w, u64w))
def scatter(
    tokens: "NDArray[np.int32]",
    starts: "NDArray[np.int64]",
    ends: "NDArray[np.int64]",
    order: "NDArray[np.int64]",
    places: "NDArray[np.int64]",
    occurrences: "NDArray[np.uint64]",
) -> None:
    """Sort occurrences by term.

    Args:
        tokens: terms.
        starts, ends: shape (articles,), the half-open range of each article's.
        order: which article gets which docnum: the first of them gets 0.
        places: by term, where its next occurrence goes; advanced.
        occurrences: receives docnum << 32 | position.
    """
    for doc in range(len(order)):
        start = starts[order[doc]]
        high = np.uint64(doc) << _HIGH
        for at in range(start, ends[order[doc]]):
            term = tokens[at]
            place = places[term]
            occurrences[place] = high | np.uint64(at - start)
            places[term] = place + 1


@kernel(i64(u64s, i64s, i64s, i64, boolean, f64s, i64, u64w, i64, i64w, i64w, i64w, i64w))
def encode_terms(
    occurrences: "NDArray[np.uint64]",
    starts: "NDArray[np.int64]",
    stops: "NDArray[np.int64]",
    first: int,
    positions: bool,
    norms: "NDArray[np.float64]",
    articles: int,
    words: "NDArray[np.uint64]",
    base: int,
    areas: "NDArray[np.int64]",
    dfs: "NDArray[np.int64]",
    totals: "NDArray[np.int64]",
    state: "NDArray[np.int64]",
) -> int:
    """Write the lists of terms from `first` on, as many as fit.

    Args:
        occurrences: as `scatter` left them.
        starts, stops: shape (terms,), each term's range of them, in the order in which lists are written.
        first: the term to begin with.
        positions: whether to keep positions.
        norms, articles: as `postings.encode` takes them.
        words: zeros; receives the lists.
        base: the word of the whole file section that words[0] will be.
        areas: receives by term its first word | largest bound << 48.
        dfs, totals: receive by term how many articles hold it, and how often in all.
        state: receives how many of `words` were written.

    Returns:
        The first term that did not fit, the number of terms if all did.
    """
    longest = 0
    for term in range(first, len(starts)):
        longest = max(longest, stops[term] - starts[term])
    docs = np.empty(longest, np.int32)
    tfs = np.empty(longest, np.int32)
    gaps = np.empty(longest if positions else 0, np.int32)
    end = 0
    term = first
    while term < len(starts):
        start, stop = starts[term], stops[term]
        if end + most_words(stop - start, stop - start, articles) > len(words):
            break
        df = 0
        last, expected = -1, 0
        for at in range(start, stop):
            doc = np.int64(occurrences[at] >> _HIGH)
            position = np.int64(occurrences[at] & _LOW)
            if doc != last:
                docs[df] = doc
                tfs[df] = 0
                df += 1
                last, expected = doc, 0
            tfs[df - 1] += 1
            if positions:
                gaps[at - start] = position - expected
                expected = position + 1
        after, largest = encode(docs, tfs, df, gaps, norms, articles, words, end)
        areas[term] = (base + end) | (largest << 48)
        dfs[term] = df
        totals[term] = stop - start
        end = after
        term += 1
    state[0] = end
    return term


@kernel(void(u64s, i64s, i64s, i64, i64w, u64w))
def append_runs(
    occurrences: "NDArray[np.uint64]",
    starts: "NDArray[np.int64]",
    stops: "NDArray[np.int64]",
    times: int,
    places: "NDArray[np.int64]",
    joined: "NDArray[np.uint64]",
) -> None:
    """Append the occurrences in one field to the runs of their terms.

    Args:
        occurrences: as `scatter` left them.
        starts, stops: shape (terms,), each term's range of them.
        times: how often each occurrence counts.
        places: by term, where its next occurrence goes; advanced.
        joined: receives them.
    """
    for term in range(len(starts)):
        place = places[term]
        for at in range(starts[term], stops[term]):
            for _nth in range(times):
                joined[place] = occurrences[at]
                place += 1
        places[term] = place
