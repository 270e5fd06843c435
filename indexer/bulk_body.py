"""The body of a bulk request: from pieces as they arrive to articles, in constant memory.

Contract: an event loop puts pieces, a thread reads lines; whoever is slower holds the other up. Lines are as in files
(`readers/`): NDJSON, plain, gzip or zstd whatever the header says, bounded in length, and bombs are refused.

Not here: what becomes of the articles (`writing.py`).
"""

import asyncio
import io
import queue
import threading
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, BinaryIO, cast

from indexer.readers.jsonl import read_jsonl
from indexer.readers.lines import Lines, Record
from indexer.readers.unpack import Meter, StreamBroken, unpacked
from indexer.rejects import Reject

MAX_WINDOW_BYTES = 8 << 20
"""Of a body that is packed with zstd, as for every content over HTTP (RFC 9659)."""
_PIECES = 4
"""That wait to be read, at most."""
_LOOK_S = 0.01
_HEAD_BYTES = 4


class BodyPipe(io.RawIOBase):
    """Between an event loop that receives and a thread that reads."""

    def __init__(self) -> None:
        self._pieces: queue.Queue[bytes | None] = queue.Queue(_PIECES)
        self._rest = b""
        self._begun = self._over = False
        self._left = threading.Event()
        self._digest = blake2b(digest_size=16)

    async def put(self, piece: bytes | None) -> None:
        """Hand on a piece; `None` where the connection broke off, empty at the end."""
        while not self._left.is_set():
            try:
                self._pieces.put_nowait(piece)
            except queue.Full:
                await asyncio.sleep(_LOOK_S)
            else:
                return

    def leave(self) -> None:
        """Read no more: what is put from now on is dropped."""
        self._left.set()

    def digest(self) -> bytes:
        """Of all that was read: 16 bytes (BLAKE2b)."""
        return self._digest.digest()

    def readable(self) -> bool:
        """As of every stream that can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Wait for the next bytes.

        Raises:
            StreamBroken: the connection broke off.
        """
        # By its first bytes it is seen how a body is packed: they come together.
        while len(self._rest) < (1 if self._begun else _HEAD_BYTES) and not self._over:
            piece = self._pieces.get()
            if piece is None:
                self._over = True
                raise StreamBroken("the connection broke off")
            self._over = not piece
            self._rest += piece
            self._digest.update(piece)
        self._begun = True
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


def read_lines(pipe: BodyPipe) -> Iterator[Record | Reject]:
    """The records of a body.

    Raises:
        StreamBroken: the rest cannot be read.
    """
    pieces = unpacked(cast("BinaryIO", pipe), Meter(), window_bytes=MAX_WINDOW_BYTES)
    return read_jsonl(Lines("body", pieces))
