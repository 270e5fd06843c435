"""The score of a match: BM25 by field, in fixed point.

    contribution = rint(boost * idf * tf * (K1 + 1) / (tf + K1 * (1 - B + B * length / average)) * 2^24)

Contract: a score is a sum of such int64 contributions, one for each (field, term) that matches, so that the order
of terms, segments, partitions and algorithms cannot change it. Each operation is one IEEE 754 double operation, in
the order written here; `tests/reference/` computes the same numbers one by one.

Source: the ranking of Whoosh's BM25F (`whoosh.scoring.BM25F`): per-field BM25, summed, with exact lengths.

Not here: the statistics (`statistics.py`), which clauses of a query count (`search/plan.py`).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

FRACTION_BITS = 24
ONE = 1 << FRACTION_BITS
"""The fixed-point representation of a score of 1."""

K1 = 1.2
B = 0.75


def contributions(
    tf: NDArray[np.float64],
    length: NDArray[np.float64],
    *,
    weight: float,
    average_length: float,
) -> NDArray[np.int64]:
    """Fixed-point contributions of one (field, term) to the articles that hold it.

    Args:
        tf: shape (n,), how often the term stands in the field, at least 1.
        length: shape (n,), words of the field.
        weight: boosts times idf.
        average_length: of the field, over the archive.
    """
    saturation = tf * (K1 + 1.0) / (tf + K1 * (1.0 - B + B * length / average_length))
    return np.rint(weight * saturation * ONE).astype(np.int64)


def norms_of(lengths: NDArray[np.integer[Any]], average_length: float) -> NDArray[np.float64]:
    """What lengths add to frequencies: the K1 * (...) above, shape (n,); for kernels."""
    return K1 * (1.0 - B + B * lengths.astype(np.float64) / average_length)


def constant(weight: float) -> int:
    """The contribution of a clause that has no statistics of its own, such as a prefix."""
    return round(weight * ONE)
