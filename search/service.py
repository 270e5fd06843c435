"""The search service: one request's parameters in, the bytes of one page out.

    1. which epoch, and which moment relative dates count from: the cursor's, else the current ones
    2. what is asked, in the terms of that epoch (`understanding.py`)
    3. the cache, by what is asked; what it has is judged by that epoch
    4. else: admission, then one trip to a thread: scatter, gather, and the page of it (`paging.py`)

Contract: the body depends on the state, on the parameters and, if these say so, on the hour only, so that equal
answers are equal bytes; what is kept of one state is an answer in later ones as long as nothing that it was made of
has changed (`dependence.py`). Every refusal is a `Problem`.

Not here: HTTP (`routes.py`), single articles, what is like them, suggestions (`lookups.py`), how the cache works
(`cache/`, seen through a Protocol).
"""

import time
from collections.abc import Callable
from dataclasses import replace
from hashlib import blake2b

import msgspec

from partition.manifest import RootManifest
from search.answers import links_of
from search.broker import Broker, EpochGoneError, Gathered, LeafError
from search.cursor import Cursor, CursorCodec, CursorInvalidError
from search.epochs import Epochs
from search.judging import StateJudge
from search.known import KnownTargets
from search.leaf import Slice
from search.lookups import Lookups
from search.paging import FEW_FOUND, Paging
from search.parameters import SearchParameters
from search.parsing import QueryError
from search.ports import Cache, Loaded, PastCache, Served, WasWithdrawn, archive_key, decoded, served, state_key
from search.query import Query
from search.readiness import current_of, reached
from search.refusals import changed, invalid, late_or_broken
from search.snapshot import Snapshot, View
from search.understanding import Asked, Understanding
from web.admission import Admission
from web.edge import Timings
from web.problems import ParameterError, Problem

REVALIDATED = "public, max-age=0, must-revalidate"
"""Caches on the way ask each time: a takedown must reach them all."""
Took = Callable[[SearchParameters, float, Served | Problem], None]
"""Is told of a search: what was asked, how many seconds it took, and what came of it."""


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
        self.cache_control = cache_control
        """What caches on the way are told of whole answers."""
        self._took = took
        self._understanding = Understanding(now)
        self._paging = Paging(cursors, self._understanding, partition_of, was_withdrawn)

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
        parameters = self._understanding.plainly(parameters)
        current = await reached(self._epochs, parameters.min_seq, deadline_s)
        cursor = self._cursor(parameters.cursor)
        try:
            view = self._epochs.view(cursor)
            languages = current.languages_at(view.state.applied_seq)
            asked = self._understanding.asked(parameters, cursor, languages, deadline_s, timings)

            async def load() -> Loaded:
                return await self._load(view, asked, timings)

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
        return self._understanding.words(q, current.languages_at(current.state.applied_seq))

    def _cursor(self, text: str | None) -> Cursor | None:
        if text is None:
            return None
        try:
            return self._cursors.decode(text)
        except CursorInvalidError as error:
            raise Problem("cursor-invalid", str(error), [ParameterError("cursor", "is not one of ours")]) from None

    async def _load(self, view: View, asked: Asked, timings: Timings) -> Loaded:
        parameters, cursor = asked.parameters, asked.cursor
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
            return self._paging.page(asked, snapshot, found, timings)

        try:
            async with self._admission.admitted(asked.deadline_s):
                facets = tuple(facet for _name, facet in parameters.facets)
                return await self._broker.search(view, asked.query, part, asked.deadline_s, page, facets)
        except QueryError as error:
            raise invalid(error) from None
        except LeafError as error:
            raise late_or_broken(error) from None

    def _expired(self, parameters: SearchParameters, cursor: Cursor, current: RootManifest) -> Problem:
        self._understanding.written(parameters, cursor)
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
