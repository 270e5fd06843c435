"""Snippets: the passage of a text that shows best why the article matched, with the words marked.

Contract: HTML-safe: the text is escaped, the only markup is `<mark>`. A word is marked when its term is one of the
query's. Bounded: only the first `MAX_SCANNED_CHARS` are looked at, and of those only the words that begin like one
of the query's are analysed.

Not here: which words a query has (`query.words_of`), the loops over bytes (`partition/kernels/passages.py`).
"""

from functools import lru_cache
from html import escape
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from partition.analysis import term_of
from partition.kernels.passages import best_window, bounds_of_passage, find_words
from partition.vocabulary import ascii_lower, word_characters

PASSAGE_WORDS = 32
CONTEXT_WORDS = 4
"""Words shown before the first that is marked."""
PASSAGE_BYTES = 180
"""About as long as a passage is without its context: words so close together can be shown together."""
MAX_SCANNED_CHARS = 60_000
MAX_WORDS = 400
"""How many words that may be the query's are considered."""


class _Wanted(NamedTuple):
    """What a query's words begin with, as `find_words` wants it."""

    beginnings: NDArray[np.uint8]
    ends: NDArray[np.int64]
    firsts: NDArray[np.uint8]
    prefixes: tuple[str, ...]


def snippet(text: str, wanted: frozenset[str]) -> str:
    """The passage of about `PASSAGE_WORDS` words with most different query words, else the beginning.

    Args:
        text: plain text.
        wanted: terms, and prefixes that end in `*` (`query.words_of`).
    """
    content = text[:MAX_SCANNED_CHARS].encode()
    scanned = np.frombuffer(content, np.uint8)
    hits = _hits(content, scanned, wanted) if wanted else []
    middle, before = 0, 0
    if hits:
        places = np.array([place for place, _term in hits], np.int64)
        ordinals: dict[str, int] = {}
        terms = np.array([ordinals.setdefault(term, len(ordinals)) for _place, term in hits], np.int64)
        middle, before = hits[best_window(places, terms, PASSAGE_BYTES)][0][0], CONTEXT_WORDS
    bounds = np.zeros(4, np.int64)
    if not bounds_of_passage(scanned, ascii_lower(), word_characters(), middle, before, PASSAGE_WORDS, bounds):
        return ""
    at, stop, precedes, follows = bounds.tolist()
    parts = ["… " if precedes else ""]
    for (start, end), _term in hits:
        if at <= start and end <= stop:
            parts += (escape(content[at:start].decode()), "<mark>", escape(content[start:end].decode()), "</mark>")
            at = end
    parts += (escape(content[at:stop].decode()), " …" if follows else "")
    return " ".join("".join(parts).split())


def _hits(content: bytes, scanned: NDArray[np.uint8], wanted: frozenset[str]) -> list[tuple[tuple[int, int], str]]:
    """The ranges of bytes of the query's words, ascending, with the term or prefix of each."""
    likely = _likely(wanted)
    found = np.empty((MAX_WORDS, 2), np.int64)
    count = find_words(
        scanned, ascii_lower(), word_characters(), likely.beginnings, likely.ends, likely.firsts, found
    )
    hits = []
    # Each form once: a text has far fewer forms than words.
    meant: dict[bytes, str | None] = {}
    for start, end in found[:count].tolist():
        form = content[start:end]
        if form not in meant:
            term = term_of(form.decode())
            known = term in wanted or next((True for prefix in likely.prefixes if term.startswith(prefix)), False)
            meant[form] = term if known else None
        term_or_none = meant[form]
        if term_or_none is not None:
            hits.append(((start, end), term_or_none))
    return hits


@lru_cache(maxsize=1024)
def _likely(wanted: frozenset[str]) -> _Wanted:
    variants: set[bytes] = set()
    for word in wanted:
        beginning = kept_by_stemming(word)
        # ASCII letters are compared in either case; of the others, these are the ways to write them.
        for written in (beginning, beginning.capitalize(), beginning.upper()):
            variants.add(written.encode().lower())
    ordered = sorted(variants - {b""})
    firsts = np.zeros(256, np.uint8)
    for variant in ordered:
        firsts[variant[0]] = firsts[variant[:1].upper()[0]] = 1
    return _Wanted(
        np.frombuffer(b"".join(ordered), np.uint8),
        np.cumsum([len(variant) for variant in ordered], dtype=np.int64),
        firsts,
        tuple(word[:-1] for word in wanted if word.endswith("*")),
    )


def kept_by_stemming(word: str) -> str:
    """What words with this term (or beginning, with `*`) begin with: stemming alters hardly more than last letters.

    Where it alters more, as it does in a few words in a hundred thousand, a word is not marked.
    """
    return word[:-1] if word.endswith("*") else word[: max(2, len(word) - 2)]
