"""The stories of a state: which of its articles tell the same, found when somebody first asks.

Contract: exact for the state: an article that was withdrawn, or is not there yet, is in no story. Of all articles of
a story the one that came to it first is its canonical one, as long as it is there. Only stories with two articles or
more are known here; every other article is its own. It costs what grows with the articles that have joined a story,
once for each state; and a sort of all articles, once for each segment file.

Not here: which articles tell the same (`indexer/stories.py`), one of each (`collapsing.py`).
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from partition.format import SegmentFile
from partition.segment import Segment
from partition.types import DocAddress
from search.bitmaps import among, bitmap_of

USED = ("story", "joined", "seq")
"""The columns that are read."""


class Members(NamedTuple):
    """The articles of one segment that are in stories with others, wherever these are."""

    docnums: NDArray[np.int64]
    """Ascending."""
    rows: NDArray[np.int64]
    """The row of each in the index."""
    bitmap: NDArray[np.uint64]
    """A bit for each docnum of the segment."""


class StoryIndex:
    """The stories of an archive that have two articles or more: rows, story by story, in the order of joining."""

    def __init__(self, segments: Mapping[tuple[int, int], Segment]) -> None:
        """Args: all segments, by partition and ordinal.

        Raises:
            IndexFileError: one is damaged; `USED` are the columns that are read.
        """
        self._places = list(segments)
        self._read = list(segments.values())
        sorted_ = [_sorted_of(segment) for segment in self._read]
        # Whoever has joined a story says that it has more than one: only those are looked for.
        joined = [one.stories[one.joiners] for one in sorted_]
        wanted = np.unique(np.concatenate([*joined, np.empty(0, np.int64)]))
        rows: list[NDArray[np.int64]] = []
        for at, (segment, one) in enumerate(zip(self._read, sorted_, strict=True)):
            nth = one.of(wanted)
            nth = nth[among(segment.live_words, one.docnums[nth])]
            docnums = one.docnums[nth].astype(np.int64)
            columns = one.stories[nth], segment.column("joined")[docnums], np.full(len(nth), at), docnums
            rows.append(np.stack(columns, axis=1))
        every = np.concatenate([*rows, np.empty((0, 4), np.int64)])
        every = every[np.lexsort((every[:, 1], every[:, 0]))]
        stories, which, counts = np.unique(every[:, 0], return_inverse=True, return_counts=True)
        self._stories = stories[counts > 1]
        _stories, _when, self._segments, self._docnums = every[counts[which] > 1].T
        counts = counts[counts > 1]
        self.starts = np.cumsum(counts) - counts
        """Shape (stories,): the first row of each."""
        self.ordinals = np.repeat(np.arange(len(counts)), counts)
        """Shape (rows,): which story each is of."""
        self.hashes = np.empty(len(self.ordinals), np.uint64)
        """Shape (rows,): of the articles."""
        self.members: dict[tuple[int, int], Members] = {}
        """By partition and segment."""
        order = np.lexsort((self._docnums, self._segments))
        bounds = np.searchsorted(self._segments[order], np.arange(len(self._read) + 1)).tolist()
        for at, (first, last) in enumerate(pairwise(bounds)):
            if first < last:
                here, segment = order[first:last], self._read[at]
                docnums = self._docnums[here]
                self.members[self._places[at]] = Members(docnums, here, bitmap_of(docnums, len(segment.live_words)))
                self.hashes[here] = segment.hashes[docnums]
        self.remembered: dict[Any, Any] = {}
        """What others have made of the rows."""

    def __len__(self) -> int:
        return len(self.ordinals)

    def address(self, row: int) -> DocAddress:
        """Where the article of a row lies."""
        partition, segment = self._places[int(self._segments[row])]
        return DocAddress(partition, segment, int(self._docnums[row]))

    def article_id(self, row: int) -> str:
        """The id of the article of a row."""
        return self._read[int(self._segments[row])].article_id(int(self._docnums[row]))

    def rows(self, story: int) -> range:
        """The rows of the story with this sequence; none, if it has not two articles."""
        at = int(np.searchsorted(self._stories, story))
        if at == len(self._stories) or self._stories[at] != story:
            return range(0)
        return range(int(self.starts[at]), int(self.starts[at + 1]) if at + 1 < len(self.starts) else len(self))


class _Sorted(NamedTuple):
    """A segment's articles by story, deleted ones included."""

    stories: NDArray[np.int64]
    """Ascending."""
    docnums: NDArray[np.uint32]
    joiners: NDArray[np.int64]
    """Which of them have joined a story that they had not begun."""

    def of(self, wanted: NDArray[np.int64]) -> NDArray[np.int64]:
        """Which of them are in these stories."""
        first, last = (np.searchsorted(self.stories, wanted, side) for side in ("left", "right"))
        counts = last - first
        return np.arange(counts.sum()) + np.repeat(last - np.cumsum(counts), counts)


_sorted: "WeakKeyDictionary[SegmentFile, _Sorted]" = WeakKeyDictionary()
"""By file, which states share."""


def _sorted_of(segment: Segment) -> _Sorted:
    found = _sorted.get(segment.file)
    if found is None:
        stories, seqs = segment.column("story"), segment.column("seq")
        order = np.argsort(stories, kind="stable")
        order = order[np.searchsorted(stories, 0, side="right", sorter=order) :]  # without those in none
        joiners = np.flatnonzero(stories[order] != seqs[order])
        found = _sorted[segment.file] = _Sorted(stories[order], order.astype(np.uint32), joiners)
    return found
