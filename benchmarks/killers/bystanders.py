"""Everybody else: a steady stream of ordinary searches, in a process of its own, while something is done to a server.

    python -m benchmarks.killers.bystanders PORT RATE TIMEOUT_MS

`words` are words and phrases; `nested` are trees, and words that a wildcard stands for. Hardly any is asked twice, so
that no cache answers.

Contract: searches start when the schedule says, answered or not, and latency counts from there (Schroeder, Wierman
and Harchol-Balter, "Open Versus Closed: A Cautionary Tale", 2006). Whatever is not a whole answer is an error.

Not here: what is done to the server (`__main__.py`).
"""

import contextlib
import http.client
import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

import numpy as np

from search.parameters import DEFAULT_FIELDS

KINDS = {
    "words": ("state budget", "the OR house", '"prime minister"', "minister", "election -house"),
    "nested": ("(state OR house) budget{n}", "mini?ter the"),
}
WORKERS = 16


class Bystanders:
    """The stream, while the block runs.

    Args:
        port: of the server.
        rate: searches a second.
        timeout_ms: their deadline.
    """

    def __init__(self, port: int, *, rate: float, timeout_ms: int) -> None:
        self._command = [sys.executable, "-m", __name__, *map(str, (port, rate, timeout_ms))]
        self.latencies_ms: dict[str, list[float]] = {}
        """Of answers, by kind."""
        self.errors: list[str] = []

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        said, _ = self._process.communicate()
        if kind is None:
            told = json.loads(said)
            self.latencies_ms, self.errors = told["latencies_ms"], told["errors"]

    def figures(self) -> dict[str, Any]:
        """How many were asked; their errors; percentiles by kind."""
        found: dict[str, Any] = {
            "answered": sum(map(len, self.latencies_ms.values())),
            "errors": len(self.errors),
        }
        for kind, latencies_ms in self.latencies_ms.items():
            p50, p99 = np.percentile(latencies_ms, (50, 99)).tolist() if latencies_ms else (0.0, 0.0)
            found[kind] = {"p50_ms": round(p50, 2), "p99_ms": round(p99, 2)}
        return found


class _Stream:
    """The searches, in the process."""

    def __init__(self, port: int, rate: float, timeout_ms: int) -> None:
        self._port, self._rate, self._timeout_ms = port, rate, timeout_ms
        self.over = threading.Event()
        self.latencies_ms: dict[str, list[float]] = {kind: [] for kind in KINDS}
        self.errors: list[str] = []
        texts = [(kind, text) for kind in KINDS for text in KINDS[kind]]
        self._numbers: Iterator[tuple[int, tuple[str, str]]] = enumerate(cycle(texts))
        self._taking = threading.Lock()
        self._began_s = time.monotonic()

    def work(self) -> None:
        """Take one search after another."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)) as connection:
            while True:
                with self._taking:
                    number, (kind, text) = next(self._numbers)
                due_s = self._began_s + number / self._rate
                if self.over.wait(max(0.0, due_s - time.monotonic())):
                    return
                # Fields in another order are another key in the cache: there are 40,320 orders.
                fields = ",".join(random.sample(DEFAULT_FIELDS, len(DEFAULT_FIELDS)))
                # Nor is a word that nobody has asked for yet remembered.
                given = {"q": text.format(n=random.randrange(1_000_000)), "limit": 10 + number % 20, "fields": fields}
                target = f"/v1/search?{urlencode({**given, 'timeout_ms': self._timeout_ms})}"
                try:
                    connection.request("GET", target)
                    response = connection.getresponse()
                    body = response.read()
                except (OSError, http.client.HTTPException) as error:
                    connection.close()
                    self.errors.append(f"{target}: {error!r}")
                    continue
                if response.status == 200:
                    self.latencies_ms[kind].append((time.monotonic() - due_s) * 1000)
                else:
                    self.errors.append(f"{target}: {response.status} {body[:200]!r}")


def main(arguments: list[str]) -> int:
    """The command; called only by `Bystanders`."""
    port, rate, timeout_ms = arguments
    stream = _Stream(int(port), float(rate), int(timeout_ms))
    with ThreadPoolExecutor(WORKERS) as pool:
        working = [pool.submit(stream.work) for _ in range(WORKERS)]
        sys.stdin.read()
        stream.over.set()
    for one in working:
        one.result()
    print(json.dumps({"latencies_ms": stream.latencies_ms, "errors": stream.errors}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
