"""The monotonic clock, for kernels that look at a deadline.

Contract: `passed(deadline_ns)` compares with `time.clock_gettime_ns(time.CLOCK_MONOTONIC)`; a look takes some 30 ns.

Not here: who sets deadlines (`search/`).
"""

import time
from typing import TYPE_CHECKING

import numpy as np
from numba import types

from partition.kernels.jit import inlined

if TYPE_CHECKING:
    from numpy.typing import NDArray

# POSIX: int clock_gettime(clockid_t, struct timespec *); called by name, so that compiled code can be kept on disk.
_gettime = types.ExternalFunction("clock_gettime", types.int32(types.int32, types.uintp))
_MONOTONIC = int(time.CLOCK_MONOTONIC)


@inlined
def passed(deadline_ns: int, timespec: "NDArray[np.int64]") -> bool:
    """Whether the deadline has passed; `timespec` is room for two numbers."""
    _gettime(np.int32(_MONOTONIC), timespec.ctypes.data)
    return timespec[0] * 1_000_000_000 + timespec[1] >= deadline_ns
