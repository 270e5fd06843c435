"""The check of an epoch: what its manifest states of partitions and files is counted again.

Not here: files that are damaged, articles that are mixed up (`test_check.py`), segments (`test_check_lists.py`).
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.routing import partition_of
from partition.check import check_epoch
from partition.errors import CorruptFile
from partition.manifest import EMPTY_GENERATION, Layout
from partition.schema import SCHEMA_VERSION
from partition.tombstones import Tombstones, write_tombstones
from tests.archive import made_up
from tests.small_index import SmallIndex, claim, newest


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An archive of three partitions: one with two segments and tombstones, one with a segment, an empty one."""
    articles = made_up(40)
    first, second = ([one for one in articles if partition_of(one.id, 3) == at] for at in (0, 1))
    with SmallIndex(tmp_path) as index:
        index.put(*first[1:], *second)
        index.log.append_statistics()
        index.publish()
        index.put(first[0])
        index.withdraw(first[1].id)
        index.publish()
    _check(tmp_path)
    return tmp_path


def _check(root: Path) -> None:
    check_epoch(Layout(root), newest(root), partition_of, lambda _partition, _record: None)


@pytest.mark.parametrize("what", ["articles", "tombstones", "segments"])
def test_a_wrong_count_is_found(root: Path, what: str) -> None:
    """A manifest that miscounts what is in a partition is not believed."""
    manifest = newest(root)
    first, *others = manifest.partitions
    right = getattr(first, what)
    claim(root, replace(manifest, partitions=(replace(first, **{what: right + 1}), *others)))
    folder = Layout(root).partition(0)
    with pytest.raises(CorruptFile, match=rf"{folder}: {right} {what} instead of {right + 1}; build the index again"):
        _check(root)


def test_a_wrong_size_is_found(root: Path) -> None:
    """Of a partition's file, and of the statistics."""
    sound = newest(root)
    first, *others = sound.partitions
    file, *files = first.files
    last = sound.statistics[-1]
    wrong = replace(file, size_bytes=file.size_bytes - 1)
    for manifest, path, size_bytes in (
        (
            replace(sound, partitions=(replace(first, files=(wrong, *files)), *others)),
            Layout(root).partition(0) / file.name,
            file.size_bytes,
        ),
        (
            replace(sound, statistics=(replace(last, file=replace(last.file, size_bytes=1)),)),
            Layout(root).statistics / sound.statistics_file.name,
            sound.statistics_file.size_bytes,
        ),
    ):
        claim(root, manifest)
        with pytest.raises(
            CorruptFile, match=rf"\.json: says that {path} has .* instead of {size_bytes:,}; build the"
        ):
            _check(root)


def test_other_rules_are_found(root: Path) -> None:
    """An epoch whose fields or analysis are not those of this version answers other queries than it is asked."""
    manifest = newest(root)
    claim(root, replace(manifest, schema_version=SCHEMA_VERSION + 1))
    problem = f"schema version {SCHEMA_VERSION + 1} instead of {SCHEMA_VERSION}"
    with pytest.raises(CorruptFile, match=rf"\.json: {problem}; build the index again"):
        _check(root)


def test_an_empty_partition_is_empty(root: Path) -> None:
    """Generation 0 has no files, and so no articles."""
    manifest = newest(root)
    assert manifest.partitions[2] == EMPTY_GENERATION
    claim(root, replace(manifest, partitions=(*manifest.partitions[:2], replace(EMPTY_GENERATION, articles=1))))
    with pytest.raises(CorruptFile, match=r"\.json: partition 2 is of generation 0 and yet not empty; build the"):
        _check(root)


@pytest.mark.parametrize(
    ("dead", "seqs", "problem"),
    [
        ([1, 0], [0, 0], "delete articles that are not there"),
        ([0, 0], [0, 0], "delete articles that are not there"),
        ([10_000], [0], "delete articles that are not there"),
        ([0], [1 << 40], "delete articles at an impossible time"),
        ([0], [1], "delete articles at an impossible time"),
        ([0], [-1], "delete articles at an impossible time"),
    ],
)
def test_tombstones_that_make_no_sense_are_found(root: Path, dead: list[int], seqs: list[int], problem: str) -> None:
    """They ascend, name articles of their segment, and bury them after they came and before the epoch."""
    manifest = newest(root)
    first, *others = manifest.partitions
    (old,) = (file for file in first.files if file.name.endswith(".dead"))
    path = Layout(root).partition(0) / old.name
    path.unlink()
    files = tuple(
        write_tombstones(path, Tombstones(np.array(dead), np.array(seqs))) if file is old else file
        for file in first.files
    )
    claim(root, replace(manifest, partitions=(replace(first, files=files), *others)))
    with pytest.raises(CorruptFile, match=rf"the tombstones of .*\.segment {problem}; build the index again"):
        _check(root)
