"""Numbers of a few bits each in 64-bit words, least significant bit first, one after the other.

Contract: a number of `width` bits (0 to 32) at bit `at` lies in words[at / 64] and the one after it, which must exist
even when it is not needed. Bits are written once, into words that were zero.

Not here: which numbers are written where (`postings.py`).
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from partition.kernels.jit import inlined

if TYPE_CHECKING:
    from numpy.typing import NDArray

ONE = np.uint64(1)
_SHIFT = np.uint64(6)
_REST = np.uint64(63)


Generate = Callable[[Any, Any, Any, Any], Any]
_one_word: Callable[[Callable[[Any, Any], tuple[Any, Generate]]], Callable[[np.uint64], np.uint64]] = intrinsic


@_one_word
def popcount(_typing: Any, _word: Any) -> tuple[Any, Generate]:
    """How many bits of a uint64 are set."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


@_one_word
def leading(_typing: Any, _word: Any) -> tuple[Any, Generate]:
    """How many bits stand above the highest set bit of a uint64 that is not 0."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctlz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate


@inlined
def width_of(largest: int) -> int:
    """Bits that a number up to `largest` needs."""
    return 64 - np.int64(leading(np.uint64(largest))) if largest > 0 else 0


@inlined
def get(words: "NDArray[np.uint64]", at: int, width: int) -> int:
    """The number at bit `at`."""
    word = at >> 6
    shift = np.uint64(at) & _REST
    both = (words[word] >> shift) | ((words[word + 1] << ONE) << (_REST - shift))
    return np.int64(both & ((ONE << np.uint64(width)) - ONE))


@inlined
def put(words: "NDArray[np.uint64]", at: int, width: int, number: int) -> None:
    """Write `number` at bit `at`."""
    word = at >> 6
    shift = np.uint64(at) & _REST
    words[word] |= np.uint64(number) << shift
    if np.int64(shift) + width > 64:
        words[word + 1] |= np.uint64(number) >> (np.uint64(64) - shift)
