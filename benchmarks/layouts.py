"""Whether archives of the same articles with different numbers of partitions give the same answers.

    python -m benchmarks.layouts --data ONE --data EIGHT --queries FILE [--depth 100]

The same is asked of an archive and a copy of it after `broadsheet rebuild`.

Contract: each line of FILE is asked as it is (all words must match) and with OR between its words; ids, scores, order
and totals are compared to the given depth. Exit status 1 when anything differs.

Not here: small generated archives (`tests/search/test_layouts.py`).
"""

import argparse
import asyncio
import re
import sys
import time
from pathlib import Path

import orjson

from broadsheet.app import running_service
from broadsheet.settings import resolve
from search.parameters import MAX_LIMIT, parse_search
from search.service import SearchService
from web.edge import Timings

_WORD = re.compile(r"\w+")


def spellings(line: str) -> dict[str, str]:
    """The two queries of one line."""
    words = [word for word in _WORD.findall(line) if word not in {"AND", "OR", "NOT"}]
    return {"AND": " ".join(words), "OR": " OR ".join(words)}


async def _answer(service: SearchService, query: str, depth: int) -> tuple[int, list[tuple[str, float]]]:
    hits: list[tuple[str, float]] = []
    given = [("q", query), ("limit", str(min(depth, MAX_LIMIT))), ("fields", "id,score"), ("timeout_ms", "30000")]
    cursor: list[tuple[str, str]] = []
    while True:
        served = await service.search(parse_search([*given, *cursor]), Timings())
        body = orjson.loads(served.answer.body)
        hits += [(item["id"], item["score"]) for item in body["data"]]
        if len(hits) >= depth or not served.answer.next:
            return body["total"]["value"], hits[:depth]
        cursor = [("cursor", served.answer.next.rpartition("cursor=")[2])]


async def compare(archives: list[Path], lines: list[str], depth: int) -> int:
    """Ask every archive everything; returns how many queries differed."""
    expected: dict[tuple[str, str], tuple[int, list[tuple[str, float]]]] = {}
    different = 0
    for archive in archives:
        started_s, asked, found = time.perf_counter(), 0, 0
        async with running_service(resolve({"data": str(archive)}).settings) as (service, epochs, *_):
            await epochs.refresh()
            partitions = len(service.current().partitions)
            for line in lines:
                for kind, query in spellings(line).items():
                    answer = await _answer(service, query, depth)
                    asked, found = asked + 1, found + len(answer[1])
                    if expected.setdefault((kind, line), answer) != answer:
                        different += 1
                        print(f"differs at {partitions} partitions: {kind} {line!r}", file=sys.stderr)
        spent_s = time.perf_counter() - started_s
        print(f"{partitions:>4} partitions: {asked} queries, {found} hits, {different} different, {spent_s:.1f} s")
    return different


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, action="append", required=True, help="an archive; give several")
    parser.add_argument("--queries", type=Path, required=True, help="a file with one query a line")
    parser.add_argument("--depth", type=int, default=100)
    given = parser.parse_args()
    lines = [line for line in given.queries.read_text(encoding="utf-8").splitlines() if _WORD.search(line)]
    return 1 if asyncio.run(compare(given.data, lines, given.depth)) else 0


if __name__ == "__main__":
    sys.exit(main())
