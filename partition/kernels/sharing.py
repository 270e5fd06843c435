"""Several segments searched as one, for queries of words and phrases: one call for all, one list of the best.

A call from Python costs as much as a segment of some thousand articles, so segments come as a table of addresses, and
what one segment found tells the next what is not good enough.

Contract: an address is that of an array which its owner keeps alive, and whose length stands beside it; nothing here
checks them. Scores, order and pages are those of `ranking.py`, `intersection.py` and `matching.py`: they do the work.

Not here: the table (`search/share.py`), sets (`matching.py`).
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import carray, types
from numba.core import cgutils
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic

from partition.kernels.binding import (
    ATOMS,
    CLAUSES,
    LISTS,
    OPTIONAL,
    Query,
    bind,
    room_to_bind,
    words_alone,
)
from partition.kernels.clauses import Clauses
from partition.kernels.intersection import rank_rarest
from partition.kernels.jit import allocating, f64w, i64, i64m, i64w, i64w2, kernel, u8s, u64w, void
from partition.kernels.matching import RELEVANCE, rank_matches
from partition.kernels.postings import DF, FIRST_WORD, row_of
from partition.kernels.ranking import WINDOW, WORDS, rank_any, rank_few
from partition.kernels.terms import compare, lower_bound
from partition.kernels.views import (
    HELD,
    LATE,
    TOTAL,
    Lists,
    Page,
    Range,
    SegmentView,
    Top,
    page_view,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

POSTINGS, POSTINGS_SIZE, NORMS_AT, SIZE, TIMES, HASHES, IDS, IDS_SIZE, ID_ENDS, DATED, PARTITION = range(11)
KEYS, KEYS_SIZE, KEY_ENDS, TERMS, AREAS, DFS = range(11, 17)
SOUND, POSTINGS_AT, DECAY = range(17, 20)
COLUMNS = 20
"""A row of the table: addresses of a segment's sections, with their lengths where articles or terms do not tell.
DECAY is 0 where scores do not decay."""
MASK, LOW, HIGH = range(3)
"""A row of ranges: the address of a mask, and docnums, as `views.Range`."""
NONE, FEW_POSTINGS, ANY, RAREST, MATCHING = range(5)
"""Algorithms."""
PAGE_BYTES = 1 << 14
FEW = 6
"""Lists have few postings when there are not more than a FEW-th of the segment's articles."""
RARE = 32
"""A word is rare when it is in not more than a RARE-th of them."""
TEXT_FIELDS = 4
ALGORITHM = 5
"""The last number of a segment's report, after those of `views.py`."""


