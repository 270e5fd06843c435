"""Look-ups: one article, what is like it, what a beginning may become.

Contract: as of `service.py`: a body depends on the epoch and on the parameters (of similar articles, if these say so,
on the hour), so that equal answers are equal bytes; all partitions are needed. Every refusal is a `Problem`.

Not here: pages of searches (`service.py`), HTTP (`routes.py`).
"""

import time
from collections.abc import Awaitable, Callable
from hashlib import blake2b
from typing import TypeVar

import msgspec

from partition.manifest import RootManifest
from partition.types import MAX_ARTICLE_ID_BYTES, DocAddress, hash64
from search.answers import Body, article_body, body_of, similar_body
from search.broker import Broker, EpochGoneError, Gathered, LeafError, TakenDownError
from search.completions import completed
from search.dates import origin_of
from search.dependence import Dependence, Sought, dependence
from search.documents import documents_shown
from search.epochs import Epochs
from search.judging import StateJudge
from search.leaf import Slice
from search.lookup_parameters import SuggestParameters
from search.parameters import DEFAULT_TIMEOUT_MS, SearchParameters
from search.ports import Answer, Cache, Loaded, Served, archive_key, served
from search.query import Every
from search.readiness import reached
from search.refusals import changed, incomplete, late_or_broken
from search.similar import Telling, node_of, telling_terms
from search.single import stored_at, stories_of, story_of
from search.snapshot import Snapshot, View
from search.suggestions import suggest_body
from web.admission import Admission
from web.edge import Timings
from web.problems import Problem

T = TypeVar("T")


