"""The nouns of a partition: what is stored, where it lies, and in which units.

Contract: plain frozen values, no behaviour beyond what their fields imply. Times are UTC milliseconds since
1970-01-01 (`_ms`), `None` where a date is unknown. A `docnum` counts inside one segment; `DocAddress` adds the
partition and the segment; an `article_id` is the user's own and lasts for ever.

Not here: validation of what users send (`indexer/article.py`), wire formats (`web/`), scoring.
"""

from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

MAX_ARTICLE_ID_BYTES = 512
"""Longest article id, in UTF-8 bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """One version of one article, validated, as it is indexed and stored."""

    id: str
    title: str
    body: str = ""
    summary: str = ""
    authors: tuple[str, ...] = ()
    source: str = ""
    section: str = ""
    tags: tuple[str, ...] = ()
    language: str = ""
    """BCP 47 tag as given; empty when the source did not say."""
    url: str = ""
    published_ms: int | None = None
    modified_ms: int | None = None
    date_confidence: str = "missing"
    """How `published_ms` came about: `instant`, `day`, `clamped` (lay in the future), `dropped` (impossible)
    or `missing`."""


class DocAddress(NamedTuple):
    """Where one article lies inside one epoch."""

    partition: int
    segment: int
    """Ordinal of the segment inside its generation."""
    docnum: int


def hash64(article_id: str) -> int:
    """BLAKE2b-64 of the id's UTF-8 bytes, as an unsigned integer: routes the article and breaks ties."""
    return int.from_bytes(blake2b(article_id.encode(), digest_size=8).digest(), "big")
