"""From text to terms: the one analysis that articles and queries share.

The definition is `ANALYZER`, a Whoosh analyzer: words of letters and digits, lower case, English Porter stems, no
stop words (so that phrases and totals are exact). `terms` and `spans` are the same analysis without a Token object
a word; a property test holds them to the definition over arbitrary text.

Contract: positions are the ordinals of words, without gaps. A run of more than `MAX_WORD_CHARS` word characters is
cut into several words, so that no term is longer than that.

Not here: which field is analysed and which is taken whole (`schema.py`), snippets (`search/snippets.py`).
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from whoosh.analysis import LowercaseFilter, RegexTokenizer, StemFilter
from whoosh.lang.porter import stem

MAX_WORD_CHARS = 64
_WORD = re.compile(rf"\w{{1,{MAX_WORD_CHARS}}}", re.UNICODE)

ANALYZER = RegexTokenizer(_WORD) | LowercaseFilter() | StemFilter(stemfn=stem)


@lru_cache(maxsize=200_000)
def term_of(word: str) -> str:
    """The term of one word as it stands in a text."""
    return str(stem(word.lower()))


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


def exact(value: str) -> str:
    """The term of a filter value (a section, a source, an author's name): white space and case do not count."""
    return " ".join(value.split()).casefold()
