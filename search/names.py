"""Names that a text may become: authors, sources, sections and tags of which a word begins so.

Contract: those in most use come first, and what that depends on is exact over segments and partitions. Time is that
of reading all names.

Not here: phrases and titles (`phrases.py`), how the archive writes a name (`spellings.py`).
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from partition.kernels import ngrams
from partition.kernels.occurring import keys_with_word
from partition.kernels.spelling import MAX_CHARS
from partition.occurring import occurring
from search.parsing import edits_for
from search.parts import NONE, Parts, Table

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
    letters = np.frombuffer(text.encode(), np.uint8)
    tables: dict[str, Table] = {}
    for part in parts.each():
        fields = part.segment.fields
        first, last = fields[NAMES[0]]["terms"][0], fields[NAMES[-1]]["terms"][1]
        words = np.empty(last - first, np.int64)
        keys = part.segment.keys, part.segment.key_ends
        words = words[: keys_with_word(*keys, first, last, letters, words)] + first
        for field in NAMES if len(words) else ():
            begin, end = np.searchsorted(words, fields[field]["terms"])
            if end > begin:
                of_field = words[begin:end] - fields[field]["terms"][0]
                parts.gather(tables.setdefault(field, Table(FEW_ROWS)), part, field, of_field, NONE)
    return _best(parts, tables, limit)


def names_spelled_like(parts: Parts, text: str, limit: int) -> list[Name]:
    """The names that begin with something that is spelled like a text; arguments as of `names_like`."""
    edits = edits_for(text) if len(text) <= MAX_CHARS else 0
    tables: dict[str, Table] = {}
    for part in parts.each() if edits else ():
        for field in NAMES:
            words, distances = part.segment.near(field, text, edits, prefix=True)
            if len(words):
                of_field = words - part.segment.fields[field]["terms"][0]
                parts.gather(tables.setdefault(field, Table(FEW_ROWS)), part, field, of_field, distances)
    return _best(parts, tables, limit)


def _best(parts: Parts, tables: Mapping[str, Table], limit: int) -> list[Name]:
    ranked = []
    for field, table in tables.items():
        for row in table.choose(limit).tolist():
            part, place = parts.of(row)
            of = occurring(part.segment, field)
            value = part.segment.key(of.first + int(of.words[place])).decode()
            rank = row[ngrams.DISTANCE], -row[ngrams.USE], -row[ngrams.COUNT], NAMES.index(field), value
            ranked.append((rank, Name(field, value, row[ngrams.COUNT])))
    return [name for _rank, name in sorted(ranked)[:limit]]
