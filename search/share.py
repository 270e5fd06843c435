"""A share: the partitions that one thread searches together.

    the best matches                       one call of a kernel for all segments (`kernels/sharing.py`)
    all matches, for facets and stories    one more (`kernels/collecting.py`)
    nested queries, beginnings, wildcards  sets of articles, found before; of nested queries by one more, each

Contract: the total and the best `size` matches after a position, in the total order, at a cost that does not depend
on how deep the position is. A partition that is late, damaged or fails is named with its reason, and the others
answer as if it were not there; but where sets or facets are late, all of them are. A share may be searched by several
threads at once.

Not here: who is given which share (`broker.py`), tables of segments (`tables.py`), how sets are found
(`collecting.py`) and counted (`facets.py`).
"""

import threading
from collections.abc import Sequence

import numpy as np
import structlog
from numpy.typing import NDArray

from partition.kernels import sharing
from partition.kernels.collecting import order_keys
from partition.kernels.views import LAST, LOOKED, SKIPPED, Page
from search.bitmaps import among, bitmap_of, docnums_of
from search.collecting import Collector
from search.deadline import DeadlineError
from search.facets import FacetTable, added, of_others, own_of
from search.leaf import (
    Leaf,
    LeafAnswer,
    LeafQuery,
    Match,
    PartitionDamagedError,
    Rivals,
    SegmentSearch,
    Slice,
    Told,
    merged,
)
from search.order import Position
from search.prepared import SORTS, PreparedSegment
from search.query import Clock, Filters
from search.tables import Ranges, SegmentTable
from search.values import keyed

MAX_SIZES = 16
"""Of pages that a thread keeps room for."""
ALGORITHMS = {
    sharing.NONE: "none",
    sharing.FEW_POSTINGS: "rank_few",
    sharing.ANY: "rank_any",
    sharing.RAREST: "rank_rarest",
    sharing.MATCHING: "rank_matches",
}
_SIGN = 1 << 63
_FROM_THE_START, _NO_ID = np.zeros(4, np.int64), np.frombuffer(b"", np.uint8)
_log = structlog.get_logger()


class _Results:
    """As `kernels/sharing.rank_segments` fills them, for so many articles."""

    def __init__(self, size: int) -> None:
        self.numbers = np.empty((3, size), np.int64)
        """Keys, docnums and segments."""
        self.hashes = np.empty(size, np.uint64)
        self.scores = np.empty(size)


