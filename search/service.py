"""The search service: one request's parameters in, the bytes of one page out.

    1. which epoch, and which moment relative dates count from: the cursor's, else the current ones
    2. the query's tree, parsed or remembered, and its terms in the languages of that epoch
    3. the cache, by everything the answer depends on
    4. else: admission, then one trip to a thread: scatter, gather, documents of this page, the body

Contract: the body depends on the epoch, on the parameters and, if these say so, on the hour only, so that equal
answers are equal bytes. Every refusal is a `Problem`.

Not here: HTTP (`routes.py`), how the cache works (`cache/`, seen through a Protocol).
"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple, TypeVar

import msgspec
import orjson

from partition.manifest import RootManifest
from partition.types import MAX_ARTICLE_ID_BYTES
from search.answers import (
    STORED_NAMES,
    DidYouMean,
    article_body,
    facets_of,
    links_of,
    page_body,
    similar_body,
)
from search.broker import Broker, EpochGoneError, Gathered, LeafError, TakenDownError
from search.cursor import Cursor, CursorCodec, CursorInvalidError, digest_of
from search.dates import origin_of
from search.documents import documents_of
from search.epochs import Epochs
from search.explanations import explained
from search.leaf import Match, Slice
from search.parameters import DEFAULT_TIMEOUT_MS, SearchParameters
from search.parsing import Note, QueryError, parse_query
from search.placing import ArticlePlace, placed
from search.ports import Answer, Cache, Loaded, PastCache, Served, WasWithdrawn
from search.query import Every, Query, words_of
from search.refusals import changed, incomplete, invalid, late_or_broken
from search.similar import Telling, node_of, telling_terms
from search.snapshot import Snapshot, View
from search.spelling import corrected
from search.terms import analysed
from web.admission import Admission
from web.edge import Timings
from web.problems import ParameterError, Problem

T = TypeVar("T")

MAX_REMEMBERED_QUERIES = 10_000
FEW_FOUND = 3
"""Articles; a query that finds fewer may have been misspelled."""
ANSWER_VERSION = 7
"""Part of every cache key: advanced when the same query would be answered with other bytes."""


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
            now: the clock that relative dates go by.
        """
        self._epochs = epochs
        self._broker = broker
        self._cache = cache
        self._cursors = cursors
        self._admission = admission
        self.partition_of = partition_of
        """The partition of an article id, of so many."""
        self._was_withdrawn = was_withdrawn
        self._now = now
        self._parsed = lru_cache(MAX_REMEMBERED_QUERIES)(parse_query)
        self._analysed = lru_cache(MAX_REMEMBERED_QUERIES)(analysed)

    def current(self) -> RootManifest:
        """The epoch that new queries are answered from.

        Raises:
            Problem: `not-ready`.
        """
        if self._epochs.current is None:
            raise Problem("not-ready", "no epoch is open yet", headers={"Retry-After": "1"})
        return self._epochs.current

    async def search(self, parameters: SearchParameters, timings: Timings, *, past_cache: bool = False) -> Served:
        """One page; `past_cache` of a walk so long that it would only displace what others ask for.

        Raises:
            Problem
        """
        deadline_s = time.monotonic() + parameters.timeout_ms / 1000
        current = await self._current(parameters.min_seq, deadline_s)
        cursor = self._cursor(parameters.cursor)
        try:
            view = self._epochs.view(cursor)
            asked = self._asked(parameters, current, view, cursor, timings)

            async def load() -> Loaded:
                return await self._load(parameters, view, asked, cursor, deadline_s, timings)

            started_s = time.perf_counter()
            if past_cache:
                return Served(_decoded((await load()).body), view.state, PastCache(b""))
            cached = await self._cache.get_or_load(_key(parameters, current, asked.query), load)
            if cached.outcome == "hit":
                timings.add("cache", started_s)
        except EpochGoneError:
            if cursor is None:
                raise changed() from None
            raise self._expired(parameters, cursor, current) from None
        return Served(_decoded(cached.body), view.state, cached)

    async def _current(self, min_seq: int, deadline_s: float) -> RootManifest:
        """The epoch that new queries are answered from, once it has applied a log sequence.

        Raises:
            Problem: `not-ready` or `not-indexed-yet`.
        """
        current = self.current()
        if current.applied_seq < min_seq and not await self._epochs.reach(min_seq, deadline_s):
            detail = f"log sequence {min_seq} is not searchable yet; {self.current().applied_seq} is"
            raise Problem("not-indexed-yet", detail, headers={"Retry-After": "1"})
        return self.current()

    async def article(self, article_id: str, timings: Timings, min_seq: int = 0) -> Served:
        """One article.

        Raises:
            Problem
        """
        deadline_s = time.monotonic() + DEFAULT_TIMEOUT_MS / 1000
        manifest = await self._current(min_seq, deadline_s)
        view = self._epochs.view()

        async def load() -> Loaded:
            started_s = time.perf_counter()
            async with self._admission.admitted(deadline_s):
                body = await self._found(view, manifest, article_id, deadline_s, _article_body)
            timings.add("documents", started_s)
            return Loaded(msgspec.msgpack.encode(Answer(body, None, None, complete=True)), keep=True)

        return await self._about(article_id, view, f"article:{_state(manifest)}", load)

    async def similar(self, article_id: str, parameters: SearchParameters, timings: Timings) -> Served:
        """The articles that are most like one, which is not among them.

        Raises:
            Problem
        """
        deadline_s = time.monotonic() + parameters.timeout_ms / 1000
        manifest = await self._current(parameters.min_seq, deadline_s)
        view = self._epochs.view()
        about_all = parameters.query(Every(), origin_of(self._now()))

        async def load() -> Loaded:
            async with self._admission.admitted(deadline_s):
                telling = await self._found(view, manifest, article_id, deadline_s, _telling)
                query = msgspec.structs.replace(about_all, node=node_of(telling))
                part = Slice(parameters.limit + 1, counting=False)  # it may be among them
                started_s = time.perf_counter()

                def page(snapshot: Snapshot, found: Gathered) -> bytes:
                    timings.add("scatter", started_s)
                    if found.failed:
                        raise incomplete(found)
                    others = [match for match in found.matches if match.article_id != article_id]
                    matches = others[: parameters.limit]
                    documents = _documents(parameters, query, snapshot, matches)
                    return similar_body(parameters, snapshot, found, matches, documents, telling)

                body = await self._broker.search(view, query, part, deadline_s, page)
            return Loaded(msgspec.msgpack.encode(Answer(body, None, None, complete=True)), keep=True)

        shape = parameters.limit, parameters.fields, parameters.highlight, parameters.timeout_ms
        digest = blake2b(about_all.canonical() + msgspec.msgpack.encode(shape), digest_size=16).hexdigest()
        return await self._about(article_id, view, f"similar:{_state(manifest)}:{digest}", load)

    async def _found(
        self,
        view: View,
        manifest: RootManifest,
        article_id: str,
        deadline_s: float,
        made: Callable[[Snapshot, dict[str, Any]], T],
    ) -> T:
        """What is made of an article.

        Raises:
            EpochGoneError, TakenDownError, LeafError
            Problem: `article-not-found`.
        """
        if len(article_id.encode(errors="replace")) > MAX_ARTICLE_ID_BYTES:
            raise Problem("article-not-found", f"no id is longer than {MAX_ARTICLE_ID_BYTES} bytes")
        partition = self.partition_of(article_id, len(manifest.partitions))
        found = await self._broker.find(view, partition, article_id, deadline_s, made)
        if found is None:
            raise Problem("article-not-found", f"there is no article with the id {article_id!r}")
        return found

    async def _about(self, article_id: str, view: View, key: str, load: Callable[[], Awaitable[Loaded]]) -> Served:
        """An answer about an article, kept or loaded.

        Raises:
            Problem
        """
        digest = blake2b(article_id.encode(), digest_size=16).hexdigest()
        try:
            cached = await self._cache.get_or_load(f"{key}:{digest}", load)
        except EpochGoneError:
            raise changed() from None
        except TakenDownError:
            raise Problem("article-taken-down", f"{article_id!r} was taken down") from None
        except LeafError as error:
            raise late_or_broken(error) from None
        return Served(_decoded(cached.body), view.state, cached)

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
        # One more than the page holds: whether anything follows.
        part = Slice(
            parameters.limit + 1,
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
        documents = _documents(parameters, executed, snapshot, matches)
        if parameters.explain:
            made = explained(snapshot, executed, matches, deadline_s)
            for document, explanation in zip(documents, made, strict=True):
                document["explanation"] = msgspec.to_builtins(explanation)
        facets = facets_of(parameters, asked.query, snapshot, found, deadline_s)
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
        body = page_body(
            *(parameters, asked.query, snapshot, found, matches, documents, facets, place),
            notes=asked.notes,
            meant=self._meant(parameters, snapshot, found, deadline_s) if cursor is None else None,
            next_=next_,
            prev=prev,
            missed=earlier,
        )
        complete = not found.failed and not earlier
        timings.add("documents", started_s)
        return Loaded(msgspec.msgpack.encode(Answer(body, next_, prev, complete)), keep=complete)

    def _meant(
        self, parameters: SearchParameters, snapshot: Snapshot, found: Gathered, deadline_s: float
    ) -> DidYouMean | None:
        """What was probably meant by a query that finds little."""
        if found.failed or len(found.matches) >= FEW_FOUND:
            return None
        parsed = self._parsed(parameters.q)
        text = corrected(parameters.q, parsed, snapshot, deadline_s)
        if text is None:
            return None
        languages = snapshot.manifest.languages_at(snapshot.state.applied_seq)
        total = found.count(self._analysed(self._parsed(text).node, languages))
        return DidYouMean(text, total) if total > len(found.matches) else None

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


def _documents(
    parameters: SearchParameters, query: Query, snapshot: Snapshot, matches: list[Match]
) -> list[dict[str, Any]]:
    """What a page shows of its matches."""
    stored = frozenset(STORED_NAMES.get(name, name) for name in parameters.fields)
    return documents_of(snapshot, matches, stored, words_of(query.node), highlight=parameters.highlight)


def _article_body(_snapshot: Snapshot, stored: dict[str, Any]) -> bytes:
    return orjson.dumps(article_body(stored))


def _telling(snapshot: Snapshot, stored: dict[str, Any]) -> list[Telling]:
    return telling_terms(stored, snapshot.statistics)


def _decoded(kept: bytes) -> Answer:
    return msgspec.msgpack.decode(kept, type=Answer)


def _state(manifest: RootManifest) -> str:
    return f"{ANSWER_VERSION}:{manifest.epoch}:{manifest.identity.hex()}"


def _key(parameters: SearchParameters, manifest: RootManifest, query: Query) -> str:
    """Everything the bytes depend on, and the effort allowed, since whoever asks first decides it for all."""
    shape: tuple[Any, ...] = (
        parameters.given,
        parameters.limit,
        parameters.fields,
        parameters.exact_total,
        parameters.cursor,
        parameters.allow_partial,
        parameters.timeout_ms,
        parameters.explain,
        parameters.explain_id,
        parameters.facets,
        parameters.facet_limit,
        parameters.highlight,
    )
    digest = blake2b(query.canonical() + msgspec.msgpack.encode(shape), digest_size=16).hexdigest()
    # A cursor says which state it is of, from whatever files that is read; how it was read does depend on them. What
    # was taken down meanwhile is in no state any more.
    kept = f"{manifest.archive}:{manifest.erased_seq}"
    explained = parameters.explain or parameters.explain_id is not None
    state = kept if parameters.cursor and not explained else _state(manifest)
    return f"search:{state}:{digest}"
