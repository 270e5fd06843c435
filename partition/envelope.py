"""The envelope of every file of our own: magic, kind, format version, length, and a checksum for each page.

Layout, little endian; the content begins 8-byte aligned:

    0       4   magic    b"BRDS"
    4       4   kind     four ASCII letters, e.g. b"SEGM"
    8       4   version  u32, per kind, from 1
    12      4   crc      u32, CRC-32 (zlib) of kind, version, length and the page table, in this order
    16      8   length   u64, bytes of the content
    24      n   content
    24 + n  4k  table    u32 for each page of `PAGE_BYTES` of the content: its CRC-32; the file ends with it

Contract: whoever opens a file checks header, length and table at once and each page before it is believed: all of
them (`read_payload`), or each when it is first touched (`PagedFile.verify`), so that opening a large file costs next
to nothing. The *seal*, a SHA-256 of header and table, stands for the whole file: the manifest names it, so no sound
file can take the place of another. What is written is durable under its name when the writer returns, or, within
`durability.together`, when that ends.

Not here: what the contents mean (`format.py`, `statistics.py`), the JSON root manifest (`manifest.py`).
"""

import hashlib
import mmap
import os
import struct
import threading
import zlib
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

import numpy as np
from numpy.typing import NDArray

from partition.durability import make_durable
from partition.errors import CorruptFile, MissingFile, TooNewFile, TooOldFile, UnreadableFile

MAGIC = b"BRDS"
PAGE_BYTES = 1 << 14
HEADER_BYTES = 24
ROOM_BYTES = 1 << 18
"""What a writer collects before it writes."""
REBUILD = "build the index again from its log: broadsheet rebuild"
MEND = f"{REBUILD}; or go back to an epoch that is sound: broadsheet rollback"
_HEADER = struct.Struct("<4s4sIIQ")


def fsync_folder(folder: Path) -> None:
    """Make the names inside `folder` durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        make_durable(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, with durable names; nothing if it is there."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        fsync_folder(folder.parent)


def fsync_file(path: Path) -> None:
    """Make the bytes of `path` durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        make_durable(handle)
    finally:
        os.close(handle)


def write_durably(path: Path, content: bytes) -> None:
    """Write `content` aside, fsync it, give it its name, fsync the folder.

    Raises:
        FileExistsError: the name is taken.
        OSError: something failed; the name may be taken all the same, but what has it is complete.
    """
    aside = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        with aside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # A hard link, not a rename: link(2) refuses an existing name, so that two writers cannot both win.
        os.link(aside, path)
    finally:
        aside.unlink(missing_ok=True)
    fsync_folder(path.parent)


class PagedWriter:
    """A new file, written from front to back; its name is taken at once, and durable when its folder is.

    Raises:
        FileExistsError: `path` is taken.
    """

    def __init__(self, path: Path, kind: bytes, version: int) -> None:
        self._file = path.open("xb")
        self._kind = kind
        self._version = version
        self._table: list[int] = []
        self._room = bytearray()
        """What is not written yet: many pieces are some bytes only."""
        self._file.write(bytes(HEADER_BYTES))
        self.length = 0
        """Bytes of content so far."""
        self.seal = ""
        """Of the finished file."""

    def write(self, content: bytes | memoryview) -> None:
        """Append to the content."""
        view = memoryview(content).cast("B")
        self.length += len(view)
        if len(self._room) + len(view) >= ROOM_BYTES:
            # The page that was begun is filled; then whole pages need no room.
            begun = -len(self._room) % PAGE_BYTES
            self._room += view[:begun]
            self._put(self._room)
            self._room = bytearray()
            whole = begun + (len(view) - begun) // PAGE_BYTES * PAGE_BYTES
            self._put(view[begun:whole])
            view = view[whole:]
        self._room += view

    def _put(self, pages: "bytearray | memoryview") -> None:
        """Write whole pages, or the last ones."""
        view = memoryview(pages)
        self._table += [zlib.crc32(view[at : at + PAGE_BYTES]) for at in range(0, len(view), PAGE_BYTES)]
        self._file.write(view)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file:
            if error is None:
                self._finish()

    def _finish(self) -> None:
        self._put(self._room)
        table = np.array(self._table, dtype="<u4").tobytes()
        crc = _checksum(self._kind, self._version, self.length, table)
        header = _HEADER.pack(MAGIC, self._kind, self._version, crc, self.length)
        self._file.write(table)
        self._file.seek(0)
        self._file.write(header)
        self._file.flush()
        make_durable(self._file.fileno())
        self.seal = hashlib.sha256(header + table).hexdigest()


