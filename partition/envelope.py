"""The envelope of every file of our own: magic, kind, format version, length and checksum.

Layout, little endian, 24 bytes before the payload, which therefore starts 8-byte aligned:

    0   4   magic    b"BRDS"
    4   4   kind     four ASCII letters, e.g. b"STAT"
    8   4   version  u32, per kind, from 1
    12  4   crc      u32, CRC-32 (zlib) of kind, version, length and payload, in this order
    16  8   length   u64, bytes of the payload; the file ends with it

Contract: `write_file` is durable when it returns (file and folder are fsynced) and never overwrites;
`read_payload` returns the payload or raises one of `errors.py`, having checked every byte.

Not here: what the payloads mean (`statistics.py`), the JSON root manifest (`manifest.py`).
"""

import mmap
import os
import struct
import zlib
from pathlib import Path

from partition.errors import CorruptFile, MissingFile, TooNewFile, TooOldFile

MAGIC = b"BRDS"
_HEADER = struct.Struct("<4s4sIIQ")
_REBUILD = "build the index again from its articles"


def fsync_folder(folder: Path) -> None:
    """Make the names inside `folder` durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def fsync_file(path: Path) -> None:
    """Make the bytes of `path` durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_durably(path: Path, content: bytes) -> None:
    """Write `content` aside, fsync it, give it its name, fsync the folder; fail if the name is taken."""
    aside = path.with_name(path.name + ".tmp")
    with aside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        # A hard link, not a rename: link(2) refuses an existing name, so that two writers cannot both win.
        os.link(aside, path)
    finally:
        aside.unlink()
    fsync_folder(path.parent)


def write_file(path: Path, kind: bytes, version: int, payload: bytes) -> None:
    """Write a new enveloped file durably.

    Raises:
        FileExistsError: `path` is taken.
    """
    header = _HEADER.pack(MAGIC, kind, version, _checksum(kind, version, payload), len(payload))
    write_durably(path, header + payload)


def read_payload(path: Path, kind: bytes, versions: range) -> memoryview:
    """Memory-map `path` and return its payload.

    Args:
        path: the file.
        kind: the kind it must be of.
        versions: the half-open range of format versions that the caller can read.

    Raises:
        MissingFile, CorruptFile, TooOldFile, TooNewFile: as `errors.py` says.
    """
    try:
        with path.open("rb") as file:
            mapped = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except FileNotFoundError:
        raise MissingFile(path, "the file is missing", _REBUILD) from None
    except ValueError:  # an empty file cannot be mapped
        raise CorruptFile(path, "the file is empty", _REBUILD) from None
    if len(mapped) < _HEADER.size:
        raise CorruptFile(path, f"{len(mapped)} bytes are too few for a header", _REBUILD)
    magic, found_kind, version, crc, length = _HEADER.unpack_from(mapped)
    if magic != MAGIC or found_kind != kind:
        raise CorruptFile(path, f"magic {magic!r} kind {found_kind!r} instead of {MAGIC!r} {kind!r}", _REBUILD)
    if version < versions.start:
        raise TooOldFile(path, f"format version {version} is older than {versions.start}", _REBUILD)
    if version >= versions.stop:
        cure = "upgrade broadsheet"
        raise TooNewFile(path, f"format version {version} is newer than {versions.stop - 1}", cure)
    payload = mapped[_HEADER.size :]
    if len(payload) != length:
        raise CorruptFile(path, f"payload of {len(payload)} bytes instead of {length}", _REBUILD)
    if _checksum(kind, version, payload) != crc:
        raise CorruptFile(path, "the checksum does not match", _REBUILD)
    return payload


def _checksum(kind: bytes, version: int, payload: bytes | memoryview) -> int:
    # The version too: a flipped bit must not turn one version that we read into another.
    return zlib.crc32(payload, zlib.crc32(struct.pack("<4sIQ", kind, version, len(payload))))
