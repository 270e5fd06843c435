"""Trees of query texts, and the plain twins under the analysis that is served, for tests.

Not here: what is tested.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from partition.analysis import (
    NAMES,
    exact,
    function_terms,
    function_words,
    keys_of,
    language_of,
    parted,
    places_of,
    term_of,
    terms,
    words,
)
from search.parsing import edits_for, parse_query
from search.query import Node
from search.terms import analysed
from tests.reference import completions, stories
from tests.reference.naive import Analysis, NaiveIndex


def tree(text: str, languages: Sequence[str] = ("en",)) -> Node:
    """The tree of a text in terms of some languages."""
    return analysed(parse_query(text).node, languages)


def naive_index() -> NaiveIndex:
    """An empty one."""
    return NaiveIndex(Analysis(terms, NAMES, exact, language_of, function_terms, _forms, _again))


def naive_completions(articles: Iterable[dict[str, Any]]) -> completions.NaiveCompletions:
    """Of these articles, as they are stored."""
    analysis = completions.Analysis(
        places=lambda text: list(places_of(text)),
        ends_phrases=lambda word, tag: keys_of([word], language_of(tag))[0] not in function_words(),
        means_something=lambda word: word not in function_words(),
        exact=exact,
        edits_for=edits_for,
    )
    return completions.NaiveCompletions(articles, analysis)


def naive_stories() -> stories.NaiveStories:
    """Of an empty log."""
    return stories.NaiveStories(words)


def _forms(text: str, language: str) -> list[str]:
    return keys_of(words(text), language)


def _again(key: str, *, names: bool) -> str:
    return key if names else term_of(*parted(key))
