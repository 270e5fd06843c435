"""Sorted byte strings: where one stands among them, and how several such lists merge.

Contract: strings lie one after the other in `keys`; `ends[n]` is where the n-th ends and the next begins. Within a
range they ascend, byte by byte, each once.

Not here: which strings are the terms of which field (`partition/segment.py`).
"""

from typing import TYPE_CHECKING

import numpy as np

from partition.kernels.jit import i64, i64s, i64w, inlined, kernel, u8s, u32s

if TYPE_CHECKING:
    from numpy.typing import NDArray

OF = 0x1F
"""What stands between a term and its language (`partition/analysis.py`), in no letter of either."""


@inlined
def code_point(keys: "NDArray[np.uint8]", at: int) -> tuple[int, int]:
    """The code point at a byte, and how many bytes it has."""
    byte = np.int64(keys[at])
    if byte < 0x80:
        return byte, 1
    size = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
    code = byte & (0xFF >> (size + 1))
    for extra in range(1, size):
        code = (code << 6) | np.int64(keys[at + extra] & 0x3F)
    return code, size


@inlined
def compare(
    keys: "NDArray[np.uint8]", start: int, stop: int, text: "NDArray[np.uint8]", text_start: int, text_stop: int
) -> int:
    """Negative, zero or positive as the key sorts before, equals or sorts after the text, byte by byte."""
    while start < stop and text_start < text_stop:
        if keys[start] != text[text_start]:
            return np.int64(keys[start]) - np.int64(text[text_start])
        start += 1
        text_start += 1
    return (stop - start) - (text_stop - text_start)


@kernel(i64(u8s, u32s, i64, i64, u8s), brief=True)
def lower_bound(
    keys: "NDArray[np.uint8]", ends: "NDArray[np.uint32]", low: int, high: int, text: "NDArray[np.uint8]"
) -> int:
    """Ordinal of the first key in [low, high) that does not sort before `text`; `high` if all do."""
    while low < high:
        middle = (low + high) >> 1
        start = np.int64(ends[middle - 1]) if middle else 0
        if compare(keys, start, np.int64(ends[middle]), text, 0, len(text)) < 0:
            low = middle + 1
        else:
            high = middle
    return low


@kernel(i64(u8s, i64s, i64s, i64s, i64w, i64w))
def group_keys(
    keys: "NDArray[np.uint8]",
    starts: "NDArray[np.int64]",
    ends: "NDArray[np.int64]",
    sources: "NDArray[np.int64]",
    groups: "NDArray[np.int64]",
    firsts: "NDArray[np.int64]",
) -> int:
    """Merge sorted lists of keys.

    Args:
        keys, starts, ends: shape (n,) each but the first: all keys of all sources, source after source.
        sources: shape (sources + 1,), the range of keys of each source.
        groups: shape (n,), receives for each key the ordinal of its text among all different ones, in order.
        firsts: shape (n,), receives for each different text one key that has it.

    Returns:
        How many different texts there are.
    """
    heads = sources[:-1].copy()
    count = 0
    while True:
        best = -1
        for source in range(len(heads)):
            head = heads[source]
            if head < sources[source + 1] and (
                best < 0 or compare(keys, starts[head], ends[head], keys, starts[best], ends[best]) < 0
            ):
                best = head
        if best < 0:
            return count
        for source in range(len(heads)):
            head = heads[source]
            if (
                head < sources[source + 1]
                and ends[head] - starts[head] == ends[best] - starts[best]
                and compare(keys, starts[head], ends[head], keys, starts[best], ends[best]) == 0
            ):
                groups[head] = count
                heads[source] += 1
        firsts[count] = best
        count += 1
