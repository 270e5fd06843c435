"""One segment under the statistics of an epoch, as kernels want it: addresses, views, sets of articles.

Contract: deletions change the sets only. A segment may be searched by several threads.

Not here: the kernels (`partition/kernels/`), what is searched with them (`share.py`), the plain way
(`exhaustive.py`).
"""

import copy
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from partition.analysis import exact
from partition.kernels import clauses, matching, segments
from partition.kernels.clauses import Clauses
from partition.kernels.matching import collect
from partition.kernels.postings import BOUND_STEPS
from partition.kernels.views import LATE, Lists, Range, SegmentView
from partition.schema import NO_DATE_MS, TEXT_FIELDS, dictionaries_of
from partition.scoring import K1, ONE, decays, norms_of
from partition.segment import Segment
from partition.statistics import Statistics
from search.bitmaps import packed
from search.deadline import DeadlineError
from search.query import Bounds, Choice, Clock, Decay, Filters, Sort
from search.values import SegmentValues, Stretches, Values

SORTS: dict[Sort, int] = {
    "relevance": matching.RELEVANCE,
    "newest": matching.NEWEST,
    "oldest": matching.OLDEST,
}
"""What kernels call them."""
_MAX_MASKS = 64
MAX_VIEWS = 6
"""That are remembered: clocks, and half-lives, each with a number for each article."""
_NONE = np.empty(0)
_ABOVE = 1.0 + 1e-9
"""Bounds are rounded up by more than doubles can be wrong."""


def clock_of(filters: Filters, sort: Sort) -> Clock:
    """By which times articles are sorted: segments already are, where it does not matter."""
    return "published" if sort == "relevance" else filters.clock


