"""Clauses of words, phrases and sets: which articles of a window match them, and what one article scores.

A query is clauses: articles must match at least `minimum` of the first `optional`, and none of the others. A clause
is atoms, of which one is enough: a word (a posting list), a phrase (lists that must all hold the article, in some
field one after the other), or a set (a bitmap, with a score for each article or one for all).

Contract: `window_matches` is exact but for phrases that are not excluded, which it takes for sets of words;
`score_of` decides. Looking for phrases ends soon after the deadline, however long the articles are; then `is_late`,
and nothing that was found counts.

Not here: the walk over windows, and which articles are the best (`matching.py`).
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numba import types

from partition.kernels.bits import ONE, get, popcount
from partition.kernels.clock import passed
from partition.kernels.jit import allocating, f64w, f64w2, i64, i64w, i64w2, inlined, u64w2
from partition.kernels.postings import AREA, BITMAP, BLOCK, BLOCKS, DF, NORMS, block_gaps, find, seek, tf_at
from partition.kernels.ranking import WINDOW, WORDS, contribution, restrict, set_bits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from partition.kernels.views import Lists, Range, SegmentView

WORD, PHRASE, SET = range(3)
KIND, FIRST, COUNT, SLOP, PARTS, PLACES, SPAN = range(7)
"""An atom: its kind; the first of its lists, and how many (a set: its bitmap, and its row of scores or -1). A phrase
also: slop, in how many fields it may stand, the first of the lists to look for positions in, and words in it; for
each field, the lists of the phrase's words in order."""

LOOK_UP = 12
"""Looking an article up in a list costs about as much as reading so many of its postings."""

LOOK_AFTER = 1 << 14
"""So many places of words are read in some 50 us: then it is time to look at the clock."""


class Clauses(NamedTuple):
    """The structure of a query; the clauses that may match come ordered by cost, cheapest first."""

    atoms: "NDArray[np.int64]"
    """Shape (atoms, 7), clause after clause."""
    starts: "NDArray[np.int64]"
    """Shape (clauses + 1,): the atoms of each clause."""
    optional: int
    """How many clauses may match; any of the others excludes an article."""
    minimum: int
    """How many of them must match; 0 for all articles, when there are none."""
    first_word: int
    """Where the segment begins in the bitmaps."""
    bitmaps: "NDArray[np.uint64]"
    """Shape (sets, words of whole windows), perhaps of several segments."""
    constants: "NDArray[np.float64]"
    """Shape (sets,): the score of a set's articles, where it has no row in `scores`."""
    scores: "NDArray[np.float64]"
    """Shape (rows, 64 * words): of each article where it stands in a bitmap."""


clauses_view = types.NamedTuple((i64w2, i64w, i64, i64, i64, u64w2, f64w, f64w2), Clauses)


class Room(NamedTuple):
    """Room that a query works in, kept from article to article."""

    blocks: "NDArray[np.int64]"
    """Shape (lists,): the block a window begins with."""
    cursors: "NDArray[np.int64]"
    """Shape (lists, 2), as `postings.find` wants it."""
    buffer: "NDArray[np.int32]"
    """Shape (lists, BLOCK), as `postings.find` wants it."""
    before: "NDArray[np.int32]"
    """Shape (lists, BLOCK + 1), as `postings.block_gaps` wants it."""
    gaps: "NDArray[np.int64]"
    """Shape (lists, 3): the block that `before` holds, where its gaps begin, their width."""
    chain: "NDArray[np.int64]"
    """Shape (3, lists): of each word of a phrase: the next bit to read, gaps left, its place."""
    atoms: "NDArray[np.float64]"
    """Shape (atoms,): what each adds to an article."""
    rests: "NDArray[np.float64]"
    """Shape (lists + 1,): what each list and those after it add to an article of a window at most."""
    bits: "NDArray[np.uint64]"
    """Shape (7, words of a window): what matches, and what a clause, an atom, a list and a union match; what a clause
    and what the query match whatever stands in order, as far as that is known without looking at articles."""
    counts: "NDArray[np.uint8]"
    """Shape (articles of a window,): clauses that match."""
    clock: "NDArray[np.int64]"
    """Shape (3,): the deadline, places to be read since the last look at the clock, whether it was too late then."""
    timespec: "NDArray[np.int64]"
    """Shape (2,), as `clock.passed` wants it."""


