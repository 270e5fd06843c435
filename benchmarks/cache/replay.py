"""A query log in order: how many of the hits that a cache without bound would have are there.

The ceiling is the share of queries that were asked before, letter by letter; other spellings of one query may bring
more. Memory is given a tenth of the bytes of all different answers and Redis a half, by a sample: the bytes are known
in the end, and told.

Contract: queries begin in order, `AT_WORK` at a time.

Not here: writes meanwhile (`writes.py`).
"""

import asyncio
import random
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.cache.asking import address, counted, is_hit
from benchmarks.live.figures import latencies
from benchmarks.live.wire import Client
from tests.api_server import ApiServer
from tests.redis_server import RedisServer

AT_WORK = 4
SAMPLE = 500


def replayed(root: Path, queries: Sequence[str]) -> dict[str, Any]:
    """The figures."""
    different = list(dict.fromkeys(queries))
    sample = random.Random(1).sample(different, min(SAMPLE, len(different)))
    with ApiServer(root, cache_bytes=1 << 16) as server:
        guessed = len(different) * statistics.mean(len(server.client.get(address(one)).content) for one in sample)
    memory_bytes, redis_bytes = max(1 << 16, round(guessed / 10)), round(guessed / 2)
    redis = RedisServer("--maxmemory", str(_BASE_BYTES + redis_bytes), "--maxmemory-policy", "allkeys-lfu")
    try:
        with ApiServer(root, redis_url=redis.url, cache_bytes=memory_bytes) as server:
            began_s = time.monotonic()
            hits, sizes, spent_s = asyncio.run(_ask(server.port, queries))
            took_s = time.monotonic() - began_s
            events = counted(server)
    finally:
        redis.close()
    answers_bytes = sum(sizes.values())
    hit_rate, ceiling = sum(hits) / len(queries), 1 - len(different) / len(queries)
    return {
        "queries": len(queries),
        "different": len(different),
        "answers_bytes": answers_bytes,
        "memory_share": round(memory_bytes / answers_bytes, 3),
        "redis_share": round(redis_bytes / answers_bytes, 3),
        "hit_rate": round(hit_rate, 4),
        "hit_rate_ceiling": round(ceiling, 4),
        "of_ceiling": round(hit_rate / ceiling, 3) if ceiling else None,
        "by_tier": {
            where: events.get(f'broadsheet_cache_events_total{{result="{where}"}}') for where in ("memory", "redis")
        },
        "seconds": round(took_s, 1),
        "hits": latencies(one for one, hit in zip(spent_s, hits, strict=True) if hit),
        "misses": latencies(one for one, hit in zip(spent_s, hits, strict=True) if not hit),
    }


_BASE_BYTES = 2 << 20
"""What Redis takes with nothing in it."""


async def _ask(port: int, queries: Sequence[str]) -> tuple[list[bool], dict[str, int], list[float]]:
    """Whether each was a hit, the size of each different answer, and how long each took."""
    hits, spent_s, sizes = [False] * len(queries), [0.0] * len(queries), dict[str, int]()
    numbers = iter(range(len(queries)))

    async def ask(client: Client) -> None:
        for number in numbers:
            began_s = time.monotonic()
            answer = await client.get(address(queries[number]))
            if answer.status != 200:
                raise RuntimeError(f"{queries[number]!r}: {answer.status}")
            spent_s[number] = answer.received_s - began_s
            hits[number], sizes[queries[number]] = is_hit(answer), len(answer.body)

    async with Client(port) as client, asyncio.TaskGroup() as tasks:
        for _ in range(AT_WORK):
            tasks.create_task(ask(client))
    return hits, sizes, spent_s
