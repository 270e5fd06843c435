"""The shapes of what is sent to the command routes, and of lines of what they answer, for the documentation.

Contract: members and bounds are those that `article.py` and `submitting.py` check; other names that are recognised
for them stand in `fields.py`.

Not here: checking (`article.py`, `saga_routes.py`), other answers (`operations.py`).
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from indexer.article import (
    MAX_BODY_CHARS,
    MAX_ENTRIES,
    MAX_LABEL_CHARS,
    MAX_SUMMARY_CHARS,
    MAX_TITLE_CHARS,
    MAX_URL_CHARS,
)
from indexer.events import MAX_REASON_CHARS
from partition.types import MAX_ARTICLE_ID_BYTES

Id = Annotated[str, Meta(min_length=1, max_length=MAX_ARTICLE_ID_BYTES)]
Label = Annotated[str, Meta(max_length=MAX_LABEL_CHARS)]
Labels = Annotated[list[Label], Meta(max_length=MAX_ENTRIES)] | str
Moment = str | int | float


class ArticleBody(msgspec.Struct, omit_defaults=True, kw_only=True):
    """An article. Other names in common use are recognised (`headline`, `text`, ...), and what is left is ignored."""

    title: Annotated[str, Meta(min_length=1, max_length=MAX_TITLE_CHARS)] | None = None
    """Needed by all but those that are withdrawn."""
    id: Id | int | None = None
    """As in the address, if it is given at all."""
    body: Annotated[str, Meta(max_length=MAX_BODY_CHARS)] | None = None
    """Plain text."""
    summary: Annotated[str, Meta(max_length=MAX_SUMMARY_CHARS)] | None = None
    authors: Labels | None = None
    """A list; a text is cut at `;`."""
    source: Label | None = None
    """Who publishes it."""
    section: Label | None = None
    tags: Labels | None = None
    """A list; a text is cut at `;` and `,`."""
    language: Label | None = None
    """A tag such as `de` or `pt-BR`; where it is missing, it is detected."""
    url: Annotated[str, Meta(max_length=MAX_URL_CHARS)] | None = None
    published_at: Moment | None = None
    """An ISO 8601 date or instant, an RFC 2822 date, or seconds or milliseconds since 1970. Never a reason to reject
    an article: what cannot be read is dropped, and `date_confidence` says so."""
    modified_at: Moment | None = None
    """As `published_at`."""
    status: Literal["usable", "withheld", "canceled"] | None = None
    """`withheld` and `canceled` withdraw the article."""
    embargoed_until: Moment | None = None
    """Until then nobody is told that there is such an article, or such a correction."""
    editor_note: str | None = None
    """Kept in the history, with a withdrawal."""


class ArticleLine(ArticleBody, omit_defaults=True, kw_only=True):
    """An article on a line of its own."""

    id: Id | int
    """Yours, for ever: the same id again replaces the older version."""


class TakedownBody(msgspec.Struct, omit_defaults=True):
    """What is to be taken down."""

    id: Id
    reason: Annotated[str, Meta(max_length=MAX_REASON_CHARS)] = ""
    """Why; kept in the log, and told by `/v1/changes`."""


class ResultLine(msgspec.Struct):
    """What became of one line of a write."""

    line: int
    """From 1."""
    id: str | None
    """`null` where it could not be read."""
    status: str
    """`created`, `corrected`, `held`, `unchanged`, `withdrawn`, `absent`, `rejected`, `blocked` or `parked`."""
    version: int | None
    error: str | None
    """Why it was rejected, or could not be indexed."""


class PartLine(msgspec.Struct):
    """One part of an export."""

    part: int
    articles: int
    bytes: int
    sha256: str
    """Of the part, in hexadecimal."""
    href: str
    """Its address, relative to the service."""


class ExportedArticle(msgspec.Struct, omit_defaults=True):
    """One article of an export, under the names of `/v1/articles/{id}`, without what depends on others."""

    id: str
    title: str
    summary: str
    body: str
    authors: list[str]
    source: str
    section: str
    tags: list[str]
    language: str
    url: str
    published_at: str | None
    modified_at: str | None
    indexed_at: str
    date_confidence: str
    version: int
