"""The best articles that hold all of some words, when one of the words is rare.

The shortest list is read, and its articles are looked up in the others. Windows (`matching.py`) cost as much whether
they hold something or not; here nothing is paid for articles that are not on the shortest list.

Contract: as `ranking.py`, with which it shares scores and order; forwards only.

Source: A. Moffat and J. Zobel, "Self-Indexing Inverted Files for Fast Text Retrieval", 1996.

Not here: common words, and everything that is not a word (`matching.py`).
"""

from typing import TYPE_CHECKING

import numpy as np

from partition.kernels.bits import ONE
from partition.kernels.clock import passed
from partition.kernels.jit import i64w, kernel, void
from partition.kernels.postings import AREA, BLOCK, BLOCKS, NORMS, block_docs, block_tfs, find, last_doc, seek, tf_at
from partition.kernels.ranking import contribution, reached, score_from
from partition.kernels.top import offer
from partition.kernels.views import (
    HELD,
    LATE,
    TOTAL,
    lists_view,
    page_view,
    range_view,
    segment_view,
    top_view,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from partition.kernels.views import Lists, Page, Range, SegmentView, Top


@kernel(void(segment_view, lists_view, range_view, page_view, top_view, i64w))
def rank_rarest(
    segment: "SegmentView",
    lists: "Lists",
    range_: "Range",
    page: "Page",
    top: "Top",
    report: "NDArray[np.int64]",
) -> None:
    """The best articles that are on all lists, of which the shortest comes first."""
    words, rows = segment.words, lists.rows
    count = len(rows)
    docs, tfs = np.empty((1, BLOCK), np.int32), np.empty(BLOCK, np.int32)
    cursors = np.full((count, 2), -1, np.int64)
    cursors[:, 0] = 0
    buffer = np.empty((count, BLOCK), np.int32)
    timespec = np.empty(2, np.int64)
    threshold = reached(page)
    held, total = 0, 0
    block = seek(words, rows[0, AREA], rows[0, BLOCKS], 0, range_.low)
    while block < rows[0, BLOCKS]:
        if block and last_doc(words, rows[0, AREA], block - 1) + 1 >= range_.high:
            break
        if passed(page.deadline_ns, timespec):
            report[LATE] = 1
            break
        size = block_docs(words, rows, 0, block, docs, 0)
        block_tfs(words, rows, 0, block, tfs)
        for at in range(size):
            doc = np.int64(docs[0, at])
            if doc < range_.low or doc >= range_.high:
                continue
            if not (range_.mask[doc >> 6] >> np.uint64(doc & 63)) & ONE:
                continue
            score = contribution(lists.weights[0], np.float64(tfs[at]), segment.norms[rows[0, NORMS], doc])
            everywhere = True
            for n in range(1, count):
                ordinal = find(words, rows, n, doc, cursors, buffer)
                if ordinal < 0:
                    everywhere = False
                    break
                tf = np.float64(tf_at(words, rows, n, ordinal))
                score += contribution(lists.weights[n], tf, segment.norms[rows[n, NORMS], doc])
            if not everywhere:
                continue
            total += 1
            score = score_from(segment, doc, score)
            if score >= threshold:
                held = offer(top, held, -np.int64(score), doc, segment, page)
                if held and held == len(top.keys):
                    threshold = max(threshold, -np.float64(top.keys[held - 1]))
        block += 1
    report[HELD], report[TOTAL] = held, total
