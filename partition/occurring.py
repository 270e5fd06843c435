"""What the articles of a segment hold of one field, article after article, as numbers: for counting words in a row.

A segment keeps lists by word. Here they are laid out by article, when somebody asks for the first time, which takes
some ten milliseconds for a million words; it is remembered with the segment, for all states that have it in common,
at some fifteen bytes a word.

Contract: the fields are `schema.HEADING`, of which the words are in the order of the text, and those of
`schema.KEYWORD_FIELDS`, of which the values are. Of a field that is damaged nothing is returned.

Not here: the loops (`kernels/occurring.py`), counting words in a row (`kernels/ngrams.py`).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from partition.kernels.merging import unpack_lists
from partition.kernels.occurring import count_words, hash_keys, lay_out
from partition.kernels.postings import FIRST_WORD
from partition.schema import HEADING
from partition.segment import Segment


class Occurring(NamedTuple):
    """The words of one field of a segment; a word is its ordinal in the field's dictionary."""

    first: int
    """Ordinal of the first in the whole dictionary."""
    words: NDArray[np.int32]
    """By place."""
    docs: NDArray[np.int32]
    """By place."""
    begins: NDArray[np.int64]
    """Shape (size,): where each article begins."""
    starts: NDArray[np.int64]
    """Shape (words + 1,): where in `places` those of each word begin; empty for keyword fields."""
    places: NDArray[np.int32]
    """Word after word, where it stands, ascending; empty for keyword fields."""
    hashes: NDArray[np.uint64]
    """Of each word's text, alike in all segments."""


class Use(NamedTuple):
    """How many live articles hold each word of a field."""

    counts: NDArray[np.int32]
    weighted: NDArray[np.int32]
    """The sum of their weights."""
    newest: NDArray[np.int32]
    """Where each word first stands in the newest of them."""


def occurring(segment: Segment, field: str) -> Occurring:
    """The words of a field, laid out or remembered.

    Raises:
        CorruptFile
    """
    with segment.deriving:
        found: Occurring | None = segment.derived.get(field)
        if found is None:
            found = segment.derived[field] = _heading(segment) if field == HEADING else _values(segment, field)
    return found


def use(segment: Segment, field: str, fresh: NDArray[np.int64]) -> Use:
    """How many live articles hold each word.

    Args:
        segment: whose.
        field: as of `occurring`.
        fresh: docnums from which on an article weighs twice as much, each time.

    Raises:
        CorruptFile
    """
    of = occurring(segment, field)
    bounds = fresh.tobytes()
    known: tuple[bytes, Use] | None = segment.derived_of_live.get(field)
    if known is None or known[0] != bounds:
        counts, weighted, newest = (np.zeros(len(of.hashes), np.int32) for _ in range(3))
        count_words(of.words, of.docs, segment.live_words, fresh, counts, weighted, newest)
        known = segment.derived_of_live[field] = bounds, Use(counts, weighted, newest)
    return known[1]


def _heading(segment: Segment) -> Occurring:
    first, last = segment.fields[HEADING]["terms"]
    totals = segment.file.section("totals")[first:last].astype(np.int64)
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(totals)])
    if last > first:
        stop = int(segment.areas[last] & FIRST_WORD) if last < len(segment.areas) else len(segment.words)
        segment.file.verify_words(int(segment.areas[first] & FIRST_WORD), min(stop + 1, len(segment.words)))
    areas = (segment.areas[first:last] & FIRST_WORD).astype(np.int64)
    lists = np.stack([np.arange(last - first), areas, segment.dfs[first:last]], axis=1).astype(np.int64)
    occurrences = np.empty(int(starts[-1]), np.uint64)
    docnums = np.arange(segment.size, dtype=np.int32)
    unpack_lists(
        segment.words, np.ascontiguousarray(lists), segment.size, docnums, True, starts[:-1].copy(), occurrences
    )
    lengths = segment.length("title").astype(np.int64)
    begins = np.cumsum(lengths) - lengths
    words, docs, places = (np.empty(len(occurrences), np.int32) for _ in range(3))
    lay_out(occurrences, starts, begins, words, docs, places)
    return Occurring(first, words, docs, begins, starts, places, _hashes(segment, first, last))


def _values(segment: Segment, field: str) -> Occurring:
    first, last = segment.fields[field]["terms"]
    ordinals, counts = segment.values(field)
    docs = np.repeat(np.arange(segment.size, dtype=np.int32), counts)
    begins = np.cumsum(counts) - counts
    nothing = np.empty(0, np.int64), np.empty(0, np.int32)
    return Occurring(first, ordinals.astype(np.int32), docs, begins, *nothing, _hashes(segment, first, last))


def _hashes(segment: Segment, first: int, last: int) -> NDArray[np.uint64]:
    hashes = np.empty(last - first, np.uint64)
    hash_keys(segment.keys, segment.key_ends, first, last, hashes)
    return hashes
