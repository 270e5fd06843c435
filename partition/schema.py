"""The fields of an article in the index: which are analysed, which are taken whole, which are columns.

Text fields are analysed and scored. `title`, `body` and `author` keep positions; `text` is title and body together,
as BM25F wants them: a frequency or a length there is the sum of those of its parts, each times its weight. A query
that names no field searches `text`. Keyword fields hold whole values for filters and facets; columns hold a number
for each article.

Contract: the schema comes from code and `SCHEMA_VERSION`, which the root manifest records.

Source: S. Robertson, H. Zaragoza and M. Taylor, "Simple BM25 Extension to Multiple Weighted Fields", 2004.

Not here: the names that users write in files (`indexer/fields.py`) and in requests (`search/parameters.py`), how
fields lie in a file (`format.py`).
"""

from collections.abc import Sequence

from partition.analysis import LANGUAGES, NAMES, exact, language_of
from partition.types import Article

SCHEMA_VERSION = 6
"""1: Porter stems, one Whoosh field each for title and body. 2: Snowball stems, `text`, segments of our own. 3: the
column `seq`. 4: terms by language, names without stems, the columns `language` and `indexed_ms`. 5: the field
`heading`. 6: the columns `story` and `joined`."""

TEXT = "text"
"""Searched when a query names no field."""

PARTS = {"title": 2, "body": 1}
"""What `text` consists of, with weights."""

POSITION_FIELDS = ("title", "body", "author")

TEXT_FIELDS = (TEXT, *POSITION_FIELDS)

FORM = "form"
"""Words of title and body as they are written, in lower case, where that is not their term: by them it is known which
words are spelled alike. Without positions, and not scored."""

HEADING = "heading"
"""Words of the title as they are written, in lower case, with positions, and not scored: what is suggested to whoever
types."""

NAME_FIELDS = ("author",)
"""Text fields of names, which are of no language."""


def dictionaries_of(field: str) -> tuple[str, ...]:
    """Where the words of a text field are that may be spelled like others: as they are written, else as terms.

    Stems stand for themselves, too: that they are no words does no harm, since their words are.
    """
    return (field,) if field in NAME_FIELDS else (FORM, TEXT)


FIELD_BOOSTS = {TEXT: 1.0, "title": 2.0, "body": 1.0, "author": 1.0}
"""Weight of a match by field, where a query names fields."""

KEYWORD_FIELDS = ("section", "source", "author_name", "tag", "language")
"""Whole values, compared without regard to case (`analysis.exact`)."""

NO_DATE_MS = -(2**63)
"""Stands in a column where an article has no date."""

USABLE = 0
"""Status of an article that may be shown."""

COLUMNS = {
    "published_ms": "<i8",
    "modified_ms": "<i8",
    "indexed_ms": "<i8",
    "hash": "<u8",
    "seq": "<i8",
    "story": "<i8",
    "joined": "<i8",
    "status": "<u1",
    "language": "<u1",
    **{f"{field}_length": "<u4" for field in TEXT_FIELDS},
}
"""Numbers kept for each article, and their types: times, `types.hash64` of the id, the log sequence that brought this
version of it, its story and the sequence with which it came to that (`changes.Put`), status, the number of the
language it was analysed under, words by field."""


def languages_of(article: Article) -> tuple[str, ...]:
    """Under which languages (`analysis.LANGUAGES`) the texts of `POSITION_FIELDS` are analysed."""
    language = language_of(article.language)
    return language, language, NAMES


def number_of(language: str) -> int:
    """The number of a language in the column."""
    return LANGUAGES.index(language)


def texts_of(article: Article) -> tuple[str, ...]:
    """The texts of `POSITION_FIELDS`."""
    return article.title, article.body, "\n".join(article.authors)


def values_of(article: Article) -> tuple[tuple[str, ...], ...]:
    """The values of `KEYWORD_FIELDS`, each once, sorted."""
    return (
        _one(article.section),
        _one(article.source),
        _whole(article.authors),
        _whole(article.tags),
        _one(article.language),
    )


def _one(value: str) -> tuple[str, ...]:
    found = exact(value)
    return (found,) if found else ()


def _whole(values: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted({found for value in values if (found := exact(value))})) if values else ()
