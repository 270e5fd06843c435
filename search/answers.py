"""The bodies of answers: what users get, as JSON.

Contract: field names, units and shapes are those of the API's documentation, generated from the Structs here. A body
holds only what the answer depends on; links are relative, with parameters in canonical order.

Not here: what travels in headers (`routes.py`), problems (`web/problems.py`).
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Literal
from urllib.parse import urlencode

import msgspec
import orjson

from partition.manifest import RootManifest
from partition.scoring import ONE
from search.broker import Gathered
from search.explanations import ScoreExplanation
from search.facets import NOTHING, chosen_of, shown
from search.leaf import Match
from search.parameters import SearchParameters
from search.parsing import Note
from search.placing import ArticlePlace
from search.plan import postings_of
from search.query import Query, without_kernel
from search.similar import Telling
from search.single import Copies
from search.snapshot import Snapshot
from search.spellings import spelled
from web.times import iso


class MarkedTitle(msgspec.Struct):
    """A title in which words of the query are marked."""

    html: str
    """All of it: escaped text and `<mark>`."""
    offsets: list[tuple[int, int]]
    """Of each mark the half-open range of `title`, in Unicode code points."""


class Passage(msgspec.Struct):
    """A passage of an article in which words of the query are marked."""

    html: str
    """Escaped text and `<mark>`."""
    start: int
    """Where it begins in `body`, in `summary` where there is no body, in Unicode code points."""
    end: int
    """Where it ends: the code point after its last."""
    offsets: list[tuple[int, int]]
    """Of each mark the half-open range of the same text."""


class Highlights(msgspec.Struct):
    """Where the words of the query stand in an article."""

    title: MarkedTitle
    passages: list[Passage]
    """At most three, which do not overlap, in the order of the text: each shows words that those before it in rank do
    not; none where no word was found."""


class Item(msgspec.Struct, omit_defaults=True):
    """One article of a page; which members it has is decided by `fields`."""

    id: str | None = None
    title: str | None = None
    summary: str | None = None
    body: str | None = None
    authors: list[str] | None = None
    source: str | None = None
    section: str | None = None
    tags: list[str] | None = None
    language: str | None = None
    url: str | None = None
    published_at: str | None = None
    modified_at: str | None = None
    indexed_at: str | None = None
    date_confidence: str | None = None
    version: int | None = None
    story_id: str | None = None
    copies: Copies | None = None
    """`null` while a partition is damaged, in which some may lie."""
    score: float | None = None
    snippet: str | None = None
    """HTML: escaped text in which `<mark>` marks the words that matched."""
    highlights: Highlights | None = None
    """With `highlight=true`."""
    explanation: ScoreExplanation | None = None
    """With `explain=true`."""


class PageLinks(msgspec.Struct):
    """Where to go from this page."""

    next: str | None
    prev: str | None
    limit: int
    has_more: bool


class Total(msgspec.Struct):
    """How many articles match."""

    value: int
    relation: Literal["eq", "gte"]
    """`gte` when partitions are missing."""
    unit: Literal["article", "story"]
    """`story` with `collapse=story`."""


class FailedPartition(msgspec.Struct):
    """A partition that did not answer."""

    partition: int
    reason: str


class PartitionCoverage(msgspec.Struct):
    """How the partitions answered."""

    total: int
    ok: int
    failed: list[FailedPartition]


class Coverage(msgspec.Struct):
    """Whether this page speaks for the whole archive."""

    complete: bool
    partitions: PartitionCoverage
    missed: list[int]
    """Partitions that were missing on an earlier page of this walk, whose articles up to here were not seen."""


class SegmentExplanation(msgspec.Struct):
    """How one segment was searched."""

    partition: int
    segment: int
    algorithm: str
    """The kernel that was cheapest: `rank_few`, `rank_any`, `rank_rarest` or `rank_matches`; `none` when nothing
    could match."""
    windows: int
    """Windows of up to 4,096 articles that were looked into."""
    skipped: int
    """Windows that could not hold a better article."""


class Explanation(msgspec.Struct):
    """How a query was understood and executed."""

    query: dict[str, Any]
    """Its tree: each node has a `type`."""
    postings: int
    """About how many entries of the index it reads: its estimated cost."""
    by_whoosh: list[str]
    """Wildcards that Whoosh's matchers answered, for want of a kernel."""
    threads: int
    """Among how many the partitions were shared out."""
    segments: list[SegmentExplanation]
    article: ArticlePlace | msgspec.UnsetType = msgspec.UNSET
    """With `explain_id`."""


class FacetValue(msgspec.Struct, omit_defaults=True):
    """One value of a facet."""

    value: str
    """As the newest article that has it writes it; of a period, as ISO 8601 does."""
    count: int
    """Matching articles that have it; with `collapse=story`, stories of which any matching article has it."""
    selected: bool = False
    """`true` if a filter names it as one that will do, else left out."""


class OtherValues(msgspec.Struct):
    """The values that are not shown."""

    values: int
    """How many there are."""
    count: int
    """The sum of their counts."""


class Facet(msgspec.Struct):
    """How many of the matching articles have which value."""

    values: list[FacetValue]
    """The `facet_limit` most frequent and those selected; of periods all from the first to the last, or between the
    bounds, in order of time, at most the latest 1,000."""
    other: OtherValues


class QueryNote(msgspec.Struct):
    """Something in a query that was left out, or taken for text."""

    position: int
    """Of the character in `q`, from 0."""
    detail: str


