"""From text to terms: the one analysis that articles and queries share, by language.

The definition is `analyzer`, a Whoosh analyzer: words of letters and digits, lower case, stems of the language
(Snowball), no stop words (so that phrases and totals are exact). Chinese, Japanese and Korean are not written in
words: of a run of such characters each two neighbours are one, whatever the language (`cjk`). `terms` and `places_of`
are the same analysis without a Token object a word, `Vocabulary` (`vocabulary.py`) without any work a word; property
tests hold them to the definition over arbitrary text.

Contract: a term says which language it is of, since what is spelled alike means something else, and is common or
rare, elsewhere: after the stem stand U+001F and the language's code, but for English and for pairs of characters.
Positions are the ordinals of words, without gaps. A run of more than `MAX_WORD_CHARS` word characters is cut into
several words, so that no term is longer than that, but for letters that grow in lower case, and for codes.

Source of the stems: M. Porter, "The English (Porter2) stemming algorithm", and its siblings for other languages,
snowballstem.org, as PyStemmer has them. Of pairs: Lucene's CJKBigramFilter.

Not here: which language an article is in (`indexer/language.py`), which field is analysed and which is taken whole
(`schema.py`), snippets (`search/snippets.py`).
"""

import re
from collections.abc import Iterator
from functools import cache, lru_cache, partial
from typing import Any

import Stemmer
from whoosh.analysis import Filter, LowercaseFilter, RegexTokenizer, StemFilter
from whoosh.lang.stopwords import stoplists

from partition.kernels.tokens import MAX_WORD_CHARS

ENGLISH = "en"
OTHER = "xx"
"""A language of which no stems are known."""
NAMES = ""
"""How names of people are analysed: without stems, alike in all languages."""
STEMMERS = {
    OTHER: "",
    ENGLISH: "english",
    "ar": "arabic",
    "ca": "catalan",
    "cs": "czech",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "es": "spanish",
    "et": "estonian",
    "fi": "finnish",
    "fr": "french",
    "hi": "hindi",
    "hu": "hungarian",
    "id": "indonesian",
    "it": "italian",
    "lt": "lithuanian",
    "nl": "dutch",
    "no": "norwegian",
    "pl": "polish",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sr": "serbian",
    "sv": "swedish",
    "tr": "turkish",
}
"""Code (ISO 639-1) to the name of the stemmer."""
LANGUAGES = tuple(STEMMERS)
"""The order is that of numbers in columns (`schema.py`)."""
_SAME = {
    "nb": "no",
    "nn": "no",
    "eng": "en",
    "english": "en",
    "deu": "de",
    "ger": "de",
    "german": "de",
    "deutsch": "de",
    "fra": "fr",
    "fre": "fr",
    "french": "fr",
    "français": "fr",
    "spa": "es",
    "spanish": "es",
    "español": "es",
    "rus": "ru",
    "russian": "ru",
    "русский": "ru",
}
"""Other names that sources use."""

OF = "\x1f"
"""Stands between a stem and the code of its language."""
IDEOGRAPHS = (
    (0x1100, 0x11FF),
    (0x3005, 0x3007),
    (0x3021, 0x3029),
    (0x3031, 0x303C),
    (0x3041, 0x30FF),
    (0x3105, 0x318E),
    (0x31A0, 0x31FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xA960, 0xA97C),
    (0xAC00, 0xD7FB),
    (0xF900, 0xFAFF),
    (0xFF66, 0xFFDC),
    (0x1AFF0, 0x1B16F),
    (0x20000, 0x3FFFF),
)
"""First and last code points of ranges: Han, Hiragana, Katakana, Bopomofo, Hangul. Of these, the word characters are
taken in pairs."""
_CJK = "".join(f"{chr(first)}-{chr(last)}" for first, last in IDEOGRAPHS)
_RUN = re.compile(rf"(?:(?=[{_CJK}])\w)+|[^\W{_CJK}]{{1,{MAX_WORD_CHARS}}}")
_IDEOGRAPH = re.compile(rf"(?=[{_CJK}])\w")

FUNCTION_WORD_WEIGHT = 0.1
"""How much a function word (the, of, what) counts, beside what its rarity says. It is found, and ranks a query that
has no other words, but does not drown the words that mean something: see docs/adr/0008-ranking.md."""


