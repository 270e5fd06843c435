"""From the parameters of a search to its query: the tree, remembered, and its terms in the languages of a state.

Contract: equal texts are parsed once, and of spellings that mean the same the plainest stands for all. What is
refused is a `Problem`. Any number of threads may ask.

Not here: syntax (`parsing.py`), terms (`terms.py`), which state (`epochs.py`).
"""

import time
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import msgspec

from search.cursor import Cursor, digest_of
from search.dates import origin_of
from search.parameters import SearchParameters
from search.parsing import OPERATORS, Note, Parsed, QueryError, parse_query
from search.query import Node, Query, words_of
from search.refusals import invalid
from search.terms import analysed
from web.edge import Timings
from web.problems import ParameterError, Problem

MAX_REMEMBERED_QUERIES = 10_000


class Asked(NamedTuple):
    """What a request asks of one state."""

    parameters: SearchParameters
    cursor: Cursor | None
    query: Query
    """In the terms of the state's languages."""
    digest: bytes
    """What a cursor knows it by (`cursor.digest_of`): the languages of an archive may change meanwhile."""
    notes: tuple[Note, ...]
    deadline_s: float
    """By the monotonic clock."""


class Understanding:
    """What requests mean, as far as it is remembered."""

    def __init__(self, now: Callable[[], float]) -> None:
        """Args: the clock that relative dates go by, in seconds since 1970."""
        self._now = now
        self._parsed = lru_cache(MAX_REMEMBERED_QUERIES)(parse_query)
        self._analysed = lru_cache(MAX_REMEMBERED_QUERIES)(analysed)

    def parsed(self, text: str) -> Parsed:
        """The tree of a text.

        Raises:
            QueryError
        """
        return self._parsed(text)

    def in_terms(self, text: str, languages: tuple[str, ...]) -> Node:
        """The tree of a text in terms of these languages.

        Raises:
            QueryError
        """
        return self._analysed(self._parsed(text).node, languages)

    def words(self, text: str, languages: tuple[str, ...]) -> frozenset[str]:
        """The terms that a reader of what a text has found would want marked (`query.words_of`)."""
        try:
            return words_of(self.in_terms(text, languages))
        except QueryError:  # it has found nothing
            return frozenset()

    def plainly(self, parameters: SearchParameters) -> SearchParameters:
        """The same with the plainest spelling of its query: who asks for the same gets the same, links and all."""
        spelled = " ".join(word if word in OPERATORS else word.lower() for word in parameters.q.split())
        if spelled == parameters.q:
            return parameters
        try:
            plain, parsed = self._parsed(spelled), self._parsed(parameters.q)
        except QueryError:  # which is said where it belongs
            return parameters
        if plain.node != parsed.node or plain.notes or parsed.notes:  # notes tell places
            return parameters
        given = tuple((name, spelled if name == "q" else text) for name, text in parameters.given)
        return msgspec.structs.replace(parameters, q=spelled, given=given)

    def written(self, parameters: SearchParameters, cursor: Cursor | None) -> tuple[Query, tuple[Note, ...]]:
        """What is asked, as it is written: counted from the moment that the cursor has pinned, else from now.

        Raises:
            Problem: `query-invalid` or `cursor-mismatch`.
        """
        try:
            parsed = self._parsed(parameters.q)
        except QueryError as error:
            raise invalid(error) from None
        if parameters.strict and parsed.notes:
            raise invalid(QueryError(parsed.notes[0].detail, parsed.notes[0].position))
        pinned = cursor.origin_ms if cursor else None
        written = parameters.query(parsed.node, origin_of(self._now()) if pinned is None else pinned)
        if cursor and cursor.query_digest != digest_of(written):
            detail = "the cursor belongs to another query; leave it out to start from the beginning"
            raise Problem("cursor-mismatch", detail, [ParameterError("cursor", "belongs to another query")])
        return written, parsed.notes

    def asked(
        self,
        parameters: SearchParameters,
        cursor: Cursor | None,
        languages: tuple[str, ...],
        deadline_s: float,
        timings: Timings,
    ) -> Asked:
        """The same in terms of these languages.

        Raises:
            Problem: as of `written`.
        """
        started_s, known = time.perf_counter(), self._analysed.cache_info().misses
        written, notes = self.written(parameters, cursor)
        node = self._analysed(written.node, languages)
        if self._analysed.cache_info().misses > known:
            timings.add("parse", started_s)
        query = msgspec.structs.replace(written, node=node)
        return Asked(parameters, cursor, query, digest_of(written), notes, deadline_s)
