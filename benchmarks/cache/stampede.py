"""A crowd on a cold key: a thousand clients at once, on a server of two processes with a Redis.

Contract: how often it was computed is what the processes have counted, not what the answers say.

Not here: crowds without Redis, where each process computes once (`tests/cache/`).
"""

import asyncio
import time
from pathlib import Path
from typing import Any

from benchmarks.cache.asking import address, counted, plain
from benchmarks.live.figures import latencies
from benchmarks.live.wire import Client
from tests.api_server import ApiServer
from tests.redis_server import RedisServer

CLIENTS = 1000
LOADS = 'broadsheet_cache_events_total{result="load"}'


def crowded(root: Path, queries: list[str]) -> dict[str, Any]:
    """The figures; one crowd for each query."""
    redis = RedisServer()
    try:
        with ApiServer(root, redis_url=redis.url, workers=2) as server:
            rows = [_crowd(server, address(query, limit=20)) for query in queries]
    finally:
        redis.close()
    return {
        "clients": CLIENTS,
        "crowds": len(rows),
        "computations": max(row["computations"] for row in rows),
        "different_answers": max(row["different"] for row in rows),
        "failed": sum(row["failed"] for row in rows),
        "slowest_ms": max(row["max_ms"] for row in rows),
    }


def _crowd(server: ApiServer, target: str) -> dict[str, Any]:
    before = counted(server).get(LOADS, 0.0)
    answers, spent_s = asyncio.run(_at_once(server.port, target))
    loads = counted(server).get(LOADS, 0.0) - before
    bodies = {plain(body) for status, body in answers if status == 200}
    return {
        "computations": int(loads),
        "different": len(bodies),
        "failed": sum(status != 200 for status, _ in answers),
        "max_ms": latencies(spent_s)["max_ms"],
    }


async def _at_once(port: int, target: str) -> tuple[list[tuple[int, bytes]], list[float]]:
    async with Client(port) as client:
        await asyncio.gather(*(client.get("/livez") for _ in range(CLIENTS)))  # connections stand now

        async def ask() -> tuple[int, bytes, float]:
            began_s = time.monotonic()
            answer = await client.get(target)
            return answer.status, answer.body, answer.received_s - began_s

        found = await asyncio.gather(*(ask() for _ in range(CLIENTS)))
    return [(status, body) for status, body, _ in found], [spent_s for _, _, spent_s in found]
