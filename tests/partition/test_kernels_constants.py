"""Numbers that kernels repeat, since what they are compiled from is their folder alone: each equals the original.

Not here: what the numbers mean.
"""

from partition import schema, scoring
from partition.kernels import matching, ranking, sharing, views
from search import order


def test_repeated_numbers_are_equal() -> None:
    """A change in one place is noticed."""
    assert len(schema.TEXT_FIELDS) == sharing.TEXT_FIELDS
    assert scoring.K1 + 1.0 == ranking.K1_PLUS_1
    assert order.LAST == views.LAST
    assert schema.NO_DATE_MS == matching.NO_DATE
    assert ranking.WINDOW == 64 * ranking.WORDS
