"""The best k articles so far, under the total order: (sort key, hash of the id, id), ascending.

Contract: `offer` keeps the arrays sorted, best first. Walking backwards, keys and hashes are complemented, and ids
compare the other way round; so one order serves both directions. What does not come after the position that a cursor
names is refused.

Not here: what the key is (`search/order.py`).
"""

from typing import TYPE_CHECKING

import numpy as np

from partition.kernels.jit import inlined
from partition.kernels.terms import compare

if TYPE_CHECKING:
    from partition.kernels.views import Page, SegmentView, Top


@inlined
def offer(top: "Top", held: int, key: int, doc: int, segment: "SegmentView", page: "Page") -> int:
    """Insert an article if it is among the best.

    Args:
        top: the best so far.
        held: how many they are.
        key: the article's, not complemented.
        doc: its docnum.
        segment: where it is.
        page: what is wanted.

    Returns:
        How many are held now.
    """
    backwards = page.after[3] != 0
    hash_ = segment.hashes[doc]
    if backwards:
        key, hash_ = ~key, ~hash_
    if held == len(top.keys) and (held == 0 or key > top.keys[held - 1]):
        return held
    sign = -1 if backwards else 1
    ids, ends = segment.ids, segment.id_ends
    start = np.int64(ends[doc - 1]) if doc else 0
    stop = np.int64(ends[doc])
    if page.after[0]:
        if key < page.after[1]:
            return held
        if key == page.after[1]:
            after_hash = np.uint64(page.after[2])
            if hash_ < after_hash:
                return held
            if hash_ == after_hash and compare(ids, start, stop, page.after_id, 0, len(page.after_id)) * sign <= 0:
                return held
    at = held
    while at:
        before = at - 1
        if top.keys[before] < key:
            break
        if top.keys[before] == key:
            if top.hashes[before] < hash_:
                break
            if top.hashes[before] == hash_:
                other = top.docs[before]
                other_start = np.int64(ends[other - 1]) if other else 0
                if compare(ids, other_start, np.int64(ends[other]), ids, start, stop) * sign < 0:
                    break
        at = before
    if at == len(top.keys):
        return held
    if held < len(top.keys):
        held += 1
    for place in range(held - 1, at, -1):
        top.keys[place] = top.keys[place - 1]
        top.hashes[place] = top.hashes[place - 1]
        top.docs[place] = top.docs[place - 1]
    top.keys[at], top.hashes[at], top.docs[at] = key, hash_, doc
    return held
