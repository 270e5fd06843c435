"""The routes that tell what became of articles, as they are documented: parameters, answers, problems.

Contract: the routes use these very declarations, and the OpenAPI document is made from them.

Not here: the handlers (`change_routes.py`), writes (`operations.py`).
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from indexer import examples
from indexer.events import NoticeKind
from web.headers import LAST_EVENT_ID, OF_STATE, VARY
from web.openapi import Operation
from web.parameters import Parameter, integer

MAX_SEQ = (1 << 53) - 1
"""Integers of JSON are exact so far."""
MAX_LIMIT = 1000
MAX_WAIT_S = 30


class NextLink(msgspec.Struct):
    """A relative address."""

    next: str
    """Where to go on, now or later."""


class MoreLink(msgspec.Struct):
    """A relative address."""

    next: str | None
    """`null` at the end."""


class Change(msgspec.Struct):
    """What became of an article."""

    seq: int
    """Of its event in the log."""
    kind: NoticeKind
    id: str
    version: int
    at: str
    """When it was logged."""
    reason: str
    """Why, where that was said."""


class ChangesAnswer(msgspec.Struct):
    """What became of articles, in order."""

    data: list[Change]
    after: int
    """As it was asked."""
    indexed_through: int
    """The last sequence that this server has applied; nothing beyond it is told."""
    has_more: bool
    """Whether there is more up to there."""
    links: NextLink


class VersionText(msgspec.Struct):
    """An article as it was, with the members that `/v1/articles/{id}` has."""

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


class Version(msgspec.Struct):
    """One version of an article."""

    version: int
    seq: int
    kind: NoticeKind
    at: str
    reason: str
    article: VersionText | None
    """`null` for a withdrawal, for all versions of an article that is withdrawn now, and where it is damaged."""


class VersionsAnswer(msgspec.Struct):
    """The versions of an article that were ever to be seen, the newest first."""

    data: list[Version]
    has_more: bool
    links: MoreLink


class Parked(msgspec.Struct):
    """An event that could not be applied."""

    seq: int
    id: str
    """Of its article."""
    reason: str


class ParkedAnswer(msgspec.Struct):
    """What could not be applied, in order."""

    data: list[Parked]
    has_more: bool
    links: MoreLink


AFTER = Parameter(
    name="after",
    description="Only what has a higher log sequence.",
    schema={"type": "integer", "minimum": 0, "maximum": MAX_SEQ, "default": 0},
    convert=integer(0, MAX_SEQ),
    default=0,
    example=0,
)
BEFORE = Parameter(
    name="before",
    description="Only versions with a lower log sequence.",
    schema={"type": "integer", "minimum": 0, "maximum": MAX_SEQ, "default": MAX_SEQ},
    convert=integer(0, MAX_SEQ),
    default=MAX_SEQ,
    example=MAX_SEQ,
)
LIMIT = Parameter(
    name="limit",
    description="How much to tell at once.",
    schema={"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": 100},
    convert=integer(1, MAX_LIMIT),
    default=100,
    example=100,
)
WAIT_S = Parameter(
    name="wait_s",
    description="How long to wait, in seconds, while there is nothing to tell.",
    schema={"type": "integer", "minimum": 0, "maximum": MAX_WAIT_S, "default": 0},
    convert=integer(0, MAX_WAIT_S),
    default=0,
    example=0,
)


_REFUSED = ("parameter-invalid", "uri-too-long", "not-ready", "log-unusable")
CHANGES: Sequence[Operation] = (
    Operation(
        path="/v1/changes",
        tag="Following",
        headers=(LAST_EVENT_ID,),
        answered=(*OF_STATE, VARY),
        example=examples.CHANGES,
        summary="What became of articles",
        description="Every article that was created, corrected, withdrawn, restored or taken down, in the order of "
        "the log, as far as this server has indexed it. Follow `links.next` for ever. With "
        "`Accept: text/event-stream` the same comes as Server-Sent Events (`id` is the sequence, `event` the kind), "
        "which begin after `after` or `Last-Event-ID` and take no other parameter.",
        parameters=(AFTER, LIMIT, WAIT_S),
        answer=ChangesAnswer,
        stream=True,
        problems=(*_REFUSED, "overloaded"),
    ),
    Operation(
        path="/v1/articles/{id}/versions",
        tag="Articles",
        answered=OF_STATE,
        example=examples.VERSIONS,
        summary="The versions of an article",
        description="All that were ever to be seen, the newest first: a hundred at a time, fewer of long ones.",
        id_example="2024-0001",
        parameters=(BEFORE,),
        answer=VersionsAnswer,
        problems=(*_REFUSED, "article-not-found", "article-taken-down"),
    ),
    Operation(
        path="/v1/parked",
        tag="Watching",
        answered=OF_STATE,
        example=examples.PARKED,
        summary="What could not be indexed",
        description="Events that could not be applied, with the reason. Of their articles the version before is "
        "shown, until the next one comes, or `POST /v1/articles/{id}/retry` succeeds.",
        parameters=(AFTER, LIMIT),
        answer=ParkedAnswer,
        problems=_REFUSED,
        role="write",
    ),
)
