"""What kernels see of a segment, of a query and of the page that is asked for, each as one argument.

Contract: plain tuples of arrays and numbers; `search/prepared.py` and `search/share.py` make them.

Not here: what is done with them (`ranking.py`, `matching.py`).
"""

from typing import TYPE_CHECKING, NamedTuple

from numba import types

from partition.kernels.jit import f64w, f64w2, i64m, i64s, i64w, u8s, u32s, u64s, u64w

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class SegmentView(NamedTuple):
    """A segment of n articles."""

    words: "NDArray[np.uint64]"
    """The section `postings` (`partition/format.py`)."""
    norms: "NDArray[np.float64]"
    """Shape (text fields, n): K1 * (1 - B + B * length / average), under the statistics of the epoch."""
    times: "NDArray[np.int64]"
    """Shape (n,): what articles are sorted by, in ms, where they are sorted by time."""
    hashes: "NDArray[np.uint64]"
    ids: "NDArray[np.uint8]"
    id_ends: "NDArray[np.uint32]"
    dated: int
    """The first docnum with a date, if times ascend by docnum, those without a date first; -1 if they do not."""
    decay: "NDArray[np.float64]"
    """Shape (n,), ascending: what is left of a score (`partition/scoring.py`); shape (0,) where everything is."""


class Lists(NamedTuple):
    """The posting lists of a query."""

    rows: "NDArray[np.int64]"
    """Shape (lists, 8), as `postings.py` says."""
    weights: "NDArray[np.float64]"
    """Shape (lists,): boosts times idf."""
    units: "NDArray[np.float64]"
    """Shape (lists,): what a bound of one step adds to a score at most."""


class Range(NamedTuple):
    """Which articles may match at all."""

    mask: "NDArray[np.uint64]"
    """A bit for each docnum, zeros up to a whole window."""
    low: int
    high: int
    """Half open."""


LAST = 2**63 - 1
"""The largest order key, that of articles without a date."""


class Page(NamedTuple):
    """Which part of the result is wanted."""

    after: "NDArray[np.int64]"
    """Shape (4,): whether there is a position to come after, its key, its hash's bits, whether to go backwards.
    Backwards, key and hash are complements."""
    after_id: "NDArray[np.uint8]"
    counting: bool
    """Whether the exact total is wanted."""
    worst: int
    """An order key that is good enough elsewhere: what has a larger one is not wanted. `LAST` if everything is.
    Backwards a complement, too."""
    deadline_ns: int
    """On the monotonic clock."""


class Top(NamedTuple):
    """The best k articles, best first, under `top.offer`'s order."""

    keys: "NDArray[np.int64]"
    hashes: "NDArray[np.uint64]"
    docs: "NDArray[np.int64]"


HELD, TOTAL, LATE, LOOKED, SKIPPED = range(5)
"""What a kernel reports: articles in `Top`, matches, whether the deadline passed, windows looked into, skipped."""

# A tuple's arrays must be exactly of these types: what is read from a file is read-only, what is made is not.
segment_view = types.NamedTuple((u64s, f64w2, i64s, u64s, u8s, u32s, types.int64, f64w), SegmentView)
lists_view = types.NamedTuple((i64m, f64w, f64w), Lists)
range_view = types.NamedTuple((u64w, types.int64, types.int64), Range)
page_view = types.NamedTuple((i64w, u8s, types.boolean, types.int64, types.int64), Page)
top_view = types.NamedTuple((i64w, u64w, i64w), Top)