def write_file(path: Path, kind: bytes, version: int, payload: bytes) -> str:
    """Write a new file durably and return its seal.

    Raises:
        FileExistsError: `path` is taken.
    """
    with PagedWriter(path, kind, version) as file:
        file.write(payload)
    fsync_folder(path.parent)
    return file.seal


class PagedFile:
    """A file, memory-mapped, of which nothing may be believed before it was verified."""

    def __init__(self, path: Path, kind: bytes, versions: range, *, seal: str | None = None) -> None:
        """Map `path` and check its header, its length, its page table and, when given, its seal.

        Args:
            path: the file.
            kind: the kind it must be of.
            versions: the half-open range of format versions that the caller can read.
            seal: what the manifest says it must be.

        Raises:
            MissingFile, UnreadableFile, CorruptFile, TooOldFile, TooNewFile: as `errors.py` says.
        """
        self.path = path
        mapped = _map(path)
        magic, found_kind, version, crc, length = _HEADER.unpack_from(mapped)
        if magic != MAGIC or found_kind != kind:
            self.refuse(f"magic {magic!r} kind {found_kind!r} instead of {MAGIC!r} {kind!r}")
        if version < versions.start:
            raise TooOldFile(path, f"format version {version} is older than {versions.start}", REBUILD)
        if version >= versions.stop:
            cure = "upgrade broadsheet"
            raise TooNewFile(path, f"format version {version} is newer than {versions.stop - 1}", cure)
        pages = -(-length // PAGE_BYTES)
        expected = HEADER_BYTES + length + 4 * pages
        if len(mapped) != expected:
            self.refuse(f"{len(mapped)} bytes instead of {expected}")
        table = bytes(mapped[HEADER_BYTES + length :])
        if _checksum(kind, version, length, table) != crc:
            self.refuse("the checksum of its header does not match")
        if seal is not None and hashlib.sha256(bytes(mapped[:HEADER_BYTES]) + table).hexdigest() != seal:
            self.refuse("it is not the file that the manifest names")
        self.version: int = version
        self.size_bytes = len(mapped)
        self.content = mapped[HEADER_BYTES : HEADER_BYTES + length]
        self._table: list[int] = np.frombuffer(table, "<u4").tolist()
        self._sound = bytearray(pages)
        self.sound: NDArray[np.uint8] = np.frombuffer(self._sound, np.uint8)
        """Shape (pages,): 1 for each page of `PAGE_BYTES` that was verified; for looking only."""

    def verify(self, start: int, stop: int) -> None:
        """Check the pages that hold the half-open range [start, stop) of the content, unless they were checked.

        Raises:
            CorruptFile
        """
        first, last = start // PAGE_BYTES, -(-stop // PAGE_BYTES)
        if self._sound.find(0, first, last) < 0:
            return
        for page in range(first, last):
            if not self._sound[page]:
                self._verify(page)
                self._sound[page] = 1

    def verify_all(self) -> None:
        """Check every page, also those that were checked before.

        Raises:
            CorruptFile
        """
        for page in range(len(self._table)):
            self._verify(page)

    def _verify(self, page: int) -> None:
        if zlib.crc32(self.content[page * PAGE_BYTES : (page + 1) * PAGE_BYTES]) != self._table[page]:
            self.refuse(f"the checksum of page {page} does not match")

    def refuse(self, problem: str) -> NoReturn:
        """Raise CorruptFile for this file."""
        raise CorruptFile(self.path, problem, MEND)


def read_payload(path: Path, kind: bytes, versions: range, *, seal: str | None = None) -> memoryview:
    """Map `path`, check every byte of it and return its content.

    Raises:
        MissingFile, CorruptFile, TooOldFile, TooNewFile: as `PagedFile` says.
    """
    file = PagedFile(path, kind, versions, seal=seal)
    file.verify_all()
    return file.content


def _map(path: Path) -> memoryview:
    try:
        with path.open("rb") as file:
            mapped = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except FileNotFoundError:
        raise MissingFile(path, "the file is missing", MEND) from None
    except ValueError:  # an empty file cannot be mapped
        raise CorruptFile(path, "the file is empty", MEND) from None
    except OSError as error:
        raise UnreadableFile(path, f"cannot be read ({error.strerror})", "put that right") from None
    if len(mapped) < HEADER_BYTES:
        raise CorruptFile(path, f"{len(mapped)} bytes are too few for a header", MEND)
    return mapped


def _checksum(kind: bytes, version: int, length: int, table: bytes) -> int:
    # The version too: a flipped bit must not turn one version that we read into another.
    return zlib.crc32(table, zlib.crc32(struct.pack("<4sIQ", kind, version, length)))
