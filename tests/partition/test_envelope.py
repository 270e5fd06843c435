"""The envelope: no byte of a file can be lost, cut or changed without a typed error that names it."""

import errno
import hashlib
import os
import stat
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partition import envelope
from partition.envelope import (
    HEADER_BYTES,
    MAGIC,
    PAGE_BYTES,
    PagedFile,
    PagedWriter,
    fsync_file,
    fsync_folder,
    make_folder,
    read_payload,
    write_durably,
    write_file,
)
from partition.errors import CorruptFile, IndexFileError, MissingFile, TooNewFile, TooOldFile, UnreadableFile

KIND, VERSIONS = b"TEST", range(3, 6)
PAYLOAD = bytes(range(40))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A sound file."""
    made = tmp_path / "one.file"
    write_file(made, KIND, 4, PAYLOAD)
    return made


def test_the_layout_is_the_documented_one(tmp_path: Path) -> None:
    """Magic, kind, version, CRC-32 and length, little endian, in 24 bytes; the content; a CRC-32 for each page."""
    payload = bytes(range(256)) * 64 + b"the second page"
    assert len(payload) == PAGE_BYTES + 15
    table = struct.pack("<2I", zlib.crc32(payload[:PAGE_BYTES]), zlib.crc32(b"the second page"))
    crc = zlib.crc32(struct.pack("<4sIQ", b"TEST", 4, len(payload)) + table)
    header = struct.pack("<4s4sIIQ", b"BRDS", b"TEST", 4, crc, len(payload))
    seal = write_file(tmp_path / "file", KIND, 4, payload)
    assert (tmp_path / "file").read_bytes() == header + payload + table
    assert seal == hashlib.sha256(header + table).hexdigest()


_sizes = st.one_of(
    st.integers(0, 200), st.sampled_from([pages * PAGE_BYTES + more for pages in (1, 2) for more in (-1, 0, 1)])
)


@given(
    size=_sizes,
    version=st.integers(3, 5),
    cuts=st.lists(st.integers(0, 2 * PAGE_BYTES + 1), max_size=4),
    room_pages=st.integers(1, 3),
)
def test_any_payload_comes_back(
    tmp_path_factory: pytest.TempPathFactory, size: int, version: int, cuts: list[int], room_pages: int
) -> None:
    """What was written is read, the empty payload included; the pieces it was written in leave no trace."""
    payload = (bytes(range(251)) * (size // 251 + 1))[:size]
    folder = tmp_path_factory.mktemp("envelope")
    seal = write_file(folder / "whole", KIND, version, payload)
    with pytest.MonkeyPatch.context() as patched, PagedWriter(folder / "pieces", KIND, version) as file:
        patched.setattr(envelope, "ROOM_BYTES", room_pages * PAGE_BYTES)
        at = 0
        for cut in (*sorted(cuts), size):
            file.write(payload[at:cut])
            at = max(at, cut)
    assert file.length == size
    assert file.seal == seal
    assert (folder / "pieces").read_bytes() == (folder / "whole").read_bytes()
    assert bytes(read_payload(folder / "whole", KIND, VERSIONS, seal=seal)) == payload
    assert PagedFile(folder / "whole", KIND, VERSIONS).size_bytes == (folder / "whole").stat().st_size


def test_a_page_is_believed_once_it_was_verified(tmp_path: Path) -> None:
    """Opening looks at no page; each range looks at its own pages, at each once; `verify_all` at all again."""
    path = tmp_path / "file"
    write_file(path, KIND, 4, bytes(4 * PAGE_BYTES))
    file = PagedFile(path, KIND, VERSIONS)
    file.verify(0, 1)
    file.verify(PAGE_BYTES, PAGE_BYTES)  # nothing
    with path.open("r+b") as damaged:  # the same file: the mapping sees it
        for page in (0, 1, 3):
            damaged.seek(HEADER_BYTES + page * PAGE_BYTES + 7)
            damaged.write(b"x")
    file.verify(0, PAGE_BYTES)
    file.verify(2 * PAGE_BYTES, 3 * PAGE_BYTES)
    for start, stop, page in (
        (PAGE_BYTES, PAGE_BYTES + 1, 1),
        (2, 2 * PAGE_BYTES, 1),
        (3 * PAGE_BYTES - 1, 4 * PAGE_BYTES, 3),
    ):
        for _ in range(2):
            with pytest.raises(CorruptFile, match=f"file: the checksum of page {page} does not match; build the"):
                file.verify(start, stop)
    with pytest.raises(CorruptFile, match="page 0"):
        file.verify_all()


def test_another_sound_file_is_not_this_one(path: Path, tmp_path: Path) -> None:
    """The seal tells apart files that are sound each by itself."""
    other = tmp_path / "other.file"
    seal = write_file(other, KIND, 4, PAYLOAD[::-1])
    assert bytes(read_payload(other, KIND, VERSIONS, seal=seal)) == PAYLOAD[::-1]
    with pytest.raises(CorruptFile, match=r"one\.file: it is not the file that the manifest names; build"):
        PagedFile(path, KIND, VERSIONS, seal=seal)


def test_an_unfinished_file_is_refused(tmp_path: Path) -> None:
    """A writer that failed leaves a name that is taken, and nothing that could be read."""
    path = tmp_path / "file"

    def fail() -> None:
        with PagedWriter(path, KIND, 4) as file:
            file.write(PAYLOAD)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    with pytest.raises(CorruptFile, match="magic"):
        read_payload(path, KIND, VERSIONS)
    with pytest.raises(FileExistsError):
        PagedWriter(path, KIND, 4)


def test_every_flipped_bit_is_found(path: Path) -> None:
    """Each bit of header, content and table counts."""
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


def test_a_name_that_is_taken_is_not_written_over(path: Path) -> None:
    """Whoever comes second fails, and leaves nothing behind."""
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        write_durably(path, b"other")
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    """Something else than a file in its place, or in that of its folder."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"x")
    for path in (tmp_path / "folder", tmp_path / "file" / "inside"):
        with pytest.raises(UnreadableFile, match=f"{path}: cannot be read"):
            read_payload(path, KIND, VERSIONS)


