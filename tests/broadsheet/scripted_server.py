"""A server that answers as it is told, on a real socket: what no healthy server does.

Contract: it answers one request after the other with the bytes of its script, and closes each connection then; with
an answer that is shorter than its `Content-Length` it breaks off. Without a script it answers nothing and hangs up.

Not here: the real server (`tests/api_server.py`).
"""

import socket
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self

import orjson

from web.problem_types import TYPES

SILENT = b"\0silent"
"""At the end of an answer: nothing more comes, and the connection stays."""


class Asked(NamedTuple):
    """A request as it came."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


def answer(status: int, body: Any = b"", media_type: str = "application/json", **headers: str) -> bytes:
    """An answer as it is sent; names of headers are written with `_` for `-`."""
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    told = {"Content-Type": media_type, "Content-Length": str(len(content)), "Connection": "close"}
    told |= {name.replace("_", "-"): text for name, text in headers.items()}
    head = "".join(f"{name}: {text}\r\n" for name, text in told.items())
    return f"HTTP/1.1 {status} \r\n{head}\r\n".encode() + content


def problem(slug: str, detail: str = "so it is", members: Mapping[str, Any] | None = None, **headers: str) -> bytes:
    """A refusal as a Broadsheet sends it."""
    kind = TYPES[slug]
    about = {"type": f"/docs/problems/{slug}", "title": kind.title, "status": kind.status, "detail": detail}
    body = {**about, "instance": "/v1/search", "request_id": "r-1", **(members or {})}
    return answer(kind.status, body, "application/problem+json", **headers)


class ScriptedServer:
    """Answers by a script."""

    def __init__(self, *script: bytes) -> None:
        self._script = list(script)
        self.asked: list[Asked] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._silent: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def tell(self, *script: bytes) -> None:
        """What is answered next."""
        self._script += script

    def targets(self) -> Sequence[str]:
        """Path and query of each request."""
        return [one.target for one in self.asked]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()
        for connection in self._silent:
            connection.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as reading:
                line = reading.readline().split()
                if not line:
                    continue
                headers = {}
                while header := reading.readline().strip():
                    name, _, text = header.decode("latin-1").partition(":")
                    headers[name.lower()] = text.strip()
                body = reading.read(int(headers.get("content-length", 0)))
                self.asked.append(Asked(line[0].decode(), line[1].decode(), headers, body))
                told = self._script.pop(0) if self._script else b""
                connection.sendall(told.removesuffix(SILENT))
                if told.endswith(SILENT):
                    self._silent.append(connection.dup())
