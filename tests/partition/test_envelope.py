"""The envelope: no byte of a file can be lost, cut or changed without a typed error that names it."""

import errno
import os
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partition.envelope import MAGIC, fsync_file, fsync_folder, read_payload, write_durably, write_file
from partition.errors import CorruptFile, IndexFileError, MissingFile, TooNewFile, TooOldFile

KIND, VERSIONS = b"TEST", range(3, 6)
PAYLOAD = bytes(range(40))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A sound file."""
    made = tmp_path / "one.file"
    write_file(made, KIND, 4, PAYLOAD)
    return made


def test_the_layout_is_the_documented_one(path: Path) -> None:
    """Magic, kind, version, CRC-32 and length, little endian, in 24 bytes; then the payload."""
    crc = zlib.crc32(struct.pack("<4sIQ", b"TEST", 4, 40) + PAYLOAD)
    expected = struct.pack("<4s4sIIQ", b"BRDS", b"TEST", 4, crc, 40) + PAYLOAD
    assert path.read_bytes() == expected
    assert bytes(read_payload(path, KIND, VERSIONS)) == PAYLOAD


@given(payload=st.binary(max_size=200), version=st.integers(3, 5))
def test_any_payload_comes_back(tmp_path_factory: pytest.TempPathFactory, payload: bytes, version: int) -> None:
    """What was written is read, the empty payload included."""
    path = tmp_path_factory.mktemp("envelope") / "file"
    write_file(path, KIND, version, payload)
    assert bytes(read_payload(path, KIND, VERSIONS)) == payload


def test_every_flipped_bit_is_found(path: Path) -> None:
    """Each bit of header and payload counts."""
    sound = path.read_bytes()
    for at in range(len(sound)):
        for bit in range(8):
            path.write_bytes(sound[:at] + bytes([sound[at] ^ 1 << bit]) + sound[at + 1 :])
            with pytest.raises(IndexFileError) as caught:
                read_payload(path, KIND, VERSIONS)
            assert caught.value.path == path
            assert str(caught.value).startswith(f"{path}: ")


def test_every_truncation_and_any_junk_is_found(path: Path) -> None:
    """A file that ends early, or late, is corrupt."""
    sound = path.read_bytes()
    for content in (*(sound[:size] for size in range(len(sound))), sound + b"\0", sound + sound):
        path.write_bytes(content)
        with pytest.raises(CorruptFile, match="build the index again"):
            read_payload(path, KIND, VERSIONS)


@pytest.mark.parametrize(
    ("version", "error", "cure"),
    [(2, TooOldFile, "build the index again"), (6, TooNewFile, "upgrade broadsheet")],
)
def test_other_versions_are_errors_of_their_own(
    tmp_path: Path, version: int, error: type[IndexFileError], cure: str
) -> None:
    """Too old and too new are told from corrupt, each with its cure."""
    path = tmp_path / "file"
    write_file(path, KIND, version, PAYLOAD)
    with pytest.raises(error, match=rf"{path}: format version {version} .*; {cure}"):
        read_payload(path, KIND, VERSIONS)


def test_another_kind_is_corrupt(path: Path) -> None:
    """A file under another's name is not read as that one."""
    with pytest.raises(CorruptFile, match=r"b'TEST' instead of b'BRDS' b'STAT'"):
        read_payload(path, b"STAT", VERSIONS)
    assert MAGIC == b"BRDS"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A file that is not there is another error than a damaged one."""
    with pytest.raises(MissingFile, match=r"nowhere: the file is missing; "):
        read_payload(tmp_path / "nowhere", KIND, VERSIONS)


def test_names_are_never_taken_twice(path: Path) -> None:
    """Writing under a name that is taken fails, changes nothing and leaves nothing behind."""
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        write_file(path, KIND, 4, b"other")
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_fsync_is_no_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk does not take the bytes, the file does not get its name."""

    def fail(_handle: int) -> None:
        raise OSError(errno.EIO, "input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    path = tmp_path / "file"
    with pytest.raises(OSError, match="input/output error"):
        write_durably(path, b"content")
    assert not path.exists()
    for broken, target in ((fsync_file, tmp_path / "file.tmp"), (fsync_folder, tmp_path)):
        with pytest.raises(OSError, match="input/output error"):
            broken(target)
