"""Every posting list of a field, some at a time, for whoever does not believe what is in them.

Contract: a list is given out only if it makes sense by itself: it lies in words of its own, its docnums ascend and
are of the segment, its frequencies add up to what the dictionary says, its headers and ranks say what its postings
do. No kernel is sent to a place that was not looked at before: nonsense is an error, never a crash. Memory is bounded
by `CHUNK_OCCURRENCES`, or by the occurrences of one term if it has more; some sixty bytes each.

Not here: whether lists, lengths, bounds and values agree with one another (`check.py`), single lists (`segment.py`).
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from partition.envelope import MEND
from partition.errors import CorruptFile
from partition.kernels.merging import unpack_lists
from partition.kernels.postings import AREA, BITMAP, BLOCK, BLOCKS, DATA, RANKS
from partition.kernels.reading import fill_row, read_list
from partition.segment import Segment

CHUNK_OCCURRENCES = 1 << 20


class Lists(NamedTuple):
    """The lists of consecutive terms of a field, one after the other."""

    terms: range
    """Their ordinals in the whole dictionary."""
    starts: NDArray[np.int64]
    """Shape (terms,): where each list begins in `docs` and `tfs`."""
    docs: NDArray[np.int32]
    tfs: NDArray[np.int32]
    blocks: NDArray[np.int64]
    """Where each block begins in `docs` and `tfs`."""
    bounds: NDArray[np.int64]
    """What each block can add, in steps."""
    positions: NDArray[np.int64]
    """Of each occurrence, as many as the frequencies say; empty when the field has no positions."""


def lists_of(segment: Segment, field: str) -> Iterator[Lists]:
    """All lists of a field, in order.

    Raises:
        CorruptFile: one of them makes no sense.
    """
    first, last = segment.fields[field]["terms"]
    reached = np.cumsum(segment.file.section("totals")[first:last], dtype=np.int64)
    low = first
    while low < last:
        before = reached[low - first - 1] if low > first else 0
        fitting = int(np.searchsorted(reached, before + CHUNK_OCCURRENCES, side="right"))
        high = max(low + 1, first + fitting)
        yield _Chunk(segment, field, range(low, high)).read()
        low = high


class _Chunk:
    """Lists that are read at once. Each step trusts what those before it have made sure of."""

    def __init__(self, segment: Segment, field: str, terms: range) -> None:
        self._segment, self._field, self._terms = segment, field, terms
        low, high, words = terms.start, terms.stop, len(segment.words)
        areas = _bits(segment.areas[low : high + 1], 0, 48)
        self._areas = areas[: len(terms)]
        self._ends = np.minimum(np.append(areas, words)[1 : len(terms) + 1], words)
        self._dfs = segment.dfs[low:high].astype(np.int64)
        self._totals = segment.file.section("totals")[low:high].astype(np.int64)
        self._rows = np.zeros((len(terms), 8), np.int64)

    def read(self) -> Lists:
        """All of them.

        Raises:
            CorruptFile
        """
        self._place()
        words, rows, dfs = self._segment.words, self._rows, self._dfs
        # By block: its term, how many blocks of the term come before it, its two headers, how many articles it has.
        of = np.repeat(np.arange(len(rows)), rows[:, BLOCKS])
        firsts = np.cumsum(rows[:, BLOCKS]) - rows[:, BLOCKS]
        nth = np.arange(len(of)) - firsts[of]
        one, other = (words[self._areas[of] + 2 * nth + which] for which in (0, 1))
        counts = np.minimum(BLOCK, dfs[of] - BLOCK * nth)

        data = rows[of, DATA] + _bits(one, 32, 32)
        used = (counts - 1) * _bits(other, 40, 5) + counts * _bits(other, 45, 5)
        self._demand(np.logical_and.reduceat(64 * data + used <= 64 * self._ends[of], firsts))
        starts = np.cumsum(dfs) - dfs
        blocks = starts[of] + BLOCK * nth
        docs, tfs = self._postings(starts)

        positions = np.empty(0, np.int64)
        if self._segment.fields[self._field]["positions"]:
            gaps = rows[of, DATA] + _bits(other, 0, 40)
            used = np.add.reduceat(tfs, blocks, dtype=np.int64) * _bits(other, 50, 5)
            self._demand(np.logical_and.reduceat(64 * gaps + used <= 64 * self._ends[of], firsts))
            positions = self._positions()
        return Lists(self._terms, starts, docs, tfs, blocks, _bits(other, 55, 9), positions)

    def _demand(self, sound: NDArray[np.bool_]) -> None:
        """Refuse the first term for which this is not true."""
        if not sound.all():
            key = self._segment.key(self._terms[int(sound.argmin())])
            raise CorruptFile(self._segment.file.path, f"the list of {key!r} in {self._field} makes no sense", MEND)

    def _place(self) -> None:
        """Find the parts of each list, which must lie inside it."""
        segment, words = self._segment, self._segment.words
        self._demand(self._dfs > 0)
        for at, (area, df) in enumerate(zip(self._areas.tolist(), self._dfs.tolist(), strict=True)):
            fill_row(area, df, segment.size, self._rows[at : at + 1])
        self._demand(self._rows[:, DATA] <= self._ends)
        # Readers of bits look one word ahead.
        segment.file.verify_words(int(self._areas[0]), min(int(self._ends[-1]) + 1, len(words)))
        dense = np.flatnonzero(self._rows[:, BITMAP] >= 0)
        sound = np.ones(len(self._rows), np.bool_)
        sound[dense] = [self._is_bitmap(at) for at in dense.tolist()]
        self._demand(sound)

    def _is_bitmap(self, at: int) -> bool:
        """Whether a dense list's bitmap has the articles that it should, and headers and ranks count them."""
        words, df = self._segment.words, int(self._dfs[at])
        area, blocks, bitmap, ranks, data = self._rows[at, [AREA, BLOCKS, BITMAP, RANKS, DATA]].tolist()
        docs = np.flatnonzero(np.unpackbits(words[bitmap:ranks].view(np.uint8), bitorder="little"))
        if len(docs) != df:
            return False
        last = docs[np.minimum(np.arange(1, blocks + 1) * BLOCK, df) - 1]
        before = np.searchsorted(docs, np.arange(0, self._segment.size, 512))
        stated = _bits(words[area : area + 2 * blocks : 2], 0, 32), words[ranks:data].view("<u4")[: len(before)]
        return np.array_equal(stated[0], last) and np.array_equal(stated[1], before)

    def _postings(self, starts: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Docnums and frequencies."""
        words, stops = self._segment.words, starts + self._dfs
        docs, tfs = np.empty(int(stops[-1]), np.int32), np.empty(int(stops[-1]), np.int32)
        for at, (start, stop) in enumerate(zip(starts.tolist(), stops.tolist(), strict=True)):
            read_list(words, self._rows[at : at + 1], docs[start:stop], tfs[start:stop])
        ascending = np.ones(len(docs), np.bool_)
        ascending[1:] = docs[1:] > docs[:-1]
        ascending[starts] = True
        self._demand(np.logical_and.reduceat(ascending & (docs < self._segment.size) & (tfs > 0), starts))
        self._demand(np.add.reduceat(tfs, starts, dtype=np.int64) == self._totals)
        return docs, tfs

    def _positions(self) -> NDArray[np.int64]:
        """Where each term stands; kept as gaps, they ascend whatever is there."""
        lists = np.stack([np.arange(len(self._rows)), self._areas, self._dfs], axis=1)
        numbers = np.arange(self._segment.size, dtype=np.int32)
        occurrences = np.empty(int(self._totals.sum()), np.uint64)
        places = np.cumsum(self._totals) - self._totals
        unpack_lists(self._segment.words, lists, self._segment.size, numbers, True, places, occurrences)
        return _bits(occurrences, 0, 32)


def _bits(words: NDArray[Any], first: int, width: int) -> NDArray[np.int64]:
    """The number in so many bits of each word, the lowest of them being `first`."""
    return ((words >> np.uint64(first)) & np.uint64((1 << width) - 1)).astype(np.int64)
