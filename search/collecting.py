"""Sets of articles of several segments: of what matches a plan, and of what a plan has no lists for.

Contract: exact; late as a whole. What is found for one request is remembered with it (`LeafQuery.sets`).

Not here: the best of what matches (`share.py`), tables of segments (`tables.py`).
"""

import numpy as np
from numpy.typing import NDArray

from partition.kernels.binding import Sets
from partition.kernels.collecting import collect_segments
from partition.kernels.views import LATE
from search.deadline import DeadlineError
from search.leaf import LeafQuery
from search.plan import Beginning, During, Flat, Like, Plan, Spelled
from search.prepared import PreparedSegment
from search.query import Filters
from search.tables import Ranges, SegmentTable

_NO_BITMAPS, _NO_SUMS, _NO_SCORES = np.zeros((0, 0), np.uint64), np.zeros(0), np.zeros((0, 0))
_ALL = Filters()


class Collector:
    """Finds sets of the articles of a table."""

    def __init__(self, table: SegmentTable) -> None:
        self.table = table

    def matching(
        self, query: LeafQuery, plan: Plan, ranges: Ranges, *, summed: bool
    ) -> tuple[NDArray[np.uint64], NDArray[np.float64]]:
        """The set of what matches a plan, and by place what the postings of each match add up to, if that is wanted.

        Raises:
            DeadlineError: it took too long.
            PartitionDamagedError
        """
        bitmap = np.zeros(self.table.words[-1], np.uint64)
        sums = np.empty(64 * len(bitmap)) if summed else _NO_SUMS
        self._collect(query, plan, ranges, bitmap, sums)
        return bitmap, sums

    def _collect(
        self,
        query: LeafQuery,
        plan: Plan,
        ranges: Ranges,
        bitmap: NDArray[np.uint64],
        sums: NDArray[np.float64],
    ) -> None:
        """The same into a bitmap of zeros, and into sums, which may be empty."""
        table, flat = self.table, plan.flat
        report = np.zeros(5, np.int64)
        collect_segments(
            table.plain.rows,
            ranges.rows,
            *flat.query,
            self.sets(query, flat),
            table.lists(flat),
            table.units,
            int(query.deadline_s * 1e9),
            bitmap,
            sums,
            report,
        )
        if report[LATE]:
            raise DeadlineError

    def sets(self, query: LeafQuery, flat: Flat) -> Sets:
        """What a plan has no lists for, found once for each request.

        Raises:
            DeadlineError: it took too long.
            PartitionDamagedError
        """
        if not flat.sets:
            return Sets(self.table.words, _NO_BITMAPS, _NO_SUMS, _NO_SCORES)
        known: Sets | None = query.sets.get((self, flat)) if query.sets is not None else None
        if known is None:
            known = self._found_sets(query, flat)
            if query.sets is not None:
                query.sets[self, flat] = known
        return known

    def _found_sets(self, query: LeafQuery, flat: Flat) -> Sets:
        table, deadline_ns = self.table, int(query.deadline_s * 1e9)
        bitmaps = np.zeros((len(flat.sets), int(table.words[-1])), np.uint64)
        constants, scores = np.zeros(len(bitmaps)), np.empty((sum(flat.scored), 64 * bitmaps.shape[1]))
        rows = iter(scores)
        for nth, (atom, scored) in enumerate(zip(flat.sets, flat.scored, strict=True)):
            match atom:
                case Beginning(field=field, text=text, score=score):
                    constants[nth] = float(score)
                    bitmaps[nth] = table.set_of(table.each(PreparedSegment.beginning, field, text, deadline_ns))
                case Like(field=field, text=text, score=score):
                    constants[nth] = float(score)
                    bitmaps[nth] = table.set_of(table.each(PreparedSegment.like, field, text, deadline_ns))
                case Spelled(field=field, form=form, edits=edits):
                    bitmaps[nth] = table.set_of(table.each(PreparedSegment.spelled, field, form, edits, deadline_ns))
                case During(clock=clock, from_ms=from_ms, to_ms=to_ms):
                    during = (), (clock, from_ms, to_ms)
                    bitmaps[nth] = table.set_of(table.each(PreparedSegment.mask, *during))
                case Plan():
                    self._collect(query, atom, table.ranges(_ALL), bitmaps[nth], next(rows) if scored else _NO_SUMS)
        return Sets(table.words, bitmaps, constants, scores)
