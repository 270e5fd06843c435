"""The best articles that match any combination of clauses, by score or by time; and all that match.

Articles are walked in windows; for an order by the times that docnums ascend by, from the end that comes first, and
for scores that decay with age from the newest on.
Clauses become bitmaps, the cheapest first and the others only where it left something; articles that match are scored
one by one, or, when they are many, by adding up lists; phrases are looked at last, in articles that match otherwise
and are good enough.

Contract: as `ranking.py`, with which it shares scores and order.

Source: intersection by the shortest list first with skips: A. Moffat and J. Zobel, "Self-Indexing Inverted Files for
Fast Text Retrieval", 1996.

Not here: what matches (`clauses.py`), the quicker way for words of which any will do (`ranking.py`).
"""

from typing import TYPE_CHECKING

import numpy as np

from partition.kernels.bits import ONE, popcount
from partition.kernels.clauses import (
    CERTAIN,
    COUNT,
    FIRST,
    KIND,
    LOOK_UP,
    MATCHES,
    PHRASE,
    SET,
    clauses_view,
    is_late,
    phrases_hold,
    room_for,
    score_of,
    sum_of,
    window_matches,
)
from partition.kernels.clock import passed
from partition.kernels.jit import f64w, i64, i64w, inlined, kernel, u64w, void
from partition.kernels.postings import AREA, BLOCK, BLOCKS, DF, NORMS, block_docs, find, last_doc, seek, tf_at
from partition.kernels.ranking import WINDOW, WORDS, contribution, least_sum, reached, score_from, window_bound
from partition.kernels.top import offer
from partition.kernels.views import (
    HELD,
    LAST,
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

    from partition.kernels.clauses import Clauses, Room
    from partition.kernels.views import Lists, Page, SegmentView, Top

RELEVANCE, NEWEST, OLDEST = range(3)
NO_DATE = -(2**63)
MANY = 8
"""Articles of a window from which on lists are added up one by one, rather than articles scored one by one."""


@inlined
def sort_key(sort: int, time_ms: int) -> int:
    """By which articles are sorted that are sorted by time."""
    if time_ms == NO_DATE:
        return LAST
    return -time_ms if sort == NEWEST else time_ms


@inlined
def _bound(segment: "SegmentView", lists: "Lists", clauses: "Clauses", start: int, room: "Room") -> float:
    """What a window's articles can add up to at most."""
    most = 0.0
    for atom in range(clauses.starts[clauses.optional]):
        first, count = clauses.atoms[atom, FIRST], clauses.atoms[atom, COUNT]
        if clauses.atoms[atom, KIND] == SET:
            if count >= 0:
                return np.inf
            most += clauses.constants[first]
            continue
        for n in range(first, first + count):
            block = seek(segment.words, lists.rows[n, AREA], lists.rows[n, BLOCKS], room.blocks[n], start)
            room.blocks[n] = block
            most += window_bound(segment, lists, n, block, start + WINDOW)
    return most


@inlined
def _look_up(
    segment: "SegmentView", lists: "Lists", n: int, start: int, scores: "NDArray[np.float64]", room: "Room"
) -> None:
    """Add one list to the scores of the window's articles in MATCHES, looking up each."""
    rows, words = lists.rows, segment.words
    for word in range(WORDS):
        left = room.bits[MATCHES, word]
        while left:
            lowest = left & (~left + ONE)
            left ^= lowest
            offset = 64 * word + np.int64(popcount(lowest - ONE))
            ordinal = find(words, rows, n, start + offset, room.cursors, room.buffer)
            if ordinal >= 0:
                tf = np.float64(tf_at(words, rows, n, ordinal))
                norm = segment.norms[rows[n, NORMS], start + offset]
                scores[offset] += contribution(lists.weights[n], tf, norm)


@inlined
def _drop(least: float, scores: "NDArray[np.float64]", room: "Room") -> int:
    """Clear the bits in MATCHES, and the scores, of articles that have less than `least`; returns how many stay."""
    found = 0
    for word in range(WORDS):
        left = room.bits[MATCHES, word]
        while left:
            lowest = left & (~left + ONE)
            left ^= lowest
            offset = 64 * word + np.int64(popcount(lowest - ONE))
            if scores[offset] < least:
                scores[offset] = 0.0
                room.bits[MATCHES, word] ^= lowest
            else:
                found += 1
    return found


@inlined
def _add_up(
    segment: "SegmentView",
    lists: "Lists",
    start: int,
    found: int,
    least: float,
    scores: "NDArray[np.float64]",
    room: "Room",
) -> None:
    """Add all scored lists to the scores, zeros so far, of the window's articles in MATCHES, which are `found`.

    Articles that cannot reach `least` any more are dropped on the way: of the lists of common words, which come last,
    little is read.
    """
    rows, words = lists.rows, segment.words
    if least > 0.0:
        for n in range(len(rows) - 1, -1, -1):
            room.rests[n] = room.rests[n + 1]
            if lists.weights[n] > 0.0:
                room.blocks[n] = seek(words, rows[n, AREA], rows[n, BLOCKS], room.blocks[n], start)
                room.rests[n] += window_bound(segment, lists, n, room.blocks[n], start + WINDOW)
    for n in range(len(rows)):
        if not lists.weights[n] > 0.0:
            continue
        if n and least > 0.0:
            found = _drop(least - room.rests[n], scores, room)
            if found == 0:
                return
        if found * LOOK_UP * len(segment.hashes) < rows[n, DF] * WINDOW:
            _look_up(segment, lists, n, start, scores, room)
            continue
        block = seek(words, rows[n, AREA], rows[n, BLOCKS], room.blocks[n], start)
        room.blocks[n] = block
        while block < rows[n, BLOCKS]:
            if block and last_doc(words, rows[n, AREA], block - 1) + 1 >= start + WINDOW:
                break
            if room.cursors[n, 1] != block:
                block_docs(words, rows, n, block, room.buffer, n)
                room.cursors[n, 1] = block
            for at in range(min(BLOCK, rows[n, DF] - block * BLOCK)):
                offset = np.int64(room.buffer[n, at]) - start
                if 0 <= offset < WINDOW and (room.bits[MATCHES, offset >> 6] >> np.uint64(offset & 63)) & ONE:
                    tf = np.float64(tf_at(words, rows, n, block * BLOCK + at))
                    norm = segment.norms[rows[n, NORMS], start + offset]
                    scores[offset] += contribution(lists.weights[n], tf, norm)
            if last_doc(words, rows[n, AREA], block) >= start + WINDOW:
                break
            block += 1


@kernel(void(segment_view, lists_view, clauses_view, range_view, page_view, i64, top_view, f64w, i64w))
def rank_matches(
    segment: "SegmentView",
    lists: "Lists",
    clauses: "Clauses",
    range_: "Range",
    page: "Page",
    sort: int,
    top: "Top",
    top_scores: "NDArray[np.float64]",
    report: "NDArray[np.int64]",
) -> None:
    """The best articles that match, by score or by time; `top_scores` receives the scores of those in `top`."""
    room = room_for(lists, clauses, page.deadline_ns)
    scores = np.zeros(WINDOW, np.float64)
    phrases, sets = False, False
    # Whether an article that holds all lists of a query matches it as soon as its phrases do.
    plain = clauses.minimum == clauses.optional == clauses.starts[clauses.optional]
    for atom in range(clauses.starts[clauses.optional]):
        phrases |= clauses.atoms[atom, KIND] == PHRASE
        sets |= clauses.atoms[atom, KIND] == SET
    backwards = page.after[3] != 0
    relevance = sort == RELEVANCE
    pruning = relevance and not backwards
    threshold = reached(page) if pruning else 0.0
    # Of times that do not ascend, the end of a window says nothing about the articles in it.
    ascending = not relevance and segment.dated >= 0
    # Where scores decay, hardly any old articles are good enough after the newest.
    descending = (sort == NEWEST) != backwards if ascending else relevance and len(segment.decay) > 0
    held, total = 0, 0
    # Articles without a date come last by time, though their docnums are the first; backwards they come first.
    middle = min(max(segment.dated, range_.low), range_.high) if ascending else range_.high
    for half in range(2):
        undated = (half == 0) == (backwards or not ascending)
        low, high = (range_.low, middle) if undated else (middle, range_.high)
        half_range = Range(range_.mask, low, high)
        first, last = low // WINDOW, (high + WINDOW - 1) // WINDOW
        for nth in range(last - first if high > low else 0):
            start = WINDOW * (last - 1 - nth if descending else first + nth)
            if is_late(room) or passed(page.deadline_ns, room.timespec):
                report[LATE] = 1
                break
            beaten = False
            if ascending:
                edge = min(start + WINDOW, high) - 1 if descending else max(start, low)
                key = sort_key(sort, segment.times[edge])
                if backwards:
                    key = ~key
                beaten = key > page.worst
                if held == len(top.keys):
                    beaten = beaten or held == 0 or key > top.keys[held - 1]
            if beaten and not page.counting:
                break
            stop = min(start + WINDOW, high)
            needed = least_sum(segment, threshold, stop)
            worthless = needed > 0.0 and _bound(segment, lists, clauses, start, room) < needed
            if worthless and not page.counting:
                report[SKIPPED] += 1
                continue
            report[LOOKED] += 1
            found = window_matches(segment, lists, clauses, half_range, start, room)
            if found == 0:
                continue
            if not phrases:
                total += found
                if worthless or beaten:
                    continue
            # What is not good enough must be decided only to be counted.
            least = 0.0 if phrases and page.counting else needed
            # A sum over all lists is the score, or with phrases no less than it. Where nothing is too little, phrases
            # are looked at first.
            phrases_first = phrases and plain and least == 0.0
            summed = relevance and found > MANY and not sets and not phrases_first
            if summed:
                _add_up(segment, lists, start, found, least, scores, room)
            for nth_word in range(WORDS):
                word = WORDS - 1 - nth_word if descending else nth_word
                left = room.bits[MATCHES, word]
                while left:
                    lowest = left & (~left + ONE)
                    left ^= lowest
                    offset = 64 * word + np.int64(popcount(lowest - ONE))
                    doc = start + offset
                    score = 0.0
                    if summed:
                        score, scores[offset] = scores[offset], 0.0
                        if score < least or (least > 0.0 and score_from(segment, doc, score) < threshold):
                            continue
                    if phrases_first or (summed and phrases and plain):
                        if not phrases_hold(segment, lists, clauses, doc, room):
                            continue
                        total += 1
                        if phrases_first and relevance:
                            score = sum_of(segment, lists, clauses, doc, room)
                    elif phrases or (relevance and not summed):
                        enough = least_sum(segment, threshold, doc + 1) if least > 0.0 else 0.0
                        score = score_of(segment, lists, clauses, doc, enough, room)
                        if score < 0.0:
                            continue
                        total += phrases
                    if relevance:
                        score = score_from(segment, doc, score)
                    if pruning and score < threshold:
                        continue
                    key = -np.int64(score) if relevance else sort_key(sort, segment.times[doc])
                    held = offer(top, held, key, doc, segment, page)
                    if pruning and held and held == len(top.keys):
                        threshold = max(threshold, -np.float64(top.keys[held - 1]))
                        least = 0.0 if phrases and page.counting else least_sum(segment, threshold, stop)
        if report[LATE]:
            break
    for at in range(held):
        sum_ = score_of(segment, lists, clauses, top.docs[at], 0.0, room)
        top_scores[at] = score_from(segment, top.docs[at], sum_)
    if is_late(room):  # in the last window, or just now
        report[LATE] = 1
    report[HELD], report[TOTAL] = held, total


@kernel(void(segment_view, lists_view, clauses_view, range_view, i64, u64w, f64w, i64w))
def collect(
    segment: "SegmentView",
    lists: "Lists",
    clauses: "Clauses",
    range_: "Range",
    deadline_ns: int,
    bitmap: "NDArray[np.uint64]",
    scores: "NDArray[np.float64]",
    report: "NDArray[np.int64]",
) -> None:
    """All articles that match.

    `bitmap`, shape (words of whole windows,), receives a bit for each; `scores`, shape (n,), their scores, unless it
    is empty.
    """
    room = room_for(lists, clauses, deadline_ns)
    phrases = False
    for atom in range(clauses.starts[clauses.optional]):
        phrases |= clauses.atoms[atom, KIND] == PHRASE
    for start in range(range_.low & ~(WINDOW - 1), range_.high, WINDOW):
        if is_late(room) or passed(deadline_ns, room.timespec):
            report[LATE] = 1
            break
        found = window_matches(segment, lists, clauses, range_, start, room)
        if found == 0:
            continue
        for word in range(WORDS):
            left = room.bits[MATCHES, word]
            if len(scores) == 0:
                left &= ~room.bits[CERTAIN, word]
            while (phrases or len(scores)) and left:
                lowest = left & (~left + ONE)
                left ^= lowest
                doc = start + 64 * word + np.int64(popcount(lowest - ONE))
                score = score_of(segment, lists, clauses, doc, 0.0, room)
                if score < 0.0:
                    room.bits[MATCHES, word] &= ~lowest
                    found -= 1
                elif len(scores):
                    scores[doc] = score
            bitmap[(start >> 6) + word] = room.bits[MATCHES, word]
        report[TOTAL] += found
    if is_late(room):  # in the last window
        report[LATE] = 1
