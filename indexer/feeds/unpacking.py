"""The body of an answer, unpacked in bounded memory.

Contract: at most one layer of packing is taken off: the one that `Content-Encoding` names (RFC 9110, 8.4.1; zstd: RFC
8878, windows as in RFC 9659), or else a gzip or zstd file recognised by its magic bytes. What is packed twice is
refused. Packed or not, no more than `max_bytes` are accepted, and no more than `MAX_RATIO` times what was read once
`RATIO_FREE_BYTES` are passed; beyond that at most one step of `_STEP_BYTES` has been made, so a bomb costs nothing.

Not here: files of articles, which have no size limit (`indexer/readers/unpack.py`).
"""

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

import zstandard

from indexer.feeds.errors import BodyRefusedError

ENCODINGS = ("gzip", "deflate", "zstd")
"""Content codings that are understood, as `Accept-Encoding` lists them."""
MAX_RATIO = 100
RATIO_FREE_BYTES = 1 << 16
"""So much is unpacked whatever the ratio, since short, repetitive texts pack very well."""

_STEP_BYTES = 1 << 16
_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_WINDOW_BYTES = 8 << 20
# 4 bytes can hold a zstd block of 128 KiB: a slice gives at most 512 KiB.
_ZSTD_SLICE_BYTES = 16


@dataclass(slots=True)
class _Taken:
    """What a decoder has consumed."""

    bytes: int = 0


def unpacked_body(url: str, pieces: Iterable[bytes], encoding: str, *, max_bytes: int) -> bytes:
    """All of a body.

    Args:
        url: named in errors.
        pieces: the bytes as they come from the network or a file.
        encoding: the value of `Content-Encoding`; empty where there is none.
        max_bytes: most bytes, before and after unpacking.

    Raises:
        BodyRefusedError: see above.
        Exception: what iterating over `pieces` raises.
    """
    coding = _coding(url, encoding)
    rest = iter(pieces)
    head = b""
    while len(head) < len(_ZSTD_MAGIC) and (piece := next(rest, b"")):
        head += piece
    coding = coding or _packing(head)
    taken = _Taken()
    source = _bounded(url, chain([head], rest), max_bytes)
    try:
        texts = _DECODERS[coding](source, taken) if coding else source
        body = bytearray()
        for text in texts:
            body += text
            if len(body) > max_bytes:
                raise _too_large(url, max_bytes)
            if coding and len(body) > max(RATIO_FREE_BYTES, MAX_RATIO * taken.bytes):
                raise BodyRefusedError(
                    url,
                    f"the body unpacks to more than {MAX_RATIO} times its size, as a compression bomb does",
                    "fetch it yourself if it is sound",
                )
    except (zlib.error, zstandard.ZstdError, EOFError) as error:
        raise BodyRefusedError(url, f"the body is damaged {coding} data ({error})", "tell its publisher") from None
    if coding and _packing(body):
        raise BodyRefusedError(url, "the body is packed twice", "tell its publisher")
    return bytes(body)


def _coding(url: str, encoding: str) -> str:
    """The one coding that a header names; empty for none."""
    names = [name for name in (part.strip().lower() for part in encoding.split(",")) if name not in ("", "identity")]
    if len(names) > 1:
        raise BodyRefusedError(url, f"the body is packed {len(names)} times", "tell its publisher")
    coding = names[0].removeprefix("x-") if names else ""
    if coding and coding not in ENCODINGS:
        raise BodyRefusedError(
            url, f"the body has the unknown encoding {coding[:40]!r}", f"known are {', '.join(ENCODINGS)}"
        )
    return coding


def _packing(head: bytes | bytearray) -> str:
    if head.startswith(_GZIP_MAGIC):
        return "gzip"
    return "zstd" if head.startswith(_ZSTD_MAGIC) else ""


def _bounded(url: str, pieces: Iterable[bytes], max_bytes: int) -> Iterator[bytes]:
    total = 0
    for piece in pieces:
        total += len(piece)
        if total > max_bytes:
            raise _too_large(url, max_bytes)
        yield piece


def _too_large(url: str, max_bytes: int) -> BodyRefusedError:
    return BodyRefusedError(
        url, f"the body is longer than {max_bytes:,} bytes", "follow a shorter feed of the source"
    )


def _gunzip(pieces: Iterator[bytes], taken: _Taken) -> Iterator[bytes]:
    return _zlib(pieces, taken, wbits=31)


def _inflate(pieces: Iterator[bytes], taken: _Taken) -> Iterator[bytes]:
    """The zlib format (RFC 1950), or raw deflate data (RFC 1951), which some servers send instead."""
    head = next(pieces, b"")
    is_zlib = len(head) > 1 and head[0] & 0x0F == 8 and int.from_bytes(head[:2]) % 31 == 0
    return _zlib(chain([head], pieces), taken, wbits=15 if is_zlib else -15)


def _zlib(pieces: Iterator[bytes], taken: _Taken, *, wbits: int) -> Iterator[bytes]:
    member = zlib.decompressobj(wbits)
    for piece in pieces:
        rest = piece
        while rest:
            if member.eof:
                rest = rest.lstrip(b"\0")
                if not rest:
                    break
                member = zlib.decompressobj(wbits)
            text = member.decompress(rest, _STEP_BYTES)
            left = member.unused_data if member.eof else member.unconsumed_tail
            taken.bytes += len(rest) - len(left)
            rest = left
            yield text
    # What is left after all input: output that did not fit the last step.
    while not member.eof and (text := member.decompress(b"", _STEP_BYTES)):
        yield text
    if not member.eof:
        raise EOFError("it ends early")


def _unzstd(pieces: Iterator[bytes], taken: _Taken) -> Iterator[bytes]:
    unpacker = zstandard.ZstdDecompressor(max_window_size=_WINDOW_BYTES)
    frame = unpacker.decompressobj()
    for piece in pieces:
        for start in range(0, len(piece), _ZSTD_SLICE_BYTES):
            rest = piece[start : start + _ZSTD_SLICE_BYTES]
            taken.bytes += len(rest)
            while rest:
                if frame.eof:
                    frame = unpacker.decompressobj()
                yield frame.decompress(rest)
                rest = frame.unused_data if frame.eof else b""
    if not frame.eof:
        raise EOFError("it ends early")


_DECODERS: Mapping[str, Callable[[Iterator[bytes], _Taken], Iterator[bytes]]] = {
    "gzip": _gunzip,
    "deflate": _inflate,
    "zstd": _unzstd,
}
