"""Several segments searched as one: one call for all, one list of the best.

What one segment found tells the next what is not good enough.

Contract: scores, order and pages are those of `ranking.py`, `intersection.py` and `matching.py`: they do the work.

Not here: the table of segments (`segments.py`), all that matches (`collecting.py`).
"""

from typing import TYPE_CHECKING

import numpy as np

from partition.kernels.binding import (
    LISTS,
    Query,
    Sets,
    bind,
    clauses_of,
    lists_of,
    room_to_bind,
    sets_view,
    words_alone,
)
from partition.kernels.intersection import rank_rarest
from partition.kernels.jit import allocating, f64w, i64, i64m, i64w, i64w2, kernel, u64w, void
from partition.kernels.matching import RELEVANCE, rank_matches
from partition.kernels.postings import DF
from partition.kernels.ranking import rank_any, rank_few
from partition.kernels.segments import HIGH, LOW, PARTITION, SIZE, TEXT_FIELDS, range_of, view_of
from partition.kernels.terms import compare
from partition.kernels.views import HELD, LATE, TOTAL, Page, Top, page_view

if TYPE_CHECKING:
    from numpy.typing import NDArray

NONE, FEW_POSTINGS, ANY, RAREST, MATCHING = range(5)
"""Algorithms."""
FEW = 6
"""Lists have few postings when there are not more than a FEW-th of the segment's articles."""
RARE = 32
"""A word is rare when it is in not more than a RARE-th of them."""
ALGORITHM = 5
"""The last number of a segment's report, after those of `views.py`."""


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
    one, two = view_of(table, segment), view_of(table, other_segment)
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
        *(sets_view, i64m, f64w, i64, page_view, f64w, u64w),
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
    sets: Sets,
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
        sets: of the query.
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
    held, total, late = 0, 0, 0
    for s in range(count):
        if s and table[s, PARTITION] != table[s - 1, PARTITION]:
            kept.keys[:held], kept.hashes[:held], kept.docs[:held] = keys[:held], hashes[:held], docs[:held]
            kept_segments[:held], kept_scores[:held] = segments[:held], scores[:held]
            kept_held, kept_total = held, total
        segment_units = units[s * TEXT_FIELDS : (s + 1) * TEXT_FIELDS]
        if ranges[s, LOW] >= ranges[s, HIGH] or not bind(query, rows, table, s, segment_units, bound):
            continue
        lists = bound.counts[LISTS]
        articles = table[s, SIZE]
        segment = view_of(table, s)
        view = lists_of(bound)
        range_ = range_of(table, ranges, s)
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
            rank_matches(
                segment,
                view,
                clauses_of(query, bound, sets, s),
                range_,
                part,
                sort,
                found,
                found_scores,
                report[s],
            )
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