class DidYouMean(msgspec.Struct):
    """Another spelling of a query that finds little."""

    q: str
    total: int
    """How many articles it finds under the same filters; stories with `collapse=story`."""


class SearchAnswer(msgspec.Struct):
    """One page of a search."""

    data: list[Item]
    page: PageLinks
    total: Total | None
    """`null` with `total=none`."""
    coverage: Coverage
    facets: dict[str, Facet]
    """By the names that `facets` gave."""
    notes: list[QueryNote]
    """What of the query was not understood as it may have been meant; with `strict=true` an error instead."""
    did_you_mean: DidYouMean | None
    """Where hardly anything was found, and words of the archive that are spelled alike find more."""
    as_of: str
    """When the state of the archive that answered was published."""
    origin: str | None
    """What relative dates and ages were counted from, for all pages of a walk; `null` if nothing was."""
    explain: Explanation | msgspec.UnsetType = msgspec.UNSET
    """With `explain=true` or `explain_id`."""


class ArticleAnswer(msgspec.Struct):
    """One article, whole, and the others that tell the same."""

    id: str
    title: str
    body: str
    summary: str
    authors: list[str]
    source: str
    section: str
    tags: list[str]
    language: str
    url: str
    published_at: str | None
    modified_at: str | None
    indexed_at: str
    date_confidence: Literal["instant", "day", "clamped", "dropped", "missing"]
    version: int
    status: Literal["usable"]
    story_id: str
    """Of all articles that tell the same in the same words."""
    copies: Copies | None
    """`null` while a partition is damaged, in which some may lie."""


class TellingTerm(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A term by which articles were found to be like one."""

    term: str
    """As analysis made it."""
    language: str | None = None
    """Whose stem it is; left out where there is none."""
    tf: int
    """How often it stands in the article; what stands in the title counts twice."""
    idf: float


class SimilarAnswer(msgspec.Struct):
    """The articles that are most like one, the most like first."""

    data: list[Item]
    coverage: Coverage
    terms: list[TellingTerm]
    """The article's most telling ones, by tf times idf, at most 25: any of them will do."""
    as_of: str
    """When the state of the archive that answered was published."""


class PartitionState(msgspec.Struct):
    """One partition of the current epoch."""

    partition: int
    generation: int
    articles: int
    tombstones: int
    segments: int
    size_bytes: int
    applied_seq: int
    """The last log sequence that it has applied."""
    indexed_through: str
    """When that was logged."""
    parked: int
    """Events of it that could not be applied (`/v1/parked`)."""


class PartitionsAnswer(msgspec.Struct):
    """The current epoch, partition by partition."""

    epoch: int
    published_at: str
    articles: int
    statistics_epoch: int
    applied_seq: int
    routing_version: int
    data: list[PartitionState]


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
) -> dict[str, dict[str, Any]]:
    """The facets that were asked for (`Facet`), by name.

    Raises:
        PartitionDamagedError, LeafError: as of `spellings.spelled`.
    """
    facets = {}
    for name, facet in parameters.facets:
        chosen = chosen_of(facet, query.filters)
        tally = found.counts.get(facet, NOTHING)
        counted, other_values, other_count = shown(facet, tally, query.filters, parameters.facet_limit)
        spellings = spelled(snapshot, facet, [value for value, _ in counted], found.failed, deadline_s)
        facets[name] = {
            "values": [
                {"value": spelling, "count": count, **({"selected": True} if value in chosen else {})}
                for (value, count), spelling in zip(counted, spellings, strict=True)
            ],
            "other": {"values": other_values, "count": other_count},
        }
    return facets


def explanation_of(query: Query, found: Gathered, articles: int, place: ArticlePlace | None) -> Explanation:
    """What `explain` says."""
    return Explanation(
        query=msgspec.to_builtins(found.node),
        postings=postings_of(found.asked.plan, articles),
        by_whoosh=sorted({node.text for node in without_kernel(query.node)}),
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
) -> bytes:
    """The body of one page (`SearchAnswer`)."""
    unit = "story" if query.collapse else "article"
    total = {"value": found.total, "relation": "gte" if found.failed else "eq", "unit": unit}
    body: dict[str, Any] = {
        "data": _items(parameters, matches, documents),
        "page": {"next": next_, "prev": prev, "limit": parameters.limit, "has_more": next_ is not None},
        "total": total if parameters.exact_total else None,
        "coverage": coverage_of(found, missed),
        "facets": facets,
        "notes": [note._asdict() for note in notes],
        "did_you_mean": msgspec.to_builtins(meant) if meant else None,
        "as_of": iso(snapshot.state.published_ms),
        "origin": None if query.origin_ms is None else iso(query.origin_ms),
    }
    if parameters.explain or place:
        explanation = explanation_of(query, found, snapshot.manifest.articles, place)
        body["explain"] = msgspec.to_builtins(explanation)
    return orjson.dumps(body)


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
) -> bytes:
    """The body of what is like an article (`SimilarAnswer`)."""
    terms = [TellingTerm(term=one.stem, language=one.language, tf=one.tf, idf=one.idf) for one in telling]
    body = {
        "data": _items(parameters, matches, documents),
        "coverage": coverage_of(found, missed=()),
        "terms": msgspec.to_builtins(terms),
        "as_of": iso(snapshot.state.published_ms),
    }
    return orjson.dumps(body)


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
