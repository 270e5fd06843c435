"""The real server for tests: `broadsheet serve` in a process of its own, on a free loopback port.

Contract: settings are those given here and nothing of the developer's environment. `close` leaves no process behind,
whatever was done to the server or to processes of its.

Not here: what it serves (`archive.py`), other commands (`commands.py`).
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx2

from tests.commands import BROADSHEET, environment

START_TIMEOUT_S = 180.0
AMPLE_MS = 20_000
"""Deadline of ordinary searches: a slow machine is no fault."""

T = TypeVar("T")


def eventually(look: Callable[[], T | None], *, timeout_s: float = START_TIMEOUT_S) -> T:
    """What `look` returns, as soon as that is true."""
    end_s = time.monotonic() + timeout_s
    while not (found := look()):
        assert time.monotonic() < end_s, f"not within {timeout_s:g} s"
        time.sleep(0.02)
    return found


def free_port() -> int:
    """A loopback port that nobody listens on just now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def problem_of(response: httpx2.Response, status: int, slug: str) -> dict[str, Any]:
    """The body of a refusal, which must be this problem and complete (RFC 9457)."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["Cache-Control"] == "no-store"
    body: dict[str, Any] = response.json()
    assert body["type"] == f"/docs/problems/{slug}"
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    assert body["instance"] == response.request.url.raw_path.partition(b"?")[0].decode()
    assert body["request_id"] == response.headers["X-Request-Id"]
    return body


class ApiServer:
    """One running server.

    Args:
        root: the archive's folder.
        ready: wait until it can answer searches, not only until it serves.
        command: what takes the place of `broadsheet`.
        port: a free one by default.
        variables: of its environment, besides settings.
        settings: as `BROADSHEET_*`.
    """

    def __init__(
        self,
        root: Path,
        *,
        ready: bool = True,
        command: Sequence[str] = BROADSHEET,
        port: int = 0,
        variables: Mapping[str, str] | None = None,
        **settings: object,
    ) -> None:
        self.port: int = port or free_port()
        # Most tests publish epochs themselves, at moments of their choosing, on archives that others use too.
        settings = {"workers": 1, "threads": 2, "indexer": False, "warm_searches": 0, **settings}
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `close`
        self._process = subprocess.Popen(
            [*command, "serve", "--data", str(root), "--port", str(self.port)],
            stdout=subprocess.DEVNULL,
            stderr=self._log,
            env={**environment(**settings), **(variables or {})},
            cwd=tempfile.gettempdir(),
        )
        self.pid = self._process.pid
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = httpx2.Client(base_url=self.url, timeout=60)
        try:
            eventually(lambda: self._answers("/readyz" if ready else "/livez"))
        except BaseException:
            self.close()
            raise

    def _answers(self, address: str) -> bool:
        assert self._process.poll() is None, "the server ended while it was starting"
        with contextlib.suppress(httpx2.TransportError):
            return self.client.get(address).status_code == 200
        return False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End it as an operator would, and make sure that all its processes are gone with it."""
        children = self.processes()
        self.client.close()
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        sys.stderr.write(self.log())
        self._log.close()
        left = [child for child in children if runs(child)]
        for child in left:
            os.kill(child, signal.SIGKILL)
        assert not left, "the server left processes behind"

    def api_processes(self) -> list[int]:
        """Process ids of the API processes that run now, oldest first."""
        return [child for child in _children(self.pid) if b"broadsheet.api_process" in _command_line(child)]

    def indexers(self) -> list[int]:
        """Process ids of the indexers that run now: one at most, but for moments."""
        return [child for child in _children(self.pid) if b"broadsheet.indexer_process" in _command_line(child)]

    def processes(self) -> list[int]:
        """Process ids of everything that it has started, and that what it has started has."""
        found, rest = [], [self.pid]
        while rest:
            children = _children(rest.pop())
            found += children
            rest += children
        return found

    def log(self) -> str:
        """What it has logged so far."""
        return os.pread(self._log.fileno(), 1 << 24, 0).decode()

    def search(self, parameters: Mapping[str, Any] | None = None) -> httpx2.Response:
        """`GET /v1/search` with ample time, unless `timeout_ms` is given; lists are repeated parameters."""
        return self.client.get("/v1/search", params={"timeout_ms": AMPLE_MS, **(parameters or {})})

    def page(self, parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The body of a search that must succeed."""
        return self._body(self.search(parameters))

    def walk(self, page: dict[str, Any], direction: str = "next") -> Iterator[dict[str, Any]]:
        """The pages after (`next`) or before (`prev`) this one, as their links lead to them."""
        while address := page["page"][direction]:
            page = self._body(self.client.get(address))
            yield page

    def ids(self, parameters: Mapping[str, Any]) -> list[str]:
        """Ids of the whole result, page by page."""
        first = self.page({"limit": 100, "fields": "id", **parameters})
        return [item["id"] for page in (first, *self.walk(first)) for item in page["data"]]

    def epoch(self) -> int:
        """The epoch that new queries are answered from."""
        return int(self.client.get("/v1/partitions").headers["Broadsheet-Epoch"])

    @staticmethod
    def _body(response: httpx2.Response) -> dict[str, Any]:
        assert response.status_code == 200, response.text
        body: dict[str, Any] = response.json()
        return body


def _children(process: int) -> list[int]:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread, or the process, has ended
        paths = Path(f"/proc/{process}/task").glob("*/children")
        return sorted(int(child) for path in paths for child in path.read_text().split())
    return []


def _command_line(process: int) -> list[bytes]:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
    return []


def runs(process: int) -> bool:
    """Whether there is such a process, and it has not ended."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        # The state follows the name, which is in parentheses; Z and X are processes that have ended.
        return Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    return False
