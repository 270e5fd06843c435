"""Snippets: safe, short, and about the query.

Not here: which words a query has.
"""

import html
import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from indexer.sample import generate
from partition.analysis import term_of, terms, words
from search.query import pattern_of
from search.snippets import MAX_SCANNED_CHARS, PASSAGE_WORDS, _likely, kept_by_stemming, snippets
from tests.reference.passages import snippet as plain_snippet


def snippet(text: str, wanted: frozenset[str]) -> str:
    """The snippet of one text, which is the same among others."""
    (alone,) = snippets([text], wanted)
    assert snippets(["storm " * 50, text, "", "vote for Élan"], wanted)[1] == alone
    return alone


def test_marks_stemmed_matches() -> None:
    """Words are marked by their terms, as they stand in the text."""
    assert snippet("Elections: the voters elected her.", frozenset({"elect"})) == (
        "<mark>Elections</mark>: the voters <mark>elected</mark> her."
    )


def test_marks_prefixes() -> None:
    """A word with a trailing star marks what begins with it."""
    assert (
        snippet("Economy and economics", frozenset({"econom*"})) == "<mark>Economy</mark> and <mark>economics</mark>"
    )


def test_passage_with_most_different_words_wins() -> None:
    """Two different words together beat one word repeated."""
    text = "storm storm storm " + "filler " * 100 + "storm over the capital " + "filler " * 100
    found = snippet(text, frozenset({"storm", "capit"}))
    assert "<mark>storm</mark> over the <mark>capital</mark>" in found
    assert found.startswith("… ")
    assert found.endswith(" …")


def test_beginning_without_matches() -> None:
    """A text without the words shows how it begins."""
    assert snippet("One two three.", frozenset({"four"})) == "One two three."
    assert snippet("", frozenset({"four"})) == ""
    assert snippet("!!!", frozenset()) == ""


def test_match_far_into_a_long_text_is_found() -> None:
    """As far as is looked."""
    text = "filler " * ((MAX_SCANNED_CHARS - 60) // 7) + "needle here " + "filler " * 9
    assert "<mark>needle</mark> here" in snippet(text, frozenset({"needl"}))
    assert "<mark>" not in snippet("filler " * (MAX_SCANNED_CHARS // 7 + 1) + "needle", frozenset({"needl"}))


def test_letters_of_other_alphabets_are_marked_in_either_case() -> None:
    """Also where lower and upper case differ by more than a bit."""
    assert snippet("ÉLAN et élan, Élan", frozenset({"élan"})) == (
        "<mark>ÉLAN</mark> et <mark>élan</mark>, <mark>Élan</mark>"
    )


def test_markup_in_the_text_is_escaped() -> None:
    """Nothing in a text becomes markup."""
    assert snippet('<b>storm</b> & "q"', frozenset({"storm"})) == (
        "&lt;b&gt;<mark>storm</mark>&lt;/b&gt; &amp; &quot;q&quot;"
    )


@given(
    st.lists(
        st.sampled_from(
            ["storm", "<mark>", "vote & tax", "élan", "…", "\n", "a-b", '"', "\u2003\xa0\u3000", "\x1c'"]
        ),
        max_size=300,
    ),
    st.frozensets(st.sampled_from(["storm", "vote", "ta*", "élan", "none"])),
)
def test_always_safe_short_and_from_the_text(pieces: list[str], wanted: frozenset[str]) -> None:
    """Whatever the text: no other markup, bounded length, only words of the text, marks only on query words."""
    text = " ".join(pieces)
    found = snippet(text, wanted)
    marked = re.findall("<mark>(.*?)</mark>", found)
    plain = html.unescape(re.sub("</?mark>", "", found))
    assert "<" not in re.sub("</?mark>", "", found)
    assert len(terms(plain)) <= PASSAGE_WORDS
    assert plain.strip("… ") in " ".join(text.split()) or not plain.strip("… ")
    for word in marked:
        (term,) = terms(html.unescape(word))
        assert term in wanted or (term.startswith("ta") and "ta*" in wanted)
    if not wanted & {"none"} and wanted and set(terms(text)) & {w.strip("*") for w in wanted}:
        assert marked


_PIECES = st.sampled_from(
    [
        *(
            "storm",
            "Storms",
            "stormy",
            "STORM'S",
            "vote",
            "tax-free",
            "taxation",
            "élan",
            "ÉLAN",
            "新聞",
            "a",
            "of the",
        ),
        *("a", "of the", "…", "<b>", "&amp;", '"', "'", "storm" * 9, "word " * 30, "!" * 50, "é" * 3, "\u0301"),
        *("\n\n", "\t", "\x1c", "\x85", "\xa0", "\u1680", "\u2003", "\u2028", "\u202f", "\u205f", "\u3000", "\u200b"),
    ]
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(_PIECES, st.sampled_from(["", " ", "-", ". "])), max_size=120),
    st.frozensets(st.sampled_from(["storm", "vote", "tax*", "élan", "st?rm*", "a", "新聞", "none"]), min_size=1),
    st.sampled_from((1, 16)),
)
def test_the_plain_way_makes_the_same(pieces: list[tuple[str, str]], wanted: frozenset[str], pairs: int) -> None:
    """Passage, marks, escapes and white space, whatever the text, by one letter of each word or by two."""
    text = "".join(piece + between for piece, between in pieces)
    assume(not re.search(r"\w{65}", text))  # of a longer run, snippets show no part alone
    patterns = [pattern_of(word) for word in wanted]

    def is_wanted(term: str) -> bool:
        return any(pattern.fullmatch(term) for pattern in patterns)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("search.snippets.MAX_PAIRS", pairs)
        patched.setattr("search.snippets._likely", _likely.__wrapped__)
        assert snippet(text, wanted) == plain_snippet(text, is_wanted, term_of)


def test_places_are_found_by_letters_that_stemming_keeps() -> None:
    """Every word of a good many articles begins with what is searched for its term."""
    found = {word for article in generate(300, seed=5) for word in words(str(article["body"]))}
    assert len(found) > 3000
    assert [word for word in found if not word.lower().startswith(kept_by_stemming(term_of(word)))] == []
