"""Damaged generations: nothing is built upon them, and the error names the file that is damaged.

Not here: damage that readers meet (`tests/partition/test_damage.py`).
"""

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.builder_processes import BuildError, ProcessBuilder
from indexer.publisher import IndexerLock, Retention
from partition.envelope import HEADER_BYTES
from partition.errors import IndexFileError
from tests.small_index import SmallIndex, article, contents, files_of, newest

ARTICLES = [article(f"a/{number}", f"Title {number}") for number in range(8)]
CORRECTED = [replace(one, title=one.title + " corrected") for one in ARTICLES[:3]]


def _damage(path: Path) -> None:
    """The last bit of a file: of its table of checksums."""
    sound = path.read_bytes()
    path.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))


@pytest.mark.parametrize("freeze", [False, True])
@pytest.mark.parametrize(
    ("spoil", "problem"),
    [(_damage, "the checksum of its header does not match"), (Path.unlink, "the file is missing")],
)
def test_a_damaged_generation_is_not_built_upon(
    tmp_path: Path, spoil: Callable[[Path], None], problem: str, *, freeze: bool
) -> None:
    """Before anything is read of it, for a correction and for counting alike: the error names the file."""
    with IndexerLock(tmp_path) as lock, SmallIndex(tmp_path, partitions=1) as index:
        index.put(*ARTICLES)
        index.publish()
        index.withdraw("a/7")
        damaged = files_of(tmp_path, index.publish())[2:]
        assert [path.suffix for path in damaged] == [".dead", ".segment"]
        for path in damaged:
            before = newest(tmp_path).epoch
            aside = path.rename(tmp_path / "aside")
            shutil.copy(aside, path)
            with (
                SmallIndex(tmp_path, partitions=1) as fresh,
                ProcessBuilder(1, lock.handle) as builder,
                SmallIndex(tmp_path, partitions=1, builder=builder) as other,
            ):
                spoil(path)
                if freeze:
                    index.log.append_statistics()
                else:
                    index.put(*CORRECTED)
                # Whoever has a file open goes on with what was sound when it was opened.
                with pytest.raises(IndexFileError, match=re.escape(f"{path}: {problem}")):
                    fresh.publish()
                message = f"partition 0 could not be built: {path}: {problem}"
                with pytest.raises(BuildError, match=re.escape(message)):
                    other.publish()
            assert newest(tmp_path).epoch == before
            aside.rename(path)


@pytest.mark.parametrize("merge", [False, True])
def test_damage_that_building_meets_is_named(tmp_path: Path, *, merge: bool) -> None:
    """What a merge copies is verified on the way, under the name that it will still have afterwards."""
    with SmallIndex(tmp_path, partitions=1, retention=Retention(seconds=0)) as index:
        # Words enough that postings, which come first, and the directory, which comes last, lie in different pages.
        index.put(*(replace(one, body=" ".join(f"{one.id}{word}" for word in range(500))) for one in ARTICLES))
        path = files_of(tmp_path, index.publish())[-1]
        content = bytearray(path.read_bytes())
        content[HEADER_BYTES] ^= 1
        path.write_bytes(content)
        index.withdraw("a/7")
        if merge:
            with pytest.raises(IndexFileError, match=re.escape(f"{path}: the checksum of page 0 does not match")):
                index.publish(merge=True)
            assert newest(tmp_path).epoch == 1
        else:
            assert index.publish().epoch == 2, "nothing of it had to be read"
            with pytest.raises(IndexFileError):
                contents(tmp_path)


@pytest.mark.parametrize("what", ["segment", "statistics"])
def test_nothing_is_built_beside_what_is_damaged(tmp_path: Path, what: str) -> None:
    """Not even in other partitions: no server could open that epoch. The error names the file."""
    with SmallIndex(tmp_path, partitions=2) as index:
        index.put(*ARTICLES)
        index.log.append_statistics()
        manifest = index.publish()
        index.put(*CORRECTED)
    files = files_of(tmp_path, manifest)
    path = next(file for file in files if file.suffix == (".stat" if what == "statistics" else ".segment"))
    _damage(path)
    with pytest.raises(IndexFileError, match=re.escape(f"{path}: the checksum of its header does not match")):
        SmallIndex(tmp_path, partitions=2)
    assert newest(tmp_path).epoch == manifest.epoch
