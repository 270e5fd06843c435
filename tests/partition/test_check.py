"""The check of an epoch: every kind of damage is found, and named."""

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from whoosh.filedb.filestore import FileStorage
from whoosh.index import FileIndex
from whoosh.writing import NO_MERGE

from indexer.routing import partition_of
from partition.check import check_epoch
from partition.errors import CorruptFile, IndexFileError, MissingFile
from partition.manifest import GenerationRecord, Layout, RootManifest, encode_manifest, read_manifest
from partition.schema import SCHEMA, TEXT_FIELDS, fields_of
from partition.statistics import write_statistics
from partition.writer import _seal
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


def test_other_statistics_are_found(root: Path) -> None:
    """A sound file of other numbers under the right name is not what the epoch was scored with."""
    path = Layout(root).statistics / newest(root).statistics_file.name
    path.unlink()
    write_statistics(path, articles=1, through_seq=1, total_lengths=dict.fromkeys(TEXT_FIELDS, 0), df={})
    with pytest.raises(CorruptFile, match=re.escape(f"{path}: ")):
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


Fields = dict[str, Any]


def _rewrite(root: Path, spoiled: Callable[[Fields, Fields], Fields], *, segments: int) -> None:
    """Give partition 0 a generation whose last document is spoiled, and claim that it is right.

    `spoiled` makes that document from those of the first and the last article.
    """
    articles = [one for one in made_up(30) if partition_of(one.id, 3) == 0]
    *documents, last = [fields_of(one, version=1, indexed_ms=0) for one in articles]
    documents.append(spoiled(documents[0], last))
    manifest, folder = newest(root), Layout(root).generation(0, 99)
    folder.mkdir()
    index = FileIndex.create(FileStorage(str(folder)), SCHEMA)
    for at in range(segments):
        writer = index.writer()
        for document in documents[at::segments]:
            writer.add_document(**document)
        writer.commit(mergetype=NO_MERGE)
    record = _seal(folder, 99, index)
    _claim(root, replace(manifest, partitions=(record, *manifest.partitions[1:])))


@pytest.mark.parametrize("segments", [1, 2])
@pytest.mark.parametrize(
    ("spoiled", "problem"),
    [
        (lambda _first, last: last, None),
        (lambda first, _last: first, "is there twice or mixed up|cannot be found by its id"),
        (lambda first, last: last | {"stored": first["stored"]}, "is there twice or mixed up"),
        (lambda first, last: last | {"article_id": first["article_id"]}, "is there twice or mixed up"),
        (lambda first, last: last | {"id": first["id"]}, "cannot be found by its id"),
    ],
)
def test_articles_that_are_mixed_up_are_found(
    root: Path, spoiled: Callable[[Fields, Fields], Fields], problem: str | None, segments: int
) -> None:
    """One id, one article, and each can be found by it: whatever an indexer with a fault may have written."""
    _rewrite(root, spoiled, segments=segments)
    if problem is None:
        assert _check(root)
    else:
        with pytest.raises(CorruptFile, match=rf": article '.*' ({problem}); build the index again"):
            _check(root)


def test_older_epochs_can_be_checked(root: Path) -> None:
    """An epoch is checked by its own manifest, whichever is the newest."""
    layout = Layout(root)
    for epoch in layout.published_epochs():
        check_epoch(layout, read_manifest(layout, epoch), partition_of, lambda _partition, _record: None)
    with pytest.raises(IndexFileError):
        read_manifest(layout, layout.newest_epoch() + 1)
