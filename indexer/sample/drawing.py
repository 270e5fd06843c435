"""Drawing at random, the same on every platform: uniform integers, words and ranks by Zipf's law.

Words of a class follow Zipf's law in the order of their list. Ranks without end follow a Zipf-Mandelbrot law: the
same ones come back, and new ones never stop coming. It falls off as rank^-(5/3), so that, where every rank has a
name, the number of different words grows with the text as Heaps' law says, n^beta, with beta near 3/5 (van
Leijenhorst and van der Weide, Information Sciences 170, 2005).

Contract: the same on every platform and under every version of Python. Draws are SHAKE-128 output (FIPS 202);
arithmetic is on integers, or on floats by operations that are rounded correctly (IEEE 754; `fsum`).

Not here: what is drawn for (`story.py`, `__init__.py`).
"""

import struct
from collections.abc import Callable, Iterator
from functools import cache
from hashlib import shake_128
from itertools import chain, count
from math import fsum, gcd, sqrt

Draw = Callable[[], int]
"""The next of an endless row of uniform 32-bit integers."""

SLOTS = 4096
"""Slots of a table that the words of a class are drawn from."""

_BLOCK = struct.Struct("<128I")
_SHIFT = 2.7
"""Mandelbrot's shift of the ranks of words: the first are less frequent than Zipf alone would have them."""


def draws(seed: int, number: int, purpose: str) -> Draw:
    """The draws that belong to one article and one purpose."""
    prefix = f"{seed}/{number}/{purpose}/"
    blocks = (_BLOCK.unpack(shake_128(f"{prefix}{n}".encode()).digest(_BLOCK.size)) for n in count())
    return chain.from_iterable(blocks).__next__


@cache
def zipf_table(words: tuple[str, ...]) -> list[str]:
    """`SLOTS` slots in which each word stands as often as its rank deserves, the rarest at least once."""
    weights = [1 / (rank + _SHIFT) for rank in range(len(words))]
    scale = (SLOTS - len(words)) / fsum(weights)
    counts = [1 + int(scale * weight) for weight in weights]
    counts[0] += SLOTS - sum(counts)
    return [word for word, times in zip(words, counts, strict=True) for _ in range(times)]


def rank(draw: Draw, shift: int) -> int:
    """A rank, from 0; it is r or more with the probability (1 + r / shift)^(-2/3)."""
    share = (draw() + 1) / 2**32
    return int(shift * (1 / (share * sqrt(share)) - 1))


@cache
def _strides(length: int) -> list[int]:
    """The steps by which a walk around `length` entries comes to each of them."""
    return [step for step in range(1, length + 1) if gcd(step, length) == 1]


def walk(draw: Draw, length: int) -> Iterator[int]:
    """Ordinals below `length` without end, from anywhere, each once before any comes again."""
    strides = _strides(length)
    here, stride = draw() % length, strides[draw() % len(strides)]
    while True:
        yield here
        here = (here + stride) % length
