"""HTTP on the wire: uvicorn's protocol, with a bound on what a request may say before it is answered.

The parser hands over an address when it has all of it, however long that is, and copies it whenever more comes: 80 MB
of it take seconds of the event loop and twice their size in memory.

Contract: of a request no more than `MAX_HEAD_BYTES`, and what one read of the socket brings, is taken in beside its
body: address, headers, and whatever stands between and after chunks. What is longer is refused with a 400 in plain
text, and the connection is closed.

Not here: bodies, which nothing reads, so that uvicorn stops taking them in; the address of a request that was read
(`web/edge.py`).
"""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 64 << 10


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    _head_bytes = 0
    """Received of the request at hand, its body apart."""

    def data_received(self, data: bytes) -> None:
        """Take in what has arrived."""
        if self.transport.is_closing():
            return
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The head of the request is too long.")

    def on_message_begin(self) -> None:
        """A request begins."""
        self._head_bytes = 0
        super().on_message_begin()

    def on_body(self, body: bytes) -> None:
        """Part of its body."""
        self._head_bytes -= len(body)
        super().on_body(body)
