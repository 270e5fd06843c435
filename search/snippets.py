"""Snippets and highlights: the passages of a text that show best why the article matched, with the words marked.

Contract: HTML-safe: the text is escaped, the only markup is `<mark>`. A word is marked when its term is one of the
query's; an ideograph, which counts as a word here, when it is in a pair that is. Bounded: only the first
`MAX_SCANNED_CHARS` are looked at, and of those only the words that begin like one of the query's are analysed. A
snippet is for reading: one passage, white space as single spaces, an ellipsis where text is left out. Highlights are
exact: the HTML is that of a range of the text, and ranges count Unicode code points.

Not here: which words a query has (`query.words_of`), the loops over bytes (`partition/kernels/likely_words.py`,
`partition/kernels/passages.py`, `partition/kernels/highlights.py`).
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from html import escape
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from partition.analysis import ENGLISH, ideographic, parted, term_of
from partition.kernels.highlights import write_highlights, write_snippets
from partition.kernels.likely_words import find_words, keep_words
from partition.vocabulary import ascii_lower, ideographs, word_characters
from search.query import pattern_of

PASSAGE_WORDS = 32
CONTEXT_WORDS = 4
"""Words shown before the first that is marked."""
MAX_PASSAGES = 3
"""Of a body, in highlights."""
MAX_SCANNED_CHARS = 60_000
_WILDCARD = re.compile(r"[?*]")
_ACCENTED = {"a": "aàáâãäå", "e": "eèéêë", "i": "iìíîï", "o": "oòóôõöø", "u": "uùúûü"}
_VOWEL = re.compile("[aeiou]")
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


class MarkedTexts:
    """The texts of a page, and where words of the query stand in them."""

    def __init__(
        self, bodies: Sequence[str], titles: Sequence[str], wanted: frozenset[str], language: str = ENGLISH
    ) -> None:
        """Look for the words.

        Args:
            bodies: plain texts, of which passages are shown.
            titles: plain texts that are shown whole; as many, or none.
            wanted: terms and patterns (`query.words_of`).
            language: that the texts are in (`analysis.LANGUAGES`).
        """
        contents = [text[:MAX_SCANNED_CHARS].encode() for text in (*bodies, *titles)]
        content = b"".join(contents)
        self._bodies = len(bodies)
        self._text = np.frombuffer(content, np.uint8)
        self._text_ends = np.array(list(accumulate(map(len, contents))), np.int64)
        self._letters = ascii_lower(), word_characters(), ideographs()
        likely = _likely(wanted, language)
        room = MAX_WORDS * len(contents) if wanted else 0
        found, forms = np.empty((room, 4), np.int64), np.empty((room, 2), np.int64)
        self._found_ends = np.zeros(len(contents), np.int64)
        different = find_words(
            *(self._text, self._text_ends, *self._letters),
            *(likely.beginnings, likely.ends, likely.firsts, likely.seconds),
            *(found, forms, self._found_ends),
        )
        ordinals: dict[str, int] = {}
        terms = np.full(different, -1, np.int64)
        for form, (start, end) in enumerate(forms[:different].tolist()):
            term = _term_of(content[start:end], language)
            if term in wanted or any(pattern.fullmatch(term) for pattern in likely.patterns):
                terms[form] = ordinals.setdefault(term, len(ordinals))
        keep_words(self._text, self._text_ends, *self._letters, found, self._found_ends, terms)
        self._terms = len(ordinals)
        self._found = found[: int(self._found_ends[-1:].sum())]
        self._out = np.empty(6 * len(content) + 13 * len(self._found) + 16 * len(contents), np.uint8)

    def snippets(self) -> list[str]:
        """Of each body the passage of `PASSAGE_WORDS` words with most different query words, else the beginning."""
        ends = np.empty(self._bodies, np.int64)
        write_snippets(
            self._text,
            self._text_ends[: self._bodies],
            *self._letters,
            self._found,
            self._found_ends[: self._bodies],
            self._terms,
            CONTEXT_WORDS,
            PASSAGE_WORDS,
            self._out,
            ends,
        )
        start, made = 0, []
        for end in ends.tolist():
            made.append(str(self._out[start + 1 : end].data, "utf-8"))
            start = end
        return made

    def highlights(self) -> list[dict[str, Any]]:
        """Of each title, with its body: `answers.Highlights`."""
        texts = len(self._text_ends)
        written, written_ends = np.empty((MAX_PASSAGES * texts, 4), np.int64), np.empty(texts, np.int64)
        marks = np.empty((len(self._found), 2), np.int64)
        write_highlights(
            *(self._text, self._text_ends, *self._letters, self._found, self._found_ends, self._terms),
            *(CONTEXT_WORDS, PASSAGE_WORDS, self._bodies, self._out, written, written_ends, marks),
        )
        ends = written_ends.tolist()
        offsets = marks.tolist()
        passages: list[dict[str, Any]] = []
        at = mark = 0
        for end, first, last, marked in written[: ends[-1] if ends else 0].tolist():
            html = str(self._out[at:end].data, "utf-8")
            passages.append({"html": html, "start": first, "end": last, "offsets": offsets[mark:marked]})
            at, mark = end, marked
        bodies, titles = [0, *ends[: self._bodies]], passages[ends[self._bodies - 1] :]
        return [
            {
                "title": {"html": title["html"], "offsets": title["offsets"]},
                "passages": passages[start:end],
            }
            for title, (start, end) in zip(titles, pairwise(bodies), strict=True)
        ]


def marked(text: str, wanted: frozenset[str], language: str = ENGLISH) -> str:
    """All of a text as HTML, with words marked in its first `MAX_SCANNED_CHARS`; arguments as of `MarkedTexts`."""
    (found,) = MarkedTexts([""], [text], wanted, language).highlights()
    html: str = found["title"]["html"]
    return html + escape(text[MAX_SCANNED_CHARS:], quote=False)


@lru_cache(maxsize=100_000)
def _term_of(form: bytes, language: str) -> str:
    return term_of(form.decode(), language)


@lru_cache(maxsize=1024)
def _likely(wanted: frozenset[str], language: str) -> _Wanted:
    variants: set[bytes] = set()
    for word in wanted:
        stem, of = parted(word)
        if of == language or ideographic(stem) or _WILDCARD.search(word):
            for beginning in kept_by_stemming(stem, language):
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


def kept_by_stemming(stem: str, language: str = ENGLISH) -> list[str]:
    """What words with this stem, or of this pattern, begin with, in one of these ways.

    Stemming alters hardly more than the last letters, and in other languages than English vowels, which lose their
    accents. Where it alters more, as it does in a few words in a hundred thousand, a word is not marked.
    """
    if wildcard := _WILDCARD.search(stem):
        return [stem[: wildcard.start()]]
    beginning = stem[: max(2, len(stem) - 2)]
    if language == ENGLISH:
        return [beginning]
    vowel = _VOWEL.search(beginning)
    if vowel is None:
        return [beginning]
    return [beginning[: vowel.start()]] if vowel.start() else list(_ACCENTED[vowel.group()])
