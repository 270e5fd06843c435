"""Snippets and highlights: safe, short, and about the query.

Not here: which words a query has.
"""

import html
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from indexer.sample import generate
from partition.analysis import term_of, terms, words
from partition.kernels.likely_words import PLACE
from search.query import pattern_of
from search.snippets import (
    MAX_PASSAGES,
    MAX_SCANNED_CHARS,
    PASSAGE_WORDS,
    MarkedTexts,
    _likely,
    kept_by_stemming,
    marked,
)
from tests.reference import passages as plain

OTHERS = ("storm " * 50, "", "vote for Élan", "é")


def snippet(text: str, wanted: frozenset[str]) -> str:
    """The snippet of one text, which is the same among others."""
    (alone,) = MarkedTexts([text], (), wanted).snippets()
    assert MarkedTexts([OTHERS[0], text, *OTHERS[1:]], (), wanted).snippets()[1] == alone
    return alone


def highlights(title: str, body: str, wanted: frozenset[str]) -> Any:
    """Those of one article, which are the same among others, and after its snippet was made."""
    (alone,) = MarkedTexts([body], [title], wanted).highlights()
    marked = MarkedTexts([OTHERS[0], body, *OTHERS[1:]], [*OTHERS[:1], title, *OTHERS[1:]], wanted)
    assert marked.snippets()[1] == snippet(body, wanted)
    assert marked.highlights()[1] == alone
    assert marked.snippets()[1] == snippet(body, wanted)
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


def test_what_counts_is_what_can_be_seen() -> None:
    """Words that are short stand together only if the passage has room for both, however few bytes lie between."""
    text = "storm " + "a " * 40 + "capital " + "filler " * 100 + "storm over the capital"
    assert snippet(text, frozenset({"storm", "capit"})).endswith("<mark>storm</mark> over the <mark>capital</mark>")
    near = "storm " + "a " * 26 + "capital " + "filler " * 100 + "storm over the capital"
    assert snippet(near, frozenset({"storm", "capit"})).startswith("<mark>storm</mark> a")


def test_highlights_show_every_word() -> None:
    """As few passages as do, in the order of the text; each marks all words of the query that it holds."""
    body = "The storm came. " + "filler " * 60 + "A vote, a storm, a tax. " + "filler " * 60 + "Élan and a vote!"
    found = highlights("Storms & votes", body, frozenset({"storm", "vote", "tax", "élan", "none"}))
    assert found["title"] == {
        "html": "<mark>Storms</mark> &amp; <mark>votes</mark>",
        "offsets": [[0, 6], [9, 14]],
    }
    assert [one["html"].replace("filler ", "") for one in found["passages"]] == [
        "A <mark>vote</mark>, a <mark>storm</mark>, a <mark>tax</mark>. filler",
        "<mark>Élan</mark> and a <mark>vote</mark>!",
    ]


def test_passages_do_not_overlap() -> None:
    """One that begins where another ends has no room for its context, and one ends where another begins."""
    body = "storm vote " + "x " * 30 + "tax " + "x " * 31 + "élan"
    first, second, third = highlights("", body, frozenset({"storm", "vote", "tax", "élan"}))["passages"]
    assert (first["start"], body[first["end"] :][:5]) == (0, " tax ")
    assert body[second["start"] :].startswith("tax x")
    assert second["end"] < third["start"]
    assert third["end"] == len(body)
    body = "tax " + "x " * 26 + "y y y y storm vote budget"
    first, second = highlights("", body, frozenset({"storm", "vote", "budget", "tax"}))["passages"]
    assert body[first["end"] : second["start"]] == " "
    assert body[second["start"] :] == "y y y y storm vote budget"


def test_a_passage_without_context_has_room_for_more() -> None:
    """One that begins where another ends is chosen by all the words that it shows then."""
    first = "storm " + "x " * 18 + "vote " + "x " * 4 + "budget " + "x " * 3
    second = "tax " + "x " * 30 + "élan "
    body = "house " + "x " * 60 + first + second + "x " * 100 + "one two"
    wanted = frozenset(map(term_of, ("house", "storm", "vote", "budget", "tax", "élan", "one", "two")))
    found = highlights("", body, wanted)["passages"]
    marked = [re.findall("<mark>(.*?)</mark>", one["html"]) for one in found]
    assert marked == [["storm", "vote", "budget"], ["tax", "élan"], ["one", "two"]]


def test_at_most_three_passages() -> None:
    """Those with most words; nothing where no word is found, though a snippet shows the beginning."""
    body = (" filler" * 60 + " ").join(("one", "two", "three four", "five", "six"))
    wanted = frozenset(map(term_of, words(body.replace("filler", ""))))
    found = highlights("Title", body, wanted)["passages"]
    marked = [re.findall("<mark>(.*?)</mark>", one["html"]) for one in found]
    assert marked == [["one"], ["two"], ["three", "four"]]
    assert highlights("Title", "A body.", frozenset({"storm"})) == {
        "title": {"html": "Title", "offsets": []},
        "passages": [],
    }


