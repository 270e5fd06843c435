"""The page that is made of what was found: documents, facets, links, what was meant, and what all that depends on.

Contract: runs in a thread, within the deadline of the request. Equal findings make equal bytes. A page that lacks
something says so, or is refused where that was not allowed for.

Not here: finding (`broker.py`), the shape of the body (`answers.py`), what is kept for how long (`service.py`).
"""

import time
from collections.abc import Callable

import msgspec

from search.answers import facets_of, links_of, page_body
from search.broker import Gathered
from search.cursor import Cursor, CursorCodec
from search.dependence import Sought, dependence, sought
from search.documents import documents_shown
from search.explanations import explained
from search.facets import of_others
from search.placing import ArticlePlace, placed
from search.ports import Answer, Loaded, WasWithdrawn
from search.query import Query
from search.refusals import incomplete
from search.shapes import DidYouMean
from search.single import stories_of
from search.snapshot import Snapshot
from search.spelling import corrected, expanded
from search.understanding import Asked, Understanding
from web.edge import Timings

FEW_FOUND = 3
"""Articles; a query that finds fewer may have been misspelled."""


class Paging:
    """Makes pages."""

    def __init__(
        self,
        cursors: CursorCodec,
        understanding: Understanding,
        partition_of: Callable[[str, int], int],
        was_withdrawn: WasWithdrawn,
    ) -> None:
        """Args: as of `SearchService`, and what texts mean."""
        self._cursors = cursors
        self._understanding = understanding
        self._partition_of = partition_of
        self._was_withdrawn = was_withdrawn

    def page(self, asked: Asked, snapshot: Snapshot, found: Gathered, timings: Timings) -> Loaded:
        """The page of what was found.

        Raises:
            Problem: `timeout` or `partitions-unavailable`, where something is missing that must not be.
        """
        parameters, cursor = asked.parameters, asked.cursor
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
            made = explained(snapshot, executed, matches, asked.deadline_s)
            for document, explanation in zip(documents, made, strict=True):
                document["explanation"] = msgspec.to_builtins(explanation)
        facets, spellings = facets_of(parameters, asked.query, snapshot, found, asked.deadline_s)
        place = self._place(asked, executed, snapshot, found)
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
        meant, also, looked = self._meant(asked, snapshot, found)
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
                sought=(sought(asked.query.node, filters, found.node), *also),
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
        self, asked: Asked, snapshot: Snapshot, found: Gathered
    ) -> tuple[DidYouMean | None, tuple[Sought, ...], tuple[tuple[str, str | None], ...]]:
        """What was probably meant by a query that finds little; which articles and which words decided that."""
        if asked.cursor or found.failed or len(found.matches) >= FEW_FOUND:
            return None, (), ()
        understanding, written = self._understanding, asked.parameters.q
        text, looked = corrected(written, understanding.parsed(written), snapshot, asked.deadline_s)
        if text is None:
            return None, (), looked
        node = understanding.in_terms(text, snapshot.manifest.languages_at(snapshot.state.applied_seq))
        total = found.count(node)
        also = (sought(node, asked.query.filters, expanded(node, snapshot, asked.deadline_s)),)
        return DidYouMean(text, total) if total > len(found.matches) else None, also, looked

    def _place(self, asked: Asked, query: Query, snapshot: Snapshot, found: Gathered) -> ArticlePlace | None:
        """Where the article stands that is asked about."""
        article_id = asked.parameters.explain_id
        if article_id is None:
            return None
        partition = self._partition_of(article_id, len(snapshot.manifest.partitions))
        return placed(snapshot, query, found.asked, article_id, partition, self._was_withdrawn)
