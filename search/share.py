"""A share: the partitions that one thread searches together.

    words and phrases in one level of clauses      one kernel call for all segments (`kernels/sharing.py`)
    beginnings, nested queries                     leaf by leaf, segment by segment (`leaf.py`)
    facets, stories                                the same, besides

Contract: the total and the best `size` matches after a position, in the total order, at a cost that does not depend
on how deep the position is. A partition that fails is named with its reason, and the others answer as if it were not
there. A share may be searched by several threads at once.

Not here: who is given which share (`broker.py`), how a segment is searched (`executor.py`).
"""

import threading
import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import structlog
from numpy.typing import NDArray

from partition.errors import IndexFileError
from partition.kernels import sharing
from partition.kernels.postings import NORMS
from partition.kernels.views import LAST, LOOKED, SKIPPED, Page, SegmentView
from partition.schema import KEYWORD_FIELDS, TEXT_FIELDS
from search.executor import MAX_VIEWS, SORTS, DeadlineError, clock_of
from search.facets import Held, added
from search.leaf import (
    Given,
    Leaf,
    LeafAnswer,
    LeafQuery,
    Match,
    PartitionDamagedError,
    Rivals,
    SegmentSearch,
    Slice,
    Told,
)
from search.plan import Flat
from search.query import Bounds, Choice, Clock, Decay, Filters

MAX_REMEMBERED_BYTES = 16 << 20
"""Of the places of lists, if one share is all; of several, each remembers this by the square of their number, since
there may be as many for each number of threads."""
MAX_MASKS = 64
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

    def results(self, size: int) -> "_Results":
        """For so many articles."""
        if size not in self._results:
            if len(self._results) >= MAX_SIZES:
                self._results.clear()
            self._results[size] = _Results(np.empty((3, size), np.int64), np.empty(size, np.uint64), np.empty(size))
        return self._results[size]


class _Results(NamedTuple):
    """As `kernels/sharing.rank_segments` fills them: keys, docnums and segments; hashes; scores."""

    numbers: NDArray[np.int64]
    hashes: NDArray[np.uint64]
    scores: NDArray[np.float64]


_room = _Room()


class _Masks(NamedTuple):
    """Which articles pass filters other than the dates that segments are sorted by, by segment."""

    masks: list[NDArray[np.uint64]]
    """Kept alive for their addresses."""
    ranges: NDArray[np.int64]
    """As `kernels/sharing.py` wants them, for all dates of publication."""


class _Table(NamedTuple):
    """The segments, for one order."""

    rows: NDArray[np.int64]
    """As `kernels/sharing.py` wants them."""
    views: list[SegmentView]
    """Kept alive for the addresses of what is not the segment's own."""


