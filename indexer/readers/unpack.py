"""The bytes of a file, unpacked piece by piece in constant memory.

Contract: gzip and zstd are recognised by their magic bytes, several members or frames in a row are read as
one, and anything else passes unchanged. A piece is at most `PIECE_BYTES` long. Where the bytes end early, are
damaged or unpack to absurd sizes, everything before that point has been given out and `StreamBroken` follows.

Not here: lines (`lines.py`).
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import BinaryIO

import zstandard

PIECE_BYTES = 1 << 17
MAX_RATIO = 100
"""Text may be this many times as long as what it was unpacked from; beyond that it is a compression bomb."""
RATIO_FREE_BYTES = 1 << 26
"""So much text of a file is given out whatever the ratio, since short, repetitive files pack very well."""

ZSTD_WINDOW_BYTES = 1 << 27
"""`zstd --long` asks for a window of this size; a frame that asks for more is refused."""

_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
# zstandard unpacks a slice at once, and 4 bytes can hold a block of 128 KiB: this much gives at most 4 MiB.
_ZSTD_SLICE_BYTES = 128


class StreamBroken(Exception):  # noqa: N818 - an end that data can come to, not an error of ours
    """The rest of a file cannot be read; the message says why."""


@dataclass(slots=True)
class Meter:
    """How many bytes have gone by, over all files of a run."""

    read_bytes: int = 0
    """Taken from files, compressed where they are."""
    text_bytes: int = 0
    """After unpacking."""


def unpacked(raw: BinaryIO, meter: Meter, *, window_bytes: int = ZSTD_WINDOW_BYTES) -> Iterator[bytes]:
    """The content of an open file in pieces, counted by the meter; of zstd, with windows of so many bytes at most.

    Raises:
        StreamBroken: see above.
        OSError: reading failed.
    """
    head = raw.read(len(_ZSTD_MAGIC))
    pieces = _metered(chain([head], iter(lambda: raw.read(PIECE_BYTES), b"")), meter)
    if head.startswith(_GZIP_MAGIC):
        pieces = _bounded(_gunzip(pieces), meter)
    elif head == _ZSTD_MAGIC:
        pieces = _bounded(_unzstd(pieces, window_bytes), meter)
    for piece in pieces:
        meter.text_bytes += len(piece)
        yield piece


def _metered(pieces: Iterator[bytes], meter: Meter) -> Iterator[bytes]:
    for piece in pieces:
        meter.read_bytes += len(piece)
        yield piece


def _bounded(texts: Iterator[bytes], meter: Meter) -> Iterator[bytes]:
    before_bytes = meter.read_bytes
    text_bytes = 0
    for text in texts:
        text_bytes += len(text)
        if text_bytes > max(RATIO_FREE_BYTES, MAX_RATIO * (meter.read_bytes - before_bytes)):
            raise StreamBroken(
                f"unpacks to more than {MAX_RATIO} times its size, as a compression bomb does: "
                "unpack it yourself if it is sound"
            )
        yield text


def _gunzip(packed: Iterator[bytes]) -> Iterator[bytes]:
    """The members of a gzip file (RFC 1952), with the zero padding allowed after the last."""
    member = zlib.decompressobj(wbits=31)
    try:
        for piece in packed:
            rest = piece
            while rest:
                if member.eof:
                    rest = rest.lstrip(b"\0")
                    if not rest:
                        break
                    member = zlib.decompressobj(wbits=31)
                yield member.decompress(rest, PIECE_BYTES)
                rest = member.unused_data if member.eof else member.unconsumed_tail
    except zlib.error as error:
        raise StreamBroken(f"damaged gzip file: {error}") from error
    if not member.eof:
        raise StreamBroken("gzip file ends early: it was cut short")


def _unzstd(packed: Iterator[bytes], window_bytes: int) -> Iterator[bytes]:
    """The frames of a zstd file (RFC 8878)."""
    unpacker = zstandard.ZstdDecompressor(max_window_size=window_bytes)
    frame = unpacker.decompressobj()
    try:
        for piece in packed:
            for start in range(0, len(piece), _ZSTD_SLICE_BYTES):
                rest = piece[start : start + _ZSTD_SLICE_BYTES]
                while rest:
                    if frame.eof:
                        frame = unpacker.decompressobj()
                    text = frame.decompress(rest)
                    for at in range(0, len(text), PIECE_BYTES):
                        yield text[at : at + PIECE_BYTES]
                    rest = frame.unused_data if frame.eof else b""
    except zstandard.ZstdError as error:
        raise StreamBroken(f"damaged zstd file: {error}") from error
    if not frame.eof:
        raise StreamBroken("zstd file ends early: it was cut short")
