"""A whole result walked by cursor: every id once, and what the last page costs against the first.

    python -m benchmarks.walk --data DIR --query TEXT [--limit 100]

Contract: pages are computed, never cached. The costs compared are medians over the first and the last ten pages,
asked again in turn. Exit status 1 when an id comes twice or the walk is shorter than the total.

Not here: walks over HTTP while the archive changes (`tests/search/test_http_cursors.py`).
"""

import argparse
import asyncio
import statistics
import sys
import time
from pathlib import Path

import orjson

from broadsheet.app import running_service
from broadsheet.settings import resolve
from search.parameters import parse_search
from search.service import SearchService
from web.edge import Timings


async def _page(
    service: SearchService, given: list[tuple[str, str]], cursor: str | None, *, salt: int = 0
) -> tuple[list[str], int, str | None, float]:
    # Another deadline is another cache key: each page is computed.
    asked = [*given, ("timeout_ms", str(30_000 - salt)), *([("cursor", cursor)] if cursor else [])]
    started_s = time.perf_counter()
    served = await service.search(parse_search(asked), Timings())
    spent_s = time.perf_counter() - started_s
    body = orjson.loads(served.answer.body)
    following = served.answer.next.rpartition("cursor=")[2] if served.answer.next else None
    return [item["id"] for item in body["data"]], body["total"]["value"], following, spent_s


async def walk(root: Path, query: str, limit: int) -> bool:
    """Walk; whether every id came exactly once."""
    given = [("q", query), ("limit", str(limit))]
    async with running_service(resolve({"data": str(root)}).settings) as (service, epochs, *_):
        await epochs.refresh()
        cursors: list[str | None] = [None]
        ids: list[str] = []
        started_s = time.perf_counter()
        while True:
            found, total, following, _spent_s = await _page(service, given, cursors[-1])
            ids += found
            if following is None:
                break
            cursors.append(following)
        spent_s = time.perf_counter() - started_s
        costs: dict[str, list[float]] = {"first": [], "last": []}
        for salt in range(1, 6):
            for first, last in zip(cursors[:10], cursors[-11:-1], strict=False):
                costs["first"].append((await _page(service, given, first, salt=salt))[3])
                costs["last"].append((await _page(service, given, last, salt=salt))[3])
    first_ms, last_ms = (statistics.median(costs[name]) * 1000 for name in ("first", "last"))
    print(
        f"{query!r}: {len(ids):,} ids, {len(set(ids)):,} distinct, total {total:,}, {len(cursors):,} pages of {limit}"
    )
    print(
        f"walk {spent_s:.1f} s; first pages {first_ms:.1f} ms, last pages {last_ms:.1f} ms: {last_ms / first_ms:.2f}x"
    )
    return len(ids) == len(set(ids)) == total


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--query", required=True)
    parser.add_argument("--limit", type=int, default=100)
    given = parser.parse_args()
    return 0 if asyncio.run(walk(given.data, given.query, given.limit)) else 1


if __name__ == "__main__":
    sys.exit(main())
