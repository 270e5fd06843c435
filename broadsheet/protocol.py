"""HTTP on the wire: uvicorn's protocol, with a bound on what a request may say and a farewell before the end.

The parser hands over an address when it has all of it, however long that is, and copies it whenever more comes: 80 MB
of it take seconds of the event loop and twice their size in memory.

Contract: of a request no more than `MAX_HEAD_BYTES`, and what one read of the socket brings, is taken in beside its
body: address, headers, and whatever stands between and after chunks. What is longer is refused with a 400 in plain
text, and the connection is closed.

uvicorn closes idle connections as soon as it is told to stop, and so resets those on which a request is on its way.
Here a connection stays until it has said `Connection: close` with an answer, or was idle for `LINGER_S`: whoever asks
again within that time loses no request. When time is up, what has arrived unread is still answered.

Not here: bodies, which nothing reads, so that uvicorn stops taking them in; the address of a request that was read
(`web/edge.py`).
"""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

STOPPING = "stopping"
"""In the state of an app's lifespan: an `asyncio.Event` that is set when the server is to stop, for those requests
that would take longer than that may."""
MAX_HEAD_BYTES = 64 << 10
LINGER_S = 2
LAST_LOOK_S = 0.05
"""How long a connection stays when its time is up: after a busy moment, timers come before what has arrived."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    _head_bytes = 0
    """Received of the request at hand, its body apart."""
    _leaving = False
    """Whether the server is to stop."""

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

    def on_headers_complete(self) -> None:
        """Its head is there; it is answered in a task of its own."""
        super().on_headers_complete()
        if self._leaving:
            self.cycle.keep_alive = False

    def shutdown(self) -> None:
        """The server is to stop: this connection takes one more answer, or ends when nobody asks."""
        self._leaving = True
        self.timeout_keep_alive = LINGER_S
        if self.cycle is None or self.cycle.response_complete:  # type: ignore[redundant-expr] # None before the first
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(LINGER_S, self.timeout_keep_alive_handler)
        elif not self.cycle.response_started:  # else its head has said already that the connection stays
            self.cycle.keep_alive = False

    def timeout_keep_alive_handler(self) -> None:
        """It was idle for as long as it may be; a request that arrives now cancels what comes next."""
        self.timeout_keep_alive_task = self.loop.call_later(LAST_LOOK_S, super().timeout_keep_alive_handler)
