"""Routing: even, stable for ever, and lazy when partitions are added."""

from collections import Counter

import pytest

from indexer.routing import MAX_PARTITIONS, jump_hash, partition_of

IDS = [f"article/{number}" for number in range(100_000)]


def test_partitions_are_even() -> None:
    """Sixteen partitions are each within 5 % of a sixteenth of 100,000 ids."""
    sizes = Counter(partition_of(article_id, 16) for article_id in IDS)
    fair = len(IDS) / 16
    assert sorted(sizes) == list(range(16))
    assert all(abs(size - fair) <= 0.05 * fair for size in sizes.values())


@pytest.mark.parametrize("partitions", [1, 2, 3, 7, 8, 16, 63])
def test_one_more_partition_moves_few_articles_and_only_there(partitions: int) -> None:
    """From P to P + 1, at most 1/(P + 1) + 2 % of the articles move, all of them to the new partition."""
    ids = IDS[:20_000]
    before = [partition_of(article_id, partitions) for article_id in ids]
    after = [partition_of(article_id, partitions + 1) for article_id in ids]
    moved = [new for old, new in zip(before, after, strict=True) if old != new]
    assert set(moved) == {partitions}
    assert len(moved) <= (1 / (partitions + 1) + 0.02) * len(ids)


@pytest.mark.parametrize(
    ("key", "buckets", "bucket"),
    [(1, 1, 0), (42, 57, 43), (0xDEAD10CC, 1, 0), (0xDEAD10CC, 666, 361), (256, 1024, 520)],
)
def test_jump_hash_is_the_published_one(key: int, buckets: int, bucket: int) -> None:
    """The values that other implementations of Lamping and Veach's function pin too."""
    assert jump_hash(key, buckets) == bucket


@pytest.mark.parametrize(
    ("article_id", "partitions"),
    [
        ("", [0, 0, 5, 5, 472]),
        ("a", [0, 0, 6, 11, 379]),
        ("article/1", [0, 0, 0, 0, 276]),
        ("Ångström/新聞/🗞", [0, 0, 3, 3, 737]),
        ("l" * 512, [0, 0, 5, 5, 362]),
    ],
)
def test_routing_never_changes(article_id: str, partitions: list[int]) -> None:
    """Where these ids live is part of every archive on disk: another answer needs another `ROUTING_VERSION`."""
    assert [partition_of(article_id, count) for count in (1, 2, 8, 13, MAX_PARTITIONS)] == partitions
