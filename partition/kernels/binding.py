"""A query bound to one segment: the lists and the sets that it has there, clauses ordered by cost.

Contract: an atom of which a segment lacks a list matches nothing there and is left out, as are clauses without atoms;
a phrase is looked for in those fields only that have all its words. What is left means the same in this segment.
A set is one of articles of all segments: a bitmap, in which each segment has whole windows of words.

Not here: where lists are (`segments.py`), what clauses mean (`clauses.py`).
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numba import types

from partition.kernels.clauses import COUNT, FIRST, KIND, PARTS, PHRASE, PLACES, SET, SPAN, WORD, Clauses
from partition.kernels.jit import allocating, f64w, f64w2, i64w, inlined, u64w2
from partition.kernels.postings import DF, NORMS
from partition.kernels.segments import SIZE, frozen
from partition.kernels.views import Lists

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Query(NamedTuple):
    """What is asked of every segment; those clauses that exclude articles come last, the others in any order.

    Atoms and clauses are those of `clauses.Clauses`.
    """

    weights: "NDArray[np.float64]"
    """Shape (lists,): boosts times idf; 0 where nothing is scored."""
    atoms: "NDArray[np.int64]"
    """Shape (atoms, 7)."""
    starts: "NDArray[np.int64]"
    """Shape (clauses + 1,)."""
    optional: int
    minimum: int


class Sets(NamedTuple):
    """The sets of a query, in all segments."""

    words: "NDArray[np.int64]"
    """Shape (segments + 1,): the first word of each segment in a bitmap, and the end."""
    bitmaps: "NDArray[np.uint64]"
    """Shape (sets, words)."""
    constants: "NDArray[np.float64]"
    """Shape (sets,), as `clauses.Clauses` has them."""
    scores: "NDArray[np.float64]"
    """Shape (rows, 64 * words): of each article where it stands in a bitmap."""


sets_view = types.NamedTuple((i64w, u64w2, f64w, f64w2), Sets)


class Bound(NamedTuple):
    """A query bound to a segment, in room for all that it consists of."""

    rows: "NDArray[np.int64]"
    weights: "NDArray[np.float64]"
    units: "NDArray[np.float64]"
    atoms: "NDArray[np.int64]"
    starts: "NDArray[np.int64]"
    counts: "NDArray[np.int64]"
    """Shape (4,): lists, atoms, clauses that may match and all clauses, of this segment."""
    costs: "NDArray[np.int64]"
    order: "NDArray[np.int64]"


LISTS, ATOMS, OPTIONAL, CLAUSES = range(4)


@allocating
def room_to_bind(query: Query) -> Bound:
    """Room for any segment."""
    lists, atoms, clauses = len(query.weights), len(query.atoms), len(query.starts) - 1
    return Bound(
        np.empty((lists, 8), np.int64),
        np.empty(lists, np.float64),
        np.empty(lists, np.float64),
        np.empty((atoms, 7), np.int64),
        np.zeros(clauses + 1, np.int64),
        np.zeros(4, np.int64),
        np.empty(clauses, np.int64),
        np.empty(clauses, np.int64),
    )


@inlined
def words_alone(query: Query) -> bool:
    """Whether each clause is one word, and none excludes anything."""
    atoms = len(query.atoms)
    alone = query.optional == len(query.starts) - 1 == atoms
    for atom in range(atoms if alone else 0):
        alone &= query.atoms[atom, KIND] == WORD and query.starts[atom] == atom
    return alone


@inlined
def _least(rows: "NDArray[np.int64]", first: int, lists: int, segments: int, s: int) -> int:
    """Articles on the shortest of some lists in a segment; 0 if it lacks one."""
    least = rows[first * segments + s, DF]
    for n in range(first + 1, first + lists):
        least = min(least, rows[n * segments + s, DF])
    return least


@inlined
def _atom_cost(query: Query, atom: int, rows: "NDArray[np.int64]", table: "NDArray[np.int64]", s: int) -> int:
    """Postings to be read of an atom, of a set as many as there are articles; 0 if nothing matches it."""
    if query.atoms[atom, KIND] == SET:
        return table[s, SIZE]
    return _least(rows, query.atoms[atom, FIRST], query.atoms[atom, COUNT], len(table), s)


@inlined
def _cost(query: Query, clause: int, rows: "NDArray[np.int64]", table: "NDArray[np.int64]", s: int) -> int:
    """The same of a clause."""
    cost = 0
    for atom in range(query.starts[clause], query.starts[clause + 1]):
        cost += _atom_cost(query, atom, rows, table, s)
    return cost


@inlined
def _add_lists(
    query: Query,
    rows: "NDArray[np.int64]",
    first: int,
    lists: int,
    segments: int,
    s: int,
    units: "NDArray[np.float64]",
    bound: Bound,
) -> None:
    to = bound.counts[LISTS]
    for n in range(first, first + lists):
        row = n * segments + s
        for number in range(8):
            bound.rows[to, number] = rows[row, number]
        bound.weights[to] = query.weights[n]
        bound.units[to] = query.weights[n] * units[rows[row, NORMS]]
        to += 1
    bound.counts[LISTS] = to


@inlined
def _add_clause(
    query: Query,
    clause: int,
    rows: "NDArray[np.int64]",
    table: "NDArray[np.int64]",
    s: int,
    units: "NDArray[np.float64]",
    bound: Bound,
) -> None:
    segments = len(table)
    for atom in range(query.starts[clause], query.starts[clause + 1]):
        first, lists = query.atoms[atom, FIRST], query.atoms[atom, COUNT]
        if _atom_cost(query, atom, rows, table, s) == 0:
            continue
        to = bound.counts[ATOMS]
        bound.counts[ATOMS] += 1
        for number in range(7):
            bound.atoms[to, number] = query.atoms[atom, number]
        if query.atoms[atom, KIND] == SET:
            continue
        bound.atoms[to, FIRST] = bound.counts[LISTS]
        _add_lists(query, rows, first, lists, segments, s, units, bound)
        if query.atoms[atom, KIND] == PHRASE:
            bound.atoms[to, PLACES], bound.atoms[to, PARTS] = bound.counts[LISTS], 0
            span = query.atoms[atom, SPAN]
            for part in range(query.atoms[atom, PARTS]):
                place = query.atoms[atom, PLACES] + part * span
                if _least(rows, place, span, segments, s):
                    bound.atoms[to, PARTS] += 1
                    _add_lists(query, rows, place, span, segments, s, units, bound)
    bound.counts[CLAUSES] += 1
    bound.starts[bound.counts[CLAUSES]] = bound.counts[ATOMS]


@inlined
def bind(
    query: Query,
    rows: "NDArray[np.int64]",
    table: "NDArray[np.int64]",
    s: int,
    units: "NDArray[np.float64]",
    bound: Bound,
) -> bool:
    """Bind a query to segment `s`; false if nothing can match there.

    Args:
        query: the query.
        rows: shape (lists * segments, 8): each list in each segment; DF is 0 where it has none.
        table: of the segments.
        s: the segment.
        units: shape (TEXT_FIELDS,): what a bound of one step adds at most in it, for a weight of 1.
        bound: receives what is bound.
    """
    bound.counts[:] = 0
    possible = 0
    for clause in range(query.optional):
        cost = _cost(query, clause, rows, table, s)
        if cost == 0:
            continue
        at = possible
        while at and bound.costs[at - 1] > cost:
            bound.costs[at], bound.order[at] = bound.costs[at - 1], bound.order[at - 1]
            at -= 1
        bound.costs[at], bound.order[at] = cost, clause
        possible += 1
    if possible < query.minimum:
        return False
    for at in range(possible):
        _add_clause(query, bound.order[at], rows, table, s, units, bound)
    bound.counts[OPTIONAL] = possible
    for clause in range(query.optional, len(query.starts) - 1):
        if _cost(query, clause, rows, table, s):
            _add_clause(query, clause, rows, table, s, units, bound)
    return True


@allocating
def lists_of(bound: Bound) -> Lists:
    """The lists of what is bound."""
    lists = bound.counts[LISTS]
    return Lists(frozen(bound.rows[:lists]), bound.weights[:lists], bound.units[:lists])


@allocating
def clauses_of(query: Query, bound: Bound, sets: Sets, s: int) -> Clauses:
    """The clauses of what is bound to segment `s`."""
    return Clauses(
        bound.atoms[: bound.counts[ATOMS]],
        bound.starts[: bound.counts[CLAUSES] + 1],
        bound.counts[OPTIONAL],
        query.minimum,
        sets.words[s],
        sets.bitmaps,
        sets.constants,
        sets.scores,
    )
