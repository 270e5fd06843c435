"""The root manifest: a round trip, and no byte of it that does not count."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partition.errors import CorruptFile, IndexFileError, MissingFile, TooNewFile, TooOldFile
from partition.manifest import (
    EMPTY_GENERATION,
    FileRecord,
    GenerationRecord,
    LanguageRecord,
    Layout,
    Moment,
    ParkedEvent,
    RootManifest,
    StatisticsRecord,
    encode_manifest,
    read_manifest,
)

_numbers = st.integers(0, 2**62)
_names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
_files = st.builds(FileRecord, name=_names, size_bytes=_numbers, seal=st.sampled_from(("0" * 64, "f" * 64)))
_generations = st.builds(
    GenerationRecord,
    generation=_numbers,
    articles=_numbers,
    tombstones=_numbers,
    segments=_numbers,
    files=st.lists(_files, max_size=3).map(tuple),
)
_manifests = st.builds(
    RootManifest,
    epoch=st.integers(1, 10**12 - 1),
    published_ms=_numbers,
    routing_version=_numbers,
    applied_seq=_numbers,
    indexed_through_ms=_numbers,
    archive=_names,
    lineage=_numbers,
    since_seq=_numbers,
    history=st.lists(st.builds(Moment, _numbers, _numbers), max_size=3).map(tuple),
    parked=st.lists(st.builds(ParkedEvent, _numbers, _names, _names, _numbers), max_size=3).map(tuple),
    erased_seq=_numbers,
    purged_seq=_numbers,
    schema_version=_numbers,
    languages=st.lists(st.builds(LanguageRecord, _names, _numbers), max_size=3).map(tuple),
    statistics=st.lists(st.builds(StatisticsRecord, _numbers, _numbers, _files), max_size=3).map(tuple),
    partitions=st.lists(_generations, max_size=4).map(tuple),
)

MANIFEST = RootManifest(
    epoch=7,
    published_ms=1_700_000_000_000,
    routing_version=1,
    applied_seq=15,
    indexed_through_ms=1_700_000_000_000,
    archive="0123456789abcdef",
    lineage=0,
    since_seq=9,
    history=(Moment(1_600_000_000_000, 9),),
    parked=(ParkedEvent(3, "é", "no reason", 2),),
    erased_seq=4,
    purged_seq=3,
    schema_version=1,
    languages=(LanguageRecord("de", 5), LanguageRecord("en", 1)),
    statistics=tuple(StatisticsRecord(n, n, FileRecord(f"{n}.stat", 1, "0" * 64)) for n in (2, 12)),
    partitions=(EMPTY_GENERATION, GenerationRecord(3, 10, 2, 1, (FileRecord("é.segment", 11, "1" * 64),))),
)


def _written(folder: Path, content: bytes, epoch: int = 7) -> Layout:
    layout = Layout(folder)
    layout.epochs.mkdir(exist_ok=True)
    layout.manifest(epoch).write_bytes(content)
    return layout


@given(manifest=_manifests)
def test_a_manifest_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, manifest: RootManifest) -> None:
    """Encoding and reading give an equal manifest."""
    layout = _written(tmp_path_factory.mktemp("archive"), encode_manifest(manifest), manifest.epoch)
    assert read_manifest(layout, manifest.epoch) == manifest
    assert layout.published_epochs() == [manifest.epoch]


def test_every_flipped_byte_is_found_or_means_nothing(tmp_path: Path) -> None:
    """A changed manifest is refused by name, or reads as exactly the same (white space)."""
    sound = encode_manifest(MANIFEST)
    harmless = 0
    for at in range(len(sound)):
        for bit in (0, 5, 7):
            layout = _written(tmp_path, sound[:at] + bytes([sound[at] ^ 1 << bit]) + sound[at + 1 :])
            try:
                assert read_manifest(layout, 7) == MANIFEST
            except IndexFileError as error:
                assert str(error).startswith(f"{layout.manifest(7)}: ")  # noqa: PT017 - most raise, some do not
            else:
                harmless += 1
    assert harmless < 0.02 * 3 * len(sound)


def test_every_truncation_is_found(tmp_path: Path) -> None:
    """A manifest is complete or refused, the empty file included."""
    sound = encode_manifest(MANIFEST)
    for size in range(len(sound)):
        with pytest.raises(CorruptFile, match="not a root manifest; go back to the epoch before"):
            read_manifest(_written(tmp_path, sound[:size]), 7)


@pytest.mark.parametrize("content", [b"[]", b"1", b"null", b'"x"', b"{}", b"[" * 100_000, b"9" * 5000, b"\xff\xfe"])
def test_other_json_is_no_manifest(tmp_path: Path, content: bytes) -> None:
    """Whatever else stands in the file is corrupt, not a crash."""
    with pytest.raises(CorruptFile, match="not a root manifest"):
        read_manifest(_written(tmp_path, content), 7)


@pytest.mark.parametrize(
    ("version", "error", "cure"),
    [
        (4, TooOldFile, "go back to the epoch before it: broadsheet rollback"),
        (7, TooNewFile, "upgrade broadsheet"),
        ("5", CorruptFile, "go back to the epoch before it: broadsheet rollback"),
    ],
)
def test_other_versions_are_errors_of_their_own(
    tmp_path: Path, version: object, error: type[IndexFileError], cure: str
) -> None:
    """Too old and too new are told from corrupt, whatever the epoch looks like in them."""
    document = {**json.loads(encode_manifest(MANIFEST)), "version": version, "epoch": "of another shape"}
    with pytest.raises(error, match=cure):
        read_manifest(_written(tmp_path, json.dumps(document).encode()), 7)


def test_a_manifest_under_another_number_is_refused(tmp_path: Path) -> None:
    """A sound manifest that was copied or renamed is not taken for another epoch."""
    with pytest.raises(CorruptFile, match="holds epoch 7"):
        read_manifest(_written(tmp_path, encode_manifest(MANIFEST), epoch=8), 8)


def test_a_missing_epoch_is_named(tmp_path: Path) -> None:
    """An epoch that is no longer kept is another error than a damaged one; nothing published is epoch 0."""
    layout = Layout(tmp_path)
    assert layout.newest_epoch() == 0
    assert layout.published_epochs() == []
    with pytest.raises(MissingFile, match="epoch 3 is not kept; ask for the newest epoch"):
        read_manifest(layout, 3)


def test_unfinished_and_foreign_files_are_no_epochs(tmp_path: Path) -> None:
    """Only whole manifests count: not what is being written, nor what does not belong there."""
    layout = _written(tmp_path, encode_manifest(MANIFEST))
    for name in ("000000000008.json.tmp", ".000000000009.json", "notes.json", "000000000010.json~"):
        (layout.epochs / name).write_bytes(b"")
    assert layout.newest_epoch() == 7


def test_totals_are_sums() -> None:
    """The manifest's own arithmetic."""
    assert MANIFEST.articles == 10
    assert MANIFEST.partitions[1].size_bytes == 11
    assert replace(MANIFEST, partitions=()).articles == 0


def test_a_state_knows_the_languages_that_had_come_by_then() -> None:
    """English before there is any; each from the first event that brought an article in it, whatever came later."""
    known = [MANIFEST.languages_at(seq) for seq in (0, 1, 4, 5, 99)]
    assert known == [("en",), ("en",), ("en",), ("de", "en"), ("de", "en")]
