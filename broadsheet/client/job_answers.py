"""What the server says of writes, exports and changes, as typed values.

Contract: the members are those of the OpenAPI document, under its names, and
`tests/broadsheet/test_client_answers.py` holds them to it. Members that are not known here are passed over, and
words such as a `status` are texts, so that a newer server can be read. Values are frozen.

Not here: searches and articles (`answers.py`).
"""

from collections.abc import Mapping
from typing import Any

import msgspec


class JobProgress(msgspec.Struct, frozen=True):
    """Lines of a job, steps of a takedown or an export."""

    done: int
    total: int
    failed: int


class JobLinks(msgspec.Struct, frozen=True):
    """Relative addresses."""

    self: str
    results: str


class StepReceipt(msgspec.Struct, frozen=True):
    """One step of a takedown or an export that was done."""

    step: str
    at: str
    told: Mapping[str, Any]


class JobAnswer(msgspec.Struct, frozen=True):
    """A write, a takedown or an export."""

    id: str
    kind: str
    status: str
    """`queued`, `running`, `succeeded`, `failed` or `canceled`."""
    progress: JobProgress
    created_at: str
    min_seq: int
    """A search with this `min_seq` knows all of it; 0 where nothing changed."""
    links: JobLinks
    reason: str = ""
    receipts: tuple[StepReceipt, ...] = ()

    @property
    def ended(self) -> bool:
        """Whether nothing more is to come of it."""
        return self.status not in {"queued", "running"}


class LineResult(msgspec.Struct, frozen=True):
    """What became of one line of a job."""

    line: int
    """From 1."""
    id: str | None
    status: str
    """`created`, `corrected`, `held`, `unchanged`, `withdrawn`, `absent`, `rejected`, `blocked` or `parked`."""
    version: int | None = None
    error: str | None = None
    """Why it was rejected or parked."""


class ExportPart(msgspec.Struct, frozen=True):
    """One part of an export."""

    part: int
    articles: int
    bytes: int
    sha256: str
    href: str
    """Relative."""


class Change(msgspec.Struct, frozen=True):
    """What became of an article."""

    seq: int
    """Where to go on: `changes(after=seq)`."""
    kind: str
    """`created`, `corrected`, `withdrawn`, `restored` or `taken_down`."""
    id: str
    version: int
    at: str
    reason: str


class NextLink(msgspec.Struct, frozen=True):
    """A relative address."""

    next: str


class MoreLink(msgspec.Struct, frozen=True):
    """A relative address."""

    next: str | None


class ChangesAnswer(msgspec.Struct, frozen=True):
    """One page of changes."""

    data: tuple[Change, ...]
    after: int
    indexed_through: int
    has_more: bool
    links: NextLink


class VersionText(msgspec.Struct, frozen=True):
    """An article as it was."""

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


class Version(msgspec.Struct, frozen=True):
    """One version of an article."""

    version: int
    seq: int
    kind: str
    at: str
    reason: str
    article: VersionText | None
    """`None` for a withdrawal, for all versions of an article that is withdrawn now, and where it is damaged."""


class VersionsAnswer(msgspec.Struct, frozen=True):
    """One page of versions, the newest first."""

    data: tuple[Version, ...]
    has_more: bool
    links: MoreLink


class Parked(msgspec.Struct, frozen=True):
    """An event that could not be indexed."""

    seq: int
    id: str
    reason: str


class ParkedAnswer(msgspec.Struct, frozen=True):
    """One page of what could not be indexed."""

    data: tuple[Parked, ...]
    has_more: bool
    links: MoreLink
