"""Snapshots: what a new epoch shares with the one before, and what it must not.

Not here: whether states answer right (`test_layouts.py`, `test_http_cursors.py`), damage (`test_damage.py`).
"""

from pathlib import Path

import pytest

from indexer.routing import partition_of
from search.leaf import Leaf
from search.snapshot import Snapshot, Snapshots, View
from tests.archive import made_up
from tests.small_index import SmallIndex

PARTITIONS = 4


def _leaves(snapshot: Snapshot) -> dict[int, Leaf]:
    return {leaf.partition: leaf for leaf in snapshot.partitions.leaves}


def _live(leaf: Leaf) -> int:
    return sum(int(segment.live.sum()) for segment in leaf.reader.segments)


def test_whoever_began_in_a_state_goes_on_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When another became current meanwhile, nothing is opened again for them."""
    with SmallIndex(tmp_path, partitions=PARTITIONS) as index:
        index.put(*made_up(20))
        snapshots = Snapshots(tmp_path)
        first = snapshots.open_current(index.publish().epoch)
        view = View(first.state.epoch, first.state)
        index.put(*made_up(20, seed=2, prefix="m"))
        second = snapshots.open_current(index.publish().epoch)
    monkeypatch.setattr("search.snapshot.PartitionReader", None)
    assert snapshots.is_open(view)
    assert snapshots.open(view) is first
    assert snapshots.open(View(second.state.epoch, second.state)) is second
    assert not snapshots.is_open(View(second.state.epoch, first.state)), "an earlier state, from newer files"


def test_partitions_that_did_not_change_are_not_opened_again(tmp_path: Path) -> None:
    """One article more is one partition; other statistics are all; an earlier state never has the leaves of today."""
    articles = made_up(60)
    more = articles[-1]
    changed = partition_of(more.id, PARTITIONS)
    with SmallIndex(tmp_path, partitions=PARTITIONS) as index:
        index.put(*articles[:-1])
        snapshots = Snapshots(tmp_path)
        first = snapshots.open_current(index.publish().epoch)
        index.put(more)
        second = snapshots.open_current(index.publish().epoch)
        earlier = snapshots.open(View(second.state.epoch, first.state))
        index.log.append_statistics()
        third = snapshots.open_current(index.publish().epoch)
    before, after = _leaves(first), _leaves(second)
    assert {partition for partition in after if after[partition] is not before[partition]} == {changed}
    assert _live(after[changed]) == _live(before[changed]) + 1
    assert {partition: _live(leaf) for partition, leaf in _leaves(earlier).items()} == {
        partition: _live(leaf) for partition, leaf in before.items()
    }
    assert all(_leaves(third)[partition] is not leaf for partition, leaf in after.items())