@lru_cache(maxsize=4096)
def language_of(tag: str) -> str:
    """Under which of `LANGUAGES` an article with this BCP 47 tag, or name, is analysed: English if it has none."""
    code = re.split(r"[-_]", tag.strip().lower(), maxsplit=1)[0]
    code = _SAME.get(code, code)
    return code if code in STEMMERS else OTHER if code else ENGLISH


@cache
def _stemmer(language: str) -> Any:
    # It may be shared by threads only since it keeps the GIL while it works.
    return Stemmer.Stemmer(STEMMERS[language], 0)


def ideographic(word: str) -> bool:
    """Whether a word begins like Chinese, Japanese or Korean."""
    return _IDEOGRAPH.match(word) is not None


@lru_cache(maxsize=200_000)
def term_of(word: str, language: str = ENGLISH) -> str:
    """The term of one word as it stands in a text of this language."""
    return terms_of([word], language)[0]


def terms_of(forms: list[str], language: str = ENGLISH) -> list[str]:
    """The term of each word, of many that are met for the first time."""
    lower = [form.lower() for form in forms]
    if language == NAMES:
        return lower
    stems = [str(stem) for stem in _stemmer(language).stemWords(lower)] if STEMMERS[language] else lower
    if language == ENGLISH:
        return stems
    return [stem if ideographic(stem) else f"{stem}{OF}{language}" for stem in stems]


def keys_of(forms: list[str], language: str) -> list[str]:
    """What words are indexed as beside their terms (`schema.FORM`): in lower case, and of which language they are."""
    lower = [form.lower() for form in forms]
    if language in {ENGLISH, NAMES}:
        return lower
    return [word if ideographic(word) else f"{word}{OF}{language}" for word in lower]


def parted(term: str) -> tuple[str, str]:
    """A term's stem and its language; that of English, of pairs of characters and of names is English."""
    stem, _, language = term.partition(OF)
    return stem, language or ENGLISH


@cache
def function_terms(language: str = ENGLISH) -> frozenset[str]:
    """The terms of function words, as the Natural Language Toolkit lists them and Whoosh has them."""
    return frozenset(term_of(word, language) for word in stoplists.get(language, ()))


@cache
def function_words() -> frozenset[str]:
    """The same as they are written, with their language (`keys_of`), of all languages."""
    return frozenset(key for language in LANGUAGES for key in keys_of(list(stoplists.get(language, ())), language))


class _Pairs(Filter):  # type: ignore[misc]  # Whoosh's classes are untyped
    """Of a run of ideographs, each two neighbours."""

    def __call__(self, tokens: Iterator[Any]) -> Iterator[Any]:
        """The tokens, numbered anew."""
        position = 0
        for token in tokens:
            run = token.text
            pairs = len(run) > 1 and ideographic(run)
            start = getattr(token, "startchar", 0)
            for at in range(len(run) - 1) if pairs else (0,):
                token.pos = position
                position += 1
                if pairs:
                    token.text, token.startchar, token.endchar = run[at : at + 2], start + at, start + at + 2
                yield token


@cache
def analyzer(language: str) -> Any:
    """The definition, for texts of this language."""
    # No function of its own: Whoosh's own writer, which some compare with, pickles analyzers.
    stem = partial(term_of, language=language)
    return RegexTokenizer(_RUN) | _Pairs() | LowercaseFilter() | StemFilter(stemfn=stem)


ANALYZER = analyzer(ENGLISH)


def runs(text: str) -> list[str]:
    """The words of `text`, and runs of ideographs as they stand in it."""
    return _RUN.findall(text)


def words(text: str) -> list[str]:
    """The words of `text` as they stand in it; `term_of` makes each a term."""
    return [text[start:end] for start, end in places_of(text)]


def places_of(text: str) -> Iterator[tuple[int, int]]:
    """The half-open range of characters of each word."""
    for run in _RUN.finditer(text):
        start, end = run.span()
        if end - start == 1 or not ideographic(text[start]):
            yield start, end
        else:
            yield from ((at, at + 2) for at in range(start, end - 1))


def terms(text: str, language: str = ENGLISH) -> list[str]:
    """The terms of `text`; the index of each is its position."""
    return [term_of(word, language) for word in words(text)]


@lru_cache(maxsize=20_000)
def exact(value: str) -> str:
    """The term of a filter value (a section, a source, an author's name): white space and case do not count."""
    return " ".join(value.split()).casefold()
