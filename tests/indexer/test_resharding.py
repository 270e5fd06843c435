"""Resharding: only what consistent hashing moves is moved, and nothing is lost, told twice or told otherwise."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.resharding import partitions_of
from indexer.routing import jump_hash, partition_of
from partition.manifest import RootManifest
from partition.reader import PartitionReader
from tests.small_index import SmallIndex, article, contents, expected, named, titles, tree

ARTICLES = [article(f"a/{number}", f"Title {number}", body=f"word{number} and more") for number in range(200)]


@given(st.lists(st.integers(0, 2**64 - 1), max_size=20), st.integers(1, 1024))
def test_all_at_once_is_one_by_one(keys: list[int], partitions: int) -> None:
    """The same bucket for each key as the plain function gives."""
    hashes = np.array(keys, np.uint64)
    assert partitions_of(hashes, partitions).tolist() == [jump_hash(key, partitions) for key in keys]


def _places(root: Path, manifest: RootManifest) -> dict[str, int]:
    """Where each live article lies."""
    places: dict[str, int] = {}
    for partition, record in enumerate(manifest.partitions):
        if record.generation:
            for segment in PartitionReader(root / "partitions" / f"{partition:04d}", record).segments:
                places |= {segment.article_id(int(docnum)): partition for docnum in segment.live.nonzero()[0]}
    return places


@pytest.mark.parametrize(("before", "after"), [(3, 4), (1, 8), (8, 1), (5, 3), (4, 5)])
def test_only_what_must_move_moves(tmp_path: Path, before: int, after: int) -> None:
    """With more partitions to the new ones only, with fewer from those that go; each article stays what it was."""
    with SmallIndex(tmp_path, partitions=before) as index:
        index.put(*ARTICLES)
        first = index.publish()
        stood, held = _places(tmp_path, first), contents(tmp_path)
        assert index.log.append_reshard(after)
        second = index.publish()
        assert len(second.partitions) == after
        stands = _places(tmp_path, second)
        assert stands == {one.id: partition_of(one.id, after) for one in ARTICLES}
        kept = range(min(before, after))
        moved = {one for one in stands if stands[one] != stood[one]}
        assert all(stands[one] not in kept if after > before else stood[one] not in kept for one in moved)
        assert contents(tmp_path) == held
        index.put(article("later"))
        assert titles(tmp_path, index.publish().epoch) == {**expected(*ARTICLES), "later": "A title"}
        index.clock.pass_s(60)
        index.projector.tidy()
    assert tree(tmp_path) - {f"partitions/{at:04d}" for at in range(before)} == named(tmp_path) - {
        f"partitions/{at:04d}" for at in range(before)
    }


def test_the_same_number_again_is_no_event(tmp_path: Path) -> None:
    """Nothing is logged, nothing published."""
    with SmallIndex(tmp_path, partitions=3) as index:
        index.put(*ARTICLES)
        epoch = index.publish().epoch
        assert index.log.append_reshard(3) is None
        assert index.publish().epoch == epoch


def test_events_are_routed_as_they_were_logged(tmp_path: Path) -> None:
    """Those before a reshard by the old number and those after it by the new one, published together or not."""
    together, one_by_one = tmp_path / "together", tmp_path / "one"
    for root in (together, one_by_one):
        with SmallIndex(root, partitions=2) as index:
            for round_, partitions in enumerate((5, 3, 7)):
                index.put(*(article(f"{round_}/{number}") for number in range(30)))
                index.withdraw(f"{round_}/3")
                index.log.append_reshard(partitions)
                index.put(article(f"{round_}/5", "Corrected"))
                if root == one_by_one:
                    index.publish()
            index.publish()
    assert titles(together) == titles(one_by_one)
    assert len(titles(together)) == 87


def test_an_epoch_that_was_not_published_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Resharding that dies before it is published leaves the old state, and is done by the next one."""
    with SmallIndex(tmp_path, partitions=3) as index:
        index.put(*ARTICLES)
        index.publish()
        index.log.append_reshard(6)
        with monkeypatch.context() as patched:

            def die(*_arguments: object) -> None:
                raise OSError("the disk is full")

            patched.setattr("indexer.projection.publish", die)
            with pytest.raises(OSError, match="full"):
                index.publish()
    assert titles(tmp_path) == expected(*ARTICLES)
    with SmallIndex(tmp_path, partitions=6) as index:
        assert len(index.publish().partitions) == 6
    assert titles(tmp_path) == expected(*ARTICLES)
