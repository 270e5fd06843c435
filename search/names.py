"""Names that a text may become: authors, sources, sections and tags of which a word begins so.

Contract: those in most use come first, and what that depends on is exact over segments and partitions. Time is that
of reading all names.

Not here: phrases and titles (`phrases.py`), how the archive writes a name (`spellings.py`).
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from partition.kernels import ngrams
from partition.kernels.spelling import MAX_CHARS
from partition.occurring import occurring
from search.parsing import edits_for
from search.parts import NONE, Parts, Table, Words

NAMES = ("section", "source", "author_name", "tag")
"""Keyword fields, as they follow one another in `schema.KEYWORD_FIELDS`."""
FEW_ROWS = 1 << 8


class Name(NamedTuple):
    """A value of a keyword field."""

    field: str
    value: str
    articles: int


def names_like(parts: Parts, text: str, limit: int) -> list[Name]:
    """The names of which a word begins with a text.

    Args:
        parts: the segments.
        text: as `analysis.exact` makes it.
        limit: how many at most.

    Raises:
        IndexFileError, DeadlineError: as of `Parts`.
    """
    if not text:
        return []
    return _best(parts, {field: (parts.with_word(field, text), NONE) for field in NAMES}, limit)


def names_spelled_like(parts: Parts, text: str, limit: int) -> list[Name]:
    """The names that begin with something that is spelled like a text; arguments as of `names_like`."""
    edits = edits_for(text) if len(text) <= MAX_CHARS else 0
    if not edits:
        return []
    return _best(parts, {field: parts.near(field, text, edits, prefix=True) for field in NAMES}, limit)


def _best(parts: Parts, found: Mapping[str, tuple[Words, NDArray[np.int64]]], limit: int) -> list[Name]:
    """The best of the names that were found, by field; and how far each is away, if they are."""
    ranked = []
    for field, (words, distances) in found.items():
        if not len(words.words):
            continue
        table = Table(FEW_ROWS)
        parts.gather(table, field, words, distances)
        for row in table.choose(limit).tolist():
            part, place = parts.of(row)
            of = occurring(part.segment, field)
            value = part.segment.key(of.first + int(of.words[place])).decode()
            rank = row[ngrams.DISTANCE], -row[ngrams.USE], -row[ngrams.COUNT], NAMES.index(field), value
            ranked.append((rank, Name(field, value, row[ngrams.COUNT])))
    return [name for _rank, name in sorted(ranked)[:limit]]
