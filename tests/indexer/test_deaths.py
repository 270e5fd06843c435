"""Deaths of a projection, at every step it takes.

Not here: random moments (`test_kill.py`).
"""

import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from indexer.publisher import Retention
from tests.indexer.death import dies_at
from tests.indexer.torn_harness import EVENTS, deaths_beside_readers, look
from tests.small_index import SmallIndex, article, claim, expected, named, newest, titles, tree

FIRST = [article(f"a/{number}", f"Title {number}", body="of the first day " * number) for number in range(8)]
CORRECTED = [replace(one, title=one.title + " corrected") for one in FIRST[:3]]
LATER = [article(f"b/{number}", body="of a later day") for number in range(4)]


def _start(root: Path) -> None:
    """An archive of one epoch, and a log that is ahead of it."""
    with SmallIndex(root, partitions=2, retention=Retention(seconds=0)) as index:
        index.put(*FIRST)
        index.log.append_statistics()
        index.publish()
        index.put(*CORRECTED, *LATER)
        index.withdraw("a/7")
        index.log.append_statistics()


def _project(root: Path) -> None:
    with SmallIndex(root, partitions=2, retention=Retention(seconds=0)) as index:
        index.publish()


def test_death_at_every_step_is_survived(tmp_path: Path) -> None:
    """SIGKILL before each single change of a projection: an old or a new epoch, sound; then exactly what is due."""
    start, whole = tmp_path / "start", tmp_path / "whole"
    _start(start)
    _project(Path(shutil.copytree(start, whole)))
    states = {1: expected(*FIRST), 2: expected(*FIRST[3:7], *CORRECTED, *LATER)}
    assert (newest(start).epoch, newest(whole).epoch) == (1, 2)
    assert titles(whole) == states[2]
    seen, step, died = [], 0, True
    while died:
        step += 1
        root = Path(shutil.copytree(start, tmp_path / "root"))
        died = dies_at(step, partial(_project, root))
        epoch = newest(root).epoch
        seen.append(epoch)
        assert titles(root) == states[epoch]
        _project(root)
        assert titles(root) == states[2]
        assert newest(root).statistics_file == newest(whole).statistics_file
        assert newest(root).epoch == 2
        assert tree(root) == named(root), "nothing is left of what died"
        shutil.rmtree(root)
    assert seen == sorted(seen), "an epoch once published stays"
    assert set(seen) == {1, 2}
    assert step > 20


def test_readers_beside_dying_publishers_see_whole_epochs(tmp_path: Path) -> None:
    """Every read is of exactly one epoch; `python -m tests.indexer.torn_harness --reads 1000000` reads on."""
    root = tmp_path / "archive"
    *_, (reads, deaths, epochs) = deaths_beside_readers(root, readers=2, reads=1000)
    assert reads >= 1000
    assert deaths > 20
    assert epochs >= 2
    manifest = newest(root)
    claim(root, replace(manifest, applied_seq=manifest.applied_seq - EVENTS - 1))
    with pytest.raises(AssertionError, match=f"epoch {manifest.epoch}, applied through"):
        look(root)


def test_a_publisher_that_names_what_is_not_whole_is_found_out(tmp_path: Path) -> None:
    """By the readers."""
    mutant = "named-too-soon"
    with pytest.raises(AssertionError, match="a reader found something wrong"):
        for _progress in deaths_beside_readers(tmp_path / "archive", readers=2, reads=20_000, mutant=mutant):
            pass


def test_the_dead_are_found_out(tmp_path: Path) -> None:
    """The step counter does kill, before the change."""
    assert dies_at(1, (tmp_path / "never").mkdir)
    assert not dies_at(2, (tmp_path / "made").mkdir)
    assert tree(tmp_path) == {"made"}
