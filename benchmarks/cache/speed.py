"""What a hit costs: against a bare Starlette app that says as many bytes, by wrk, turn about.

Contract: both are one uvicorn worker with the same protocol and event loop; a round is one of each, and a ratio is of
one round. The second tier's turn goes through more addresses than memory holds, all of which Redis has.

Not here: answers that are computed.
"""

import contextlib
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.cache.asking import address, counted
from tests.api_server import ApiServer, free_port
from tests.redis_server import RedisServer

CONNECTIONS = 64
FAR_ADDRESSES = 500
SMALL_MEMORY_BYTES = 1 << 16
"""The least that settings allow."""
_RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
_BAD = re.compile(r"Non-2xx|Socket errors")
_WALK = """
local addresses = {}
for line in io.lines(os.getenv("ADDRESSES")) do addresses[#addresses + 1] = line end
local next = 0
request = function()
  next = next % #addresses + 1
  return wrk.format("GET", addresses[next])
end
"""
_HELLO = """
import sys
import uvicorn
from broadsheet.protocol import BoundedProtocol
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

BODY = b"x" * int(sys.argv[2])

async def hello(request):
    return Response(BODY, media_type="application/json")

uvicorn.run(Starlette(routes=[Route("/hello", hello)]), port=int(sys.argv[1]), loop="uvloop", http=BoundedProtocol,
            access_log=False, log_level="warning", server_header=False)
"""


class NoWrkError(Exception):
    """There is no wrk."""


def wrk(url: str, seconds: float, script: Path | None = None, addresses: Path | None = None) -> float:
    """Requests a second.

    Raises:
        NoWrkError: wrk is not installed, or an answer was no answer.
    """
    found = shutil.which("wrk")
    if found is None:
        raise NoWrkError("wrk is not installed: apt-get install wrk, or brew install wrk")
    walking = ["-s", str(script)] if script else []
    command = [found, "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", *walking, url]
    environment = {**os.environ, **({"ADDRESSES": str(addresses)} if addresses else {})}
    said = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
    rate = _RATE.search(said)
    if rate is None or _BAD.search(said):
        raise NoWrkError(f"wrk said of {url}: {said}")
    return float(rate[1])


@contextlib.contextmanager
def hello(size: int) -> Iterator[str]:
    """The address of a bare app that says so many bytes."""
    port = free_port()
    with subprocess.Popen([sys.executable, "-c", _HELLO, str(port), str(size)], cwd=Path(__file__).parents[2]) as app:
        url = f"http://127.0.0.1:{port}/hello"
        try:
            for _ in range(200):
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(url).close()
                    break
                time.sleep(0.05)  # it is a process of its own, and says nothing when it is ready
            yield url
        finally:
            app.terminate()


def near(root: Path, query: str, *, rounds: int, seconds: float) -> dict[str, Any]:
    """One address that memory has."""
    with ApiServer(root) as server:
        target = address(query)
        size = len(server.client.get(target).content)
        with hello(size) as bare:
            return {"bytes": size, **_turn_about(bare, server.url + target, rounds, seconds)}


def far(root: Path, queries: Sequence[str], *, rounds: int, seconds: float) -> dict[str, Any]:
    """Many addresses that memory has no room for."""
    redis = RedisServer()
    try:
        with (
            ApiServer(root, redis_url=redis.url, cache_bytes=SMALL_MEMORY_BYTES) as server,
            tempfile.TemporaryDirectory() as folder,
        ):
            targets = [address(query) for query in dict.fromkeys(queries)][:FAR_ADDRESSES]
            sizes = [len(server.client.get(target).content) for target in targets]
            for target in targets:  # known now, and in Redis
                server.client.get(target)
            script, addresses = Path(folder) / "walk.lua", Path(folder) / "addresses"
            script.write_text(_WALK, encoding="utf-8")
            addresses.write_text("\n".join(targets) + "\n", encoding="utf-8")
            before = counted(server)
            with hello(round(statistics.mean(sizes))) as bare:
                found = _turn_about(bare, server.url, rounds, seconds, script, addresses)
            after = counted(server)
            events = {
                where: after[name] - before.get(name, 0.0)
                for where in ("memory", "redis", "load")
                for name in [f'broadsheet_cache_events_total{{result="{where}"}}']
            }
            return {"bytes": round(statistics.mean(sizes)), "answered": events, **found}
    finally:
        redis.close()


def _turn_about(
    bare: str, ours: str, rounds: int, seconds: float, script: Path | None = None, addresses: Path | None = None
) -> dict[str, Any]:
    ratios, ours_qps, bare_qps = [], [], []
    wrk(bare, 1), wrk(ours, 1, script, addresses)
    for _ in range(rounds):
        bare_qps.append(wrk(bare, seconds))
        ours_qps.append(wrk(ours, seconds, script, addresses))
        ratios.append(ours_qps[-1] / bare_qps[-1])
    return {
        "hello_qps": round(statistics.median(bare_qps)),
        "qps": round(statistics.median(ours_qps)),
        "ratio": round(statistics.median(ratios), 3),
        "ratios": [round(ratio, 3) for ratio in ratios],
    }
