"""The check of an epoch: every kind of damage is found, and named."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.routing import partition_of
from partition.build import SegmentBuilder
from partition.changes import Put
from partition.check import check_epoch
from partition.documents import DocumentCodec
from partition.errors import CorruptFile, IndexFileError, MissingFile, TooNewFile
from partition.format import SegmentFile, SegmentWriter
from partition.manifest import FileRecord, GenerationRecord, Layout, read_manifest
from partition.reader import PartitionReader
from partition.schema import TEXT_FIELDS
from partition.statistics import write_statistics
from partition.vocabulary import Vocabulary
from tests.archive import copied, made_up
from tests.small_index import SmallIndex, article, claim, files_of, newest, small_dictionaries


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive with segments, dictionaries, tombstones, and an empty partition."""
    root = tmp_path_factory.mktemp("sound")
    articles = [one for one in made_up(80) if partition_of(one.id, 3) != 2]
    with small_dictionaries(), SmallIndex(root, partitions=3) as index:
        index.put(*articles)
        index.log.append_statistics()
        index.publish()
        index.put(replace(articles[0], title="Corrected"), article("n0001x"))
        index.withdraw(*(next(one.id for one in articles[1:] if partition_of(one.id, 3) == at) for at in (0, 1)))
        index.publish()
    return root


@pytest.fixture
def root(sound: Path, tmp_path: Path) -> Path:
    """A copy to be damaged."""
    return copied(sound, tmp_path / "archive")


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
    assert {path.suffix for path in files} == {".json", ".stat", ".segment", ".dead", ".dictionary"}
    for path in files:
        content = path.read_bytes()
        for damaged in _damages(content):
            path.write_bytes(damaged)
            with pytest.raises((CorruptFile, TooNewFile), match=re.escape(f"{path}: ")):
                _check(root)
        path.unlink()
        if path.suffix != ".json":  # without its manifest there is no such epoch
            with pytest.raises(MissingFile, match=re.escape(f"{path}: ")):
                _check(root)
        path.write_bytes(content)
    assert _check(root)


@pytest.mark.parametrize("kind", ["segment", "dead", "dictionary"])
def test_files_that_changed_places_are_found(root: Path, kind: str) -> None:
    """Sound bytes in the wrong place are damage too."""
    one, other = (
        next(
            Layout(root).partition(at) / file.name
            for file in newest(root).partitions[at].files
            if file.name.endswith(f".{kind}")
        )
        for at in (0, 1)
    )
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)
    with pytest.raises(CorruptFile, match=re.escape(f"{one}: it is not the file that the manifest names")):
        _check(root)


def test_other_statistics_are_found(root: Path) -> None:
    """A sound file of other numbers under the right name is not what the epoch was scored with."""
    path = Layout(root).statistics / newest(root).statistics_file.name
    path.unlink()
    write_statistics(path, languages={"en": 1}, through_seq=1, total_lengths=dict.fromkeys(TEXT_FIELDS, 0), counts={})
    with pytest.raises(CorruptFile, match=re.escape(f"{path}: ")):
        _check(root)


def test_an_article_in_the_wrong_partition_is_found(root: Path) -> None:
    """Articles live where the routing says, or look-ups by id would miss them."""
    with pytest.raises(CorruptFile, match="belongs to another partition"):
        _check(root, lambda article_id, partitions: (partition_of(article_id, partitions) + 1) % partitions)


def _claim_partition(root: Path, write: Callable[[Path], list[FileRecord]], articles: int) -> None:
    """Give partition 0 a generation of such segments, and claim that it is right."""
    manifest, folder = newest(root), Layout(root).partition(0)
    files = write(folder)
    record = GenerationRecord(99, articles, tombstones=0, segments=len(files), files=tuple(files))
    claim(root, replace(manifest, partitions=(record, *manifest.partitions[1:])))


def _swapped_in(*columns: str) -> Callable[[SegmentBuilder, SegmentBuilder], None]:
    """What the first article has in these columns, the last one gets too."""

    def spoil(first: SegmentBuilder, last: SegmentBuilder) -> None:
        for column in columns:
            getattr(last, column)[-1] = getattr(first, column)[0]

    return spoil


def _said(column: str, number: int) -> Callable[[SegmentBuilder, SegmentBuilder], None]:
    """This is said of the last article."""
    return lambda _first, last: getattr(last, column).__setitem__(-1, number)