class _Room(threading.local):
    """What a thread works in, kept from query to query."""

    def __init__(self) -> None:
        self._scores, self._seen = np.zeros(0), np.zeros(0, np.uint64)
        self._results: dict[int, _Results] = {}

    def zeros(self, articles: int) -> tuple[NDArray[np.float64], NDArray[np.uint64]]:
        """For each article of a segment; `rank_few` leaves them as it found them."""
        if len(self._scores) < articles:
            self._scores, self._seen = np.zeros(articles), np.zeros((articles + 63) // 64, np.uint64)
        return self._scores, self._seen

    def results(self, size: int) -> _Results:
        """For so many articles."""
        if size not in self._results:
            if len(self._results) >= MAX_SIZES:
                self._results.clear()
            self._results[size] = _Results(size)
        return self._results[size]


_room = _Room()


class Share:
    """Some partitions."""

    def __init__(self, leaves: Sequence[Leaf], *, shares: int = 1) -> None:
        """Args: the leaves, and how many shares there are."""
        self.leaves = leaves
        self.table = SegmentTable(leaves, shares=shares)
        self._collector = Collector(self.table)
        self._facets: dict[tuple[str, Clock], FacetTable] = {}
        self._others: dict[int, Share] = {}
        """All but a partition of which some are told that it is damaged."""

    def search(self, query: LeafQuery) -> LeafAnswer:
        """The total, the best matches and the facets of all partitions."""
        if not self.table.places:
            return LeafAnswer(0, [], {}, [])
        try:
            answer = self._ranked(query)
            return self._counted(query, answer) if query.facets else answer
        except PartitionDamagedError as found:
            # Only for who touches what is damaged: other words lie elsewhere.
            _log.error("partition is damaged", partition=found.partition, reason=str(found.error))
            others = self._others.get(found.partition)
            if others is None:
                others = Share([leaf for leaf in self.leaves if leaf.partition != found.partition])
                self._others[found.partition] = others
            answer = others.search(query)
            return answer._replace(failed={**answer.failed, found.partition: "damaged"})
        except DeadlineError:
            return LeafAnswer(0, [], {leaf.partition: "timeout" for leaf in self.leaves}, [])
        except Exception:  # noqa: BLE001 - one by one it shows whose it is, and the others answer
            if len(self.leaves) > 1:
                _log.exception("partitions failed together")
                return _together([Share([leaf]).search(query) for leaf in self.leaves], query.part)
            (leaf,) = self.leaves
            _log.exception("partition failed", partition=leaf.partition)
            return LeafAnswer(0, [], {leaf.partition: "failed"}, [])

    def rivals(self, query: LeafQuery) -> Rivals:
        """The matches that share a story with others; of a query for stories.

        Raises:
            DeadlineError: it took too long.
            PartitionDamagedError
        """
        assert query.stories is not None, "it was asked for one article of each"
        members = self.table.members(query.stories)
        if not len(members.rows):
            return Rivals(members.rows, members.rows)
        ranges = self.table.within(query.filters, members.bitmap)
        matching, sums = self._collector.matching(query, query.plan, ranges, summed=query.sort == "relevance")
        here = among(matching, members.docnums)
        return Rivals(members.rows[here], self._keys(query, sums, members.docnums[here]))

    def before(self, query: LeafQuery, position: Position) -> int:
        """How many matches come before a position.

        Raises:
            DeadlineError: it took too long.
            PartitionDamagedError
        """
        ranges = self._ranges(query)
        matching, sums = self._collector.matching(query, query.plan, ranges, summed=query.sort == "relevance")
        places = docnums_of(matching)
        keys = self._keys(query, sums, places)
        tied = places[keys == position.key]
        at = np.searchsorted(self.table.words, tied >> 6, side="right") - 1
        before = int(np.count_nonzero(keys < position.key))
        for place, nth in zip(tied.tolist(), at.tolist(), strict=True):
            segment, docnum = self.table.places[nth].prepared.segment, place - 64 * int(self.table.words[nth])
            before += (segment.hash_of[docnum], segment.article_id(docnum)) < position[1:]
        return before

    def _ranked(self, query: LeafQuery) -> LeafAnswer:
        part, flat, table = query.part, query.plan.flat, self.table
        results = _room.results(part.size)
        numbers = results.numbers
        # All of these are held here, for kernels have only their addresses.
        rows, ranges, sets = (
            table.rows(query.filters, query.sort, query.decay),
            self._ranges(query),
            self._collector.sets(query, flat),
        )
        report = np.zeros((len(table.places) + 1, 6), np.int64)
        sharing.rank_segments(
            rows.rows,
            ranges.rows,
            *flat.query,
            sets,
            table.lists(flat),
            table.units,
            SORTS[query.sort],
            page_of(part, query.deadline_s),
            *_room.zeros(table.largest),
            numbers[0],
            results.hashes,
            numbers[1],
            numbers[2],
            results.scores,
            report,
        )
        held, total, late, *_ = report[-1].tolist()
        matches = []
        for key, docnum, at, score in zip(*numbers[:, :held].tolist(), results.scores[:held].tolist(), strict=True):
            partition, ordinal, prepared = table.places[at]
            segment = prepared.segment
            if part.backwards:
                key = ~key  # noqa: PLW2901 - kernels complement it
            id_ = segment.article_id(docnum)
            matches.append(Match(key, segment.hash_of[docnum], id_, int(score), partition, ordinal, docnum))
        failed = {place.partition: "timeout" for place in table.places[late - 1 :]} if late else {}

        def searches() -> list[SegmentSearch]:
            return [
                SegmentSearch(
                    place.partition,
                    place.ordinal,
                    ALGORITHMS[found[sharing.ALGORITHM]],
                    found[LOOKED],
                    found[SKIPPED],
                )
                for found, place in zip(report[:-1].tolist(), table.places, strict=True)
                if place.partition not in failed
            ]

        return LeafAnswer(total, matches, failed, Told(searches))

    def _ranges(self, query: LeafQuery) -> Ranges:
        """Which articles may match; not those that others of their stories stand for."""
        if query.stories is None or query.shown is None:
            return self.table.ranges(query.filters)
        members = self.table.members(query.stories)
        hidden = bitmap_of(members.docnums[~query.shown[members.rows]], len(members.bitmap))
        return self.table.within(query.filters, ~hidden)

    def _keys(self, query: LeafQuery, sums: NDArray[np.float64], places: NDArray[np.int64]) -> NDArray[np.int64]:
        """The sort keys of some matches."""
        rows, keys = self.table.rows(query.filters, query.sort, query.decay), np.empty(len(places), np.int64)
        order_keys(rows.rows, self.table.words, SORTS[query.sort], sums, places, keys)
        return keys

    def _counted(self, query: LeafQuery, answer: LeafAnswer) -> LeafAnswer:
        """The answer with facets, which are late or not for all partitions.

        Raises:
            DeadlineError: it took too long.
            PartitionDamagedError
        """
        if answer.failed:  # what was late already is not counted in time either
            raise DeadlineError
        filters, table, deadline_ns = query.filters, self.table, int(query.deadline_s * 1e9)
        ranges = table.ranges(of_others(filters, query.facets))
        matching, _sums = self._collector.matching(query, query.plan, ranges, summed=False)
        own = own_of(filters, query.facets)
        members = table.members(query.stories) if query.stories is not None else None
        counts, held = {}, {}
        for facet in query.facets:
            bitmap = matching
            for choice in own:
                if choice.field != facet:
                    bitmap = bitmap & table.passing(Filters(choices=(choice,)))
            if members:
                held[facet] = members.rows[among(bitmap, members.docnums)]
                bitmap = bitmap & ~members.bitmap
            counts[facet] = self._facet(facet, filters.clock, deadline_ns).count(bitmap, deadline_ns)
        return answer._replace(counts=counts, held=held)

    def _facet(self, facet: str, clock: Clock, deadline_ns: int) -> FacetTable:
        key = keyed(facet, clock)
        known = self._facets.get(key)
        if known is None:
            names = self.leaves[0].names
            assert all(leaf.names is names for leaf in self.leaves), "numbers mean the same in one archive only"
            held = self.table.each(PreparedSegment.values_of, facet, clock, deadline_ns)
            known = self._facets[key] = FacetTable(held, self.table.words, names[facet])
        return known


def _together(answers: Sequence[LeafAnswer], part: Slice) -> LeafAnswer:
    """What several partitions say, each of which was asked alone."""
    failed: dict[int, str] = {}
    held: dict[str, list[NDArray[np.int64]]] = {}
    for one in answers:
        failed |= one.failed
        for facet, rows in one.held.items():
            held.setdefault(facet, []).append(rows)
    return LeafAnswer(
        total=sum(one.total for one in answers),
        matches=merged((one.matches for one in answers), part),
        failed=failed,
        searches=[search for one in answers for search in one.searches],
        counts=added(one.counts for one in answers),
        held={facet: np.concatenate(rows) for facet, rows in held.items()},
    )


def page_of(part: Slice, deadline_s: float) -> Page:
    """The slice as kernels want it."""
    deadline_ns = int(deadline_s * 1e9)
    if part.after is None and not part.backwards:
        return Page(_FROM_THE_START, _NO_ID, part.counting, LAST, deadline_ns)
    after, after_id = np.zeros(4, np.int64), _NO_ID
    if part.after is not None:
        key, hash_ = part.after.key, part.after.hash
        if part.backwards:
            key, hash_ = ~key, ~hash_ & 0xFFFF_FFFF_FFFF_FFFF
        after[0], after[1] = 1, key
        after[2] = hash_ - 2 * _SIGN if hash_ & _SIGN else hash_  # the same bits, signed
        after_id = np.frombuffer(part.after.article_id.encode(), np.uint8)
    after[3] = part.backwards
    return Page(after, after_id, part.counting, LAST, deadline_ns)


def shared_out(leaves: Sequence[Leaf], shares: int) -> list[Share]:
    """The leaves in at most so many shares, about equal in articles; at least one share, which may be empty."""
    shared: list[list[Leaf]] = [[] for _ in range(max(1, min(shares, len(leaves))))]
    sizes = [0] * len(shared)
    # The largest first, each to who has least (Graham, 1969: at most a third more than the best way).
    for leaf in sorted(leaves, key=lambda leaf: -leaf.articles):
        least = sizes.index(min(sizes))
        shared[least].append(leaf)
        sizes[least] += leaf.articles
    by_partition = [sorted(share, key=lambda leaf: leaf.partition) for share in shared]
    return [Share(share, shares=len(shared)) for share in by_partition]
