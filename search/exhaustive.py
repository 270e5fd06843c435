"""The plain executor: every clause over every article of a segment, as dense NumPy arrays.

Contract: exact, whatever it costs; memory is a few arrays of the segment's size for each level of the tree. It
looks at the deadline between clauses. No request comes here: it is the oracle that tests and benchmarks hold
kernels to.

Not here: what the nodes mean (`query.py`), the order of results (`order.py`).
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from partition.analysis import exact
from partition.schema import FIELD_BOOSTS, NO_DATE_MS, PARTS, TEXT
from partition.scoring import constant, contributions, decayed, decays
from partition.segment import Segment
from partition.statistics import Statistics
from search.deadline import DeadlineError
from search.query import (
    And,
    Between,
    Choice,
    Clock,
    Decay,
    Every,
    Filters,
    Node,
    Nothing,
    Or,
    Phrase,
    Prefix,
    Term,
    Value,
    Wildcard,
    holds_phrase,
    pattern_of,
)

Mask = NDArray[np.bool_]
Scores = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Matches:
    """What a clause says of every article of a segment; scores are 0 where it does not match."""

    mask: Mask
    scores: Scores


class Executor:
    """Executes query trees on one segment."""

    def __init__(self, segment: Segment, statistics: Statistics, deadline_s: float) -> None:
        """Args: the segment, the frozen statistics, and when to give up, on the monotonic clock."""
        self._segment = segment
        self._statistics = statistics
        self._deadline_s = deadline_s

    def execute(self, node: Node, filters: Filters, decay: Decay | None = None) -> Matches:
        """The live articles that match both, with their scores, which may decay.

        Raises:
            DeadlineError: it took too long.
        """
        found = self._node(node)
        mask = found.mask & self._segment.live & self._filters(filters)
        if decay is None:
            return Matches(mask, found.scores)
        left = decays(self._segment.published_ms, half_life_ms=decay.half_life_ms, origin_ms=decay.origin_ms)
        return Matches(mask, decayed(found.scores, left))

    def _node(self, node: Node) -> Matches:  # noqa: C901 - one case for each kind of node
        if time.monotonic() > self._deadline_s:
            raise DeadlineError
        match node:
            case Term():
                return self._term(node)
            case Phrase():
                return self._phrase(node)
            case Prefix():
                held = self._segment.terms_with_prefix(node.field, node.text)
                return self._any_of(held, node)
            case Wildcard():
                return self._any_of(self._terms_like(node), node)
            case Value():
                return self._unscored(self._choice(Choice(node.field, (node.text,))))
            case Between():
                return self._unscored(self._within(node.clock, node.from_ms, node.to_ms))
            case And():
                return self._and(node)
            case Or():
                return self._or(node)
            case Every():
                return Matches(np.ones(self._segment.size, np.bool_), np.zeros(self._segment.size, np.int64))
            case Nothing():
                return self._nothing()
            case _:
                raise AssertionError(f"{type(node).__name__} was not analysed")

    def _nothing(self) -> Matches:
        return Matches(np.zeros(self._segment.size, np.bool_), np.zeros(self._segment.size, np.int64))

    def _term(self, node: Term) -> Matches:
        found = self._nothing()
        postings = self._segment.postings(node.field, node.text)
        if len(postings.docnums):
            found.mask[postings.docnums] = True
            found.scores[postings.docnums] = contributions(
                postings.tf,
                self._segment.length(node.field)[postings.docnums].astype(np.float64),
                weight=node.boost * FIELD_BOOSTS[node.field] * self._statistics.idf(node.field, node.text),
                average_length=self._statistics.average_length(node.field),
            )
        return found

    def _phrase(self, node: Phrase) -> Matches:
        words = [self._term(Term(node.field, term, node.boost)) for term in dict.fromkeys(node.terms)]
        mask = np.logical_and.reduce([word.mask for word in words]) & self._segment.live
        parts = PARTS if node.field == TEXT else (node.field,)
        mask &= np.logical_or.reduce([self._adjacent(node, part) for part in parts])
        return Matches(mask, np.where(mask, sum(word.scores for word in words), 0))

    def _adjacent(self, node: Phrase, field: str) -> Mask:
        """Which articles hold the phrase in one field."""
        mask = np.ones(self._segment.size, np.bool_)
        for term in set(node.terms):
            holders = np.zeros(self._segment.size, np.bool_)
            holders[self._segment.postings(field, term).docnums] = True
            mask &= holders
        candidates = np.flatnonzero(mask).tolist()
        if not candidates:
            return mask
        columns = (self._segment.positions(field, term, candidates) for term in node.terms)
        for checked, (docnum, *positions) in enumerate(zip(candidates, *columns, strict=True)):
            if checked % 256 == 0 and time.monotonic() > self._deadline_s:
                raise DeadlineError
            mask[docnum] = holds_phrase(positions, node.slop)
        return mask

    def _terms_like(self, node: Wildcard) -> Iterable[int]:
        whole = pattern_of(node.text)
        first, last = self._segment.fields[node.field]["terms"]
        return (term for term in range(first, last) if whole.fullmatch(self._segment.key(term).decode()))

    def _any_of(self, held: Iterable[int], node: Prefix | Wildcard) -> Matches:
        """The articles that hold any of the terms with these ordinals."""
        found = self._nothing()
        for term in held:
            docs, _tfs = self._segment.read(self._segment.list_at(term))
            found.mask[docs] = True
        found.scores[found.mask] = constant(node.boost * FIELD_BOOSTS[node.field])
        return found

    def _and(self, node: And) -> Matches:
        required = [self._node(clause) for clause in node.required]
        mask = np.logical_and.reduce([clause.mask for clause in required])
        for clause in node.excluded:
            mask &= ~self._node(clause).mask
        return Matches(mask, np.where(mask, sum(clause.scores for clause in required), 0))

    def _or(self, node: Or) -> Matches:
        clauses = [self._node(clause) for clause in node.clauses]
        mask = np.sum([clause.mask for clause in clauses], axis=0) >= node.minimum
        return Matches(mask, np.where(mask, np.add.reduce([clause.scores for clause in clauses]), 0))

    def _filters(self, filters: Filters) -> Mask:
        mask = np.ones(self._segment.size, np.bool_)
        if filters.bounded:
            mask &= self._within(filters.clock, filters.from_ms, filters.to_ms)
        for choice in filters.choices:
            mask &= self._choice(choice)
        return mask

    def _within(self, clock: Clock, from_ms: int | None, to_ms: int | None) -> Mask:
        times = self._segment.times(clock)
        mask: Mask = times != NO_DATE_MS
        if from_ms is not None:
            mask &= times >= from_ms
        if to_ms is not None:
            mask &= times < to_ms
        return mask

    def _unscored(self, mask: Mask) -> Matches:
        return Matches(mask, np.zeros(self._segment.size, np.int64))

    def _choice(self, choice: Choice) -> Mask:
        def holders(values: tuple[str, ...]) -> Mask:
            mask = np.zeros(self._segment.size, np.bool_)
            for value in values:
                mask[self._segment.postings(choice.field, exact(value)).docnums] = True
            return mask

        denied = holders(choice.denied)
        return holders(choice.allowed) & ~denied if choice.allowed else ~denied