MATCHES, CLAUSE, ATOM, LIST, UNION, SURE, CERTAIN = range(7)
DEADLINE, PLACES_READ, TOO_LATE = range(3)


@allocating
def room_for(lists: "Lists", clauses: "Clauses", deadline_ns: int) -> Room:
    """Room for one query."""
    size = len(lists.rows)
    clock = np.zeros(3, np.int64)
    clock[DEADLINE] = deadline_ns
    cursors = np.full((size, 2), -1, np.int64)
    cursors[:, 0] = 0
    return Room(
        np.zeros(size, np.int64),
        cursors,
        np.empty((size, BLOCK), np.int32),
        np.empty((size, BLOCK + 1), np.int32),
        np.full((size, 3), -1, np.int64),
        np.empty((3, size), np.int64),
        np.empty(len(clauses.atoms), np.float64),
        np.zeros(size + 1, np.float64),
        np.empty((7, WORDS), np.uint64),
        np.empty(WINDOW, np.uint8),
        clock,
        np.empty(2, np.int64),
    )


@inlined
def is_late(room: Room) -> bool:
    """Whether phrases were not looked for any more, because the deadline had passed."""
    return room.clock[TOO_LATE] != 0


@inlined
def count_bits(bits: "NDArray[np.uint64]") -> int:
    """How many are set."""
    found = 0
    for word in range(len(bits)):
        found += np.int64(popcount(bits[word]))
    return found


@inlined
def _list_bits(
    segment: "SegmentView", lists: "Lists", n: int, start: int, among: int, some: int, into: int, room: Room
) -> None:
    """Set the bits of a window's articles that are on a list; only those in row `among` matter, which are `some`."""
    rows = lists.rows
    if rows[n, BITMAP] < 0 and some * LOOK_UP * len(segment.hashes) < rows[n, DF] * WINDOW:
        for word in range(WORDS):
            left = room.bits[among, word]
            while left:
                lowest = left & (~left + ONE)
                left ^= lowest
                doc = start + 64 * word + np.int64(popcount(lowest - ONE))
                if find(segment.words, rows, n, doc, room.cursors, room.buffer) >= 0:
                    room.bits[into, word] |= lowest
        return
    block = seek(segment.words, rows[n, AREA], rows[n, BLOCKS], room.blocks[n], start)
    room.blocks[n] = block
    set_bits(segment, lists, n, block, start, room.bits[into], room.cursors, room.buffer)


@inlined
def _clause_bits(
    segment: "SegmentView", lists: "Lists", clauses: Clauses, clause: int, start: int, some: int, room: Room
) -> None:
    """Row CLAUSE becomes the window's articles that match, those in MATCHES at least; phrases as sets of words.

    Row SURE becomes those that match without phrases.
    """
    bits = room.bits
    bits[CLAUSE, :] = 0
    phrases = False
    for atom in range(clauses.starts[clause], clauses.starts[clause + 1]):
        first = clauses.atoms[atom, FIRST]
        if clauses.atoms[atom, KIND] == SET:
            base = clauses.first_word + (start >> 6)
            for word in range(WORDS):
                bits[CLAUSE, word] |= clauses.bitmaps[first, base + word]
        elif clauses.atoms[atom, KIND] == WORD:
            _list_bits(segment, lists, first, start, MATCHES, some, CLAUSE, room)
        else:
            phrases = True
    for word in range(WORDS):
        bits[SURE, word] = bits[CLAUSE, word]
    for atom in range(clauses.starts[clause], clauses.starts[clause + 1] if phrases else 0):
        if clauses.atoms[atom, KIND] != PHRASE:
            continue
        first, count = clauses.atoms[atom, FIRST], clauses.atoms[atom, COUNT]
        for word in range(WORDS):
            bits[ATOM, word] = bits[MATCHES, word]
        left = some
        for n in range(first, first + count):
            bits[LIST, :] = 0
            _list_bits(segment, lists, n, start, ATOM, left, LIST, room)
            left = 0
            for word in range(WORDS):
                bits[ATOM, word] &= bits[LIST, word]
                left += np.int64(popcount(bits[ATOM, word]))
            if left == 0:
                break
        for word in range(WORDS):
            bits[CLAUSE, word] |= bits[ATOM, word]