def test_folders_have_durable_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each that is made is made durable in the one above, from the top; those that are there are left alone."""
    synced: list[Path] = []
    monkeypatch.setattr(envelope, "fsync_folder", synced.append)
    for _ in range(2):
        make_folder(tmp_path / "a" / "b")
        assert synced == [tmp_path, tmp_path / "a"]
    make_folder(tmp_path / "a" / "c")
    assert synced[2:] == [tmp_path / "a"]


def test_a_failed_fsync_is_no_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk does not take the bytes, the file does not get its name."""

    def fail(_handle: int) -> None:
        raise OSError(errno.EIO, "input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    path = tmp_path / "file"
    with pytest.raises(OSError, match="input/output error"):
        write_durably(path, b"content")
    assert not list(tmp_path.iterdir())
    with pytest.raises(OSError, match="input/output error"):
        write_file(tmp_path / "paged", KIND, 4, PAYLOAD)
    for broken, target in ((fsync_file, tmp_path / "paged"), (fsync_folder, tmp_path)):
        with pytest.raises(OSError, match="input/output error"):
            broken(target)


def test_a_folder_that_is_not_synced_is_no_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file has its name by then, and is whole, but the name may be gone after a power cut: so it raises."""
    sync = os.fsync

    def fail_folders(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EIO, "input/output error")
        sync(handle)

    monkeypatch.setattr(os, "fsync", fail_folders)
    durable, paged = tmp_path / "durable", tmp_path / "paged"
    with pytest.raises(OSError, match="input/output error"):
        write_durably(durable, b"content")
    assert list(tmp_path.iterdir()) == [durable]
    assert durable.read_bytes() == b"content"
    with pytest.raises(FileExistsError):
        write_durably(durable, b"again")
    with pytest.raises(OSError, match="input/output error"):
        write_file(paged, KIND, 4, PAYLOAD)
    assert bytes(read_payload(paged, KIND, VERSIONS)) == PAYLOAD
