"""Trees of query texts, and the plain index under the analysis that is served, for tests.

Not here: what is tested.
"""

from collections.abc import Sequence

from partition.analysis import (
    NAMES,
    exact,
    function_terms,
    keys_of,
    language_of,
    parted,
    term_of,
    terms,
    words,
)
from search.parsing import parse_query
from search.query import Node
from search.terms import analysed
from tests.reference.naive import Analysis, NaiveIndex


def tree(text: str, languages: Sequence[str] = ("en",)) -> Node:
    """The tree of a text in terms of some languages."""
    return analysed(parse_query(text).node, languages)


def naive_index() -> NaiveIndex:
    """An empty one."""
    return NaiveIndex(Analysis(terms, NAMES, exact, language_of, function_terms, _forms, _again))


def _forms(text: str, language: str) -> list[str]:
    return keys_of(words(text), language)


def _again(key: str, *, names: bool) -> str:
    return key if names else term_of(*parted(key))
