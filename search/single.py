"""Single articles by where they lie: their stored fields, their ids, their stories.

Contract: damage that is found on the way is its partition's (`PartitionDamagedError`), whichever article was asked
about: the copies of one may lie anywhere.

Not here: where an article lies (`broker.py`), which articles are a story (`stories.py`), public names (`answers.py`).
"""

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from partition.errors import IndexFileError
from partition.types import DocAddress
from search.leaf import Leaf, Match, PartitionDamagedError
from search.snapshot import Snapshot

STORY_FIELDS = ("story_id", "copies")
MAX_COPIES = 100
"""Of which the ids are told."""


class Copies(msgspec.Struct):
    """The other articles of a story."""

    count: int
    canonical: str
    """The id of the article that came to the story first, of those that are there."""
    ids: list[str]
    """Of the others, at most 100, in the order in which they came to it."""


def stored_at(snapshot: Snapshot, address: DocAddress) -> dict[str, Any]:
    """The stored fields of one article.

    Raises:
        PartitionDamagedError
    """
    with _reading(snapshot, address) as leaf:
        return leaf.reader.stored(address.segment, address.docnum)


def story_of(snapshot: Snapshot, address: DocAddress) -> dict[str, Any]:
    """The story of one article, as `STORY_FIELDS`; its copies are not known while a partition is damaged.

    Raises:
        PartitionDamagedError
    """
    story = _story_at(snapshot, address)
    partitions = snapshot.partitions
    if partitions.damaged:
        return {"story_id": f"{story:016x}", "copies": None}
    stories = partitions.stories
    rows = stories.rows(story)
    first = [stories.address(row) for row in rows[: MAX_COPIES + 1]] or [address]
    ids = [id_at(snapshot, one) for one in [one for one in first if one != address][:MAX_COPIES]]
    copies = {"count": max(0, len(rows) - 1), "canonical": id_at(snapshot, first[0]), "ids": ids}
    return {"story_id": f"{story:016x}", "copies": copies}


def stories_of(snapshot: Snapshot, matches: Iterable[Match]) -> tuple[int, ...]:
    """The stories of some matches.

    Raises:
        PartitionDamagedError
    """
    return tuple(_story_at(snapshot, DocAddress(one.partition, one.segment, one.docnum)) for one in matches)


def _story_at(snapshot: Snapshot, address: DocAddress) -> int:
    with _reading(snapshot, address) as leaf:
        return int(leaf.reader.segments[address.segment].column("story")[address.docnum])


def id_at(snapshot: Snapshot, address: DocAddress) -> str:
    """The id of one article.

    Raises:
        PartitionDamagedError
    """
    with _reading(snapshot, address) as leaf:
        return leaf.reader.segments[address.segment].article_id(address.docnum)


@contextlib.contextmanager
def _reading(snapshot: Snapshot, address: DocAddress) -> Iterator[Leaf]:
    """The partition of an article that is there; damage that is found meanwhile is its."""
    leaf = snapshot.partitions.leaf(address.partition)
    assert leaf is not None, "the article was found in it"
    try:
        yield leaf
    except IndexFileError as error:
        raise PartitionDamagedError(address.partition, error) from None
