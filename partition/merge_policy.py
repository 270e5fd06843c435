"""Which segments of a generation are merged: few enough to search, seldom enough to write.

Segments are sorted into tiers by size, each `FACTOR` times the one below, and a tier that is full is merged into one
of the next; so each article is rewritten about once a tier, log(size) times in all. Deleted articles count as gone. A
segment too much of which is deleted is rewritten by itself. No group becomes larger than a segment can be.

Contract: pure functions of sizes; they name each segment at most once.

Source: P. O'Neil, E. Cheng, D. Gawlick and E. O'Neil, "The Log-Structured Merge-Tree", 1996, with the tiers of
Lucene's `TieredMergePolicy`.

Not here: merging (`merge.py`).
"""

from collections.abc import Sequence
from typing import NamedTuple

from partition.format import MAX_ARTICLES

FACTOR = 4
"""Segments of one tier that make one of the next."""

FLOOR = 100
"""Live articles up to which all segments are of the lowest tier."""

MAX_DEAD = 0.25
"""A segment of which a larger share is deleted is rewritten."""


class Size(NamedTuple):
    """Of one segment."""

    articles: int
    """Deleted ones included."""
    dead: int

    @property
    def live(self) -> int:
        """Those that are not deleted."""
        return self.articles - self.dead


def segments_to_merge(sizes: Sequence[Size], *, larger_than: int = -1, up_to: int = MAX_ARTICLES) -> list[list[int]]:
    """Groups of ordinals of segments, each to become one segment; a group may be a single one.

    Args:
        sizes: of all segments.
        larger_than: those of so many articles are left to somebody else. What a segment holds never changes, so two
            who share a limit never merge the same.
        up_to: and so are larger ones.
    """
    groups: list[list[int]] = []
    tiers: dict[int, list[int]] = {}
    for at, size in enumerate(sizes):
        if not larger_than < size.articles <= up_to:
            continue
        live = size.live
        if live == 0 or size.dead > MAX_DEAD * size.articles:
            groups.append([at])
        else:
            tiers.setdefault(tier_of(live), []).append(at)
    carried: list[int] = []
    for tier in range(max(tiers, default=-1) + 1):
        below, members = carried, carried + tiers.get(tier, [])
        carried = []
        if len(members) >= FACTOR:
            live = sum(sizes[at].live for at in members)
            if live > MAX_ARTICLES:
                groups += [below] if below else []
                continue
            # What it becomes may fill the next tier: then it is merged once, not twice.
            if tier_of(live) > tier and len(tiers.get(tier + 1, [])) + 1 >= FACTOR:
                carried = members
            else:
                groups.append(members)
    return groups


def everything_to_merge(sizes: Sequence[Size], *, anew: bool = False) -> list[list[int]]:
    """The same for segments without deleted articles, and about as few as there can be; `anew`: each of them."""
    groups: list[list[int]] = []
    live = 0
    for at, size in enumerate(sizes):
        if not groups or live + size.live > MAX_ARTICLES:
            groups.append([])
            live = 0
        groups[-1].append(at)
        live += size.live
    return [group for group in groups if anew or len(group) > 1 or sizes[group[0]].dead]


def tier_of(live: int) -> int:
    """The tier of a segment with so many live articles."""
    tier, limit = 0, FLOOR
    while live > limit:
        tier += 1
        limit *= FACTOR
    return tier
