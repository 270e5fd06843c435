"""The best articles for any of some words, without scoring those that cannot be among them.

The articles of a segment are walked in windows. For each window the block maxima say how much each list can add at
most; lists that cannot, all together, lift an article over the worst of the k best are not walked but looked up, and
only for articles that still can. A window in which all lists together cannot is skipped. Bounds are never too low,
ties are decided (an equal score is not skipped), and sums are exact, so the answer is that of scoring everything.
Where scores decay with age, the last article of a window keeps most of its sum, from which follows what all others
must add up to. So the walk goes stretch by stretch, from the newest on, of articles that keep about as much.

Contract: scores are doubles that hold integers (`partition/scoring.py`), exact below 2^53.

Source: H. Turtle and J. Flood, "Query Evaluation: Strategies and Optimizations", 1995 (MaxScore); K. Chakrabarti,
S. Chaudhuri and V. Ganti, "Interval-Based Pruning for Top-k Processing over Compressed Lists", 2011 (by windows).

Not here: clauses that all must match, phrases, other sort keys (`matching.py`).
"""

from typing import TYPE_CHECKING

import numpy as np

from partition.kernels.bits import ONE, popcount
from partition.kernels.clock import passed
from partition.kernels.jit import f64w, i64w, inlined, kernel, u64w, void
from partition.kernels.postings import (
    AREA,
    BITMAP,
    BLOCK,
    BLOCKS,
    DF,
    NORMS,
    RANKS,
    block_docs,
    block_tfs,
    find,
    last_doc,
    seek,
    steps_of,
    tf_at,
)
from partition.kernels.top import offer
from partition.kernels.views import (
    HELD,
    LATE,
    LOOKED,
    SKIPPED,
    TOTAL,
    Range,
    lists_view,
    page_view,
    range_view,
    segment_view,
    top_view,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from partition.kernels.views import Lists, Page, SegmentView, Top

WINDOW = 4096
"""Articles in a window: its scores, 32 KiB, stay in the first-level cache."""
WORDS = WINDOW // 64
K1_PLUS_1 = 1.2 + 1.0
FIXED = float(1 << 24)
ROUND = 1.5 * 2.0**52
"""Added and taken away again, it rounds a double below 2^51 to the nearest integer, ties to even."""
ALIKE = 0.7
"""Articles of a stretch keep at least so much of what the newest of them keeps; with all of a segment in one, the few
that are new had hardly anything skipped: at a half-life of 14 days, p99 was 2.8 times what it is without decay."""
LEAST_STRETCH = 512
"""Articles of which a stretch consists at least."""
BELOW = 1.0 - 1e-12
"""Makes up for what two operations on doubles may be wrong by."""


@inlined
def contribution(weight: float, tf: float, norm: float) -> float:
    """What one posting adds; `scoring.contributions` for one article."""
    return (weight * (tf * K1_PLUS_1 / (tf + norm)) * FIXED + ROUND) - ROUND


@inlined
def score_from(segment: "SegmentView", doc: int, sum_: float) -> float:
    """The score of an article, from what its postings add up to; `scoring.decayed` for one article."""
    return (sum_ * segment.decay[doc] + ROUND) - ROUND if len(segment.decay) else sum_


@inlined
def least_sum(segment: "SegmentView", threshold: float, stop: int) -> float:
    """A sum: with less no article before docnum `stop` has a score of `threshold`; perhaps a little too low a one."""
    if len(segment.decay) == 0:
        return threshold
    return max(0.0, (threshold - 1.0) / segment.decay[stop - 1] * BELOW)


@inlined
def stretch_before(segment: "SegmentView", low: int, high: int) -> int:
    """Where the stretch of articles begins that ends at `high`; at `low` at least, and there if nothing decays."""
    if len(segment.decay) == 0:
        return low
    least = ALIKE * segment.decay[high - 1]
    first, after = low, max(low, high - LEAST_STRETCH)
    while first < after:
        middle = (first + after) >> 1
        if segment.decay[middle] < least:
            first = middle + 1
        else:
            after = middle
    return max(low, first & ~63)


@inlined
def restrict(bits: "NDArray[np.uint64]", start: int, range_: "Range") -> None:
    """Clear the bits of a window's articles that may not match."""
    base = start >> 6
    for word in range(len(bits)):
        if bits[word]:
            first = start + 64 * word
            if first >= range_.high or first + 64 <= range_.low:
                bits[word] = 0
                continue
            bits[word] &= range_.mask[base + word]
            if first < range_.low:
                bits[word] &= ~np.uint64(0) << np.uint64(range_.low - first)
            if first + 64 > range_.high:
                bits[word] &= (ONE << np.uint64(range_.high - first)) - ONE


@inlined
def window_bound(segment: "SegmentView", lists: "Lists", n: int, block: int, stop: int) -> float:
    """What a list can add at most to an article of a window that ends at `stop`; `block` is the first to look at."""
    area, blocks = lists.rows[n, AREA], lists.rows[n, BLOCKS]
    steps = 0
    while block < blocks:
        if block and last_doc(segment.words, area, block - 1) + 1 >= stop:
            break
        steps = max(steps, steps_of(segment.words, area, block))
        if last_doc(segment.words, area, block) >= stop:
            break
        block += 1
    return lists.units[n] * steps + 1.0 if steps else 0.0


@inlined
def set_bits(
    segment: "SegmentView",
    lists: "Lists",
    n: int,
    block: int,
    start: int,
    bits: "NDArray[np.uint64]",
    cursors: "NDArray[np.int64]",
    buffer: "NDArray[np.int32]",
) -> None:
    """Set the bits of a window's articles that are on a list; `block` is the first to look at."""
    rows = lists.rows
    if rows[n, BITMAP] >= 0:
        base = rows[n, BITMAP] + (start >> 6)
        for word in range(min(WORDS, rows[n, RANKS] - base)):
            bits[word] |= segment.words[base + word]
        return
    stop = start + WINDOW
    while block < rows[n, BLOCKS]:
        if block and last_doc(segment.words, rows[n, AREA], block - 1) + 1 >= stop:
            break
        if cursors[n, 1] != block:
            block_docs(segment.words, rows, n, block, buffer, n)
            cursors[n, 1] = block
        for at in range(min(BLOCK, rows[n, DF] - block * BLOCK)):
            offset = np.int64(buffer[n, at]) - start
            if 0 <= offset < WINDOW:
                bits[offset >> 6] |= ONE << np.uint64(offset & 63)
        if last_doc(segment.words, rows[n, AREA], block) >= stop:
            break
        block += 1


@inlined
def add_scores(
    segment: "SegmentView",
    lists: "Lists",
    n: int,
    block: int,
    start: int,
    stop: int,
    scores: "NDArray[np.float64]",
    bits: "NDArray[np.uint64]",
    cursors: "NDArray[np.int64]",
    buffer: "NDArray[np.int32]",
    tfs: "NDArray[np.int32]",
    added: "NDArray[np.float64]",
) -> None:
    """Add what a list gives to a window's articles, and set their bits; `block` is the first to look at.

    The window ends at `stop`, within WINDOW articles.
    """
    rows = lists.rows
    weight = lists.weights[n]
    field = rows[n, NORMS]
    while block < rows[n, BLOCKS]:
        if block and last_doc(segment.words, rows[n, AREA], block - 1) + 1 >= stop:
            break
        count = min(BLOCK, rows[n, DF] - block * BLOCK)
        if cursors[n, 1] != block:
            block_docs(segment.words, rows, n, block, buffer, n)
            cursors[n, 1] = block
        first = 0
        while first < count and buffer[n, first] < start:
            first += 1
        while count > first and buffer[n, count - 1] >= stop:
            count -= 1
        block_tfs(segment.words, rows, n, block, tfs)
        for at in range(first, count):
            added[at] = contribution(weight, np.float64(tfs[at]), segment.norms[field, buffer[n, at]])
        for at in range(first, count):
            offset = np.int64(buffer[n, at]) - start
            scores[offset] += added[at]
            bits[offset >> 6] |= ONE << np.uint64(offset & 63)
        if last_doc(segment.words, rows[n, AREA], block) >= stop:
            break
        block += 1


@inlined
def reached(page: "Page") -> float:
    """A score that others have reached: less is not wanted."""
    return max(0.0, -np.float64(page.worst))


@inlined
def first_threshold(
    segment: "SegmentView",
    lists: "Lists",
    range_: "Range",
    cursors: "NDArray[np.int64]",
    buffer: "NDArray[np.int32]",
    best: "NDArray[np.float64]",
) -> float:
    """A score that as many articles reach as `best` has room for, 0 if none is found quickly.

    The block of the weightiest list that promises most is scored, so that the walk can be choosy from the beginning.
    """
    rows, words = lists.rows, segment.words
    weightiest = 0
    for n in range(len(rows)):
        if lists.weights[n] > lists.weights[weightiest]:
            weightiest = n
    promising, most = 0, -1.0
    for block in range(rows[weightiest, BLOCKS]):
        promise = np.float64(steps_of(words, rows[weightiest, AREA], block))
        if len(segment.decay):
            promise *= segment.decay[last_doc(words, rows[weightiest, AREA], block)]
        if promise > most:
            promising, most = block, promise
    count = block_docs(words, rows, weightiest, promising, buffer, weightiest)
    cursors[weightiest, 1] = promising
    best[:] = 0.0
    for at in range(count):
        doc = np.int64(buffer[weightiest, at])
        if doc < range_.low or doc >= range_.high or not (range_.mask[doc >> 6] >> np.uint64(doc & 63)) & ONE:
            continue
        score = 0.0
        for n in range(len(rows)):
            ordinal = promising * BLOCK + at if n == weightiest else find(words, rows, n, doc, cursors, buffer)
            if ordinal >= 0:
                tf = np.float64(tf_at(words, rows, n, ordinal))
                score += contribution(lists.weights[n], tf, segment.norms[rows[n, NORMS], doc])
        score = score_from(segment, doc, score)
        place = len(best)
        while place and best[place - 1] < score:
            place -= 1
        for after in range(len(best) - 1, place, -1):
            best[after] = best[after - 1]
        if place < len(best):
            best[place] = score
    return best[len(best) - 1] if len(best) else 0.0


@kernel(void(segment_view, lists_view, range_view, page_view, top_view, i64w))
def rank_any(
    segment: "SegmentView", lists: "Lists", range_: "Range", page: "Page", top: "Top", report: "NDArray[np.int64]"
) -> None:
    """The best articles that are on any list, by score, forwards."""
    rows = lists.rows
    count = len(rows)
    cursors = np.full((count, 2), -1, np.int64)
    cursors[:, 0] = 0
    blocks = np.zeros(count, np.int64)
    buffer = np.empty((count, BLOCK), np.int32)
    tfs = np.empty(BLOCK, np.int32)
    added = np.empty(BLOCK, np.float64)
    bounds = np.empty(count, np.float64)
    order = np.empty(count, np.int64)
    under = np.zeros(count + 1, np.float64)
    scores = np.zeros(WINDOW, np.float64)
    bits = np.zeros(WORDS, np.uint64)
    union = np.zeros(WORDS, np.uint64)
    timespec = np.empty(2, np.int64)
    held, total = 0, 0
    threshold = reached(page)
    if not page.after[0]:
        best = np.empty(len(top.keys), np.float64)
        threshold = max(threshold, first_threshold(segment, lists, range_, cursors, buffer, best))
    high = range_.high
    while high > range_.low and not report[LATE]:
        low = stretch_before(segment, range_.low, high)
        stretch = Range(range_.mask, low, high)
        first = low & ~(WINDOW - 1) if low == range_.low else low
        for start in range(first, high, WINDOW):
            if passed(page.deadline_ns, timespec):
                report[LATE] = 1
                break
            stop = min(start + WINDOW, high)
            everything = 0.0
            for n in range(count):
                block = seek(segment.words, rows[n, AREA], rows[n, BLOCKS], blocks[n], max(start, low))
                blocks[n] = block
                bounds[n] = window_bound(segment, lists, n, block, stop)
                everything += bounds[n]
                at = n
                while at and bounds[order[at - 1]] > bounds[n]:
                    order[at] = order[at - 1]
                    at -= 1
                order[at] = n
            least = least_sum(segment, threshold, stop)
            if everything == 0.0 or (everything < least and not page.counting):
                report[SKIPPED] += 1
                continue
            report[LOOKED] += 1
            # The first lists in this order cannot lift an article over what is needed: they are looked up.
            looked_up = 0
            for at in range(count):
                under[at + 1] = under[at] + bounds[order[at]]
                if under[at + 1] < least:
                    looked_up = at + 1
            bits[:] = 0
            if looked_up < count:
                scores[:] = 0.0
            for at in range(looked_up, count):
                n = order[at]
                if bounds[n] > 0.0:
                    add_scores(segment, lists, n, blocks[n], start, stop, scores, bits, cursors, buffer, tfs, added)
            if page.counting:
                union[:] = bits
                for at in range(looked_up):
                    n = order[at]
                    if bounds[n] > 0.0:
                        set_bits(segment, lists, n, blocks[n], start, union, cursors, buffer)
                restrict(union, start, stretch)
                for word in range(WORDS):
                    total += np.int64(popcount(union[word]))
            restrict(bits, start, stretch)
            for word in range(WORDS):
                left = bits[word]
                while left:
                    lowest = left & (~left + ONE)
                    left ^= lowest
                    offset = 64 * word + np.int64(popcount(lowest - ONE))
                    score = scores[offset]
                    doc = start + offset
                    at = looked_up
                    while at and score + under[at] >= least:
                        at -= 1
                        n = order[at]
                        if bounds[n] > 0.0:
                            ordinal = find(segment.words, rows, n, doc, cursors, buffer)
                            if ordinal >= 0:
                                tf = np.float64(tf_at(segment.words, rows, n, ordinal))
                                score += contribution(lists.weights[n], tf, segment.norms[rows[n, NORMS], doc])
                    if at or score < least:
                        continue
                    score = score_from(segment, doc, score)
                    if score < threshold:
                        continue
                    held = offer(top, held, -np.int64(score), doc, segment, page)
                    if held == len(top.keys):
                        threshold = max(threshold, -np.float64(top.keys[held - 1]))
                        least = least_sum(segment, threshold, stop)
        high = low
    report[HELD], report[TOTAL] = held, total


@kernel(void(segment_view, lists_view, range_view, page_view, top_view, f64w, u64w, i64w))
def rank_few(
    segment: "SegmentView",
    lists: "Lists",
    range_: "Range",
    page: "Page",
    top: "Top",
    scores: "NDArray[np.float64]",
    seen: "NDArray[np.uint64]",
    report: "NDArray[np.int64]",
) -> None:
    """The same by adding up every posting, which is quicker when there are few.

    `scores` and `seen` are zeros for each article, and for each 64; they are zeros again afterwards.
    """
    docs = np.empty((1, BLOCK), np.int32)
    tfs = np.empty(BLOCK, np.int32)
    added = np.empty(BLOCK, np.float64)
    timespec = np.empty(2, np.int64)
    words, rows = segment.words, lists.rows
    for n in range(len(rows)):
        field, weight, area = rows[n, NORMS], lists.weights[n], rows[n, AREA]
        block = seek(words, area, rows[n, BLOCKS], 0, range_.low)
        while block < rows[n, BLOCKS]:
            if block and last_doc(words, area, block - 1) + 1 >= range_.high:
                break
            if block & 31 == 31 and passed(page.deadline_ns, timespec):
                report[LATE] = 1
                break
            count = block_docs(words, rows, n, block, docs, 0)
            block_tfs(words, rows, n, block, tfs)
            for at in range(count):
                added[at] = contribution(weight, np.float64(tfs[at]), segment.norms[field, docs[0, at]])
            for at in range(count):
                doc = np.int64(docs[0, at])
                scores[doc] += added[at]
                seen[doc >> 6] |= ONE << np.uint64(doc & 63)
            block += 1
    held, total = 0, 0
    threshold = reached(page)
    for word in range(len(seen)):
        left = seen[word]
        seen[word] = 0
        while left:
            lowest = left & (~left + ONE)
            left ^= lowest
            doc = (word << 6) + np.int64(popcount(lowest - ONE))
            score = scores[doc]
            scores[doc] = 0.0
            if not range_.mask[word] & lowest or doc < range_.low or doc >= range_.high:
                continue
            total += 1
            score = score_from(segment, doc, score)
            if score >= threshold:
                held = offer(top, held, -np.int64(score), doc, segment, page)
                if held == len(top.keys):
                    threshold = max(threshold, -np.float64(top.keys[held - 1]))
    report[HELD], report[TOTAL] = held, total
