"""The score of a match: BM25 by field, in fixed point, and what is left of it with age.

    contribution = rint(boost * idf * tf * (K1 + 1) / (tf + K1 * (1 - B + B * length / average)) * 2^24)
    score        = rint(sum of contributions * decay)
    decay        = FLOOR + (1 - FLOOR) * 2^-(age / half-life), or 1 where nobody asked for recency

Contract: a score comes of a sum of such int64 contributions, one for each (field, term) that matches, so that the
order of terms, segments, partitions and algorithms cannot change it. Age counts in `STEPS` to a half-life. Each
operation is one IEEE 754 double operation, in the order written here, and none is a power or a logarithm, which
differ from machine to machine; `tests/reference/` computes the same numbers one by one.

Source: the ranking of Whoosh's BM25F (`whoosh.scoring.BM25F`): per-field BM25, summed, with exact lengths.

Not here: the statistics (`statistics.py`), which clauses of a query count (`search/plan.py`).
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partition.schema import NO_DATE_MS

FRACTION_BITS = 24
ONE = 1 << FRACTION_BITS
"""The fixed-point representation of a score of 1."""

K1 = 1.2
B = 0.75

FLOOR = 0.25
"""What is left of the score of the oldest articles, and of those without a date."""
STEPS = 256
_MOST_HALVINGS = 64
"""After so many, what is left above the floor is less than half a unit in its last place."""


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


def _powers() -> NDArray[np.float64]:
    """2^-(i / STEPS) for i in [0, STEPS): square roots of 1/2 for the bits of i, multiplied from the highest on."""
    roots, root, bit = {}, 0.5, STEPS
    while bit > 1:
        bit, root = bit // 2, math.sqrt(root)
        roots[bit] = root
    powers = [1.0]
    for i in range(1, STEPS):
        lowest = i & -i
        powers.append(powers[i - lowest] * roots[lowest])
    return np.array(powers)


_POWERS = _powers()


def decays(published_ms: NDArray[np.int64], *, half_life_ms: int, origin_ms: int) -> NDArray[np.float64]:
    """What is left of the scores of articles at a moment, shape (n,): 1 for new ones, never less than `FLOOR`.

    Args:
        published_ms: shape (n,), `NO_DATE_MS` where unknown; what is later than the moment counts as new.
        half_life_ms: after it, half of what lies above the floor is left.
        origin_ms: the moment.
    """
    undated = published_ms == NO_DATE_MS
    ages = np.maximum(origin_ms - np.where(undated, origin_ms, published_ms), 0)
    halvings, steps = np.divmod(STEPS * ages // half_life_ms, STEPS)
    halved = np.ldexp(_POWERS[steps], -np.minimum(halvings, _MOST_HALVINGS))
    left: NDArray[np.float64] = FLOOR + (1.0 - FLOOR) * halved
    left[undated] = FLOOR
    return left


def decayed(sums: NDArray[np.int64], decay: NDArray[np.float64]) -> NDArray[np.int64]:
    """The scores of articles, from their sums of contributions and what is left of these, shapes (n,)."""
    return np.rint(sums * decay).astype(np.int64)
