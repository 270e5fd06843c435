"""Differences between two versions: nothing is lost, nothing made up, and the work is bounded.

Not here: the page that shows them (`test_page_article.py`).
"""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from search.page.differences import MAX_PARAGRAPHS, MAX_WORDS, Paragraph, Piece, difference

BLANK: dict[str, Any] = {
    **dict.fromkeys(("title", "summary", "body", "source", "section", "language", "url"), ""),
    "authors": [],
    "tags": [],
    "published_at": None,
}


def _put_together(paragraphs: list[Paragraph], which: str, stayed: list[str]) -> list[str]:
    """One of both texts; what was left out is taken from the paragraphs that stayed."""
    lines: list[str] = []
    for one in paragraphs:
        if one.left_out:
            assert not one.pieces
            lines += stayed[len(lines) : len(lines) + one.left_out]
        else:
            line = "".join(piece.text for piece in one.pieces if piece.kind in {"same", which})
            if any(piece.kind in {"same", which} for piece in one.pieces):
                lines.append(line)
    return lines


_lines = st.lists(st.sampled_from(["a b c", "a b d", "x", "y, z!", "a  b c d e", "long storm", "ends."]), max_size=12)


@given(_lines, _lines)
def test_both_texts_can_be_put_together_again(old: list[str], new: list[str]) -> None:
    """Paragraph by paragraph."""
    found = difference({**BLANK, "body": "\n\n".join(old)}, {**BLANK, "body": "\n".join(new)})
    assert found.members == []
    if old == new:
        assert found.body == []
    else:
        assert _put_together(found.body, "gone", old) == old
        assert _put_together(found.body, "new", new) == new


def test_words_and_members() -> None:
    """What a correction looks like."""
    old = {**BLANK, "title": "Ten hurt", "authors": ["Ann"], "body": "Same.\nTen were hurt, police say.\nEnd."}
    new = {**BLANK, "title": "Two hurt", "authors": ["Ann", "Bo"], "body": "Same.\nTwo were hurt, police say.\nEnd."}
    found = difference(old, new)
    assert found.members == [
        ("Title", [Piece("gone", "Ten"), Piece("new", "Two"), Piece("same", " hurt")]),
        ("Authors", [Piece("same", "Ann"), Piece("new", ", Bo")]),
    ]
    assert found.body == [
        Paragraph([Piece("same", "Same.")]),
        Paragraph([Piece("gone", "Ten"), Piece("new", "Two"), Piece("same", " were hurt, police say.")]),
        Paragraph([Piece("same", "End.")]),
    ]


def test_what_stayed_is_counted() -> None:
    """Only what stands beside a change is shown."""
    lines = [f"line {number}" for number in range(20)]
    found = difference({**BLANK, "body": "\n".join(lines)}, {**BLANK, "body": "\n".join([*lines[:19], "other"])})
    assert [one.left_out for one in found.body] == [18, 0, 0]
    both = difference(
        {**BLANK, "body": "\n".join(lines)}, {**BLANK, "body": "\n".join(["other", *lines[1:19], "other"])}
    )
    assert [one.left_out for one in both.body] == [0, 0, 16, 0, 0], "one before, one after, and those between"


def test_bounds() -> None:
    """Beyond them, whole pieces are exchanged: it takes no longer."""
    many = "\n".join(f"paragraph {number}" for number in range(MAX_PARAGRAPHS + 1))
    found = difference({**BLANK, "body": many}, {**BLANK, "body": many + "\nmore"})
    assert [[piece.kind for piece in one.pieces] for one in found.body] == [["gone", "new"]]
    long = "word " * MAX_WORDS
    found = difference({**BLANK, "body": long}, {**BLANK, "body": long + "more"})
    assert [[piece.kind for piece in one.pieces] for one in found.body] == [["gone", "new"]]
