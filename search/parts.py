"""The segments of a state, numbered, and one table into which words of all of them are counted.

Contract: what is counted over all segments does not depend on how articles are spread over them. A segment that is
damaged is named by its partition. There is a look at the clock before each call about all segments.

Not here: what is counted (`names.py`, `phrases.py`), the loops (`kernels/completing.py`, `kernels/ngrams.py`).
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from partition.errors import IndexFileError
from partition.kernels import completing, ngrams
from partition.occurring import occurring, use
from partition.schema import NO_DATE_MS
from partition.segment import Segment, codes_of
from search.dates import DAY_MS
from search.deadline import DeadlineError
from search.leaf import Leaf, PartitionDamagedError
from search.snapshot import Partitions, Snapshot

FRESH_DAYS = (365, 90, 30)
"""An article that is no older than so many days, counted from the day of the newest, weighs twice as much."""
FEW_ROWS = 1 << 14
NONE = np.empty(0, np.int64)


class Part(NamedTuple):
    """A segment."""

    leaf: Leaf
    ordinal: int
    number: int
    """Among all."""
    segment: Segment
    fresh: NDArray[np.int64]
    """Docnums from which on an article weighs twice as much, each time."""


class Table:
    """Counted n-grams (`kernels/ngrams.py`)."""

    def __init__(self, rows: int = FEW_ROWS) -> None:
        """Args: how many rows it begins with, a power of two."""
        self.rows = np.zeros((rows, ngrams.COLUMNS), np.int64)
        self.used = np.zeros(rows // ngrams.FULL, np.int64)
        self.state = np.zeros(1, np.int64)

    def reserve(self, more: int) -> None:
        """Make room for so many more."""
        count = int(self.state[0])
        size = len(self.rows)
        while (count + more) * ngrams.FULL > size:
            size *= 2
        if size > len(self.rows):
            larger = np.zeros((size, ngrams.COLUMNS), np.int64)
            ngrams.move(self.rows, self.used, count, larger)
            self.rows = larger
            self.used = np.concatenate([self.used, np.zeros(size // ngrams.FULL - len(self.used), np.int64)])

    def choose(self, most: int) -> NDArray[np.int64]:
        """The rows of the best, which go on."""
        best = np.empty(most, np.int64)
        held = ngrams.choose(self.rows, self.used, int(self.state[0]), best)
        return self.rows[best[:held]]


class Words(NamedTuple):
    """Words of all segments: segment after segment, ascending."""

    words: NDArray[np.int64]
    offsets: NDArray[np.int64]
    """Shape (segments + 1,): where those of each begin."""


class Rows(NamedTuple):
    """The segments as a table for one field (`kernels/completing.py`)."""

    rows: NDArray[np.int64]
    kept: list[Any]
    """What the addresses are of."""


class Parts:
    """The segments of a snapshot, for one request."""

    def __init__(self, snapshot: Snapshot, deadline_s: float) -> None:
        """Args: the state, and when to give up, on the monotonic clock."""
        partitions = snapshot.partitions
        self._state = _state_of(partitions)
        self.all = self._state.parts
        self.words = partitions.words
        self._deadline_s = deadline_s
        self._reading: Part | None = None

    def each(self) -> Iterator[Part]:
        """One after the other, as long as there is time.

        Raises:
            DeadlineError
        """
        for part in self.all:
            self.check()
            self._reading = part
            yield part

    def check(self) -> None:
        """Whether there is time.

        Raises:
            DeadlineError
        """
        if time.monotonic() > self._deadline_s:
            raise DeadlineError

    def reading(self, part: Part) -> None:
        """What is wrong with this segment is what is read next."""
        self._reading = part

    def of(self, row: list[int]) -> tuple[Part, int]:
        """The segment that holds the newest article of a counted n-gram, and where in it that begins."""
        self._reading = part = self.all[row[ngrams.PLACE] >> 32]
        return part, row[ngrams.PLACE] & 0xFFFF_FFFF

    @contextmanager
    def blamed(self) -> Iterator[None]:
        """What is wrong with the segment that was read last is its partition's.

        Raises:
            PartitionDamagedError
        """
        try:
            yield
        except IndexFileError as error:
            assert self._reading, "nothing else is read"
            raise PartitionDamagedError(self._reading.leaf.partition, error) from None

    def rows(self, field: str) -> NDArray[np.int64]:
        """All segments as a table, made when somebody first asks.

        Raises:
            DeadlineError, IndexFileError
        """
        self.check()
        known = self._state.rows.get(field)
        if known is None:
            rows = np.zeros((len(self.all), completing.COLUMNS), np.int64)
            kept: list[Any] = []
            for part in self.each():
                rows[part.number], arrays = _row(part, field)
                kept.append(arrays)
            # What is there first stays: others may be using its addresses.
            known = self._state.rows.setdefault(field, Rows(rows, kept))
        return known.rows

    def near(self, field: str, text: str, edits: int, *, prefix: bool) -> tuple[Words, NDArray[np.int64]]:
        """The words of a field that are within some edits of a text, or begin so; and how many edits each is away."""
        rows = self.rows(field)
        found, distances = np.empty((2, _vocabulary(rows)), np.int64)
        offsets = np.empty(len(rows) + 1, np.int64)
        self.check()
        completing.words_near(rows, codes_of(text), edits, prefix, found, distances, offsets)
        return Words(found[: offsets[-1]].copy(), offsets), distances[: offsets[-1]]

    def with_word(self, field: str, text: str) -> Words:
        """The values of a field of which a word begins with a text, which is not empty."""
        rows = self.rows(field)
        found, offsets = np.empty(_vocabulary(rows), np.int64), np.empty(len(rows) + 1, np.int64)
        self.check()
        completing.words_with(rows, np.frombuffer(text.encode(), np.uint8), found, offsets)
        return Words(found[: offsets[-1]], offsets)

    def gather(self, table: Table, field: str, words: Words, distances: NDArray[np.int64]) -> None:
        """Count single words into the table."""
        table.reserve(len(words.words))
        rows = self.rows(field)
        self.check()
        completing.gather_all(rows, words.offsets, words.words, distances, table.rows, table.used, table.state)


def _vocabulary(rows: NDArray[np.int64]) -> int:
    """How many words there are in all segments."""
    return int(rows[:, completing.VOCABULARY].sum())


class _State(NamedTuple):
    """What is remembered with the partitions of a state."""

    parts: list[Part]
    rows: dict[str, Rows]


def _state_of(partitions: Partitions) -> _State:
    """The segments of a state, remembered with it."""
    known: _State | None = partitions.parts
    if known is None:
        segments = [
            (leaf, ordinal, segment)
            for leaf in partitions.leaves
            for ordinal, segment in enumerate(leaf.reader.segments)
        ]
        newest_ms = max((_newest_ms(segment) for _leaf, _ordinal, segment in segments), default=NO_DATE_MS)
        today = newest_ms // DAY_MS + 1
        since_ms = [
            (today - days) * DAY_MS if newest_ms != NO_DATE_MS else np.iinfo(np.int64).max for days in FRESH_DAYS
        ]
        parts = [
            Part(leaf, ordinal, number, segment, np.searchsorted(segment.published_ms, since_ms).astype(np.int64))
            for number, (leaf, ordinal, segment) in enumerate(segments)
        ]
        known = partitions.parts = _State(parts, {})
    return known


def _row(part: Part, field: str) -> tuple[list[int], Any]:
    """A row of a table, and what its addresses are of."""
    segment = part.segment
    of, used = occurring(segment, field), use(segment, field, part.fresh)
    first, last = segment.fields[field]["terms"]
    columns = (
        (completing.TEXTS, of.words),
        (completing.DOCS, of.docs),
        (completing.BEGINS, of.begins),
        (completing.STARTS, of.starts),
        (completing.PLACES, of.places),
        (completing.HASHES, of.hashes),
        (completing.LIVE, segment.live_words),
        (completing.TIMES, segment.published_ms),
        (completing.IDS, segment.hashes),
        (completing.COUNTS, used.counts),
        (completing.USES, used.weighted),
        (completing.NEWEST, used.newest),
        (completing.FRESH, part.fresh),
        (completing.KEYS, segment.keys),
        (completing.KEY_ENDS, segment.key_ends),
    )
    sizes = (
        (completing.TEXTS_SIZE, len(of.words)),
        (completing.ARTICLES, segment.size),
        (completing.VOCABULARY, len(of.hashes)),
        (completing.FRESH_SIZE, len(part.fresh)),
        (completing.KEYS_SIZE, len(segment.keys)),
        (completing.TERMS, len(segment.key_ends)),
        (completing.FIRST, first),
        (completing.LAST, last),
    )
    row = [0] * completing.COLUMNS
    for column, array in columns:
        row[column] = array.ctypes.data
    for column, size in sizes:
        row[column] = size
    return row, columns


def _newest_ms(segment: Segment) -> int:
    """When the newest live article was published."""
    live = segment.live.nonzero()[0]
    return int(segment.published_ms[live[-1]]) if len(live) else NO_DATE_MS