@inlined
def _places(segment: "SegmentView", lists: "Lists", n: int, nth: int, doc: int, room: Room) -> bool:
    """Make column `nth` of the chain begin with a list's places in an article; whether it has any."""
    gaps, chain = room.gaps, room.chain
    ordinal = find(segment.words, lists.rows, n, doc, room.cursors, room.buffer)
    if ordinal < 0:
        return False
    block = ordinal >> 7
    if gaps[n, 0] != block:
        gaps[n, 0] = block
        gaps[n, 1], gaps[n, 2] = block_gaps(segment.words, lists.rows, n, block, room.before)
    start = np.int64(room.before[n, ordinal & 127])
    chain[0, nth] = gaps[n, 1] + gaps[n, 2] * start
    chain[1, nth] = room.before[n, (ordinal & 127) + 1] - start
    chain[2, nth] = -1
    room.clock[PLACES_READ] += chain[1, nth]
    return True


@inlined
def _in_order(segment: "SegmentView", lists: "Lists", first: int, span: int, slop: int, doc: int, room: Room) -> bool:
    """Whether an article holds the lists from `first` on one after the other, with at most `slop` words between."""
    words, gaps, chain = segment.words, room.gaps, room.chain
    for nth in range(span):
        if not _places(segment, lists, first + nth, nth, doc, room):
            return False
    # From each place of the first word, the earliest chain of places; all only move on, so nothing is read twice.
    while chain[1, 0]:
        chain[2, 0] += get(words, chain[0, 0], gaps[first, 2]) + 1
        chain[0, 0] += gaps[first, 2]
        chain[1, 0] -= 1
        for nth in range(1, span):
            width = gaps[first + nth, 2]
            while chain[2, nth] <= chain[2, nth - 1]:
                if chain[1, nth] == 0:
                    return False
                chain[2, nth] += get(words, chain[0, nth], width) + 1
                chain[0, nth] += width
                chain[1, nth] -= 1
        if chain[2, span - 1] - chain[2, 0] <= span - 1 + slop:
            return True
    return False


@inlined
def _rarest(lists: "Lists", first: int, span: int) -> tuple[int, int]:
    """The two rarest of some lists, in their order."""
    one, other = first, first + 1
    for n in range(first, first + span):
        if lists.rows[n, DF] < lists.rows[one, DF]:
            one, other = n, one
        elif n != one and lists.rows[n, DF] < lists.rows[other, DF]:
            other = n
    return min(one, other), max(one, other)


@inlined
def _rarest_in_order(
    segment: "SegmentView", lists: "Lists", first: int, span: int, slop: int, doc: int, room: Room
) -> bool:
    """Whether an article holds the two rarest lists of a phrase as far apart as it wants them: most do not."""
    one, other = _rarest(lists, first, span)
    if not (_places(segment, lists, one, 0, doc, room) and _places(segment, lists, other, 1, doc, room)):
        return False
    words, chain, apart = segment.words, room.chain, other - one
    while chain[1, 0]:
        chain[2, 0] += get(words, chain[0, 0], room.gaps[one, 2]) + 1
        chain[0, 0] += room.gaps[one, 2]
        chain[1, 0] -= 1
        while chain[2, 1] < chain[2, 0] + apart:
            if chain[1, 1] == 0:
                return False
            chain[2, 1] += get(words, chain[0, 1], room.gaps[other, 2]) + 1
            chain[0, 1] += room.gaps[other, 2]
            chain[1, 1] -= 1
        if chain[2, 1] <= chain[2, 0] + apart + slop:
            return True
    return False


