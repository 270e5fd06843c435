"""The executor: any plan on one segment, by `rank_matches`, with sets for beginnings and nested plans by `collect`.

Contract: exact; looks at the deadline between windows of articles. A segment may be searched by several threads.

Not here: the kernels (`partition/kernels/`), what a plan means (`plan.py`), the plain way (`exhaustive.py`), the
quicker way for words (`share.py`).
"""

import copy
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from partition.analysis import exact
from partition.kernels import clauses, matching, sharing
from partition.kernels.clauses import Clauses
from partition.kernels.matching import collect, rank_matches
from partition.kernels.postings import BOUND_STEPS
from partition.kernels.views import LATE, Lists, Page, Range, SegmentView, Top
from partition.schema import NO_DATE_MS, TEXT_FIELDS
from partition.scoring import K1, ONE, decays, norms_of
from partition.segment import Segment, TermList
from partition.statistics import Statistics
from search.bitmaps import packed
from search.plan import Atom, Beginning, During, FoundByWhoosh, PhraseWords, Plan, Word
from search.query import Bounds, Choice, Clock, Decay, Filters, Sort, Wildcard

SORTS: dict[Sort, int] = {
    "relevance": matching.RELEVANCE,
    "newest": matching.NEWEST,
    "oldest": matching.OLDEST,
}
"""What kernels call them."""
_MAX_MASKS = 64
MAX_VIEWS = 6
"""That are remembered: clocks, and half-lives, each with a number for each article."""
_ABOVE = 1.0 + 1e-9
"""Bounds are rounded up by more than doubles can be wrong."""


class DeadlineError(Exception):
    """The time for this query is over."""


class GivenSets(NamedTuple):
    """What is known of one segment before it is searched: sets with a bit for each docnum."""

    wildcards: Mapping[Wildcard, NDArray[np.uint64]] = MappingProxyType({})
    """What Whoosh found."""
    hidden: NDArray[np.uint64] | None = None
    """Articles that are left out of the result (`collapsing.py`)."""


class Found(NamedTuple):
    """The best articles of one segment, best first in the direction asked for."""

    docnums: list[int]
    keys: list[int]
    scores: list[int]
    total: int
    """All matches; meaningless unless it was asked for."""
    algorithm: str
    looked: int
    """Windows of articles that were looked into."""
    skipped: int
    """Windows that could not hold a better article."""


_NOTHING = Found([], [], [], 0, "none", 0, 0)


def clock_of(filters: Filters, sort: Sort) -> Clock:
    """By which times articles are sorted: segments already are, where it does not matter."""
    return "published" if sort == "relevance" else filters.clock


