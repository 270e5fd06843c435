"""Restarts a server under load, again and again, and proves that no request fails.

    python -m tests.broadsheet.rolling_harness --restarts 10 --workers 2

Contract: a request fails when it is not answered with 200 and a whole body, for whatever reason; nothing is tried
again. The clients are of three kinds: one connection for as long as the server lets it live, asked without a pause;
the same, asked every `PAUSE_S`; and a new connection for each request. A restart is over when every API process is a
new one and no old one runs. The first failed request raises `AssertionError` at the end of its restart.

Not here: processes that die (`test_serving.py`).
"""

import argparse
import contextlib
import http.client
import itertools
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.api_server import AMPLE_MS, ApiServer, eventually
from tests.archive import make_archive

PAUSE_S = 0.9
"""The promise is for connections that are asked at least every second."""
BREATH_S = 0.005
"""Between requests of the others: the machine must not be full, or answers are refused."""
RESTART_TIMEOUT_S = 180
_WORDS = ("budget", "tariff", "storm", "senate OR house", '"health care"', "veterans -school")


class Client(threading.Thread):
    """Asks one request after the other, until it is told to stop."""

    def __init__(self, port: int, *, keep: bool, pause_s: float) -> None:
        """Args: the server's port; whether connections are kept; seconds between an answer and the next request."""
        super().__init__(daemon=True)
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._keep, self._pause_s = keep, pause_s
        self._stop_now = threading.Event()
        self.asked = 0
        self.failures: list[str] = []

    def run(self) -> None:
        """Ask."""
        for number in itertools.count():
            self.asked += 1
            try:
                self._ask(number)
            except (OSError, http.client.HTTPException) as error:
                kind = "kept" if self._keep else "new"
                self.failures.append(f"request {number} over a {kind} connection: {error!r}")
                self._connection.close()
            if self._stop_now.wait(self._pause_s):
                return

    def _ask(self, number: int) -> None:
        word = _WORDS[number % len(_WORDS)].replace(" ", "+")
        self._connection.request("GET", f"/v1/search?q={word}&limit={number % 90 + 1}&timeout_ms={AMPLE_MS}")
        response = self._connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise http.client.HTTPException(f"{response.status}: {body[:200]!r}")
        if not self._keep:
            self._connection.close()

    def stop(self) -> None:
        """Stop after the request at hand."""
        self._stop_now.set()
        self.join()
        self._connection.close()


@contextlib.contextmanager
def load(port: int) -> Iterator[list[Client]]:
    """Clients of all kinds, asking for as long as the block lasts."""
    clients = [
        *(Client(port, keep=True, pause_s=BREATH_S) for _ in range(2)),
        *(Client(port, keep=True, pause_s=PAUSE_S) for _ in range(4)),
        *(Client(port, keep=False, pause_s=BREATH_S) for _ in range(2)),
    ]
    for client in clients:
        client.start()
    try:
        yield clients
    finally:
        for client in clients:
            client.stop()


def failures(clients: list[Client]) -> list[str]:
    """What has failed so far."""
    return [failure for client in clients for failure in client.failures]


def restarts(root: Path, *, count: int, workers: int) -> Iterator[str]:
    """Do it so many times; says of each how many requests were asked meanwhile, and at last of all."""
    with ApiServer(root, workers=workers) as server:
        eventually(lambda: len(server.api_processes()) == workers)
        with load(server.port) as clients:
            before = 0
            for number in range(count):
                old = set(server.api_processes())
                os.kill(server.pid, signal.SIGHUP)
                eventually(lambda: _all_new(server, old, workers), timeout_s=RESTART_TIMEOUT_S)  # noqa: B023 - at once
                asked = sum(client.asked for client in clients)
                assert failures(clients) == []
                yield f"restart {number + 1}: {asked - before:,} requests, 0 failed"
                before = asked
        assert failures(clients) == []
        asked = sum(client.asked for client in clients)
    yield f"{count} restarts of {workers} API processes: {asked:,} requests, 0 failed"


def _all_new(server: ApiServer, old: set[int], workers: int) -> bool:
    running = server.api_processes()
    return len(running) == workers and not old.intersection(running)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Restart a server under load.")
    parser.add_argument("--restarts", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rolling-") as folder:
        root = make_archive(Path(folder) / "archive").root
        for line in restarts(root, count=given.restarts, workers=given.workers):
            sys.stdout.write(line + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
