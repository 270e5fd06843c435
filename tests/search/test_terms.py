"""Words of a query as terms in the languages of an archive: what is looked up for them.

Not here: syntax (`test_parsing.py`), what is found over several partitions (`test_layouts.py`).
"""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.canonical import conjunction, disjunction
from search.parsing import parse_query
from search.query import And, Node, Or, Phrase, Prefix, Term, Wildcard, Word
from search.terms import analysed
from tests.trees import tree


def either(*nodes: Node) -> Or:
    """Any of them."""
    return Or(nodes)


def term(text: str, boost: float = 1.0) -> Term:
    """A term in title or body."""
    return Term("text", text, boost)


def phrase(*terms: str) -> Phrase:
    """A phrase there."""
    return Phrase("text", terms)


@pytest.mark.parametrize(
    ("languages", "text", "expected"),
    [
        (("de",), "Häuser", term("haus\x1fde")),
        (("de", "en"), "houses", either(term("hous"), term("hous\x1fde"))),
        (("en", "fr", "xx"), "élections", either(term("élect\x1ffr"), term("élection"), term("élections\x1fxx"))),
        (("de", "en"), "東京", term("東京")),
        (("de", "en"), "author:Williams", Term("author", "williams")),
        (("de", "en"), '"old houses"', either(phrase("old", "hous"), phrase("old\x1fde", "hous\x1fde"))),
        (("de", "en"), "a OR b", either(term("a"), term("a\x1fde"), term("b"), term("b\x1fde"))),
        (("de", "en"), "storm^2", either(term("storm", 2.0), term("storm\x1fde", 2.0))),
        (("de", "en"), "a -b", And((either(term("a"), term("a\x1fde")),), (either(term("b"), term("b\x1fde")),))),
        (("de", "en"), "häuser*", either(term("haus\x1fde"), Prefix("text", "häuser"))),
        (("en",), "author:elections*", Prefix("author", "elections")),
        (("de", "en"), "hou*ses", either(Wildcard("text", "hou*s"), Wildcard("text", "hou*ses"))),
        (("de",), "author:hou*ses", Wildcard("author", "hou*ses")),
    ],
)
def test_terms_of_each_language(languages: tuple[str, ...], text: str, expected: Node) -> None:
    """A word is any of its terms in the languages of the archive; names and ideographs are alike in all."""
    assert tree(text, languages) == expected


@pytest.mark.parametrize("languages", [("en",), ("de", "en")])
def test_a_word_that_is_said_twice_counts_twice(languages: tuple[str, ...]) -> None:
    """In each language, also in another form."""
    once, twice, forms = (tree(text, languages) for text in ("vote", "vote vote", "vote votes"))
    assert twice == tree("vote^2", languages)
    assert once != twice
    if languages == ("en",):
        assert forms == twice


def test_what_is_written_does_not_depend_on_languages() -> None:
    """So a cursor goes on with its query when an archive gets its first article in another language."""
    written = parse_query("houses -elections").node
    assert written == And((Word("text", "houses"),), (Word("text", "elections"),))
    assert analysed(written, ("en",)) != analysed(written, ("de", "en"))


@given(
    st.lists(st.sampled_from(("vote", "votes", "voting", "storm", "author:votes", "vote^2")), min_size=2, max_size=6),
    st.sampled_from((" ", " OR ")),
)
def test_words_alone_in_one_language_are_analysed_like_others(words: list[str], between: str) -> None:
    """Together as each by itself."""
    each = [(analysed(parse_query(word).node, ("en",)), False) for word in words]
    expected = conjunction(each) if between == " " else disjunction(each)
    assert msgspec.json.encode(tree(between.join(words))) == msgspec.json.encode(expected)
