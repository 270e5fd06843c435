"""Which segments of a generation are merged: few enough to search, seldom enough to write.

Segments are sorted into tiers by size, each `FACTOR` times the one below, and a tier that is full is merged into one
of the next; so each article is rewritten about once a tier, log(size) times in all. Deleted articles count as gone. A
segment too much of which is deleted is rewritten by itself.

Contract: a pure function of sizes; it names each segment at most once.

Source: P. O'Neil, E. Cheng, D. Gawlick and E. O'Neil, "The Log-Structured Merge-Tree", 1996, with the tiers of
Lucene's `TieredMergePolicy`.

Not here: merging (`merge.py`).
"""

from collections.abc import Sequence
from typing import NamedTuple

FACTOR = 4
"""Segments of one tier that make one of the next."""

FLOOR = 1000
"""Live articles up to which all segments are of the lowest tier."""

MAX_DEAD = 0.25
"""A segment of which a larger share is deleted is rewritten."""


class Size(NamedTuple):
    """Of one segment."""

    articles: int
    """Deleted ones included."""
    dead: int


def segments_to_merge(sizes: Sequence[Size]) -> list[list[int]]:
    """Groups of ordinals of segments, each to become one segment; a group may be a single one."""
    groups: list[list[int]] = []
    tiers: dict[int, list[int]] = {}
    for at, size in enumerate(sizes):
        live = size.articles - size.dead
        if live == 0 or size.dead > MAX_DEAD * size.articles:
            groups.append([at])
        else:
            tiers.setdefault(tier_of(live), []).append(at)
    carried: list[int] = []
    for tier in range(max(tiers, default=-1) + 1):
        members = carried + tiers.get(tier, [])
        carried = []
        if len(members) >= FACTOR:
            live = sum(sizes[at].articles - sizes[at].dead for at in members)
            # What it becomes may fill the next tier: then it is merged once, not twice.
            if tier_of(live) > tier and len(tiers.get(tier + 1, [])) + 1 >= FACTOR:
                carried = members
            else:
                groups.append(members)
    return groups


def tier_of(live: int) -> int:
    """The tier of a segment with so many live articles."""
    tier, limit = 0, FLOOR
    while live > limit:
        tier += 1
        limit *= FACTOR
    return tier