@intrinsic  # type: ignore[untyped-decorator]
def _pointer(_context: Any, address: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(address), generate


@intrinsic  # type: ignore[untyped-decorator]
def _frozen(_context: Any, array: Any) -> Any:
    """The same array, which is now read-only, as views have it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return impl_ret_borrowed(context, builder, signature.return_type, arguments[0])

    return array.copy(readonly=True)(array), generate


@allocating
def _view(table: "NDArray[np.int64]", s: int) -> SegmentView:
    size = table[s, SIZE]
    return SegmentView(
        _frozen(carray(_pointer(table[s, POSTINGS]), (table[s, POSTINGS_SIZE],), np.uint64)),
        carray(_pointer(table[s, NORMS_AT]), (TEXT_FIELDS, size), np.float64),
        _frozen(carray(_pointer(table[s, TIMES]), (size,), np.int64)),
        _frozen(carray(_pointer(table[s, HASHES]), (size,), np.uint64)),
        _frozen(carray(_pointer(table[s, IDS]), (table[s, IDS_SIZE],), np.uint8)),
        _frozen(carray(_pointer(table[s, ID_ENDS]), (size,), np.uint32)),
        table[s, DATED],
        carray(_pointer(table[s, DECAY]), (size if table[s, DECAY] else 0,), np.float64),
    )


@kernel(void(i64w2, i64w2, u8s, i64w2, i64w))
def find_lists(
    table: "NDArray[np.int64]",
    terms: "NDArray[np.int64]",
    key: "NDArray[np.uint8]",
    rows: "NDArray[np.int64]",
    unverified: "NDArray[np.int64]",
) -> None:
    """Look one term up in every segment, and whether the pages that hold its list were verified.

    Args:
        table: the segments.
        terms: shape (segments, 2): the terms of the field in each dictionary.
        key: the term.
        rows: shape (segments, 8), zeros; receives the first six numbers of each list's row (`postings.py`).
        unverified: shape (segments,), receives the ordinal of the term in each dictionary where its list is there and
            was not verified yet, else -1.
    """
    for s in range(len(table)):
        keys = carray(_pointer(table[s, KEYS]), (table[s, KEYS_SIZE],), np.uint8)
        ends = carray(_pointer(table[s, KEY_ENDS]), (table[s, TERMS],), np.uint32)
        areas = carray(_pointer(table[s, AREAS]), (table[s, TERMS],), np.uint64)
        dfs = carray(_pointer(table[s, DFS]), (table[s, TERMS],), np.uint32)
        unverified[s] = -1
        term = lower_bound(keys, ends, terms[s, 0], terms[s, 1], key)
        if term < terms[s, 1]:
            start = np.int64(ends[term - 1]) if term else 0
            if compare(keys, start, np.int64(ends[term]), key, 0, len(key)) == 0:
                area = np.int64(areas[term] & FIRST_WORD)
                row_of(area, np.int64(dfs[term]), table[s, SIZE], rows, s)
                stop = table[s, POSTINGS_SIZE]
                if term + 1 < table[s, TERMS]:
                    # Readers of bits look one word ahead.
                    stop = min(stop, np.int64(areas[term + 1] & FIRST_WORD) + 1)
                first = (table[s, POSTINGS_AT] + 8 * area) // PAGE_BYTES
                last = (table[s, POSTINGS_AT] + 8 * stop - 1) // PAGE_BYTES
                sound = carray(_pointer(table[s, SOUND]), (last + 1,), np.uint8)
                for page in range(first, last + 1):
                    if not sound[page]:
                        unverified[s] = term


@kernel(void(i64w2, i64, i64, i64, i64, i64w2))
def ranges_of(
    table: "NDArray[np.int64]", has_from: int, from_ms: int, has_to: int, to_ms: int, ranges: "NDArray[np.int64]"
) -> None:
    """Fill LOW and HIGH of every segment's range for articles in [from_ms, to_ms), of times that ascend by docnum."""
    for s in range(len(table)):
        size = table[s, SIZE]
        times = carray(_pointer(table[s, TIMES]), (size,), np.int64)
        low, high = 0, size
        if has_from or has_to:
            low = table[s, DATED]
        if has_from:
            low = max(low, np.searchsorted(times, from_ms))
        if has_to:
            high = np.searchsorted(times, to_ms)
        ranges[s, LOW], ranges[s, HIGH] = low, high


@allocating
def _comes_first(
    table: "NDArray[np.int64]",
    top: Top,
    at: int,
    segment: int,
    other: Top,
    other_at: int,
    other_segment: int,
    sign: int,
) -> bool:
    """Whether an article of one segment comes before one of another, by key, hash and id."""
    if top.keys[at] != other.keys[other_at]:
        return top.keys[at] < other.keys[other_at]
    if top.hashes[at] != other.hashes[other_at]:
        return top.hashes[at] < other.hashes[other_at]
    one, two = _view(table, segment), _view(table, other_segment)
    doc, other_doc = top.docs[at], other.docs[other_at]
    start = np.int64(one.id_ends[doc - 1]) if doc else 0
    other_start = np.int64(two.id_ends[other_doc - 1]) if other_doc else 0
    compared = compare(
        one.ids, start, np.int64(one.id_ends[doc]), two.ids, other_start, np.int64(two.id_ends[other_doc])
    )
    return compared * sign < 0


@kernel(
    void(
        *(i64w2, i64w2),
        *(f64w, i64w2, i64w, i64, i64),
        *(i64m, f64w, i64, page_view, f64w, u64w),
        *(i64w, u64w, i64w, i64w, f64w, i64w2),
    )
)
def rank_segments(
    table: "NDArray[np.int64]",
    ranges: "NDArray[np.int64]",
    weights: "NDArray[np.float64]",
    atoms: "NDArray[np.int64]",
    starts: "NDArray[np.int64]",
    optional: int,
    minimum: int,
    rows: "NDArray[np.int64]",
    units: "NDArray[np.float64]",
    sort: int,
    page: Page,
    scratch: "NDArray[np.float64]",
    seen: "NDArray[np.uint64]",
    keys: "NDArray[np.int64]",
    hashes: "NDArray[np.uint64]",
    docs: "NDArray[np.int64]",
    segments: "NDArray[np.int64]",
    scores: "NDArray[np.float64]",
    report: "NDArray[np.int64]",
) -> None:
    """The best articles that match a query, of all segments.

    Args:
        table, ranges: of the segments, partition after partition.
        weights, atoms, starts, optional, minimum: a `binding.Query`; one by one they come from Python faster.
        rows: shape (lists * segments, 8): each list in each segment; DF is 0 where it has none.
        units: shape (segments * TEXT_FIELDS,): what a bound of one step adds at most, for a weight of 1.
        sort, page: as `matching.rank_matches` has them.
        scratch, seen: zeros for the articles of the largest segment, as `ranking.rank_few` wants them.
        keys, hashes, docs, segments, scores: shape (k,), receive the best, best first.
        report: shape (segments + 1, 6), zeros; receives the report of each segment with its algorithm, and in the
            last row how many are held, how many match in the partitions that were searched to their end, and the
            ordinal, from 1, of the segment that was late.
    """
    size, count = len(keys), len(table)
    backwards = page.after[3] != 0
    sign = -1 if backwards else 1
    pruning = sort == RELEVANCE and not backwards
    found = Top(np.empty(size, np.int64), np.empty(size, np.uint64), np.empty(size, np.int64))
    found_scores = np.empty(size, np.float64)
    best = Top(keys, hashes, docs)
    merged = Top(np.empty(size, np.int64), np.empty(size, np.uint64), np.empty(size, np.int64))
    merged_segments, merged_scores = np.empty(size, np.int64), np.empty(size, np.float64)
    # What was the best before the partition at hand: if that is late, nothing of it counts.
    kept = Top(np.empty(size, np.int64), np.empty(size, np.uint64), np.empty(size, np.int64))
    kept_segments, kept_scores = np.empty(size, np.int64), np.empty(size, np.float64)
    kept_held, kept_total = 0, 0
    query = Query(weights, atoms, starts, optional, minimum)
    bound = room_to_bind(query)
    words = pruning and words_alone(query)
    any_word = words and query.minimum == 1
    all_words = words and query.minimum == query.optional > 1
    no_sets, no_constants, no_scores = (
        np.empty((0, 0), np.uint64),
        np.empty(0, np.float64),
        np.empty((0, 0), np.float64),
    )
    held, total, late = 0, 0, 0
    for s in range(count):
        if s and table[s, PARTITION] != table[s - 1, PARTITION]:
            kept.keys[:held], kept.hashes[:held], kept.docs[:held] = keys[:held], hashes[:held], docs[:held]
            kept_segments[:held], kept_scores[:held] = segments[:held], scores[:held]
            kept_held, kept_total = held, total
        low, high = ranges[s, LOW], ranges[s, HIGH]
        segment_units = units[s * TEXT_FIELDS : (s + 1) * TEXT_FIELDS]
        if low >= high or not bind(query, rows, count, s, segment_units, bound):
            continue
        lists = bound.counts[LISTS]
        articles = table[s, SIZE]
        segment = _view(table, s)
        view = Lists(_frozen(bound.rows[:lists]), bound.weights[:lists], bound.units[:lists])
        mask = carray(_pointer(ranges[s, MASK]), ((articles + WINDOW - 1) // WINDOW * WORDS,), np.uint64)
        range_ = Range(mask, low, high)
        worst = min(page.worst, keys[held - 1]) if held and held == size else page.worst
        part = Page(page.after, page.after_id, page.counting, worst, page.deadline_ns)
        if any_word:
            postings = 0
            for n in range(lists):
                postings += bound.rows[n, DF]
            if postings * FEW <= articles:
                report[s, ALGORITHM] = FEW_POSTINGS
                rank_few(
                    segment, view, range_, part, found, scratch[:articles], seen[: (articles + 63) // 64], report[s]
                )
            else:
                report[s, ALGORITHM] = ANY
                rank_any(segment, view, range_, part, found, report[s])
        elif all_words and bound.rows[0, DF] * RARE <= articles:
            report[s, ALGORITHM] = RAREST
            rank_rarest(segment, view, range_, part, found, report[s])
        else:
            report[s, ALGORITHM] = MATCHING
            structure = Clauses(
                bound.atoms[: bound.counts[ATOMS]],
                bound.starts[: bound.counts[CLAUSES] + 1],
                bound.counts[OPTIONAL],
                query.minimum,
                no_sets,
                no_constants,
                no_scores,
            )
            rank_matches(segment, view, structure, range_, part, sort, found, found_scores, report[s])
        if report[s, ALGORITHM] != MATCHING:
            for at in range(report[s, HELD]):
                found_scores[at] = -np.float64(found.keys[at])
        if report[s, LATE]:
            keys[:kept_held], hashes[:kept_held], docs[:kept_held] = (
                kept.keys[:kept_held],
                kept.hashes[:kept_held],
                kept.docs[:kept_held],
            )
            segments[:kept_held], scores[:kept_held] = kept_segments[:kept_held], kept_scores[:kept_held]
            held, total, late = kept_held, kept_total, s + 1
            break
        total += report[s, TOTAL]
        more, one, two = 0, 0, 0
        while more < size and (one < held or two < report[s, HELD]):
            if two == report[s, HELD] or (
                one < held and _comes_first(table, best, one, segments[one], found, two, s, sign)
            ):
                merged.keys[more], merged.hashes[more], merged.docs[more] = keys[one], hashes[one], docs[one]
                merged_segments[more], merged_scores[more] = segments[one], scores[one]
                one += 1
            else:
                merged.keys[more], merged.hashes[more] = found.keys[two], found.hashes[two]
                merged.docs[more] = found.docs[two]
                merged_segments[more], merged_scores[more] = s, found_scores[two]
                two += 1
            more += 1
        held = more
        keys[:held], hashes[:held], docs[:held] = merged.keys[:held], merged.hashes[:held], merged.docs[:held]
        segments[:held], scores[:held] = merged_segments[:held], merged_scores[:held]
    report[count, HELD], report[count, TOTAL], report[count, LATE] = held, total, late