@inlined
def _phrase_holds(segment: "SegmentView", lists: "Lists", clauses: Clauses, atom: int, doc: int, room: Room) -> bool:
    clock = room.clock
    if clock[PLACES_READ] > LOOK_AFTER:
        clock[PLACES_READ] = 0
        clock[TOO_LATE] |= passed(clock[DEADLINE], room.timespec)
    if clock[TOO_LATE]:
        return False
    span, slop = clauses.atoms[atom, SPAN], clauses.atoms[atom, SLOP]
    for part in range(clauses.atoms[atom, PARTS]):
        first = clauses.atoms[atom, PLACES] + part * span
        if _rarest_in_order(segment, lists, first, span, slop, doc, room) and (
            span == 2 or _in_order(segment, lists, first, span, slop, doc, room)
        ):
            return True
    return False


@inlined
def phrases_hold(segment: "SegmentView", lists: "Lists", clauses: Clauses, doc: int, room: Room) -> bool:
    """Whether an article that holds all words of all phrases has them in order."""
    for atom in range(clauses.starts[clauses.optional]):
        if clauses.atoms[atom, KIND] == PHRASE and not _phrase_holds(segment, lists, clauses, atom, doc, room):
            return False
    return True


@inlined
def _atom_score(segment: "SegmentView", lists: "Lists", clauses: Clauses, atom: int, doc: int, room: Room) -> float:
    """What an atom adds to an article, -1 if it does not match; a phrase as if its words stood in order."""
    first, count = clauses.atoms[atom, FIRST], clauses.atoms[atom, COUNT]
    if clauses.atoms[atom, KIND] == SET:
        if not (clauses.bitmaps[first, clauses.first_word + (doc >> 6)] >> np.uint64(doc & 63)) & ONE:
            return -1.0
        return clauses.scores[count, 64 * clauses.first_word + doc] if count >= 0 else clauses.constants[first]
    score = 0.0
    for n in range(first, first + count):
        ordinal = find(segment.words, lists.rows, n, doc, room.cursors, room.buffer)
        if ordinal < 0:
            return -1.0
        tf = np.float64(tf_at(segment.words, lists.rows, n, ordinal))
        score += contribution(lists.weights[n], tf, segment.norms[lists.rows[n, NORMS], doc])
    return score


@inlined
def sum_of(segment: "SegmentView", lists: "Lists", clauses: Clauses, doc: int, room: Room) -> float:
    """The score of an article that matches every atom."""
    score = 0.0
    for atom in range(clauses.starts[clauses.optional]):
        score += _atom_score(segment, lists, clauses, atom, doc, room)
    return score


@inlined
def score_of(
    segment: "SegmentView", lists: "Lists", clauses: Clauses, doc: int, threshold: float, room: Room
) -> float:
    """The score of an article, -1 if it does not match; also -1 if it would be less than `threshold`."""
    most = 0.0
    for atom in range(clauses.starts[clauses.optional]):
        room.atoms[atom] = _atom_score(segment, lists, clauses, atom, doc, room)
        most += max(0.0, room.atoms[atom])
    if most < threshold:
        return -1.0
    score = 0.0
    matched = 0
    for clause in range(clauses.optional):
        matches = False
        for atom in range(clauses.starts[clause], clauses.starts[clause + 1]):
            if room.atoms[atom] >= 0.0 and (
                clauses.atoms[atom, KIND] != PHRASE or _phrase_holds(segment, lists, clauses, atom, doc, room)
            ):
                score += room.atoms[atom]
                matches = True
        matched += matches
    return score if matched >= clauses.minimum and score >= threshold else -1.0


