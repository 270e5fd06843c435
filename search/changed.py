"""What changed since an earlier state, as segments that can be searched.

The files of an epoch show every state from `since_seq` on (`partition/reader.py`), so they also tell what came and
went between one of them and this: versions of articles that came since, and such as were deleted since. Whether any
of them matches a query, then or now, is a search of these alone, whatever the query is.

Contract: exact, but that a version which came and went in between may count. Only so many changes back are known
(`MAX_CHANGES`): `since_seq` says how far. Takedowns are none: they change every state (`RootManifest.erased_seq`).

Not here: what an answer depends on (`dependence.py`).
"""

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from partition.errors import IndexFileError
from partition.reader import PartitionReader
from search.bitmaps import bitmap_of
from search.collecting import Collector
from search.leaf import Leaf, LeafQuery, PartitionDamagedError, Slice
from search.plan import Plan
from search.prepared import PreparedSegment
from search.query import Filters
from search.tables import SegmentTable

MAX_CHANGES = 1 << 18
"""Log sequences back: three quarters of an hour of 100 a second. Finding 72,631 of them
takes 8 ms in each new state."""
_NONE = np.empty(0, np.int64)


class ChangedLeaf(NamedTuple):
    """The segments of a partition in which anything changed, seeing nothing else."""

    partition: int
    segments: list[PreparedSegment]


class Changes:
    """What changed up to a state."""

    def __init__(self, leaves: Collection[Leaf], *, since_seq: int, applied_seq: int) -> None:
        """Find what changed.

        Args:
            leaves: of all partitions.
            since_seq: the earliest state that their files show.
            applied_seq: this state.

        Raises:
            PartitionDamagedError
        """
        self.since_seq = max(since_seq, applied_seq - MAX_CHANGES)
        """What changed since a state before this one is not known."""
        changed: list[ChangedLeaf] = []
        docnums, seqs, stories, hashes = [_NONE], [_NONE], [_NONE], [np.empty(0, np.uint64)]
        for leaf in leaves:
            seeing = []
            for ordinal, prepared in enumerate(leaf.segments):
                try:
                    at = _touched(leaf.reader, ordinal, self.since_seq)
                    found = np.flatnonzero(at)
                    if not len(found):
                        continue
                    segment = prepared.segment
                    seeing.append(prepared.seeing((segment.origin or segment).without(np.flatnonzero(at == 0))))
                    docnums.append(found)
                    seqs.append(at[found])
                    stories.append(segment.column("story")[found])
                    hashes.append(segment.hashes[found])
                except IndexFileError as error:
                    raise PartitionDamagedError(leaf.partition, error) from None
            changed.append(ChangedLeaf(leaf.partition, seeing))
        table = SegmentTable(changed, shares=1)
        self._collector = Collector(table)
        bases = 64 * table.words[:-1]
        places = np.concatenate([_NONE, *(some + base for some, base in zip(docnums[1:], bases, strict=True))])
        every = np.concatenate(seqs)
        order = np.argsort(every, kind="stable")
        self._seqs: NDArray[np.int64] = every[order]
        self._places = places[order]
        self._stories: NDArray[np.int64] = np.concatenate(stories)[order]
        self._hashes: NDArray[np.uint64] = np.concatenate(hashes)[order]

    def any_since(self, seq: int) -> bool:
        """Whether anything changed after a log sequence."""
        return self._first(seq) < len(self._seqs)

    def of_articles(self, seq: int, hashes: Collection[int]) -> bool:
        """Whether any of these articles did, by the `types.hash64` of its id."""
        wanted = np.fromiter(hashes, np.uint64, len(hashes))
        return bool(np.isin(self._hashes[self._first(seq) :], wanted).any())

    def of_stories(self, seq: int, stories: Collection[int]) -> bool:
        """Whether any article came to one of these stories, or left it."""
        wanted = np.fromiter(stories, np.int64, len(stories))
        return bool(np.isin(self._stories[self._first(seq) :], wanted).any())

    def matching(self, seq: int, plan: Plan, filters: Filters, deadline_s: float) -> bool:
        """Whether any article that matches a plan and passes filters did, in its version of then or of now.

        Raises:
            DeadlineError: it took too long.
            PartitionDamagedError
        """
        places = self._places[self._first(seq) :]
        if not len(places):
            return False
        table = self._collector.table
        wanted = bitmap_of(places, int(table.words[-1]))
        query = LeafQuery(plan, filters, "newest", Slice(1), deadline_s, sets={})
        found, _sums = self._collector.matching(query, plan, table.within(filters, wanted), summed=False)
        return bool(found.any())

    def _first(self, seq: int) -> int:
        assert seq >= self.since_seq, "what changed before is not known"
        return int(np.searchsorted(self._seqs, seq, side="right"))


def _touched(reader: PartitionReader, ordinal: int, since_seq: int) -> NDArray[np.int64]:
    """By docnum, the last log sequence after `since_seq` that brought or deleted it; 0 for none."""
    segment, buried = reader.segments[ordinal], reader.tombstones[ordinal]
    at = np.zeros(segment.size, np.int64)
    if segment.last_seq > since_seq:
        came = segment.column("seq")
        at = np.where(came > since_seq, came, 0)
    since = buried.seqs > since_seq
    at[buried.docnums[since]] = buried.seqs[since]
    return at
