"""The search service: one request's parameters in, the bytes of one page out.

    1. which epoch, and which moment relative dates count from: the cursor's, else the current ones
    2. the query's tree, parsed or remembered, and its terms in the languages of that epoch
    3. the cache, by what is asked; what it has is judged by that epoch
    4. else: admission, then one trip to a thread: scatter, gather, documents of this page, the body

Contract: the body depends on the state, on the parameters and, if these say so, on the hour only, so that equal
answers are equal bytes; what is kept of one state is an answer in later ones as long as nothing that it was made of
has changed (`dependence.py`). Every refusal is a `Problem`.

Not here: HTTP (`routes.py`), single articles, what is like them, suggestions (`lookups.py`), how the cache works
(`cache/`, seen through a Protocol).
"""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple, TypeVar

import msgspec

from partition.manifest import RootManifest
from search.answers import facets_of, links_of, page_body
from search.broker import Broker, EpochGoneError, Gathered, LeafError
from search.cursor import Cursor, CursorCodec, CursorInvalidError, digest_of
from search.dates import origin_of
from search.dependence import Sought, dependence
from search.documents import documents_shown
from search.epochs import Epochs
from search.explanations import explained
from search.facets import of_others
from search.judging import StateJudge
from search.known import KnownTargets
from search.leaf import Slice
from search.lookups import Lookups
from search.parameters import SearchParameters
from search.parsing import OPERATORS, Note, QueryError, parse_query
from search.placing import ArticlePlace, placed
from search.ports import (
    Answer,
    Cache,
    Loaded,
    PastCache,
    Served,
    WasWithdrawn,
    archive_key,
    decoded,
    served,
    state_key,
)
from search.query import Query, words_of
from search.readiness import current_of, reached
from search.refusals import changed, incomplete, invalid, late_or_broken
from search.shapes import DidYouMean
from search.single import stories_of
from search.snapshot import Snapshot, View
from search.spelling import corrected
from search.terms import analysed
from web.admission import Admission
from web.edge import Timings
from web.problems import ParameterError, Problem

T = TypeVar("T")

MAX_REMEMBERED_QUERIES = 10_000
REVALIDATED = "public, max-age=0, must-revalidate"
"""Caches on the way ask each time: a takedown must reach them all."""
Took = Callable[[SearchParameters, float, Served | Problem], None]
"""Is told of a search: what was asked, how many seconds it took, and what came of it."""
FEW_FOUND = 3
"""Articles; a query that finds fewer may have been misspelled."""


class _Asked(NamedTuple):
    """What a request asks of one state."""

    query: Query
    """In the terms of the state's languages."""
    digest: bytes
    """What a cursor knows it by (`cursor.digest_of`): the languages of an archive may change meanwhile."""
    notes: tuple[Note, ...]


