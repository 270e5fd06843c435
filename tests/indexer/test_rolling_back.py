"""Going back to an epoch that is sound: whatever is damaged, whenever it is interrupted.

Not here: the command, and servers meanwhile (`tests/broadsheet/test_bad_epochs.py`).
"""

import itertools
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from indexer.log import EventLog, log_path
from indexer.publisher import OPENING_S
from indexer.rolling_back import NoSoundEpochError, RolledBack, roll_back
from partition import tombstones
from partition.errors import IndexFileError
from partition.format import SUFFIX
from partition.manifest import Layout, read_manifest
from tests.indexer.death import dies_at
from tests.search.faults import damage
from tests.small_index import Clock, SmallIndex, article, expected, files_of, named, newest, titles, tree

FIRST = [article(f"a/{number}", f"Title {number}") for number in range(6)]
SECOND = [article("a/0", "Title 0, corrected"), article("b", "Of the second day")]
THIRD = [article("c", "Of the third day")]
BEFORE, AFTER = expected(*FIRST), expected(*FIRST[1:], *SECOND)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An archive of two epochs."""
    root = tmp_path / "archive"
    with SmallIndex(root, partitions=2) as index:
        index.put(*FIRST)
        index.log.append_statistics()
        index.publish()
        index.put(*SECOND)
        index.publish()
    return root


def _back(root: Path) -> RolledBack:
    with EventLog(log_path(root)) as log:
        return roll_back(root, log)


def _new(root: Path, suffix: str) -> Path:
    """A file with such a name that only the newest epoch has."""
    layout = Layout(root)
    before = files_of(root, read_manifest(layout, layout.newest_epoch() - 1))
    return next(path for path in files_of(root, newest(root)) if path not in before and path.suffix == suffix)


def _damage(root: Path, suffix: str, how: Callable[[Path], object] = damage) -> Path:
    path = _new(root, suffix)
    how(path)
    return path


@pytest.mark.parametrize(
    ("suffix", "how"),
    [(".json", damage), *itertools.product((SUFFIX, tombstones.SUFFIX), (damage, Path.unlink))],
)
def test_the_epoch_before_takes_the_place_of_a_damaged_one(
    root: Path, suffix: str, how: Callable[[Path], object]
) -> None:
    """Under a number of its own; then what came later is indexed again, from the log."""
    damaged = _damage(root, suffix, how)
    back = _back(root)
    assert (back.to, back.manifest.epoch, newest(root)) == (1, 3, back.manifest)
    assert [error.path for error in back.damaged] == [damaged]
    assert titles(root) == BEFORE
    clock = Clock()
    with SmallIndex(root, partitions=2, clock=clock) as index:
        index.put(*THIRD)
        assert index.publish().epoch == 4
        assert titles(root) == AFTER | expected(*THIRD)
        clock.pass_s(OPENING_S)
        index.projector.tidy()
    assert tree(root) == named(root), "something of the damaged epoch is left"


@pytest.mark.parametrize("suffix", [SUFFIX, tombstones.SUFFIX])
def test_no_name_means_two_things(root: Path, suffix: str) -> None:
    """Files that are written after going back have other names than those of the damaged epoch."""
    with SmallIndex(root, partitions=2) as index:
        if suffix == SUFFIX:
            index.put(*THIRD)
        else:
            index.withdraw("a/1", "a/2", "a/3")
        index.publish()
    layout = Layout(root)
    before, damaged = (files_of(root, read_manifest(layout, epoch)) for epoch in (2, 3))
    _damage(root, ".json")
    assert _back(root).to == 2
    with SmallIndex(root, partitions=2) as index:
        index.publish()
    after = files_of(root, newest(root))
    assert any(path.suffix == suffix for path in after if path not in before)
    assert not set(after) & set(damaged) - set(before)


def test_what_is_sound_stays(root: Path) -> None:
    """Nothing is published then."""
    back = _back(root)
    assert (back.to, back.manifest.epoch, back.damaged) == (2, 2, ())
    assert Layout(root).published_epochs() == [1, 2]


def test_there_may_be_nothing_to_go_back_to(root: Path, tmp_path: Path) -> None:
    """Then all stays as it is."""
    with EventLog(log_path(root)) as log, pytest.raises(NoSoundEpochError, match="no epoch that is kept is sound"):
        roll_back(tmp_path / "none", log)
    _damage(root, ".segment")
    Layout(root).manifest(1).unlink()
    there = tree(root)
    with pytest.raises(NoSoundEpochError, match=r"0000000002-000\.segment"):
        _back(root)
    assert tree(root) == there


@pytest.mark.parametrize("suffix", [".json", ".segment"])
def test_it_can_be_interrupted_at_every_step(root: Path, tmp_path: Path, suffix: str) -> None:
    """And done again: the same comes of it."""
    _damage(root, suffix)
    step, died = 0, True
    while died:
        step += 1
        copy = Path(shutil.copytree(root, tmp_path / "copy"))
        died = dies_at(step, partial(_back, copy))
        back = _back(copy)
        assert back.manifest.epoch == 3
        assert titles(copy) == BEFORE
        with SmallIndex(copy, partitions=2) as index:
            index.publish()
        assert titles(copy) == AFTER
        shutil.rmtree(copy)
    assert step > 3


def test_an_indexer_that_finds_damage_leaves_what_can_be_gone_back_to(root: Path) -> None:
    """However long ago the damaged epoch was published."""
    _damage(root, ".segment")
    clock = Clock()
    clock.pass_s(2 * OPENING_S)
    with pytest.raises(IndexFileError, match="broadsheet rollback"):
        SmallIndex(root, partitions=2, clock=clock)
    assert _back(root).to == 1


def test_what_was_taken_down_is_not_shown_again(root: Path) -> None:
    """Not even until it is taken down again: then all must be built anew."""
    with SmallIndex(root, partitions=2) as index:
        index.take_down("b")
        index.publish()
    _damage(root, ".json")
    with pytest.raises(NoSoundEpochError, match="epoch 2 is sound, but shows what was taken down since"):
        _back(root)
