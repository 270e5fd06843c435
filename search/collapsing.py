"""One of each story: of its articles that match, the one that comes first in the order asked for.

A story's articles lie in any partitions. So before a search, the few articles that share a story with others are
looked at over all partitions (`Share.rivals`), and all but the first of each story are hidden from it. The search is
an ordinary one then: its total, its pages and its order are those of stories.

Contract: exact, and the same however the archive is partitioned. Facets count a story once under each value that any
of its matching articles has: as many as there are when that value is chosen.

Not here: which articles are one story (`stories.py`), how segments are searched without what is hidden
(`share.py`), how facets are counted (`facets.py`).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from partition.errors import IndexFileError
from search.facets import Counts, Tally
from search.leaf import Leaf, LeafQuery, PartitionDamagedError, Rivals
from search.query import Clock
from search.stories import StoryIndex

_LAST_KEY, _LAST_HASH = np.iinfo(np.int64).max, np.iinfo(np.uint64).max
_ROW_BITS = 32


def collapsed(asked: LeafQuery, rivals: Sequence[Rivals]) -> LeafQuery:
    """The same query, of one article of each story, without those that this one goes before.

    Args:
        asked: what leaves are asked.
        rivals: of all partitions that answer.
    """
    stories = asked.stories
    if stories is None or not len(stories):
        return asked
    matching, keys = np.zeros(len(stories), np.bool_), np.full(len(stories), _LAST_KEY)
    for one in rivals:
        matching[one.rows] = True
        keys[one.rows] = one.keys
    return asked._replace(shown=_first_of_each(stories, matching, keys))


def _first_of_each(stories: StoryIndex, matching: NDArray[np.bool_], keys: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which rows come first in their stories, of those that match: by key, then hash, then id."""
    starts, ordinals, hashes = stories.starts, stories.ordinals, stories.hashes
    first: NDArray[np.bool_] = matching & (keys == np.minimum.reduceat(keys, starts)[ordinals])
    least = np.minimum.reduceat(np.where(first, hashes, _LAST_HASH), starts)
    first &= hashes == least[ordinals]
    for tied in np.flatnonzero(np.add.reduceat(first, starts, dtype=np.int64) > 1).tolist():
        rows = np.flatnonzero(first & (ordinals == tied))
        first[rows] = False
        first[min(rows.tolist(), key=stories.article_id)] = True
    return first


class _Values(NamedTuple):
    """What the articles of all stories hold of a facet."""

    rows: NDArray[np.int64]
    """Once for each value."""
    codes: NDArray[np.int64]
    """Ascending: the number of the value, and the story."""


def counted_once(asked: LeafQuery, held: Sequence[Mapping[str, NDArray[np.int64]]], leaves: Sequence[Leaf]) -> Counts:
    """How many stories hold each value of the facets: whichever of their articles do, and however many.

    Args:
        asked: what leaves were asked.
        held: of all shares that answered, `LeafAnswer.held`.
        leaves: all of them.

    Raises:
        DeadlineError: it took too long.
        PartitionDamagedError
    """
    stories, clock = asked.stories, asked.filters.clock
    assert stories is not None, "it was asked for one article of each"
    if not len(stories):
        return {}
    counts: dict[str, Tally] = {}
    for facet in asked.facets:
        matching = np.zeros(len(stories), np.bool_)
        for one in held:
            if facet in one:
                matching[one[facet]] = True
        if (facet, clock) not in stories.remembered:
            stories.remembered[facet, clock] = _values_of(stories, leaves, facet, clock, int(asked.deadline_s * 1e9))
        values: _Values = stories.remembered[facet, clock]
        codes = values.codes[matching[values.rows]]
        first = np.ones(len(codes), np.bool_)
        first[1:] = codes[1:] != codes[:-1]
        counts[facet] = Tally(np.bincount(codes[first] >> _ROW_BITS), leaves[0].names[facet])
    return counts


def _values_of(stories: StoryIndex, leaves: Sequence[Leaf], facet: str, clock: Clock, deadline_ns: int) -> _Values:
    rows, numbers = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for leaf in leaves:
        try:
            held = leaf.held(stories, facet, clock, deadline_ns)
        except IndexFileError as error:
            raise PartitionDamagedError(leaf.partition, error) from None
        for own, values in held:
            rows.append(own)
            numbers.append(values)
    every = np.concatenate(rows)
    codes = np.concatenate(numbers) << _ROW_BITS | stories.ordinals[every]
    order = np.argsort(codes)
    return _Values(every[order], codes[order])
