"""Articles out of web pages, by a process that is killed if a page takes too long.

Contract: `article` gives what was found or raises `PageFault` with the reason, within `limit_s` plus the start of a
process: no time that a parser needs for a hostile page can be told from its size, so it is not waited for. The
process is started when it is first needed and again after it was killed or died. One thread uses an extractor.

Not here: finding the article (`extraction.py`), the files that pages lie in (`warc.py`).
"""

import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import orjson

LIMIT_S = 5.0
START_S = 60.0
MAX_PAGE_BYTES = 10_000_000

_LENGTH_BYTES = 4


class PageFault(Exception):  # noqa: N818 - names the state of the page, as the rejects file shows it
    """A page has no article in it; the message says why."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page as it was captured."""

    url: str
    charset: str | None
    """What the HTTP header says."""
    captured: str
    """When it was fetched (ISO 8601)."""
    content: bytes
    """HTML, as it was sent; at most `MAX_PAGE_BYTES`."""


class PageExtractor:
    """A context manager over one process."""

    def __init__(self, *, limit_s: float = LIMIT_S) -> None:
        self._limit_s = limit_s
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: socket.socket | None = None

    def article(self, page: Page) -> dict[str, Any]:
        """Title, body, summary, authors, source, tags, language and published_at, each empty where unknown.

        Raises:
            PageFault: there is no article, it took too long, or the process died of it.
            OSError: no process can be started.
        """
        head = orjson.dumps({"url": page.url, "charset": page.charset, "captured": page.captured})
        lengths = len(head).to_bytes(4, "little") + len(page.content).to_bytes(4, "little")
        connection = self._started()
        end_s = time.monotonic() + self._limit_s
        try:
            connection.settimeout(self._limit_s)
            connection.sendall(lengths + head + page.content)
            length = int.from_bytes(_received(connection, _LENGTH_BYTES, end_s), "little")
            reply: dict[str, Any] = orjson.loads(_received(connection, length, end_s))
        except TimeoutError:
            self.close()
            raise PageFault(f"finding the article takes longer than {self._limit_s:g} seconds") from None
        except (OSError, EOFError):
            self.close()
            raise PageFault("finding the article ended the process that tried") from None
        except BaseException:
            # An interrupt: what the process will answer belongs to no later page.
            self.close()
            raise
        if "fault" in reply:
            raise PageFault(reply["fault"])
        return reply

    def _started(self) -> socket.socket:
        if self._connection is not None:
            return self._connection
        ours, theirs = socket.socketpair()
        with theirs:
            # -P: a folder of the user's that is named like one of our rooms must not be imported instead.
            command = [sys.executable, "-P", "-m", "indexer.readers.extraction", str(theirs.fileno())]
            # An interrupt at the terminal reaches the whole group; the parent ends the process when it is done. The
            # process inherits this thread's mask, and so is deaf to it from its first moment.
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            try:
                self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()])  # noqa: S603 - our own module
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
        self._connection = ours
        try:
            # It says when it is ready: importing is not part of any page's time.
            _received(ours, _LENGTH_BYTES, time.monotonic() + START_S)
        except (OSError, EOFError) as error:
            self.close()
            raise OSError(f"the process that reads web pages does not start ({error})") from None
        return ours

    def close(self) -> None:
        """End the process."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _received(connection: socket.socket, length: int, end_s: float) -> bytes:
    """So many bytes.

    Raises:
        TimeoutError: not by `end_s`, in seconds of the monotonic clock.
        EOFError: the other side is gone.
    """
    parts = bytearray()
    while len(parts) < length:
        left_s = end_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        connection.settimeout(left_s)
        piece = connection.recv(min(length - len(parts), 1 << 20))
        if not piece:
            raise EOFError("it is gone")
        parts += piece
    return bytes(parts)