class SegmentExecutor:
    """One segment under the statistics of an epoch."""

    def __init__(self, segment: Segment, statistics: Statistics) -> None:
        self.segment = segment
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
        self._units: dict[str, float] = {
            field: (K1 + 1.0) * ONE * _ABOVE * max(1.0, mean / segment.fields[field]["average"]) / BOUND_STEPS
            for field, mean in zip(TEXT_FIELDS, averages, strict=True)
        }
        self.units = [self._units[field] for field in TEXT_FIELDS]
        """Of each text field (`unit`)."""
        self.row = self._row()
        """Of a table of segments (`kernels/sharing.py`), but for the partition; deletions change nothing of it."""
        self._views: dict[tuple[Clock, Decay | None], SegmentView] = {}
        self._masks: dict[tuple[tuple[Choice, ...], Bounds | None], NDArray[np.uint64]] = {}

    def _row(self) -> list[int]:
        segment, view = self.segment, self.view
        row = [0] * sharing.COLUMNS
        row[sharing.SIZE], row[sharing.DATED] = segment.size, view.dated
        row[sharing.POSTINGS_SIZE], row[sharing.IDS_SIZE] = len(view.words), len(view.ids)
        row[sharing.KEYS_SIZE], row[sharing.TERMS] = len(segment.keys), len(segment.areas)
        row[sharing.POSTINGS_AT] = segment.file.postings_at
        for column, array in (
            (sharing.POSTINGS, view.words),
            (sharing.NORMS_AT, view.norms),
            (sharing.TIMES, view.times),
            (sharing.HASHES, view.hashes),
            (sharing.IDS, view.ids),
            (sharing.ID_ENDS, view.id_ends),
            (sharing.KEYS, segment.keys),
            (sharing.KEY_ENDS, segment.key_ends),
            (sharing.AREAS, segment.areas),
            (sharing.DFS, segment.dfs),
            (sharing.SOUND, segment.file.sound),
        ):
            row[column] = array.ctypes.data
        return row

    def seeing(self, segment: Segment) -> "SegmentExecutor":
        """The same for the same segment with other articles deleted."""
        other = copy.copy(self)
        other.segment = segment
        other._masks = {}  # noqa: SLF001 - it is of this class
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

    def search(
        self,
        plan: Plan,
        filters: Filters,
        sort: Sort,
        size: int,
        page: Page,
        given: GivenSets,
        decay: Decay | None = None,
    ) -> Found:
        """The best `size` articles of a page.

        Args:
            plan: of the query, under the same statistics.
            filters: what articles must satisfy besides.
            sort: the order.
            size: how many articles at most.
            page: which part of the result.
            given: the sets that the plan does not say how to find.
            decay: of scores.

        Raises:
            DeadlineError: it took too long.
        """
        range_ = self._range(filters, given)
        if range_.low >= range_.high:
            return _NOTHING
        report = np.zeros(5, np.int64)
        top = Top(np.empty(size, np.int64), np.empty(size, np.uint64), np.empty(size, np.int64))
        backwards = page.after[3] != 0
        bound = _Bound(self, plan, page.deadline_ns, given)
        if bound.impossible:
            return _NOTHING
        found = np.empty(size, np.float64)
        view = self.view_by(clock_of(filters, sort), decay)
        rank_matches(view, bound.lists(), bound.clauses(), range_, page, SORTS[sort], top, found, report)
        if report[LATE]:
            raise DeadlineError
        held, total, _late, looked, skipped = report.tolist()
        keys = (~top.keys[:held] if backwards else top.keys[:held]).tolist()
        scores = found[:held].astype(np.int64).tolist()
        return Found(top.docs[:held].tolist(), keys, scores, total, "rank_matches", looked, skipped)

    def matching(self, plan: Plan, filters: Filters, deadline_ns: int, given: GivenSets) -> NDArray[np.uint64]:
        """A bit for each docnum: which articles match; arguments as of `search`.

        Raises:
            DeadlineError: it took too long.
        """
        return self._collect(plan, self._range(filters, given), deadline_ns, given, scored=False)[0]

    def scored(
        self,
        plan: Plan,
        filters: Filters,
        deadline_ns: int,
        given: GivenSets,
        among: NDArray[np.uint64] | None = None,
    ) -> tuple[NDArray[np.uint64], NDArray[np.float64]]:
        """The same, and the score of each before it decays, shape (n,), 0 where an article does not match.

        Args:
            plan: of the query.
            filters: what articles must satisfy besides.
            deadline_ns: on the monotonic clock.
            given: the sets that the plan does not say how to find.
            among: a bit for each docnum: the articles that are looked at; `None` for all.

        Raises:
            DeadlineError: it took too long.
        """
        range_ = self._range(filters, given)
        if among is not None:
            range_ = range_._replace(mask=range_.mask & among)
        return self._collect(plan, range_, deadline_ns, given, scored=True)

    def _collect(
        self, plan: Plan, range_: Range, deadline_ns: int, given: GivenSets, *, scored: bool
    ) -> tuple[NDArray[np.uint64], NDArray[np.float64]]:
        bitmap = np.zeros(len(range_.mask), np.uint64)
        scores = np.zeros(self.segment.size if scored else 0)
        bound = _Bound(self, plan, deadline_ns, given)
        if not bound.impossible and range_.low < range_.high:
            report = np.zeros(5, np.int64)
            collect(self.view, bound.lists(), bound.clauses(), range_, deadline_ns, bitmap, scores, report)
            if report[LATE]:
                raise DeadlineError
        return bitmap, scores

    def everything(self) -> Range:
        """All live articles."""
        return Range(self.segment.live_words, 0, self.segment.size)

    def union(self, lists: Iterable[TermList], deadline_ns: int) -> NDArray[np.uint64]:
        """A bit for each docnum: which live articles are on any of the lists."""
        bound = _Bound(self, Plan((), 1), deadline_ns, GivenSets())
        bound.add_union(lists)
        bitmap = np.zeros(len(self.segment.live_words), np.uint64)
        report = np.zeros(5, np.int64)
        if bound.starts[-1]:
            nothing = np.zeros(0)
            collect(
                self.view, bound.lists(), bound.clauses(), self.everything(), deadline_ns, bitmap, nothing, report
            )
        if report[LATE]:
            raise DeadlineError
        return bitmap

    def unit(self, field: str) -> float:
        """What a bound of one step adds at most, for a weight of 1; values weigh nothing."""
        return self._units.get(field, 0.0)

    def _range(self, filters: Filters, given: GivenSets) -> Range:
        low, high = 0, self.segment.size
        unsorted, published_ms = filters.unsorted, self.segment.published_ms
        if filters.bounded and not unsorted:
            low = self.view.dated
            if filters.from_ms is not None:
                low = max(low, int(np.searchsorted(published_ms, filters.from_ms)))
            if filters.to_ms is not None:
                high = int(np.searchsorted(published_ms, filters.to_ms))
        mask = self.mask(filters.choices, unsorted)
        return Range(mask if given.hidden is None else mask & ~given.hidden, low, high)

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


