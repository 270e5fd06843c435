"""A server on a real socket that answers with the bytes a test gives it.

Contract: each connection is counted, its request kept, and answered by what `answers` holds for its path; all of it
is in threads that end with the server.

Not here: what is served.
"""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

CERTIFICATE = Path(__file__).with_name("feeds_example.pem")
"""Signed by itself for `feeds.example`, with its key, which opens nothing but tests."""

Answer = bytes | Callable[[bytes], Iterator[bytes]]
"""The whole answer, or, from the request, its pieces as they are to be sent."""


def answer(body: bytes = b"", *, status: str = "200 OK", headers: Mapping[str, str] | None = None) -> bytes:
    """An HTTP answer with its length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


class FeedServer:
    """A context manager; its `url` is http on `host`, an address of this machine, or https as `feeds.example`."""

    def __init__(
        self, answers: Mapping[str, Answer] | None = None, *, tls: bool = False, host: str = "127.0.0.1"
    ) -> None:
        self._host = host
        self.answers = dict(answers or {})
        self.requests: list[bytes] = []
        self.connections = 0
        self.at_once = 0
        """Most requests that were answered at the same time."""
        self._busy = 0
        self._lock = threading.Lock()
        self._closing = False
        self._listener = socket.create_server((host, 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"https://feeds.example:{self.port}" if tls else f"http://{host}:{self.port}"
        self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH) if tls else None
        if self._tls:
            self._tls.load_cert_chain(CERTIFICATE)
        self._thread = threading.Thread(target=self._accept)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        socket.create_connection((self._host, self.port)).close()
        self._thread.join()
        self._listener.close()

    def settled(self) -> int:
        """How many connections there were, once all that were made before this call are counted."""
        before = self.connections
        socket.create_connection((self._host, self.port)).close()
        while self.connections == before:
            time.sleep(0.001)
        self.connections -= 1
        return self.connections

    def _accept(self) -> None:
        workers = []
        while True:
            connection, _ = self._listener.accept()
            if self._closing:
                connection.close()
                break
            self.connections += 1
            workers.append(threading.Thread(target=self._serve, args=(connection,)))
            workers[-1].start()
        for worker in workers:
            worker.join()

    def _serve(self, plain: socket.socket) -> None:
        try:
            connection = self._tls.wrap_socket(plain, server_side=True) if self._tls else plain
        except OSError:
            # The other side does not trust us.
            plain.close()
            return
        with connection:
            request = b""
            while b"\r\n\r\n" not in request and (piece := connection.recv(65536)):
                request += piece
            if not request:
                return
            with self._lock:
                self.requests.append(request)
                self._busy += 1
                self.at_once = max(self.at_once, self._busy)
            try:
                found = self.answers.get(request.split(b" ")[1].decode(), answer(status="404 Not Found"))
                for part in [found] if isinstance(found, bytes) else found(request):
                    connection.sendall(part)
            except OSError:
                # The other side has had enough, as it should of an endless answer.
                return
            finally:
                with self._lock:
                    self._busy -= 1