@pytest.mark.parametrize("segments", [1, 2])
@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (_swapped_in(), None),
        (_swapped_in("_ids", "_hashes", "_raw"), "is there twice or mixed up|cannot be found by its id"),
        (_swapped_in("_raw"), "is there twice or mixed up"),
        (_swapped_in("_ids"), "is there twice or mixed up"),
        (_swapped_in("_hashes"), "cannot be found by its id"),
        (_said("_published_ms", 7), "has another published_ms than its column"),
        (_said("_modified_ms", 7), "has another modified_ms than its column"),
        (_said("_indexed_ms", 7), "has another indexed_ms than its column"),
        (_said("_languages", 7), "has another language than its column"),
    ],
)
def test_articles_that_are_mixed_up_are_found(
    root: Path, spoil: Callable[[SegmentBuilder, SegmentBuilder], None], problem: str | None, segments: int
) -> None:
    """One id, one article, and each can be found by it: whatever an indexer with a fault may have written."""
    articles = [one for one in made_up(30) if partition_of(one.id, 3) == 0]

    def write(folder: Path) -> list[FileRecord]:
        builders = [SegmentBuilder(Vocabulary(), None) for _ in range(segments)]
        for at, one in enumerate(articles):
            builders[at * segments // len(articles)].add(Put(one, 1, 0, seq=1))
        spoil(builders[0], builders[-1])
        for builder in builders:
            builder.prepare()
        return [builder.write(folder / f"{at}.segment", None) for at, builder in enumerate(builders)]

    _claim_partition(root, write, len(articles))
    if problem is None:
        assert _check(root)
    else:
        with pytest.raises(CorruptFile, match=rf": article '.*' ({problem}); build the index again"):
            _check(root)


def _rewritten(segment: Path, to: Path, spoiled: dict[str, NDArray[Any]]) -> FileRecord:
    """The segment again, but for the spoiled sections."""
    old = SegmentFile(segment)
    directory = dict(old.directory)
    with SegmentWriter(to) as new:
        for name in directory.pop("sections"):
            new.append(name, spoiled.get(name, old.section(name)))
        new.describe(**directory)
    return new.record()


def test_segments_that_make_no_sense_are_found(root: Path) -> None:
    """What is told of one segment in `test_check_lists.py` is looked for in each of the epoch."""
    articles = [one for one in made_up(30) if partition_of(one.id, 3) == 0]
    builder = SegmentBuilder(Vocabulary(), None)
    for one in articles:
        builder.add(Put(one, 1, 0, seq=1))
    builder.prepare()
    builder.write(root / "sound.segment", None)
    totals = SegmentFile(root / "sound.segment").section("totals").copy()

    def claim_rewritten(spoiled: dict[str, NDArray[Any]]) -> None:
        def write(folder: Path) -> list[FileRecord]:
            return [_rewritten(root / "sound.segment", folder / "0.segment", spoiled)]

        _claim_partition(root, write, len(articles))

    claim_rewritten({})
    assert _check(root)
    (Layout(root).partition(0) / "0.segment").unlink()
    totals[0] += 1
    claim_rewritten({"totals": totals})
    with pytest.raises(
        CorruptFile, match=r"0\.segment: the list of b'.*' in text makes no sense; build the index again"
    ):
        _check(root)
    for column, number in (("story", -1), ("story", 2), ("joined", 2), ("joined", -1)):
        spoiled = {name: np.zeros(len(articles), np.int64) for name in ("story", "joined")}
        spoiled[column][-1] = number
        (Layout(root).partition(0) / "0.segment").unlink()
        claim_rewritten({f"column/{name}": values for name, values in spoiled.items()})
        with pytest.raises(CorruptFile, match=r"0\.segment: it holds articles that came to a story before it began"):
            _check(root)


@pytest.mark.parametrize(
    ("frame", "dictionary", "problem"),
    [
        (b"no Zstandard", None, r"stored article 3 cannot be read \(.*\)"),
        (DocumentCodec().compress(b"no JSON"), None, r"stored article 3 cannot be read \(.*\)"),
        (DocumentCodec().compress(b'["no article"]'), None, "stored article 3 is no article"),
        (DocumentCodec().compress(b"{}"), None, None),
        (None, "absent.dictionary", "its dictionary 'absent.dictionary' is not there"),
    ],
    ids=["no frame", "no JSON", "no article", "another article", "no dictionary"],
)
def test_stored_articles_that_are_none_are_found(
    root: Path, frame: bytes | None, dictionary: str | None, problem: str | None
) -> None:
    """Under whatever checksum: the check and whoever reads it for an answer get an error that names the segment."""
    articles = [one for one in made_up(30) if partition_of(one.id, 3) == 0]

    def write(folder: Path) -> list[FileRecord]:
        builder = SegmentBuilder(Vocabulary(), None)
        for at, one in enumerate(articles):
            builder.add(Put(replace(one, published_ms=at), 1, 0, seq=1))
        builder.prepare()
        builder._frames[3] = frame or builder._frames[3]
        return [builder.write(folder / "0.segment", dictionary)]

    _claim_partition(root, write, len(articles))
    if problem is None:
        with pytest.raises(CorruptFile, match=f"article '{articles[3].id}' is there twice or mixed up"):
            _check(root)
        return
    with pytest.raises(CorruptFile, match=rf"0\.segment: {problem}; build the index again"):
        _check(root)
    reader = PartitionReader(Layout(root).partition(0), newest(root).partitions[0])
    with pytest.raises(CorruptFile, match=rf"0\.segment: {problem}; build the index again"):
        reader.stored(0, 3)


def test_older_epochs_can_be_checked(root: Path) -> None:
    """An epoch is checked by its own manifest, whichever is the newest."""
    layout = Layout(root)
    for epoch in layout.published_epochs():
        check_epoch(layout, read_manifest(layout, epoch), partition_of, lambda _partition, _record: None)
    with pytest.raises(IndexFileError):
        read_manifest(layout, layout.newest_epoch() + 1)