class Lookups:
    """Answers what is not a page of a search, from the published epochs of one archive."""

    def __init__(
        self,
        *,
        epochs: Epochs,
        broker: Broker,
        cache: Cache,
        admission: Admission,
        partition_of: Callable[[str, int], int],
        now: Callable[[], float],
    ) -> None:
        """Take the parts together; they are those of `SearchService`."""
        self._epochs = epochs
        self._broker = broker
        self._cache = cache
        self._admission = admission
        self._partition_of = partition_of
        self._now = now

    async def article(self, article_id: str, timings: Timings, min_seq: int = 0) -> Served:
        """One article.

        Raises:
            Problem
        """
        deadline_s = time.monotonic() + DEFAULT_TIMEOUT_MS / 1000
        manifest = await reached(self._epochs, min_seq, deadline_s)
        view = self._epochs.view()

        async def load() -> Loaded:
            started_s = time.perf_counter()
            async with self._admission.admitted(deadline_s):
                found = await self._found(view, manifest, article_id, deadline_s, _article_body)
            timings.add("documents", started_s)
            return found

        judge = StateJudge(self._broker, manifest, deadline_s, min_seq)
        return await self._about(article_id, manifest, f"article:{archive_key(manifest)}", load, judge)

    async def similar(self, article_id: str, parameters: SearchParameters, timings: Timings) -> Served:
        """The articles that are most like one, which is not among them.

        Raises:
            Problem
        """
        deadline_s = time.monotonic() + parameters.timeout_ms / 1000
        manifest = await reached(self._epochs, parameters.min_seq, deadline_s)
        view = self._epochs.view()
        about_all = parameters.query(Every(), origin_of(self._now()))

        async def load() -> Loaded:
            async with self._admission.admitted(deadline_s):
                telling = await self._found(view, manifest, article_id, deadline_s, _telling)
                query = msgspec.structs.replace(about_all, node=node_of(telling))
                part = Slice(parameters.limit + 1, counting=False)  # it may be among them
                started_s = time.perf_counter()

                def page(snapshot: Snapshot, found: Gathered) -> Loaded:
                    timings.add("scatter", started_s)
                    if found.failed:
                        raise incomplete(found)
                    others = [match for match in found.matches if match.article_id != article_id]
                    matches = others[: parameters.limit]
                    documents = documents_shown(parameters, query, snapshot, matches)
                    body = similar_body(parameters, snapshot, found, matches, documents, telling)
                    made_of = msgspec.structs.replace(
                        dependence(snapshot),
                        sought=(Sought(query.node, query.filters),),
                        articles=(hash64(article_id),),
                        stories=stories_of(snapshot, matches) if "copies" in parameters.fields else (),
                    )
                    return _whole(body, snapshot, made_of)

                return await self._broker.search(view, query, part, deadline_s, page)

        shape = parameters.limit, parameters.fields, parameters.highlight, parameters.timeout_ms
        digest = blake2b(about_all.canonical() + msgspec.msgpack.encode(shape), digest_size=16).hexdigest()
        key = f"similar:{archive_key(manifest)}:{digest}"
        judge = StateJudge(self._broker, manifest, deadline_s, parameters.min_seq)
        return await self._about(article_id, manifest, key, load, judge)

    async def suggest(self, parameters: SuggestParameters, timings: Timings) -> Served:
        """What a beginning may become.

        Raises:
            Problem
        """
        deadline_s = time.monotonic() + parameters.timeout_ms / 1000
        manifest = await reached(self._epochs, parameters.min_seq, deadline_s)
        view = self._epochs.view()

        async def load() -> Loaded:
            started_s = time.perf_counter()

            def made(snapshot: Snapshot) -> Loaded:
                found = completed(snapshot, parameters.q, parameters.limit, deadline_s)
                body = suggest_body(snapshot, found, deadline_s)
                return _whole(body, snapshot, msgspec.structs.replace(dependence(snapshot), everything=True))

            async with self._admission.admitted(deadline_s):
                loaded = await self._broker.consult(view, deadline_s, made)
            timings.add("scatter", started_s)
            return loaded

        shape = parameters.q, parameters.limit, parameters.timeout_ms
        digest = blake2b(msgspec.msgpack.encode(shape), digest_size=16).hexdigest()
        judge = StateJudge(self._broker, manifest, deadline_s, parameters.min_seq)
        return await self._kept(manifest, f"suggest:{archive_key(manifest)}:{digest}", load, judge)

    async def _found(
        self,
        view: View,
        manifest: RootManifest,
        article_id: str,
        deadline_s: float,
        made: Callable[[Snapshot, DocAddress], T],
    ) -> T:
        """What is made of an article.

        Raises:
            EpochGoneError, TakenDownError, LeafError
            Problem: `article-not-found`.
        """
        if len(article_id.encode(errors="replace")) > MAX_ARTICLE_ID_BYTES:
            raise Problem("article-not-found", f"no id is longer than {MAX_ARTICLE_ID_BYTES} bytes")
        partition = self._partition_of(article_id, len(manifest.partitions))
        found = await self._broker.find(view, partition, article_id, deadline_s, made)
        if found is None:
            raise Problem("article-not-found", f"there is no article with the id {article_id!r}")
        return found

    async def _about(
        self,
        article_id: str,
        manifest: RootManifest,
        key: str,
        load: Callable[[], Awaitable[Loaded]],
        judge: StateJudge,
    ) -> Served:
        """An answer about an article, kept or loaded.

        Raises:
            Problem
        """
        digest = blake2b(article_id.encode(), digest_size=16).hexdigest()
        try:
            return await self._kept(manifest, f"{key}:{digest}", load, judge)
        except TakenDownError:
            raise Problem("article-taken-down", f"{article_id!r} was taken down") from None

    async def _kept(
        self, manifest: RootManifest, key: str, load: Callable[[], Awaitable[Loaded]], judge: StateJudge
    ) -> Served:
        """An answer, kept or loaded.

        Raises:
            TakenDownError
            Problem
        """
        try:
            cached = await self._cache.get_or_load(key, load, judge, judge.patience_s)
        except EpochGoneError:
            raise changed() from None
        except LeafError as error:
            raise late_or_broken(error) from None
        return served(cached, manifest.state, manifest.since_seq)


def _whole(body: Body, snapshot: Snapshot, made_of: Dependence, *, keep: bool = True) -> Loaded:
    """An answer of one page and of all partitions that it needs."""
    answer = Answer(*body, snapshot.state, None, None, complete=True)
    return Loaded(msgspec.msgpack.encode(answer), keep, made_of.stamp(), made_of.seq)


def _article_body(snapshot: Snapshot, address: DocAddress) -> Loaded:
    stored, story = stored_at(snapshot, address), story_of(snapshot, address)
    made_of = msgspec.structs.replace(
        dependence(snapshot), articles=(hash64(stored["id"]),), stories=(int(story["story_id"], 16),), scored=False
    )
    # Of partitions that are damaged there will be more to tell.
    return _whole(body_of(article_body(stored, story)), snapshot, made_of, keep=story["copies"] is not None)


def _telling(snapshot: Snapshot, address: DocAddress) -> list[Telling]:
    return telling_terms(stored_at(snapshot, address), snapshot.statistics)
