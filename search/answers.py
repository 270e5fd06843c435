"""The bodies of answers: what users get, as JSON.

Contract: field names, units and shapes are those of `shapes.py`. A body holds only what the answer depends on;
links are relative, with parameters in canonical order.

Not here: shapes (`shapes.py`), what travels in headers (`routes.py`), problems (`web/problems.py`).
"""

from collections import Counter
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple
from urllib.parse import urlencode

import msgspec
import orjson

from partition.manifest import RootManifest
from partition.scoring import ONE
from search.broker import Gathered
from search.dependence import Spelling
from search.facets import NOTHING, chosen_of, shown
from search.leaf import Match
from search.parameters import SearchParameters
from search.parsing import Note
from search.placing import ArticlePlace
from search.plan import postings_of
from search.query import Query
from search.shapes import DidYouMean, Explanation, SegmentExplanation, TellingTerm
from search.similar import Telling
from search.snapshot import Snapshot
from search.spellings import spelled
from search.timelines import PERIODS
from web.times import iso


class Body(NamedTuple):
    """A body."""

    content: bytes
    digest: str
    """As of `ports.Answer`."""


def body_of(members: dict[str, Any], **volatile: Any) -> Body:
    """The members as JSON, and the digest of those that are not volatile.

    Args:
        members: all that there are, in their order.
        volatile: what takes the place of some.
    """
    digest = blake2b(orjson.dumps(members), digest_size=12).hexdigest()
    return Body(orjson.dumps({**members, **volatile}) if volatile else orjson.dumps(members), digest)


def links_of(parameters: SearchParameters, cursor: str | None) -> str:
    """The relative address of the same search at `cursor`, at its first page without one."""
    given = [*parameters.given, *([("cursor", cursor)] if cursor else [])]
    return "/v1/search" + ("?" + urlencode(given) if given else "")


def _public(stored: dict[str, Any]) -> dict[str, Any]:
    """Stored fields under their public names."""
    public = dict(stored)
    for name in ("published", "modified", "indexed"):
        if f"{name}_ms" in public:
            time_ms = public.pop(f"{name}_ms")
            public[f"{name}_at"] = None if time_ms is None else iso(time_ms)
    return public


STORED_NAMES = {"published_at": "published_ms", "modified_at": "modified_ms", "indexed_at": "indexed_ms"}
"""Public name to the name under which it is stored, where they differ."""


def coverage_of(found: Gathered, missed: tuple[int, ...]) -> dict[str, Any]:
    """The members of `Coverage`; `missed` are the partitions that were missing on earlier pages of the walk."""
    failed = [{"partition": partition, "reason": reason} for partition, reason in sorted(found.failed.items())]
    return {
        "complete": not failed and not missed,
        "partitions": {"total": found.partitions, "ok": found.partitions - len(failed), "failed": failed},
        "missed": list(missed),
    }


def facets_of(
    parameters: SearchParameters, query: Query, snapshot: Snapshot, found: Gathered, deadline_s: float
) -> tuple[dict[str, dict[str, Any]], tuple[Spelling, ...]]:
    """The facets that were asked for (`Facet`), by name; and how their values are written.

    Raises:
        PartitionDamagedError, LeafError: as of `spellings.spelled`.
    """
    facets = {}
    written: list[Spelling] = []
    for name, facet in parameters.facets:
        chosen = chosen_of(facet, query.filters)
        tally = found.counts.get(facet, NOTHING)
        counted, other_values, other_count = shown(facet, tally, query.filters, parameters.facet_limit)
        spellings = spelled(snapshot, facet, [value for value, _ in counted], found.failed, deadline_s)
        if facet not in PERIODS:
            written += [Spelling(facet, value, text) for (value, _), text in zip(counted, spellings, strict=True)]
        facets[name] = {
            "values": [
                {"value": spelling, "count": count, **({"selected": True} if value in chosen else {})}
                for (value, count), spelling in zip(counted, spellings, strict=True)
            ],
            "other": {"values": other_values, "count": other_count},
        }
    return facets, tuple(written)