class PreparedSegment:
    """One segment under the statistics of an epoch."""

    def __init__(self, segment: Segment, statistics: Statistics, values: SegmentValues) -> None:
        self.segment = segment
        self.values = values
        """What its articles hold of facets."""
        averages = [statistics.average_length(field) for field in TEXT_FIELDS]
        norms = [norms_of(segment.length(field), mean) for field, mean in zip(TEXT_FIELDS, averages, strict=True)]
        dated = int(np.searchsorted(segment.published_ms, NO_DATE_MS, side="right"))
        self.view = SegmentView(
            words=segment.words,
            norms=np.stack(norms),
            times=segment.published_ms,
            hashes=segment.hashes,
            ids=segment.ids,
            id_ends=segment.id_ends,
            dated=dated,
            decay=np.empty(0),
        )
        # Bounds were computed under the segment's own average; a longer one makes norms smaller, by that at most.
        self.units = [
            (K1 + 1.0) * ONE * _ABOVE * max(1.0, mean / segment.fields[field]["average"]) / BOUND_STEPS
            for field, mean in zip(TEXT_FIELDS, averages, strict=True)
        ]
        """Of each text field, what a bound of one step adds at most, for a weight of 1."""
        self.row = self._row()
        """Of a table of segments (`kernels/segments.py`), but for the partition; deletions change nothing of it."""
        self._views: dict[tuple[Clock, Decay | None], SegmentView] = {}
        self._masks: dict[tuple[tuple[Choice, ...], Bounds | None], NDArray[np.uint64]] = {}
        self._origin: PreparedSegment | None = None

    def _row(self) -> list[int]:
        segment, view = self.segment, self.view
        row = [0] * segments.COLUMNS
        row[segments.SIZE], row[segments.DATED] = segment.size, view.dated
        row[segments.POSTINGS_SIZE], row[segments.IDS_SIZE] = len(view.words), len(view.ids)
        row[segments.KEYS_SIZE], row[segments.TERMS] = len(segment.keys), len(segment.areas)
        row[segments.POSTINGS_AT] = segment.file.postings_at
        for column, array in (
            (segments.POSTINGS, view.words),
            (segments.NORMS_AT, view.norms),
            (segments.TIMES, view.times),
            (segments.HASHES, view.hashes),
            (segments.IDS, view.ids),
            (segments.ID_ENDS, view.id_ends),
            (segments.KEYS, segment.keys),
            (segments.KEY_ENDS, segment.key_ends),
            (segments.AREAS, segment.areas),
            (segments.DFS, segment.dfs),
            (segments.SOUND, segment.file.sound),
        ):
            row[column] = array.ctypes.data
        return row

    def seeing(self, segment: Segment) -> "PreparedSegment":
        """The same for the same segment with other articles deleted."""
        other = copy.copy(self)
        other.segment = segment
        other._origin = self  # noqa: SLF001 - of this class; kept, so that it is there for other states
        other._masks = {}  # noqa: SLF001
        return other

    def view_by(self, clock: Clock, decay: Decay | None) -> SegmentView:
        """The view, for an order by this clock or by scores that decay; segments are sorted by publication only."""
        if clock == "published" and decay is None:
            return self.view
        view = self._views.get((clock, decay))
        if view is None:
            view = self.view
            if clock != "published":
                view = view._replace(times=self.segment.times(clock), dated=-1)
            if decay:
                left = decays(self.segment.published_ms, half_life_ms=decay.half_life_ms, origin_ms=decay.origin_ms)
                view = view._replace(decay=left)
            if len(self._views) >= MAX_VIEWS:
                self._views.clear()
            self._views[clock, decay] = view
        return view

    def verify_list(self, term: int) -> None:
        """Make sure that a list may be read (`Segment.verify_list`)."""
        self.segment.verify_list(term)

    def values_of(self, facet: str, clock: Clock, deadline_ns: int) -> Values | Stretches:
        """What the articles hold of a facet (`SegmentValues.of`)."""
        return self.values.of(facet, clock, deadline_ns)

    def beginning(self, field: str, text: str, deadline_ns: int) -> NDArray[np.uint64]:
        """A bit for each docnum: live articles that hold a term with this beginning.

        Raises:
            DeadlineError: it took too long.
            IndexFileError: a list is damaged.
        """
        return self._holding_any(self.segment.terms_with_prefix(field, text), deadline_ns)

    def like(self, field: str, text: str, deadline_ns: int) -> NDArray[np.uint64]:
        """A bit for each docnum: live articles that hold a term which this wildcard stands for.

        Raises:
            DeadlineError, IndexFileError: as of `beginning`.
        """
        if time.monotonic_ns() > deadline_ns:
            raise DeadlineError
        return self._holding_any(self.segment.terms_like(field, text).tolist(), deadline_ns)

    def spelled(self, field: str, form: str, edits: int, deadline_ns: int) -> NDArray[np.uint64]:
        """A bit for each docnum: live articles that hold a word within so many edits of one.

        Raises:
            DeadlineError, IndexFileError: as of `beginning`.
        """
        terms: list[int] = []
        for dictionary in dictionaries_of(field):
            if time.monotonic_ns() > deadline_ns:
                raise DeadlineError
            terms += self.segment.near(dictionary, form, edits)[0].tolist()
        return self._holding_any(terms, deadline_ns)

    def _holding_any(self, terms: Sequence[int], deadline_ns: int) -> NDArray[np.uint64]:
        rows = [self.segment.list_at(term).packed for term in terms]
        bitmap = np.zeros(len(self.segment.live_words), np.uint64)
        if rows:
            count = len(rows)
            lists = Lists(np.frombuffer(b"".join(rows), np.int64).reshape(-1, 8), np.zeros(count), np.zeros(count))
            atoms = np.zeros((count, 7), np.int64)
            atoms[:, clauses.KIND], atoms[:, clauses.FIRST], atoms[:, clauses.COUNT] = clauses.WORD, range(count), 1
            any_ = Clauses(atoms, np.array([0, count]), 1, 1, 0, np.zeros((0, 0), np.uint64), _NONE, np.zeros((0, 0)))
            report = np.zeros(5, np.int64)
            everything = Range(self.segment.live_words, 0, self.segment.size)
            collect(self.view, lists, any_, everything, deadline_ns, bitmap, _NONE, report)
            if report[LATE]:
                raise DeadlineError
        return bitmap

    def mask(self, choices: tuple[Choice, ...], unsorted: Bounds | None = None) -> NDArray[np.uint64]:
        """A bit for each docnum: live articles that pass choices and bounds, and zeros up to a whole window."""
        if not (choices or unsorted):
            return self.segment.live_words
        mask = self._masks.get((choices, unsorted))
        if mask is None:
            mask = self.segment.live_words.copy()
            for choice in choices:
                if choice.allowed:
                    mask &= self._holders(choice.field, choice.allowed)
                mask &= ~self._holders(choice.field, choice.denied)
            if unsorted:
                mask &= self._within(*unsorted)
            if len(self._masks) >= _MAX_MASKS:
                self._masks.clear()
            self._masks[choices, unsorted] = mask
        return mask

    def _within(self, clock: Clock, from_ms: int | None, to_ms: int | None) -> NDArray[np.uint64]:
        """A bit for each docnum: which articles have a time in [from_ms, to_ms)."""
        times = self.segment.times(clock)
        bits = np.zeros(64 * len(self.segment.live_words), np.bool_)
        bits[: len(times)] = times != NO_DATE_MS
        if from_ms is not None:
            bits[: len(times)] &= times >= from_ms
        if to_ms is not None:
            bits[: len(times)] &= times < to_ms
        return packed(bits)

    def _holders(self, field: str, values: tuple[str, ...]) -> NDArray[np.uint64]:
        bits = np.zeros(64 * len(self.segment.live_words), np.bool_)
        for value in values:
            found = self.segment.term_list(field, exact(value).encode())
            if found:
                bits[self.segment.read(found)[0]] = True
        return packed(bits)
