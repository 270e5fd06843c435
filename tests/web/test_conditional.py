"""`If-None-Match`, as clients write it."""

import pytest

from web.conditional import offered_tags


@pytest.mark.parametrize(
    ("header", "tags"),
    [
        (None, []),
        ("", []),
        ("*", ["*"]),
        (" * ", ["*"]),
        ('"a"', ["a"]),
        ('W/"a"', ["a"]),
        ('W/"a", "b",W/"c"', ["a", "b", "c"]),
        ('""', [""]),
        ("a", []),
        ('W/"a', []),
        ('"a b"', []),
        ('"*", "a"', ["a"]),
    ],
)
def test_tags(header: str | None, tags: list[str]) -> None:
    """Weak or not, one or several; what makes no sense is left out."""
    assert list(offered_tags(header)) == tags
