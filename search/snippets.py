"""Snippets: the passage of a text that shows best why the article matched, with the words marked.

Contract: HTML-safe: the text is escaped, the only markup is `<mark>`. A word is marked when its term is one of the
query's. Bounded: only the first `MAX_SCANNED_CHARS` are looked at, and of those only the words that begin like one
of the query's are analysed.

Not here: which words a query has (`query.words_of`), the loops over bytes (`partition/kernels/passages.py`).
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from partition.analysis import term_of
from partition.kernels.passages import find_words, write_passages
from partition.vocabulary import ascii_lower, word_characters
from search.query import pattern_of

PASSAGE_WORDS = 32
CONTEXT_WORDS = 4
"""Words shown before the first that is marked."""
PASSAGE_BYTES = 180
"""About as long as a passage is without its context: words so close together can be shown together."""
MAX_SCANNED_CHARS = 60_000
_WILDCARD = re.compile(r"[?*]")
MAX_PAIRS = 16
"""Of letters that words are looked for by; when there are more, one letter must do."""
MAX_WORDS = 400
"""How many words that may be the query's are considered."""


class _Wanted(NamedTuple):
    """What a query's words begin with, as `find_words` wants it."""

    beginnings: NDArray[np.uint8]
    ends: NDArray[np.int64]
    firsts: NDArray[np.uint8]
    seconds: NDArray[np.uint8]
    patterns: tuple["re.Pattern[str]", ...]


def snippets(texts: Sequence[str], wanted: frozenset[str]) -> list[str]:
    """Of each text the passage of about `PASSAGE_WORDS` words with most different query words, else the beginning.

    Args:
        texts: plain texts.
        wanted: terms and patterns (`query.words_of`).
    """
    contents = [text[:MAX_SCANNED_CHARS].encode() for text in texts]
    content = b"".join(contents)
    text = np.frombuffer(content, np.uint8)
    text_ends = np.array(list(accumulate(map(len, contents))), np.int64)
    letters = ascii_lower(), word_characters()
    likely = _likely(wanted)
    room = MAX_WORDS * len(texts) if wanted else 0
    found, forms = np.empty((room, 3), np.int64), np.empty((room, 2), np.int64)
    found_ends = np.zeros(len(texts), np.int64)
    different = find_words(
        *(text, text_ends, *letters, likely.beginnings, likely.ends, likely.firsts, likely.seconds),
        *(found, forms, found_ends),
    )
    ordinals: dict[str, int] = {}
    terms = np.full(different, -1, np.int64)
    for form, (start, end) in enumerate(forms[:different].tolist()):
        term = _term_of(content[start:end])
        if term in wanted or any(pattern.fullmatch(term) for pattern in likely.patterns):
            terms[form] = ordinals.setdefault(term, len(ordinals))
    out = np.empty(6 * len(content) + 13 * int(found_ends[-1:].sum()) + 16 * len(texts), np.uint8)
    out_ends = np.empty(len(texts), np.int64)
    write_passages(
        text,
        text_ends,
        *letters,
        found,
        found_ends,
        terms,
        PASSAGE_BYTES,
        CONTEXT_WORDS,
        PASSAGE_WORDS,
        out,
        out_ends,
    )
    start, made = 0, []
    for end in out_ends.tolist():
        made.append(str(out[start + 1 : end].data, "utf-8"))
        start = end
    return made


@lru_cache(maxsize=100_000)
def _term_of(form: bytes) -> str:
    return term_of(form.decode())


@lru_cache(maxsize=1024)
def _likely(wanted: frozenset[str]) -> _Wanted:
    variants: set[bytes] = set()
    for word in wanted:
        beginning = kept_by_stemming(word)
        # ASCII letters are compared in either case; of the others, these are the ways to write them.
        for written in (beginning, beginning.capitalize(), beginning.upper()):
            variants.add(written.encode().lower())
    ordered = sorted(variants - {b""})
    pairs = {(variant[0] | 32, variant[1] | 32 if len(variant) > 1 else 0) for variant in ordered}
    if len(pairs) > MAX_PAIRS:
        pairs = {(first, 0) for first, _second in pairs}
    firsts, seconds = zip(*sorted(pairs), strict=True) if pairs else ((), ())
    return _Wanted(
        np.frombuffer(b"".join(ordered), np.uint8),
        np.cumsum([len(variant) for variant in ordered], dtype=np.int64),
        np.array(firsts, np.uint8),
        np.array(seconds, np.uint8),
        tuple(pattern_of(word) for word in wanted if _WILDCARD.search(word)),
    )


def kept_by_stemming(word: str) -> str:
    """What words with this term, or of this pattern, begin with: stemming alters hardly more than last letters.

    Where it alters more, as it does in a few words in a hundred thousand, a word is not marked.
    """
    wildcard = _WILDCARD.search(word)
    return word[: wildcard.start()] if wildcard else word[: max(2, len(word) - 2)]
