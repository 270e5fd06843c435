"""The check of an epoch: every kind of damage is found, and named."""

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.routing import partition_of
from partition.check import check_epoch
from partition.errors import CorruptFile, IndexFileError, MissingFile
from partition.manifest import GenerationRecord, Layout, RootManifest, encode_manifest, read_manifest
from partition.types import Article
from partition.writer import Put, write_generation
from tests.archive import made_up
from tests.small_index import SmallIndex, article, files_of, newest


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive with segments, tombstones, and an empty partition."""
    root = tmp_path_factory.mktemp("sound")
    articles = [one for one in made_up(80) if partition_of(one.id, 3) != 2]
    with SmallIndex(root, partitions=3) as index:
        index.put(*articles)
        index.log.append_statistics()
        index.publish()
        index.put(replace(articles[0], title="Corrected"), article("n0001x"))
        index.withdraw(articles[1].id)
        index.publish()
    return root


@pytest.fixture
def root(sound: Path, tmp_path: Path) -> Path:
    """A copy to be damaged."""
    return Path(shutil.copytree(sound, tmp_path / "archive"))


def _check(root: Path, route: Callable[[str, int], int] = partition_of) -> list[tuple[int, int]]:
    checked: list[tuple[int, int]] = []

    def told(partition: int, record: GenerationRecord) -> None:
        checked.append((partition, record.articles))

    check_epoch(Layout(root), newest(root), route, told)
    return checked


def test_a_sound_epoch_passes(root: Path) -> None:
    """Every partition is told of, and nothing on disk is touched."""
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    manifest = newest(root)
    assert _check(root) == [(at, record.articles) for at, record in enumerate(manifest.partitions)]
    assert sum(record.tombstones for record in manifest.partitions) > 0
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def _damages(content: bytes) -> Iterator[bytes]:
    """The content with one byte flipped, cut, grown, and replaced by zeros."""
    for at in (0, len(content) // 3, len(content) // 2, len(content) - 2):
        yield content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :]
    yield content[:-1]
    yield b""
    yield content + b"\0"
    yield bytes(len(content))


def test_damage_to_any_file_is_found(root: Path) -> None:
    """Each file of the epoch in turn: flipped, cut, grown, zeroed, gone; the error names it and the cure."""
    files = files_of(root, newest(root))
    assert {path.suffix for path in files} == {".json", ".stat", ".seg", ".toc"}
    for path in files:
        content = path.read_bytes()
        for damaged in _damages(content):
            path.write_bytes(damaged)
            with pytest.raises(CorruptFile, match=re.escape(f"{path}: ")):
                _check(root)
        path.unlink()
        if path.suffix != ".json":  # without its manifest there is no such epoch
            with pytest.raises(MissingFile, match=re.escape(f"{path}: ")):
                _check(root)
        path.write_bytes(content)
    assert _check(root)


def test_files_that_changed_places_are_found(root: Path) -> None:
    """Sound bytes in the wrong place are damage too."""
    first, second = (Layout(root).generation(at, newest(root).partitions[at].generation) for at in (0, 1))
    for toc, other in zip(sorted(first.glob("*.toc")), sorted(second.glob("*.toc")), strict=True):
        content = toc.read_bytes()
        toc.write_bytes(other.read_bytes())
        other.write_bytes(content)
    with pytest.raises(CorruptFile):
        _check(root)


def _claim(root: Path, manifest: RootManifest) -> None:
    """Replace the newest manifest by another whose checksum is right."""
    Layout(root).manifest(manifest.epoch).write_bytes(encode_manifest(manifest))


def test_a_wrong_total_is_found(root: Path) -> None:
    """A manifest that miscounts its articles is not believed."""
    manifest = newest(root)
    first, *others = manifest.partitions
    _claim(root, replace(manifest, partitions=(replace(first, articles=first.articles + 1), *others)))
    with pytest.raises(CorruptFile, match=rf"{first.articles} articles instead of {first.articles + 1}; build the"):
        _check(root)


def test_an_article_in_the_wrong_partition_is_found(root: Path) -> None:
    """Articles live where the routing says, or look-ups by id would miss them."""
    with pytest.raises(CorruptFile, match="belongs to another partition"):
        _check(root, lambda article_id, partitions: (partition_of(article_id, partitions) + 1) % partitions)


def _rewrite(root: Path, articles: list[Article]) -> None:
    """Put a generation into partition 0 that holds these articles, and claim that it is right."""
    manifest, layout = newest(root), Layout(root)
    folder = layout.generation(0, 99)
    record = write_generation(folder, number=99, base=None, changes=[Put(one, 1, 0) for one in articles])
    _claim(root, replace(manifest, partitions=(record, *manifest.partitions[1:])))


def test_an_article_that_is_there_twice_is_found(root: Path) -> None:
    """One id, one article."""
    mine = [one for one in made_up(30) if partition_of(one.id, 3) == 0]
    _rewrite(root, mine)
    assert _check(root)[0] == (0, len(mine))
    shutil.rmtree(Layout(root).generation(0, 99))
    _rewrite(root, [*mine, replace(mine[0], title="Again")])
    with pytest.raises(CorruptFile, match=re.escape(f": article {mine[0].id!r} ")):
        _check(root)


def test_older_epochs_can_be_checked(root: Path) -> None:
    """An epoch is checked by its own manifest, whichever is the newest."""
    layout = Layout(root)
    for epoch in layout.published_epochs():
        check_epoch(layout, read_manifest(layout, epoch), partition_of, lambda _partition, _record: None)
    with pytest.raises(IndexFileError):
        read_manifest(layout, layout.newest_epoch() + 1)