class Share:
    """Some partitions."""

    def __init__(self, leaves: Sequence[Leaf], *, shares: int = 1) -> None:
        """Args: the leaves, and how many shares there are."""
        self.leaves = leaves
        self._max_bytes = MAX_REMEMBERED_BYTES // shares**2
        self._segments = [
            (leaf.partition, ordinal, executor) for leaf in leaves for ordinal, executor in enumerate(leaf.executors)
        ]
        self._largest = max((executor.segment.size for _, _, executor in self._segments), default=0)
        executors = [executor for _, _, executor in self._segments]
        self._table = np.array([executor.row for executor in executors], np.int64).reshape(-1, sharing.COLUMNS)
        self._table[:, sharing.PARTITION] = [partition for partition, _, _ in self._segments]
        self._plain = _Table(self._table, [])
        self._units = np.array([unit for executor in executors for unit in executor.units])
        self._terms = {
            field: np.array([executor.segment.fields[field]["terms"] for _, _, executor in self._segments], np.int64)
            for field in (*TEXT_FIELDS, *KEYWORD_FIELDS)
        }
        self._rows: dict[tuple[str, bytes], bytes] = {}
        self._masks: dict[tuple[tuple[Choice, ...], Bounds | None], _Masks] = {}
        self._tables: dict[tuple[Clock, Decay | None], _Table] = {}

    def search(self, query: LeafQuery) -> LeafAnswer:
        """The total, the best matches and the facets of all partitions."""
        if query.plan.flat and self._segments:
            try:
                answer = self._search_at_once(query, query.plan.flat)
                if query.facets:
                    counted = [leaf.count(query) for leaf in self.leaves if leaf.partition not in answer.failed]
                    held = [one for _counts, some in counted for one in some]
                    answer = answer._replace(counts=added(counts for counts, _held in counted), held=held)
            except Exception:  # noqa: BLE001, S110 - leaf by leaf it shows whose it is, and the others answer
                pass
            else:
                return answer
        return self._search_leaves(query)

    def _search_at_once(self, query: LeafQuery, flat: Flat) -> LeafAnswer:
        _plan, filters, sort, part, deadline_s, given, _facets, decay, *_ = query
        segments = len(self._segments)
        rows = np.frombuffer(b"".join([self._rows_of(field, key) for field, key in flat.lists]), np.int64)
        numbers, hashes, scores = _room.results(part.size)
        # Both are held here, for kernels have only their addresses.
        table, masks = self._plain, self._masks_of(filters)
        if decay or filters.clock != "published":
            table = self._table_by(clock_of(filters, sort), decay)
        ranges, kept = self._without_hidden(masks, self._ranges(masks, filters), given)
        report = np.zeros((segments + 1, 6), np.int64)
        sharing.rank_segments(
            table.rows,
            ranges,
            *flat.query,
            rows.reshape(-1, 8),
            self._units,
            SORTS[sort],
            page_of(part, deadline_s),
            *_room.zeros(self._largest),
            numbers[0],
            hashes,
            numbers[1],
            numbers[2],
            scores,
            report,
        )
        del kept  # until here, for kernels have only its addresses
        held, total, late, *_ = report[-1].tolist()
        matches = []
        for key, docnum, at, score in zip(*numbers[:, :held].tolist(), scores[:held].tolist(), strict=True):
            partition, ordinal, executor = self._segments[at]
            segment = executor.segment
            if part.backwards:
                key = ~key  # noqa: PLW2901 - kernels complement it
            id_ = segment.article_id(docnum)
            matches.append(Match(key, segment.hash_of[docnum], id_, int(score), partition, ordinal, docnum))
        failed: dict[int, str] = {}
        if late:
            failed = {partition: "timeout" for partition, _ordinal, _executor in self._segments[late - 1 :]}

        def searches() -> list[SegmentSearch]:
            return [
                SegmentSearch(partition, ordinal, ALGORITHMS[found[sharing.ALGORITHM]], found[LOOKED], found[SKIPPED])
                for found, (partition, ordinal, _executor) in zip(report[:-1].tolist(), self._segments, strict=True)
                if partition not in failed
            ]

        return LeafAnswer(total, matches, failed, Told(searches))

    def _rows_of(self, field: str, key: bytes) -> bytes:
        """The rows of a term's lists, segment by segment, verified."""
        known = self._rows.get((field, key))
        if known is None:
            rows, unverified = np.zeros((len(self._segments), 8), np.int64), np.empty(len(self._segments), np.int64)
            sharing.find_lists(self._table, self._terms[field], np.frombuffer(key, np.uint8), rows, unverified)
            rows[:, NORMS] = TEXT_FIELDS.index(field) if field in TEXT_FIELDS else 0
            for at in np.flatnonzero(unverified >= 0).tolist():
                self._segments[at][2].segment.verify_list(int(unverified[at]))
            known = rows.tobytes()
            if len(self._rows) * len(known) >= self._max_bytes:
                self._rows.clear()
            self._rows[field, key] = known
        return known

    def _table_by(self, clock: Clock, decay: Decay | None) -> _Table:
        """The table, for an order by this clock or by scores that decay."""
        table = self._tables.get((clock, decay))
        if table is None:
            views = [executor.view_by(clock, decay) for _, _, executor in self._segments]
            rows = self._table.copy()
            rows[:, sharing.TIMES] = [view.times.ctypes.data for view in views]
            rows[:, sharing.DATED] = [view.dated for view in views]
            rows[:, sharing.DECAY] = [view.decay.ctypes.data if len(view.decay) else 0 for view in views]
            table = _Table(rows, views)
            if len(self._tables) >= MAX_VIEWS:
                self._tables.clear()
            self._tables[clock, decay] = table
        return table

    def _masks_of(self, filters: Filters) -> _Masks:
        key = choices, unsorted = filters.choices, filters.unsorted
        known = self._masks.get(key)
        if known is None:
            masks = [executor.mask(choices, unsorted) for _, _, executor in self._segments]
            ranges = np.zeros((len(masks), 3), np.int64)
            ranges[:, sharing.MASK] = [mask.ctypes.data for mask in masks]
            ranges[:, sharing.HIGH] = self._table[:, sharing.SIZE]
            known = _Masks(masks, ranges)
            if len(self._masks) >= MAX_MASKS:
                self._masks.clear()
            self._masks[key] = known
        return known

    def _ranges(self, masks: _Masks, filters: Filters) -> NDArray[np.int64]:
        from_ms, to_ms = filters.from_ms, filters.to_ms
        if filters.clock != "published" or (from_ms is None and to_ms is None):
            return masks.ranges
        ranges = masks.ranges.copy()
        sharing.ranges_of(self._table, from_ms is not None, from_ms or 0, to_ms is not None, to_ms or 0, ranges)
        return ranges

    def _without_hidden(
        self, masks: _Masks, ranges: NDArray[np.int64], given: Given
    ) -> tuple[NDArray[np.int64], list[NDArray[np.uint64]]]:
        """The ranges without what is hidden, and the masks in them that are not remembered."""
        kept: list[NDArray[np.uint64]] = []
        if given:
            ranges = ranges.copy()
            for at, (partition, ordinal, _executor) in enumerate(self._segments):
                hidden = given[partition, ordinal].hidden if (partition, ordinal) in given else None
                if hidden is not None:
                    kept.append(masks.masks[at] & ~hidden)
                    ranges[at, sharing.MASK] = kept[-1].ctypes.data
        return ranges, kept

    def rivals(self, query: LeafQuery) -> list[Rivals]:
        """The matches that share a story with others, of all partitions.

        Raises:
            DeadlineError: it took too long.
            PartitionDamagedError
        """
        found: list[Rivals] = []
        for leaf in self.leaves:
            if time.monotonic() > query.deadline_s:
                raise DeadlineError
            try:
                found += leaf.rivals(query)
            except IndexFileError as error:
                raise PartitionDamagedError(leaf.partition, error) from None
        return found

    def _search_leaves(self, query: LeafQuery) -> LeafAnswer:
        page = page_of(query.part, query.deadline_s)
        searches: list[SegmentSearch] = []
        answer = LeafAnswer(0, [], {}, searches)
        total, best, counts = 0, answer.matches, [answer.counts]
        held: list[Held] = []
        for leaf in self.leaves:
            before = len(searches)
            try:
                if time.monotonic() > query.deadline_s:
                    raise DeadlineError  # noqa: TRY301 - as if the leaf had looked at the clock itself
                counted = leaf.count(query) if query.facets else (answer.counts, [])
                found, best = leaf.search(query, best, page, searches)
                total += found
                counts.append(counted[0])
                held += counted[1]
            except DeadlineError:
                answer.failed[leaf.partition] = "timeout"
            except IndexFileError as error:
                _log.error("partition is damaged", partition=leaf.partition, reason=str(error))
                answer.failed[leaf.partition] = "damaged"
            except Exception:  # noqa: BLE001 - the other partitions must answer
                _log.exception("partition failed", partition=leaf.partition)
                answer.failed[leaf.partition] = "failed"
            if leaf.partition in answer.failed:
                del searches[before:]
        return answer._replace(total=total, matches=best, counts=added(counts), held=held)


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