def explanation_of(found: Gathered, articles: int, place: ArticlePlace | None) -> Explanation:
    """What `explain` says."""
    return Explanation(
        query=msgspec.to_builtins(found.node),
        postings=postings_of(found.asked.plan, articles),
        threads=found.threads,
        segments=[SegmentExplanation(*search) for search in found.searches],
        article=place or msgspec.UNSET,
    )


def page_body(
    parameters: SearchParameters,
    query: Query,
    snapshot: Snapshot,
    found: Gathered,
    matches: list[Match],
    documents: list[dict[str, Any]],
    facets: dict[str, dict[str, Any]],
    place: ArticlePlace | None,
    *,
    notes: tuple[Note, ...],
    meant: DidYouMean | None,
    next_: str | None,
    prev: str | None,
    missed: tuple[int, ...],
) -> Body:
    """The body of one page (`SearchAnswer`)."""
    unit = "story" if query.collapse else "article"
    total = {"value": found.total, "relation": "gte" if found.failed else "eq", "unit": unit}
    page = {"limit": parameters.limit, "has_more": next_ is not None}
    body: dict[str, Any] = {
        "data": _items(parameters, matches, documents),
        "page": page,
        "total": total if parameters.exact_total else None,
        "coverage": coverage_of(found, missed),
        "facets": facets,
        "notes": [note._asdict() for note in notes],
        "did_you_mean": msgspec.to_builtins(meant) if meant else None,
        "as_of": None,
        "origin": None if query.origin_ms is None else iso(query.origin_ms),
    }
    if parameters.explain or place:
        explanation = explanation_of(found, snapshot.manifest.articles, place)
        body["explain"] = msgspec.to_builtins(explanation)
    linked = {"next": next_, "prev": prev, **page}
    return body_of(body, page=linked, as_of=iso(snapshot.state.published_ms))


def _items(
    parameters: SearchParameters, matches: list[Match], documents: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """`Item`s."""
    items = []
    shown_fields = parameters.fields
    if parameters.highlight:
        shown_fields += ("highlights",)
    if parameters.explain:
        shown_fields += ("explanation",)
    for match, stored in zip(matches, documents, strict=True):
        known = {**_public(stored), "score": match.score / ONE}
        items.append({name: known[name] for name in shown_fields})
    return items


def similar_body(
    parameters: SearchParameters,
    snapshot: Snapshot,
    found: Gathered,
    matches: list[Match],
    documents: list[dict[str, Any]],
    telling: Sequence[Telling],
) -> Body:
    """The body of what is like an article (`SimilarAnswer`)."""
    terms = [TellingTerm(term=one.stem, language=one.language, tf=one.tf, idf=one.idf) for one in telling]
    body = {
        "data": _items(parameters, matches, documents),
        "coverage": coverage_of(found, missed=()),
        "terms": msgspec.to_builtins(terms),
        "as_of": None,
    }
    return body_of(body, as_of=iso(snapshot.state.published_ms))


def article_body(stored: dict[str, Any], story: dict[str, Any]) -> dict[str, Any]:
    """The members of one article (`ArticleAnswer`), by its stored fields and its story (`single.story_of`)."""
    return {**_public(stored), "status": "usable", **story}


def partitions_body(manifest: RootManifest, partition_of: Callable[[str, int], int]) -> dict[str, Any]:
    """The members of `PartitionsAnswer`; `partition_of(article_id, partitions)` is the routing."""
    parked = Counter(partition_of(one.article_id, len(manifest.partitions)) for one in manifest.parked)
    return {
        "epoch": manifest.epoch,
        "published_at": iso(manifest.published_ms),
        "articles": manifest.articles,
        "statistics_epoch": manifest.statistics_epoch,
        "applied_seq": manifest.applied_seq,
        "routing_version": manifest.routing_version,
        "data": [
            {
                "partition": number,
                "generation": record.generation,
                "articles": record.articles,
                "tombstones": record.tombstones,
                "segments": record.segments,
                "size_bytes": record.size_bytes,
                # An epoch is published when all its partitions are that far.
                "applied_seq": manifest.applied_seq,
                "indexed_through": iso(manifest.indexed_through_ms),
                "parked": parked[number],
            }
            for number, record in enumerate(manifest.partitions)
        ],
    }