class SearchService:
    """Answers searches and look-ups from the published epochs of one archive."""

    def __init__(
        self,
        *,
        epochs: Epochs,
        broker: Broker,
        cache: Cache,
        cursors: CursorCodec,
        admission: Admission,
        partition_of: Callable[[str, int], int],
        was_withdrawn: WasWithdrawn,
        cache_control: str = REVALIDATED,
        asked: Callable[[bytes], None] = lambda _: None,
        took: Took = lambda _parameters, _spent_s, _came: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Take the parts together.

        Args:
            epochs: which state is answered from.
            broker: who searches it.
            cache: where answers are kept.
            cursors: how positions are written.
            admission: who may work.
            partition_of: the routing that the indexer used: `partition_of(article_id, partitions)`.
            was_withdrawn: what the log tells of ids that the index does not have.
            cache_control: what caches on the way are told of whole answers.
            asked: is told of each address that was answered.
            took: is told of each search that was not known at once.
            now: the clock that relative dates go by.
        """
        self._epochs = epochs
        self._broker = broker
        self._cache = cache
        self._cursors = cursors
        self._admission = admission
        self.lookups = Lookups(
            epochs=epochs, broker=broker, cache=cache, admission=admission, partition_of=partition_of, now=now
        )
        """What is not a page of a search."""
        self.known = KnownTargets(epochs, cache, now, asked)
        """What requests for an address are answered."""
        self.partition_of = partition_of
        """The partition of an article id, of so many."""
        self._was_withdrawn = was_withdrawn
        self.cache_control = cache_control
        """What caches on the way are told of whole answers."""
        self._took = took
        self._now = now
        self._parsed = lru_cache(MAX_REMEMBERED_QUERIES)(parse_query)
        self._analysed = lru_cache(MAX_REMEMBERED_QUERIES)(analysed)

    def current(self) -> RootManifest:
        """The epoch that new queries are answered from.

        Raises:
            Problem: `not-ready`.
        """
        return current_of(self._epochs)

    async def search(self, parameters: SearchParameters, timings: Timings, *, past_cache: bool = False) -> Served:
        """One page; `past_cache` of a walk so long that it would only displace what others ask for.

        Raises:
            Problem
        """
        if past_cache:
            return await self._search(parameters, timings, past_cache=True)
        started_s = time.perf_counter()
        try:
            found = await self._search(parameters, timings)
        except Problem as problem:
            self._took(parameters, time.perf_counter() - started_s, problem)
            raise
        self._took(parameters, time.perf_counter() - started_s, found)
        return found

    async def search_ahead(self, parameters: SearchParameters) -> None:
        """The same before anybody asks, so that nobody is told how long it took.

        Raises:
            Problem
        """
        await self._search(parameters, Timings())

    async def _search(self, parameters: SearchParameters, timings: Timings, *, past_cache: bool = False) -> Served:
        deadline_s = time.monotonic() + parameters.timeout_ms / 1000
        parameters = self._plainly(parameters)
        current = await reached(self._epochs, parameters.min_seq, deadline_s)
        cursor = self._cursor(parameters.cursor)
        try:
            view = self._epochs.view(cursor)
            asked = self._asked(parameters, current, view, cursor, timings)

            async def load() -> Loaded:
                return await self._load(parameters, view, asked, cursor, deadline_s, timings)

            started_s = time.perf_counter()
            if past_cache:
                return Served(decoded((await load()).body), view.state, PastCache(b""), current.since_seq)
            judge = StateJudge(self._broker, current, deadline_s, parameters.min_seq)
            key = _key(parameters, current, asked.query)
            cached = await self._cache.get_or_load(key, load, judge, judge.patience_s)
            if cached.outcome == "hit":
                timings.add("cache", started_s)
        except EpochGoneError:
            if cursor is None:
                raise changed() from None
            raise self._expired(parameters, cursor, current) from None
        return served(cached, view.state, current.since_seq)

    def words(self, q: str) -> frozenset[str]:
        """The terms that a reader of what `q` has found would want marked (`query.words_of`); none if it is no query.

        Raises:
            Problem: `not-ready`.
        """
        current = self.current()
        try:
            parsed = self._parsed(q)
        except QueryError:
            return frozenset()
        return words_of(self._analysed(parsed.node, current.languages_at(current.state.applied_seq)))

    def _plainly(self, parameters: SearchParameters) -> SearchParameters:
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

    def _cursor(self, text: str | None) -> Cursor | None:
        if text is None:
            return None
        try:
            return self._cursors.decode(text)
        except CursorInvalidError as error:
            raise Problem("cursor-invalid", str(error), [ParameterError("cursor", "is not one of ours")]) from None

    def _written(self, parameters: SearchParameters, cursor: Cursor | None) -> tuple[Query, tuple[Note, ...]]:
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

    def _asked(
        self,
        parameters: SearchParameters,
        current: RootManifest,
        view: View,
        cursor: Cursor | None,
        timings: Timings,
    ) -> _Asked:
        """The same in the terms of a state.

        Raises:
            Problem: as of `_written`.
        """
        started_s, known = time.perf_counter(), self._analysed.cache_info().misses
        written, notes = self._written(parameters, cursor)
        node = self._analysed(written.node, current.languages_at(view.state.applied_seq))
        if self._analysed.cache_info().misses > known:
            timings.add("parse", started_s)
        return _Asked(msgspec.structs.replace(written, node=node), digest_of(written), notes)

    async def _load(
        self,
        parameters: SearchParameters,
        view: View,
        asked: _Asked,
        cursor: Cursor | None,
        deadline_s: float,
        timings: Timings,
    ) -> Loaded:
        # One more than the page holds: whether anything follows; and enough to tell that much was found.
        part = Slice(
            max(parameters.limit + 1, FEW_FOUND),
            cursor.position if cursor else None,
            cursor.backwards if cursor else False,
            parameters.exact_total,
        )
        started_s = time.perf_counter()

        def page(snapshot: Snapshot, found: Gathered) -> Loaded:
            timings.add("scatter", started_s)
            return self._page(parameters, asked, cursor, snapshot, found, deadline_s, timings)

        try:
            async with self._admission.admitted(deadline_s):
                facets = tuple(facet for _name, facet in parameters.facets)
                return await self._broker.search(view, asked.query, part, deadline_s, page, facets)
        except QueryError as error:
            raise invalid(error) from None
        except LeafError as error:
            raise late_or_broken(error) from None

    def _page(
        self,
        parameters: SearchParameters,
        asked: _Asked,
        cursor: Cursor | None,
        snapshot: Snapshot,
        found: Gathered,
        deadline_s: float,
        timings: Timings,
    ) -> Loaded:
        """The page of what was found; in a thread."""
        # Where an article stands only all partitions together know.
        will_do = parameters.allow_partial and parameters.explain_id is None
        if found.failed and (not will_do or len(found.failed) == found.partitions):
            raise incomplete(found)
        started_s = time.perf_counter()
        backwards = cursor.backwards if cursor else False
        has_more = len(found.matches) > parameters.limit
        matches = found.matches[: parameters.limit]
        if backwards:
            matches.reverse()
        executed = msgspec.structs.replace(asked.query, node=found.node)
        documents = documents_shown(parameters, executed, snapshot, matches)
        if parameters.explain:
            made = explained(snapshot, executed, matches, deadline_s)
            for document, explanation in zip(documents, made, strict=True):
                document["explanation"] = msgspec.to_builtins(explanation)
        facets, spellings = facets_of(parameters, asked.query, snapshot, found, deadline_s)
        place = self._place(parameters, executed, snapshot, found)
        earlier = cursor.missing if cursor else ()
        missing = tuple(sorted({*earlier, *found.failed}))

        def link(at: int, *, towards_start: bool) -> str:
            position = matches[at].position
            archive = snapshot.manifest.archive
            made = Cursor(
                *(archive, snapshot.state, asked.digest, position, towards_start),
                origin_ms=asked.query.origin_ms,
                missing=missing,
            )
            return links_of(parameters, self._cursors.encode(made))

        # Whoever came by a cursor left something behind on the side it came from.
        follows = has_more if not backwards else bool(matches)
        precedes = has_more if backwards else bool(cursor and matches)
        next_ = link(-1, towards_start=False) if follows else None
        prev = link(0, towards_start=True) if precedes else None
        meant, also, looked = self._meant(parameters, asked.query, cursor, snapshot, found, deadline_s)
        body = page_body(
            *(parameters, asked.query, snapshot, found, matches, documents, facets, place),
            notes=asked.notes,
            meant=meant,
            next_=next_,
            prev=prev,
            missed=earlier,
        )
        complete = not found.failed and not earlier
        made_of = dependence(snapshot, pinned=cursor is not None)
        if cursor is None:
            shows_copies = "copies" in parameters.fields
            filters = of_others(asked.query.filters, [facet for _name, facet in parameters.facets])
            made_of = msgspec.structs.replace(
                made_of,
                sought=(Sought(asked.query.node, filters), *also),
                stories=stories_of(snapshot, matches) if shows_copies else (),
                # Which articles are on the pages that follow, nobody knows yet.
                everything=shows_copies and follows,
                spellings=spellings,
                scored=bool(found.matches),
                meant=looked,
            )
        timings.add("documents", started_s)
        answer = Answer(*body, snapshot.state, next_, prev, complete)
        return Loaded(msgspec.msgpack.encode(answer), complete, made_of.stamp(), made_of.seq)

    def _meant(
        self,
        parameters: SearchParameters,
        query: Query,
        cursor: Cursor | None,
        snapshot: Snapshot,
        found: Gathered,
        deadline_s: float,
    ) -> tuple[DidYouMean | None, tuple[Sought, ...], tuple[tuple[str, str | None], ...]]:
        """What was probably meant by a query that finds little; which articles and which words decided that."""
        if cursor or found.failed or len(found.matches) >= FEW_FOUND:
            return None, (), ()
        text, looked = corrected(parameters.q, self._parsed(parameters.q), snapshot, deadline_s)
        if text is None:
            return None, (), looked
        languages = snapshot.manifest.languages_at(snapshot.state.applied_seq)
        node = self._analysed(self._parsed(text).node, languages)
        total = found.count(node)
        sought = (Sought(node, query.filters),)
        return DidYouMean(text, total) if total > len(found.matches) else None, sought, looked

    def _place(
        self, parameters: SearchParameters, query: Query, snapshot: Snapshot, found: Gathered
    ) -> ArticlePlace | None:
        """Where the article stands that is asked about."""
        article_id = parameters.explain_id
        if article_id is None:
            return None
        partition = self.partition_of(article_id, len(snapshot.manifest.partitions))
        return placed(snapshot, query, found.asked, article_id, partition, self._was_withdrawn)

    def _expired(self, parameters: SearchParameters, cursor: Cursor, current: RootManifest) -> Problem:
        self._written(parameters, cursor)
        resumed = replace(cursor, archive=current.archive, state=current.state)
        resume = links_of(parameters, self._cursors.encode(resumed))
        return Problem(
            "cursor-expired",
            f"epoch {cursor.state.epoch} is no longer kept; follow links.resume to go on in epoch {current.epoch}",
            [ParameterError("cursor", "points into a state that is no longer kept")],
            members={"links": {"resume": resume}},
        )


def _key(parameters: SearchParameters, manifest: RootManifest, query: Query) -> str:
    """What is asked, and the effort allowed, since whoever asks first decides it for all."""
    shape = parameters.given, parameters.cursor
    digest = blake2b(query.canonical() + msgspec.msgpack.encode(shape), digest_size=16).hexdigest()
    # How it was found out depends on the files.
    explained = parameters.explain or parameters.explain_id is not None
    return f"search:{state_key(manifest) if explained else archive_key(manifest)}:{digest}"
