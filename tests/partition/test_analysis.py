"""Analysis: the quick functions are the Whoosh analyzer, over any text."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from partition.analysis import ANALYZER, exact, spans, terms, terms_of, words
from partition.kernels.tokens import MAX_WORD_CHARS

# Whole Unicode, lone surrogates included, with much English in between, long runs and characters whose lower case
# is longer than they are.
_texts = st.lists(
    st.one_of(
        st.text(st.characters(), max_size=12),
        st.sampled_from(("Running", "ponies", "U.S.", "sky's", "naïve", "İSTANBUL", "ﬁne", "x" * 200, "_3rd")),
        st.sampled_from((" ", "\n", "-", "\u200b", "\u0301")),
    ),
    max_size=20,
).map("".join)


@given(text=_texts)
@example("İ" * 70)
def test_terms_and_spans_are_the_analyzer(text: str) -> None:
    """Terms, their positions, and the characters they were made from."""
    tokens = [
        (token.text, token.pos, token.startchar, token.endchar)
        for token in ANALYZER(text, positions=True, chars=True)
    ]
    assert [(term, position) for position, term in enumerate(terms(text))] == [token[:2] for token in tokens]
    assert list(spans(text)) == [(term, start, end) for term, _position, start, end in tokens]
    assert terms_of(words(text)) == terms(text)


@given(text=_texts)
def test_no_source_of_a_term_is_too_long(text: str) -> None:
    """Runs of word characters are cut, and nothing of them is lost."""
    sources = [text[start:end] for _term, start, end in spans(text)]
    assert all(0 < len(source) <= MAX_WORD_CHARS for source in sources)
    assert "".join(sources) == "".join(char for char in text if char.isalnum() or char == "_")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Senate's Votes, voting; VOTED", ["the", "senat", "s", "vote", "vote", "vote"]),
        ("to be or not to be", ["to", "be", "or", "not", "to", "be"]),
        ("ÉLAN élan", ["élan", "élan"]),
        ("x" * 100, ["x" * 64, "x" * 36]),
        ("", []),
    ],
)
def test_known_texts(text: str, expected: list[str]) -> None:
    """Lower case, stems, no stop words, long runs cut: a change here needs another `SCHEMA_VERSION`."""
    assert terms(text) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(" Arts &\t Leisure\n", "arts & leisure"), ("STRASSE", "strasse"), ("Straße", "strasse"), (" ", "")],
)
def test_exact_ignores_case_and_white_space(value: str, expected: str) -> None:
    """Filters compare values as people read them."""
    assert exact(value) == exact(exact(value)) == expected
