"""The lines of one file, bounded in length, and the records and rejects made of them.

Contract: a line longer than `MAX_LINE_BYTES` comes out cut somewhere past that limit, which is how to tell
it, and no more of it is ever held. A UTF-8 byte order mark is dropped; a file that is no UTF-8 text at all is
refused by `StreamBroken` when its first line is asked for.

Not here: what a line means (`jsonl.py`, `delimited.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from indexer.readers.unpack import StreamBroken
from indexer.rejects import MAX_EXCERPT_CHARS, Reject

MAX_LINE_BYTES = 1 << 20

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_FOREIGN = {
    b"\xff\xfe": "UTF-16 text: convert it to UTF-8",
    b"\xfe\xff": "UTF-16 text: convert it to UTF-8",
    b"PK\x03\x04": "a zip archive: unpack it",
    b"BZh": "a bzip2 file: unpack it, or pack it with gzip or zstd",
    b"\xfd7zXZ": "an xz file: unpack it, or pack it with gzip or zstd",
}


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it was read: names and values, nothing checked."""

    file: str
    line: int
    """Counted from 1; the first line, where the record spans several."""
    values: dict[str, Any]
    raw: bytes
    """Its first line."""

    def reject(self, reason: str, article_id: str | None = None) -> Reject:
        """This record as a reject."""
        return Reject(file=self.file, line=self.line, reason=reason, id=article_id, excerpt=excerpt(self.raw))


class Lines:
    """An iterator over the lines of one file, without their line feeds."""

    def __init__(self, file: str, pieces: Iterator[bytes]) -> None:
        self.file = file
        self.number = 0
        """Of the line given last, counted from 1."""
        self._lines: Iterator[bytes] = self._numbered(_split(pieces))

    def __iter__(self) -> Iterator[bytes]:
        return self._lines

    def peek(self) -> bytes:
        """The first line that is not blank, which is also the next to be given; empty when there is none."""
        for line in self._lines:
            if line.strip():
                self._lines = chain([line], self._lines)
                return line
        return b""

    def reject(self, reason: str, line: bytes = b"", *, number: int | None = None) -> Reject:
        """A reject for the line given last, or for the one with the number."""
        return Reject(
            file=self.file,
            line=self.number if number is None else number,
            reason=reason,
            excerpt=excerpt(line),
        )

    def _numbered(self, lines: Iterator[bytes]) -> Iterator[bytes]:
        first = next(lines, None)
        if first is None:
            return
        for magic, what in _FOREIGN.items():
            if first.startswith(magic):
                raise StreamBroken(f"not read, since it is {what}")
        self.number = 1
        yield first.removeprefix(_BYTE_ORDER_MARK)
        for line in lines:
            self.number += 1
            yield line


def excerpt(line: bytes) -> str:
    """How a line begins, whatever its bytes."""
    return line[: 4 * MAX_EXCERPT_CHARS].decode(errors="replace")[:MAX_EXCERPT_CHARS]


def encoding_fault(line: bytes) -> str | None:
    """Why a line is no text, or None."""
    if b"\0" in line:
        return f"NUL byte at byte {line.index(0) + 1}"
    try:
        line.decode()
    except UnicodeDecodeError as error:
        return f"not UTF-8: byte 0x{line[error.start]:02x} at byte {error.start + 1}"
    return None


def _split(pieces: Iterator[bytes]) -> Iterator[bytes]:
    tail = b""
    for piece in pieces:
        *whole, tail = (tail + piece).split(b"\n")
        yield from whole
        # No more of an unfinished line is held than shows that it is too long.
        tail = tail[: MAX_LINE_BYTES + 1]
    if tail:
        yield tail
