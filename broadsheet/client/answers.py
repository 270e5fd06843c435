"""What the server answers to searches and look-ups, as typed values.

Contract: as of `job_answers.py`.

Not here: writes, exports and changes (`job_answers.py`), explanations (`explanations.py`).
"""

from collections.abc import Mapping

import msgspec

from broadsheet.client.explanations import Explanation, ScoreExplanation


class Copies(msgspec.Struct, frozen=True):
    """The other articles of a story."""

    count: int
    canonical: str
    ids: tuple[str, ...]


class MarkedTitle(msgspec.Struct, frozen=True):
    """A title in which words of the query are marked."""

    html: str
    offsets: tuple[tuple[int, int], ...]
    """Half-open ranges of `title`, as strings of Python count."""


class Passage(msgspec.Struct, frozen=True):
    """A passage in which words of the query are marked."""

    html: str
    start: int
    end: int
    offsets: tuple[tuple[int, int], ...]


class Highlights(msgspec.Struct, frozen=True):
    """Where the words of the query stand in an article."""

    title: MarkedTitle
    passages: tuple[Passage, ...]


class Item(msgspec.Struct, frozen=True):
    """One article of a page; what `fields` does not name is `None`."""

    id: str | None = None
    title: str | None = None
    summary: str | None = None
    body: str | None = None
    authors: tuple[str, ...] | None = None
    source: str | None = None
    section: str | None = None
    tags: tuple[str, ...] | None = None
    language: str | None = None
    url: str | None = None
    published_at: str | None = None
    modified_at: str | None = None
    indexed_at: str | None = None
    date_confidence: str | None = None
    version: int | None = None
    story_id: str | None = None
    copies: Copies | None = None
    score: float | None = None
    snippet: str | None = None
    """HTML: escaped text in which `<mark>` marks the words that matched."""
    highlights: Highlights | None = None
    explanation: ScoreExplanation | None = None


class PageLinks(msgspec.Struct, frozen=True):
    """Where to go from a page: relative addresses."""

    next: str | None
    prev: str | None
    limit: int
    has_more: bool


class Total(msgspec.Struct, frozen=True):
    """How many articles or stories match."""

    value: int
    relation: str
    """`eq`, or `gte` when partitions are missing."""
    unit: str
    """`article` or `story`."""


class FailedPartition(msgspec.Struct, frozen=True):
    """A partition that did not answer."""

    partition: int
    reason: str


class PartitionCoverage(msgspec.Struct, frozen=True):
    """How the partitions answered."""

    total: int
    ok: int
    failed: tuple[FailedPartition, ...]


class Coverage(msgspec.Struct, frozen=True):
    """Whether an answer speaks for the whole archive."""

    complete: bool
    partitions: PartitionCoverage
    missed: tuple[int, ...]
    """Partitions that were missing on an earlier page of this walk."""


class FacetValue(msgspec.Struct, frozen=True):
    """One value of a facet."""

    value: str
    count: int
    selected: bool = False


class OtherValues(msgspec.Struct, frozen=True):
    """The values that are not shown."""

    values: int
    count: int


class Facet(msgspec.Struct, frozen=True):
    """How many of the matching articles have which value."""

    values: tuple[FacetValue, ...]
    other: OtherValues


class QueryNote(msgspec.Struct, frozen=True):
    """Something in a query that was left out, or taken for text."""

    position: int
    detail: str


class DidYouMean(msgspec.Struct, frozen=True):
    """Another spelling of a query that finds little."""

    q: str
    total: int


class SearchAnswer(msgspec.Struct, frozen=True):
    """One page of a search."""

    data: tuple[Item, ...]
    page: PageLinks
    total: Total | None
    coverage: Coverage
    facets: Mapping[str, Facet]
    notes: tuple[QueryNote, ...]
    did_you_mean: DidYouMean | None
    as_of: str
    origin: str | None
    explain: Explanation | None = None


class ArticleAnswer(msgspec.Struct, frozen=True):
    """One article, whole, and the others that tell the same."""

    id: str
    title: str
    body: str
    summary: str
    authors: tuple[str, ...]
    source: str
    section: str
    tags: tuple[str, ...]
    language: str
    url: str
    published_at: str | None
    modified_at: str | None
    indexed_at: str
    date_confidence: str
    version: int
    status: str
    story_id: str
    copies: Copies | None


class TellingTerm(msgspec.Struct, frozen=True, kw_only=True):
    """A term by which articles were found to be like one."""

    term: str
    language: str | None = None
    tf: int
    idf: float


class SimilarAnswer(msgspec.Struct, frozen=True):
    """The articles that are most like one."""

    data: tuple[Item, ...]
    coverage: Coverage
    terms: tuple[TellingTerm, ...]
    as_of: str


class SuggestedPhrase(msgspec.Struct, frozen=True):
    """Words in a row, of titles."""

    text: str
    articles: int


class SuggestedName(msgspec.Struct, frozen=True):
    """A value for a filter."""

    text: str
    filter: str
    """`author`, `section`, `source` or `tag`."""
    articles: int


class SuggestedTitle(msgspec.Struct, frozen=True):
    """An article in whose title the typed words stand in a row."""

    id: str
    title: str
    published_at: str | None


class SuggestAnswer(msgspec.Struct, frozen=True):
    """What a beginning may become."""

    phrases: tuple[SuggestedPhrase, ...]
    names: tuple[SuggestedName, ...]
    titles: tuple[SuggestedTitle, ...]
    as_of: str


class PartitionState(msgspec.Struct, frozen=True):
    """One partition of the current epoch."""

    partition: int
    generation: int
    articles: int
    tombstones: int
    segments: int
    size_bytes: int
    applied_seq: int
    indexed_through: str
    parked: int


class PartitionsAnswer(msgspec.Struct, frozen=True):
    """The current epoch, partition by partition."""

    epoch: int
    published_at: str
    articles: int
    statistics_epoch: int
    applied_seq: int
    routing_version: int
    data: tuple[PartitionState, ...]
