"""A long answer of lines, read to its end whatever breaks off on the way.

Contract: each line once, in order, in memory for a piece and a line. An answer that breaks off is asked for again:
from the byte where it broke, where the server gives ranges, or else as a whole, and the lines that were given are
passed over. How often is up to `Retry`, and counts from the last line that came.

Not here: what stands in the lines (`writing.py`, `exporting.py`).
"""

from collections import deque
from http import HTTPStatus

from broadsheet.client.asking import Asker
from broadsheet.client.errors import AnswerError
from broadsheet.client.steps import READ, Answer, Interrupted, Operation, Request

MAX_LINE_BYTES = 64 << 20
"""An article of 1,048,576 characters in which each is escaped takes a tenth of that."""


class Lines:
    """The lines of one address."""

    def __init__(self, asker: Asker, target: str, *, ranged: bool = False) -> None:
        """Args: who asks; the address; whether its bytes stay, so that a range goes on where it broke off."""
        self._asker, self._target, self._ranged = asker, target, ranged
        self._patience = asker.patience()
        self._whole: deque[bytes] = deque()
        self._rest = b""
        self._open = self._over = False
        self._skip = self._given = self._given_bytes = 0
        self.answer = Answer(0, {}, b"")
        """What the answer that is being read began with."""

    def next(self) -> Operation[bytes | None]:
        """The next line, without its end; `None` when there is none any more.

        Raises:
            ProblemError, UnreachableError, AnswerError
        """
        while True:
            while self._whole:
                line = self._whole.popleft()
                if self._skip:
                    self._skip -= 1
                    continue
                self._given += 1
                self._given_bytes += len(line) + 1
                return line
            if self._over:
                return None
            try:
                if not self._open:
                    yield from self._begin()
                    self._open = True
                piece: bytes = yield READ
            except Interrupted as broken:
                self._open, self._rest = False, b""
                yield self._patience.pause(self._asker.unreachable(broken))
            else:
                self._take(piece)

    def _begin(self) -> Operation[None]:
        # A range of packed bytes would be no range of the lines.
        headers = [("Accept-Encoding", "identity")] if self._ranged else []
        if self._ranged and self._given_bytes:
            headers.append(("Range", f"bytes={self._given_bytes}-"))
        self.answer = yield from self._asker.ask(Request("GET", self._target, tuple(headers), stream=True))
        self._skip = 0 if self.answer.status == HTTPStatus.PARTIAL_CONTENT else self._given

    def _take(self, piece: bytes) -> None:
        if not piece:
            self._over = True
            if self._rest:
                raise AnswerError(f"{self._asker.url}{self._target} ends in the middle of a line")
            return
        *whole, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) > MAX_LINE_BYTES:
            raise AnswerError(f"{self._asker.url}{self._target} has a line of more than {MAX_LINE_BYTES:,} bytes")
        if whole:
            self._patience.begin()
        self._whole.extend(whole)
