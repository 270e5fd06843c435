"""The segments of a state, numbered, and one table into which words of all of them are counted.

Contract: what is counted over all segments does not depend on how articles are spread over them. A segment that is
damaged is named by its partition; each is begun with only as long as there is time.

Not here: what is counted (`names.py`, `phrases.py`), the loops (`partition/kernels/ngrams.py`).
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from partition.errors import IndexFileError
from partition.kernels import ngrams
from partition.occurring import occurring, use
from partition.schema import NO_DATE_MS
from partition.segment import Segment
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


class Parts:
    """The segments of a snapshot, for one request."""

    def __init__(self, snapshot: Snapshot, deadline_s: float) -> None:
        """Args: the state, and when to give up, on the monotonic clock."""
        self.all = _parts_of(snapshot.partitions)
        self.words = snapshot.partitions.words
        self._deadline_s = deadline_s
        self._reading: Part | None = None

    def each(self) -> Iterator[Part]:
        """One after the other, as long as there is time.

        Raises:
            DeadlineError
        """
        for part in self.all:
            if time.monotonic() > self._deadline_s:
                raise DeadlineError
            self._reading = part
            yield part

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

    def gather(
        self, table: Table, part: Part, field: str, words: NDArray[np.int64], distances: NDArray[np.int64]
    ) -> None:
        """Count single words of a segment into the table."""
        of, used = occurring(part.segment, field), use(part.segment, field, part.fresh)
        table.reserve(len(words))
        ngrams.gather(
            *(words, distances, used.counts, used.weighted, used.newest, of.docs, of.begins),
            *(part.segment.published_ms, part.segment.hashes, of.hashes, part.number),
            *(table.rows, table.used, table.state),
        )


def _parts_of(partitions: Partitions) -> list[Part]:
    """The segments of a state, remembered with it."""
    known: list[Part] | None = partitions.parts
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
        known = partitions.parts = [
            Part(leaf, ordinal, number, segment, np.searchsorted(segment.published_ms, since_ms).astype(np.int64))
            for number, (leaf, ordinal, segment) in enumerate(segments)
        ]
    return known


def _newest_ms(segment: Segment) -> int:
    """When the newest live article was published."""
    live = segment.live.nonzero()[0]
    return int(segment.published_ms[live[-1]]) if len(live) else NO_DATE_MS
