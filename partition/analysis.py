"""From text to terms: the one analysis that articles and queries share.

The definition is `ANALYZER`, a Whoosh analyzer: words of letters and digits, lower case, English stems (Snowball), no
stop words (so that phrases and totals are exact). `terms` and `spans` are the same analysis without a Token object
a word, `Vocabulary` (`vocabulary.py`) without any work a word; property tests hold them to the definition over
arbitrary text.

Contract: positions are the ordinals of words, without gaps. A run of more than `MAX_WORD_CHARS` word characters is
cut into several words, so that no term is longer than that, but for letters that grow in lower case.

Source of the stems: M. Porter, "The English (Porter2) stemming algorithm", snowballstem.org, as PyStemmer has it.

Not here: which field is analysed and which is taken whole (`schema.py`), snippets (`search/snippets.py`).
"""

import re
from collections.abc import Iterator
from functools import cache, lru_cache

import Stemmer
from whoosh.analysis import LowercaseFilter, RegexTokenizer, StemFilter
from whoosh.lang.stopwords import stoplists

from partition.kernels.tokens import MAX_WORD_CHARS

_WORD = re.compile(rf"\w{{1,{MAX_WORD_CHARS}}}", re.UNICODE)
_STEMMER = Stemmer.Stemmer("english", 0)
# It may be shared by threads only since it keeps the GIL while it works.


def _stem(word: str) -> str:
    return str(_STEMMER.stemWord(word))


ANALYZER = RegexTokenizer(_WORD) | LowercaseFilter() | StemFilter(stemfn=_stem)


FUNCTION_WORD_WEIGHT = 0.1
"""How much a function word (the, of, what) counts, beside what its rarity says. It is found, and ranks a query that
has no other words, but does not drown the words that mean something: see docs/adr/0008-ranking.md."""


@lru_cache(maxsize=200_000)
def term_of(word: str) -> str:
    """The term of one word as it stands in a text."""
    return _stem(word.lower())


def terms_of(forms: list[str]) -> list[str]:
    """The term of each word, of many that are met for the first time."""
    return [str(term) for term in _STEMMER.stemWords([form.lower() for form in forms])]


@cache
def function_terms() -> frozenset[str]:
    """The terms of English function words, as the Natural Language Toolkit lists them and Whoosh has them."""
    return frozenset(term_of(word) for word in stoplists["en"])


def words(text: str) -> list[str]:
    """The words of `text` as they stand in it; `term_of` makes each a term."""
    return _WORD.findall(text)


def terms(text: str) -> list[str]:
    """The terms of `text`; the index of each is its position."""
    return [term_of(word) for word in words(text)]


def spans(text: str) -> Iterator[tuple[str, int, int]]:
    """Each term of `text` with the half-open range of characters `[start, end)` it was made from."""
    for match in _WORD.finditer(text):
        yield term_of(match.group()), match.start(), match.end()


@lru_cache(maxsize=20_000)
def exact(value: str) -> str:
    """The term of a filter value (a section, a source, an author's name): white space and case do not count."""
    return " ".join(value.split()).casefold()