def test_offsets_count_code_points() -> None:
    """Of the plain text, white space and all, whatever bytes or UTF-16 units they take; the HTML is that text's."""
    body = "🗞 <b>\n\n  Élan\t🗞storm\n"
    assert highlights("🗞 storm", body, frozenset({"storm", "élan"})) == {
        "title": {"html": "🗞 <mark>storm</mark>", "offsets": [[2, 7]]},
        "passages": [
            {
                "html": "🗞 &lt;b&gt;\n\n  <mark>Élan</mark>\t🗞<mark>storm</mark>\n",
                "start": 0,
                "end": len(body),
                "offsets": [[9, 13], [15, 20]],
            }
        ],
    }


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
        *(
            "a",
            "of the",
            "…",
            "<b>",
            "&amp;",
            '"',
            "'",
            "storm" * 9,
            "word " * 30,
            "x " * 27,
            "!" * 50,
            "é" * 3,
            "\u0301",
        ),
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
    """Passages, marks, offsets, escapes and white space, whatever the text, by one letter of each word or by two."""
    text = "".join(piece + between for piece, between in pieces)
    assume(not re.search(r"\w{65}", text))  # of a longer run, snippets show no part alone
    patterns = [pattern_of(word) for word in wanted]

    def is_wanted(term: str) -> bool:
        return any(pattern.fullmatch(term) for pattern in patterns)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("search.snippets.MAX_PAIRS", pairs)
        patched.setattr("search.snippets._likely", _likely.__wrapped__)
        assert snippet(text, wanted) == plain.snippet(text, is_wanted, term_of)
        title = text[:200]
        found = highlights(title, text, wanted)
    assert found == plain.highlights(title, text, is_wanted, term_of)
    _check_highlights(found, title, text, is_wanted)


def _check_highlights(found: Any, title: str, body: str, is_wanted: Callable[[str], bool]) -> None:
    """What is promised of highlights, whichever passages are chosen."""
    shown: set[str] = set()
    whole = {**found["title"], "start": 0, "end": len(title)}
    for text, one in ((title, whole), *((body, passage) for passage in found["passages"])):
        assert html.unescape(re.sub("</?mark>", "", one["html"])) == text[one["start"] : one["end"]]
        marked = [html.unescape(mark) for mark in re.findall("<mark>(.*?)</mark>", one["html"])]
        assert marked == [text[low:high] for low, high in one["offsets"]]
        terms = [plain.marked(mark, is_wanted, term_of) for mark in marked]
        assert list(map(len, terms)) == [len(plain.WORD.findall(mark)) for mark in marked]
        assert one["html"].count("<") == 2 * len(marked)
        if one is not whole:
            assert len(plain.WORD.findall(text[one["start"] : one["end"]])) <= PASSAGE_WORDS
            shown |= {term for of_mark in terms for term in of_mark.values()}
    ranges = [(one["start"], one["end"]) for one in found["passages"]]
    assert all(before[1] <= after[0] for before, after in pairwise(ranges))
    there = set(plain.marked(body, is_wanted, term_of).values())
    assert shown == there or len(ranges) == MAX_PASSAGES


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from(["storm", "a", "é", "新", " ", "—", ".", "vote", "_1"]), max_size=20).map("".join),
        min_size=1,
        max_size=4,
    )
)
def test_words_know_how_many_come_before(texts: list[str]) -> None:
    """Of any alphabet, from the beginning of their own text; by this it is known what a passage has room for."""
    marked = MarkedTexts(texts, (), frozenset({"storm", "vote", "é*", "a*", "新*"}))
    expected = []
    for text in texts:
        assume(not re.search(r"\w{65}", text))
        found = enumerate(plain.WORD.findall(text))
        expected += [at for at, word in found if word in {"storm", "vote"} or word[0] in "éa新"]
    assert marked._found[:, PLACE].tolist() == expected


def test_places_are_found_by_letters_that_stemming_keeps() -> None:
    """Every word of a good many articles begins with what is searched for its term."""
    found = {word for article in generate(300, seed=5) for word in words(str(article["body"]))}
    assert len(found) > 3000
    assert [word for word in found if not word.lower().startswith(tuple(kept_by_stemming(term_of(word))))] == []


@given(st.integers(-12, 12))
def test_all_of_a_text_is_marked_as_far_as_is_looked(around: int) -> None:
    """Nothing is lost or becomes markup, on either side of the bound, nor where that cuts a word or an entity."""
    text = (
        "<i>storm</i> & " + "x " * ((MAX_SCANNED_CHARS - 40) // 2 + around) + "storms & storm & <b>rain</b> & storm"
    )
    told = marked(text, frozenset(terms("storm")))
    assert html.unescape(re.sub("</?mark>", "", told)) == text
    assert not re.search(r"<(?!/?mark>)|&(?!amp;|lt;|gt;)", told)
    assert told.startswith("&lt;i&gt;<mark>storm</mark>&lt;/i&gt; &amp; ")