class _Bound:
    """A plan bound to a segment: the rows of its lists, its atoms, its sets."""

    def __init__(self, executor: SegmentExecutor, plan: Plan, deadline_ns: int, given: GivenSets) -> None:
        self._executor = executor
        self._segment = executor.segment
        self._deadline_ns = deadline_ns
        self._given = given
        self._rows: list[bytes] = []
        self._weights: list[float] = []
        self._units: list[float] = []
        self._atoms: list[tuple[int, ...]] = []
        self.starts = [0]
        self._bitmaps: list[NDArray[np.uint64]] = []
        self._constants: list[float] = []
        self._scores: list[NDArray[np.float64]] = []
        self.impossible = False
        self._minimum = plan.minimum
        self._optional = 0
        self._bind(plan)

    def _bind(self, plan: Plan) -> None:
        bound = [[found for atom in clause if (found := self._found(atom))] for clause in plan.clauses]
        possible = [clause for clause in bound if clause]
        if len(possible) < plan.minimum:
            self.impossible = True
            return
        # The cheapest clause first: what it leaves is all that the others are asked about.
        possible.sort(key=lambda clause: sum(cost for cost, _atom, _lists in clause))
        for clause in possible:
            self._add_clause(clause, scored=True)
        self._optional = len(possible)
        for excluded in plan.excluded:
            clause = [found for atom in excluded if (found := self._found(atom))]
            if clause:
                self._add_clause(clause, scored=False)

    def _found(self, atom: Atom) -> "_FoundAtom | None":
        """The atom's lists in this segment and what they cost; `None` if nothing matches it here."""
        match atom:
            case Word():
                found = self._segment.term_list(atom.field, atom.key)
                return (found.df, atom, (found,)) if found else None
            case PhraseWords():
                lists = [self._segment.term_list(word.field, word.key) for word in atom.words]
                if not all(lists):
                    return None
                return min(one.df for one in lists if one), atom, tuple(one for one in lists if one)
            case Beginning():
                terms = self._segment.terms_with_prefix(atom.field, atom.text)
                return (self._segment.size, atom, tuple(map(self._segment.list_at, terms))) if terms else None
            case FoundByWhoosh() | During() | Plan():
                return self._segment.size, atom, ()

    def _add_clause(self, clause: "list[_FoundAtom]", *, scored: bool) -> None:
        for _cost, atom, lists in clause:
            match atom:
                case Word():
                    self._atoms.append((clauses.WORD, self._add(atom, lists[0], scored=scored), 1, 0, 0, 0, 0))
                case PhraseWords():
                    self._add_phrase(atom, lists, scored=scored)
                case Beginning():
                    bitmap = self._executor.union(lists, self._deadline_ns)
                    self._add_set(bitmap, float(atom.score), -1)
                case FoundByWhoosh():
                    self._add_set(self._given.wildcards[atom.node], float(atom.score), -1)
                case During():
                    self._add_set(self._executor.mask((), (atom.clock, atom.from_ms, atom.to_ms)), 0.0, -1)
                case Plan():
                    everything = self._executor.everything()
                    bitmap, scores = self._executor._collect(  # noqa: SLF001 - two halves of one thing
                        atom, everything, self._deadline_ns, self._given, scored=True
                    )
                    self._scores.append(scores)
                    self._add_set(bitmap, 0.0, len(self._scores) - 1)
        self.starts.append(len(self._atoms))

    def _add(self, word: Word, found: TermList, *, scored: bool) -> int:
        self._rows.append(found.packed)
        self._weights.append(word.weight if scored else 0.0)
        self._units.append(word.weight * self._executor.unit(word.field))
        return len(self._rows) - 1

    def _add_phrase(self, phrase: PhraseWords, lists: tuple[TermList, ...], *, scored: bool) -> None:
        first = len(self._rows)
        for word, found in zip(phrase.words, lists, strict=True):
            self._add(word, found, scored=scored)
        places = len(self._rows)
        parts = 0
        for part in phrase.parts:
            found_part = [self._segment.term_list(part, key) for key in phrase.keys]
            if all(found_part):
                parts += 1
                for one in found_part:
                    assert one
                    self._rows.append(one.packed)
                    self._weights.append(0.0)
                    self._units.append(0.0)
        span = len(phrase.keys)
        self._atoms.append((clauses.PHRASE, first, len(lists), phrase.slop, parts, places, span))

    def _add_set(self, bitmap: NDArray[np.uint64], constant: float, row: int) -> None:
        self._atoms.append((clauses.SET, len(self._bitmaps), row, 0, 0, 0, 0))
        self._bitmaps.append(bitmap)
        self._constants.append(constant)

    def add_union(self, lists: Iterable[TermList]) -> None:
        """One clause of lists that are not scored."""
        for found in lists:
            self._rows.append(found.packed)
            self._weights.append(0.0)
            self._units.append(0.0)
            self._atoms.append((clauses.WORD, len(self._rows) - 1, 1, 0, 0, 0, 0))
        self.starts.append(len(self._atoms))
        self._optional = 1

    def lists(self) -> Lists:
        """For kernels."""
        rows = np.frombuffer(b"".join(self._rows), np.int64).reshape(-1, 8)
        return Lists(rows, np.array(self._weights, np.float64), np.array(self._units, np.float64))

    def clauses(self) -> Clauses:
        """For kernels."""
        words = len(self._segment.live_words)
        return Clauses(
            atoms=np.array(self._atoms, np.int64).reshape(-1, 7),
            starts=np.array(self.starts, np.int64),
            optional=self._optional,
            minimum=self._minimum,
            bitmaps=np.stack(self._bitmaps) if self._bitmaps else np.zeros((0, words), np.uint64),
            constants=np.array(self._constants, np.float64),
            scores=np.stack(self._scores) if self._scores else np.zeros((0, 0)),
        )


_FoundAtom = tuple[int, Atom, tuple[TermList, ...]]
