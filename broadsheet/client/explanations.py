"""How queries and scores are explained, as typed values.

Contract: as of `job_answers.py`.

Not here: the answers that hold them (`answers.py`).
"""

from collections.abc import Mapping
from typing import Any

import msgspec


class ScorePart(msgspec.Struct, frozen=True, kw_only=True):
    """What a term adds to a score."""

    field: str
    term: str
    language: str | None = None
    tf: int | None = None
    length: int | None = None
    average_length: float | None = None
    idf: float | None = None
    boost: float
    score: float


class ScoreExplanation(msgspec.Struct, frozen=True, kw_only=True):
    """How a score comes about."""

    parts: tuple[ScorePart, ...]
    sum: float
    decay: float | None = None


class SegmentExplanation(msgspec.Struct, frozen=True):
    """How one segment was searched."""

    partition: int
    segment: int
    algorithm: str
    windows: int
    skipped: int


class Exclusion(msgspec.Struct, frozen=True, kw_only=True):
    """A part of what was asked that leaves an article out."""

    parameter: str
    clause: Mapping[str, Any] | None = None
    detail: str


class ArticlePlace(msgspec.Struct, frozen=True):
    """Where the article that `explain_id` names stands in the result, or why it does not."""

    id: str
    found: bool
    reason: str
    rank: int | None = None
    score: float | None = None
    collapsed_into: str | None = None
    excluded_by: tuple[Exclusion, ...] | None = None


class Explanation(msgspec.Struct, frozen=True):
    """How a query was understood and executed."""

    query: Mapping[str, Any]
    postings: int
    threads: int
    segments: tuple[SegmentExplanation, ...]
    article: ArticlePlace | None = None
