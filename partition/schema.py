"""The fields of an article in the index: which are analysed, which are taken whole, which are columns.

Contract: `SCHEMA` is the Whoosh schema of every segment; `fields_of(article)` gives the values to index it with.
Text fields are analysed and scored; keyword fields hold whole values for filters; columns hold one value per
article, read as arrays. The schema comes from code and `SCHEMA_VERSION`, which the root manifest records.

Not here: the names that users write in files (`indexer/fields.py`) and in requests (`search/parameters.py`).
"""

import json
import zlib
from dataclasses import asdict
from typing import Any

from whoosh import columns
from whoosh.fields import COLUMN, ID, TEXT, Schema

from partition.analysis import ANALYZER, exact, terms
from partition.types import Article, hash64

SCHEMA_VERSION = 1

TEXT_FIELDS = ("title", "body", "author")
"""Analysed with positions; each has a column of exact lengths."""

DEFAULT_FIELDS = ("title", "body")
"""Searched when a query names no field."""

FIELD_BOOSTS = {"title": 2.0, "body": 1.0, "author": 1.0}
"""Weight of a match by field, in the sum of BM25F."""

KEYWORD_FIELDS = ("section", "source", "author_name", "tag", "language")
"""Whole values, compared without regard to case (`analysis.exact`); for filters."""

NO_DATE_MS = -(2**63)
"""Stands in the column where an article has no date."""

SCHEMA = Schema(
    id=ID(),
    **{name: TEXT(analyzer=ANALYZER) for name in TEXT_FIELDS},
    **{name: ID() for name in KEYWORD_FIELDS},
    **{f"{name}_length": COLUMN(columns.NumericColumn("I")) for name in TEXT_FIELDS},
    published_ms=COLUMN(columns.NumericColumn("q")),
    hash=COLUMN(columns.NumericColumn("Q")),
    article_id=COLUMN(columns.VarBytesColumn()),
    stored=COLUMN(columns.VarBytesColumn()),
)


def fields_of(article: Article, *, version: int, indexed_ms: int) -> dict[str, Any]:
    """The values under which `article` is indexed.

    Args:
        article: the article.
        version: ordinal of this version of the article, from 1.
        indexed_ms: when the event that brought it was logged.
    """
    texts = {"title": article.title, "body": article.body, "author": "\n".join(article.authors)}
    analysed = {name: terms(text) for name, text in texts.items()}
    stored = {**asdict(article), "version": version, "indexed_ms": indexed_ms}
    return {
        "id": article.id,
        **analysed,
        **{f"{name}_length": len(words) for name, words in analysed.items()},
        "section": _whole([article.section]),
        "source": _whole([article.source]),
        "author_name": _whole(article.authors),
        "tag": _whole(article.tags),
        "language": _whole([article.language]),
        "published_ms": NO_DATE_MS if article.published_ms is None else article.published_ms,
        "hash": hash64(article.id),
        "article_id": article.id.encode(),
        "stored": zlib.compress(json.dumps(stored, ensure_ascii=False).encode()),
    }


def read_stored(blob: bytes) -> dict[str, Any]:
    """The stored article of a `stored` column value: the fields of `Article`, `version` and `indexed_ms`."""
    stored: dict[str, Any] = json.loads(zlib.decompress(blob))
    return stored


def _whole(values: tuple[str, ...] | list[str]) -> list[str]:
    return sorted({exact(value) for value in values} - {""})
