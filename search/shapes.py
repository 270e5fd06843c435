"""The shapes of answers: Structs from which the API's documentation is generated, and by which tests read bodies.

Contract: what `answers.py` writes has these fields, in these units.

Not here: the bytes (`answers.py`), what is asked (`parameters.py`).
"""

from typing import Any, Literal

import msgspec

from search.explanations import ScoreExplanation
from search.placing import ArticlePlace
from search.single import Copies


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
    """The address of the page after this one; `null` at the end."""
    prev: str | None
    """The address of the page before this one; `null` at the beginning."""
    limit: int
    has_more: bool
    """Whether there is a next page."""


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
    """`null` where it is not known."""
    modified_at: str | None
    indexed_at: str
    """When this version came into the archive."""
    date_confidence: Literal["instant", "day", "clamped", "dropped", "missing"]
    """How `published_at` came about: `clamped` lay in the future, `dropped` could not be read."""
    version: int
    """From 1; for `If-Match`."""
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
