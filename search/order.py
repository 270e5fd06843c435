"""The total order of a result: (sort key, hash of the id, id), ascending.

Contract: the sort key is an int64 that decides first: the negated score for `relevance`, the negated time for
`newest`, the time itself for `oldest`, by the clock that was asked for; articles that have no such time come last
either way. The hash breaks ties evenly over sources and days, the id breaks ties of hashes. Nothing here depends on
where an article is stored.

Not here: scores (`partition/scoring.py`), cursors as text (`cursor.py`).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from partition.schema import NO_DATE_MS
from search.query import Sort

LAST = 2**63 - 1
"""Sort key of an article that has none."""


class Position(NamedTuple):
    """A place in the total order, comparable as a tuple."""

    key: int
    hash: int
    article_id: str


def sort_keys(sort: Sort, scores: NDArray[np.int64], times: NDArray[np.int64]) -> NDArray[np.int64]:
    """The sort key of each article, shape (n,), from its score and its time, shapes (n,)."""
    if sort == "relevance":
        return -scores
    return np.where(times == NO_DATE_MS, LAST, -times if sort == "newest" else times)
