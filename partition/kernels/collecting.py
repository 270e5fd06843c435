"""All articles of several segments that match a query: one call for all.

Contract: what matches, and with which sum, is what `matching.collect` finds, segment by segment. A set of articles of
all segments is a bitmap, in which each segment has whole windows of words; a place in it is the number of a bit.

Not here: the table of segments (`segments.py`), the best articles (`sharing.py`), what is made of sets
(`facets.py`, `search/share.py`).
"""

from typing import TYPE_CHECKING

import numpy as np

from partition.kernels.binding import Query, Sets, bind, clauses_of, lists_of, room_to_bind, sets_view
from partition.kernels.jit import f64w, i64, i64m, i64w, i64w2, kernel, u64w, void
from partition.kernels.matching import RELEVANCE, collect, sort_key
from partition.kernels.ranking import score_from
from partition.kernels.segments import HIGH, LOW, SIZE, TEXT_FIELDS, range_of, view_of
from partition.kernels.views import LATE

if TYPE_CHECKING:
    from numpy.typing import NDArray


@kernel(
    void(
        *(i64w2, i64w2),
        *(f64w, i64w2, i64w, i64, i64),
        *(sets_view, i64m, f64w, i64, u64w, f64w, i64w),
    )
)
def collect_segments(
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
    deadline_ns: int,
    bitmap: "NDArray[np.uint64]",
    sums: "NDArray[np.float64]",
    report: "NDArray[np.int64]",
) -> None:
    """Which articles match.

    Args:
        table, ranges: of the segments.
        weights, atoms, starts, optional, minimum: a `binding.Query`.
        sets, rows, units: as `sharing.rank_segments` has them.
        deadline_ns: on the monotonic clock.
        bitmap: zeros; receives a bit for each article that matches.
        sums: empty, or a number for each bit: receives what the postings of each article that matches add up to.
        report: zeros; receives in LATE whether the deadline passed.
    """
    query = Query(weights, atoms, starts, optional, minimum)
    bound = room_to_bind(query)
    for s in range(len(table)):
        segment_units = units[s * TEXT_FIELDS : (s + 1) * TEXT_FIELDS]
        if ranges[s, LOW] >= ranges[s, HIGH] or not bind(query, rows, table, s, segment_units, bound):
            continue
        first, last, articles = sets.words[s], sets.words[s + 1], table[s, SIZE]
        collect(
            view_of(table, s),
            lists_of(bound),
            clauses_of(query, bound, sets, s),
            range_of(table, ranges, s),
            deadline_ns,
            bitmap[first:last],
            sums[64 * first : 64 * first + articles] if len(sums) else sums,
            report,
        )
        if report[LATE]:
            break


@kernel(void(i64w2, i64w, i64, f64w, i64w, i64w))
def order_keys(
    table: "NDArray[np.int64]",
    words: "NDArray[np.int64]",
    sort: int,
    sums: "NDArray[np.float64]",
    places: "NDArray[np.int64]",
    keys: "NDArray[np.int64]",
) -> None:
    """By which some articles are sorted.

    Args:
        table: of the segments.
        words: shape (segments + 1,): the first word of each segment in a bitmap, and the end.
        sort: as `matching.rank_matches` has it.
        sums: of `collect_segments`, if it is by relevance.
        places: shape (n,), ascending.
        keys: shape (n,), receives them.
    """
    if len(places) == 0:
        return
    s = 0
    segment = view_of(table, s)
    for at in range(len(places)):
        place = places[at]
        if place >= 64 * words[s + 1]:
            while place >= 64 * words[s + 1]:
                s += 1
            segment = view_of(table, s)
        doc = place - 64 * words[s]
        if sort == RELEVANCE:
            keys[at] = -np.int64(score_from(segment, doc, sums[place]))
        else:
            keys[at] = sort_key(sort, segment.times[doc])