@inlined
def window_matches(
    segment: "SegmentView", lists: "Lists", clauses: Clauses, range_: "Range", start: int, room: Room
) -> int:
    """Row MATCHES becomes the window's articles that match; returns how many.

    Those of them in row CERTAIN match whether or not any phrase stands in order.
    """
    optional, minimum = clauses.optional, clauses.minimum
    bits = room.bits
    bits[MATCHES, :] = ~np.uint64(0)
    restrict(bits[MATCHES], start, range_)
    if minimum == 1:
        bits[UNION, :] = 0
        bits[CERTAIN, :] = 0
        for clause in range(optional):
            _clause_bits(segment, lists, clauses, clause, start, WINDOW, room)
            for word in range(WORDS):
                bits[UNION, word] |= bits[CLAUSE, word]
                bits[CERTAIN, word] |= bits[SURE, word]
        for word in range(WORDS):
            bits[MATCHES, word] &= bits[UNION, word]
    elif minimum == optional:
        some = WINDOW
        bits[CERTAIN, :] = ~np.uint64(0)
        for clause in range(optional):
            _clause_bits(segment, lists, clauses, clause, start, some, room)
            some = 0
            for word in range(WORDS):
                bits[MATCHES, word] &= bits[CLAUSE, word]
                bits[CERTAIN, word] &= bits[SURE, word]
                some += np.int64(popcount(bits[MATCHES, word]))
            if some == 0:
                return 0
    else:
        bits[CERTAIN, :] = 0
        _match_some(segment, lists, clauses, start, room)
    for clause in range(optional, len(clauses.starts) - 1):
        found = count_bits(bits[MATCHES])
        if found == 0:
            return 0
        _clause_bits(segment, lists, clauses, clause, start, found, room)
        _exclude(segment, lists, clauses, clause, start, room)
    return count_bits(bits[MATCHES])


@inlined
def _match_some(segment: "SegmentView", lists: "Lists", clauses: Clauses, start: int, room: Room) -> None:
    """Clear the bits in MATCHES of articles that match too few clauses."""
    bits = room.bits
    room.counts[:] = 0
    for clause in range(clauses.optional):
        _clause_bits(segment, lists, clauses, clause, start, WINDOW, room)
        for word in range(WORDS):
            left = bits[CLAUSE, word] & bits[MATCHES, word]
            while left:
                lowest = left & (~left + ONE)
                left ^= lowest
                room.counts[64 * word + np.int64(popcount(lowest - ONE))] += 1
    for offset in range(WINDOW):
        if room.counts[offset] < clauses.minimum:
            bits[MATCHES, offset >> 6] &= ~(ONE << np.uint64(offset & 63))


@inlined
def _exclude(segment: "SegmentView", lists: "Lists", clauses: Clauses, clause: int, start: int, room: Room) -> None:
    """Clear the bits in MATCHES of articles that match the clause in CLAUSE, its phrases too."""
    bits = room.bits
    certain = True
    for atom in range(clauses.starts[clause], clauses.starts[clause + 1]):
        certain &= clauses.atoms[atom, KIND] != PHRASE
    for word in range(WORDS):
        left = bits[CLAUSE, word] & bits[MATCHES, word]
        if certain:
            bits[MATCHES, word] &= ~left
            continue
        while left:
            lowest = left & (~left + ONE)
            left ^= lowest
            doc = start + 64 * word + np.int64(popcount(lowest - ONE))
            for atom in range(clauses.starts[clause], clauses.starts[clause + 1]):
                if _atom_score(segment, lists, clauses, atom, doc, room) >= 0.0 and (
                    clauses.atoms[atom, KIND] != PHRASE or _phrase_holds(segment, lists, clauses, atom, doc, room)
                ):
                    bits[MATCHES, word] &= ~lowest
                    break
