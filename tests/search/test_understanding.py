"""What requests mean: one spelling stands for all that mean the same, and for none that means something else.

Not here: what texts mean (`test_parsing.py`), what cursors and refusals say over HTTP (`test_http_cursors.py`).
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.parameters import parse_search
from search.parsing import QueryError
from search.understanding import Understanding

PIECES = (
    "Storm",
    "OR",
    "AND",
    "NOT",
    "TO",
    '"The  Senate"',
    "section:World",
    "Title:Storm",
    "published:[2007",
    "2008]",
    "(",
    ")",
    "*",
)


def plainly(text: str) -> str:
    """The spelling that stands for a text, in all that is known of the request."""
    plain = Understanding(lambda: 0.0).plainly(parse_search([("q", text), ("limit", "3")]))
    assert plain.given == (("q", plain.q), ("limit", "3"))
    return plain.q


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("  Storm   COAST ", "storm coast"),
        ("Storm OR Flood", "storm OR flood"),
        ("section:World", "section:world"),
        ("Published:[2007 TO 2008]", "Published:[2007 TO 2008]"),
        ("published:[2007 TO 2008]", "published:[2007 TO 2008]"),
        ("Title:Storm", "Title:Storm"),
        ("Storm  OR", "Storm  OR"),
        ('Storm  "open', 'Storm  "open'),
    ],
)
def test_which_spelling_stands_for_a_text(text: str, plain: str) -> None:
    """In small letters and with single spaces, unless that means something else, or a note tells a place in it."""
    assert plainly(text) == plain


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=6), st.sampled_from((" ", "  ", " \t")))
def test_it_means_the_same(pieces: list[str], between: str) -> None:
    """Whatever it is; and is its own plainest spelling."""
    text, understanding = between.join(pieces), Understanding(lambda: 0.0)
    try:
        meant = understanding.parsed(text)
    except QueryError:
        assert plainly(text) == text
        return
    assert understanding.parsed(plainly(text)) == meant
    assert plainly(plainly(text)) == plainly(text)
