"""Spellings: how the archive writes the values of a facet, which the index holds without their case.

Contract: a value is spelled as in the newest live article that has it: of those published last the first in the total
order, an undated one only if there is no other. So the spelling depends on the state of the archive and not on how it
is partitioned. White space is single spaces, so that what is shown is a value for a filter, too. A value that no
article has is left as it is. What was found is remembered for as long as the snapshot is open.

Not here: which values are shown (`facets.py`).
"""

import time
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

from partition.analysis import exact
from partition.errors import IndexFileError
from partition.segment import Segment
from search.broker import LeafError
from search.leaf import Leaf, PartitionDamagedError
from search.order import Position
from search.snapshot import Snapshot

MAX_REMEMBERED = 10_000
"""Spellings of one state; then they are looked for again."""

_STORED = {
    "section": "section",
    "source": "source",
    "author_name": "authors",
    "tag": "tags",
    "language": "language",
}
"""Keyword field to the stored field that its values come from."""


class _Place(NamedTuple):
    """A segment, and how early in the order its newest article comes, live or not."""

    key: int
    leaf: Leaf
    ordinal: int
    segment: Segment


def spelled(
    snapshot: Snapshot, facet: str, values: Sequence[str], failed: Collection[int], deadline_s: float
) -> list[str]:
    """Each of the values as the archive writes it; periods as they are.

    Args:
        snapshot: that was searched.
        facet: of `values.FACETS`.
        values: of the facet.
        failed: partitions that did not answer, whose spellings do not count either.
        deadline_s: when to give up, on the monotonic clock.

    Raises:
        PartitionDamagedError
        LeafError: it took too long.
    """
    if facet not in _STORED:
        return list(values)
    partitions = snapshot.partitions
    for partition, error in partitions.damaged.items():
        if partition not in failed:  # it is since the others were searched
            raise PartitionDamagedError(partition, error)
    answered = [leaf for leaf in partitions.leaves if leaf.partition not in failed]
    # An answer without partitions that were late says nothing about the next one.
    known = partitions.spellings if len(answered) == len(partitions.leaves) else {}
    made = {value: spelling for value in values if (spelling := known.get((facet, value)))}
    missing = [value for value in values if value not in made]
    places = sorted(_places(answered), key=lambda place: place.key) if missing else []
    for value in missing:
        if time.monotonic() > deadline_s:
            raise LeafError("timeout")
        made[value] = _spelling(places, facet, value)
        if len(known) >= MAX_REMEMBERED:
            known.clear()
        known[facet, value] = made[value]
    return [made[value] for value in values]


def _places(leaves: Sequence[Leaf]) -> Iterator[_Place]:
    for leaf in leaves:
        for ordinal, segment in enumerate(leaf.reader.segments):
            if segment.size:
                yield _Place(_key(segment, segment.size - 1), leaf, ordinal, segment)


def _key(segment: Segment, docnum: int) -> int:
    """The sort key of an article when the newest come first; `schema.NO_DATE_MS` is before any time."""
    return -int(segment.published_ms[docnum])


def _spelling(places: Sequence[_Place], field: str, value: str) -> str:
    best: tuple[Position, _Place, int] | None = None
    for place in places:
        if best and place.key > best[0].key:
            break
        segment = place.segment
        try:
            docnum = segment.newest(field, value)
        except IndexFileError as error:
            raise PartitionDamagedError(place.leaf.partition, error) from None
        if docnum is not None:
            position = Position(_key(segment, docnum), segment.hash_of[docnum], segment.article_id(docnum))
            if best is None or position < best[0]:
                best = position, place, docnum
    return _written(best[1], best[2], field, value) if best else value


def _written(place: _Place, docnum: int, field: str, value: str) -> str:
    try:
        stored: dict[str, Any] = place.leaf.reader.stored(place.ordinal, docnum)
    except IndexFileError as error:
        raise PartitionDamagedError(place.leaf.partition, error) from None
    texts = stored[_STORED[field]]
    every = [texts] if isinstance(texts, str) else texts
    return next((" ".join(text.split()) for text in every if exact(text) == value), value)
