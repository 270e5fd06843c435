"""Takedowns on a live server whose processes are killed after every step, and a scan for what is left.

    python -m tests.indexer.takedown_harness --takedowns 5 --seed 1

Contract: an archive with other articles, corrections, an export, results of requests that tell of the articles to be
taken down, and pages of theirs in Redis. Whenever a step of any takedown is done, the API processes get SIGKILL,
mostly with the indexer. Every takedown ends; then no place holds a word of what was taken down, and all others are
there in a sound archive. Prints one line of figures; its status is 1 if anything was left.

Not here: each step by itself, and mutants (`test_takedown.py`).
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import orjson
from redis import Redis

from indexer.log import log_path
from indexer.sagas import SAGAS_FILE, SagaStore
from indexer.writing import UNFINISHED
from tests.api_server import ApiServer, eventually
from tests.carving import hiding_places
from tests.redis_server import RedisServer
from tests.small_index import contents

NDJSON = {"Content-Type": "application/x-ndjson"}
OTHERS = 300


def word_of(number: int) -> str:
    """A word that stands in one article only."""
    return f"quixzorp{chr(97 + number % 26)}{chr(97 + number // 26)}ant"


def _lines(takedowns: int, version: int) -> bytes:
    rows: list[dict[str, Any]] = [
        {"id": f"o/{number}", "title": f"Other {number}", "body": f"hay {version} " * 20} for number in range(OTHERS)
    ]
    for number in range(takedowns):
        text = f"It was {word_of(number)} who said so, version {version}. " * 60
        rows.append({"id": f"secret/{number}", "title": f"The {word_of(number)} affair {version}", "body": text})
        rows.append({"id": f"secret/{number}", "body": "no title: " + text})
    return b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)


class Patient:
    """Asks until somebody answers."""

    def __init__(self, server: ApiServer) -> None:
        self._server = server

    def ask(self, method: str, address: str, **options: Any) -> httpx2.Response:
        """One answer that is no refusal for want of a server."""

        def asked() -> httpx2.Response | None:
            with suppress(httpx2.TransportError):
                answer = self._server.client.request(method, address, **options)
                return answer if answer.status_code < 500 else None
            return None

        return eventually(asked)


def harness(takedowns: int, seed: int) -> dict[str, Any]:
    """Run it; returns figures."""
    random_ = random.Random(seed)
    words = [word_of(number) for number in range(takedowns)]
    redis = RedisServer()
    with tempfile.TemporaryDirectory(prefix="takedown-") as folder:
        root = Path(folder)
        try:
            with ApiServer(root, ready=False, indexer=True, builders=1, redis_url=redis.url) as server:
                eventually(lambda: log_path(root).exists())
                patient = Patient(server)
                for version in (1, 2):
                    body = _lines(takedowns, version)
                    patient.ask("POST", "/v1/articles:bulk?wait=searchable", content=body, headers=NDJSON)
                export = patient.ask("POST", "/v1/exports?q=affair").headers["Location"]
                eventually(lambda: patient.ask("GET", export).json()["status"] not in UNFINISHED)
                for word in words:
                    patient.ask("GET", f"/v1/search?q={word}&timeout_ms=20000")
                time.sleep(0.2)
                found_before = hiding_places(root, words, _entries(redis))
                jobs = [
                    patient.ask("POST", "/v1/takedowns", content=orjson.dumps({"id": f"secret/{number}"}))
                    for number in range(takedowns)
                ]
                ids = [bytes.fromhex(job.json()["id"]) for job in jobs]
                kills, seconds = _kill_until_done(server, root, ids, random_)
                gone = [
                    patient.ask("GET", f"/v1/articles/secret%2F{number}").status_code for number in range(takedowns)
                ]
            held = contents(root)
            left = hiding_places(root, words, _entries(redis))
        finally:
            redis.close()
    return {
        "takedowns": takedowns,
        "kills": kills,
        "seconds": round(seconds, 1),
        "places_before": dict(found_before),
        "left": dict(left),
        "gone": all(status == 410 for status in gone),
        "others": len(held),
    }


def _entries(redis: RedisServer) -> list[bytes]:
    with Redis.from_url(redis.url) as client:
        return [client.get(name) or b"" for name in client.scan_iter("*")]


def _kill_until_done(server: ApiServer, root: Path, ids: list[bytes], random_: random.Random) -> tuple[int, float]:
    store = SagaStore(root / SAGAS_FILE, lambda: 0)
    kills, seen, started_s = 0, 0, time.monotonic()
    try:
        while True:
            sagas = [saga for saga in map(store.find, ids) if saga]
            if all(saga.state == "succeeded" for saga in sagas):
                return kills, time.monotonic() - started_s
            assert time.monotonic() - started_s < 300 * len(ids), f"not done: {sagas}"
            done = sum(len(saga.receipts) for saga in sagas)
            if done > seen:
                seen = done
                victims = server.api_processes()  # the indexer among them, which the supervisor has started too
                for victim in victims if random_.random() < 0.8 else random_.sample(victims, 1):
                    with suppress(ProcessLookupError):
                        os.kill(victim, signal.SIGKILL)
                        kills += 1
            time.sleep(0.005)
    finally:
        store.close()


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--takedowns", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    figures = harness(options.takedowns, options.seed)
    sys.stdout.write(orjson.dumps(figures).decode() + "\n")
    return 0 if not figures["left"] and figures["gone"] and figures["others"] == OTHERS else 1


if __name__ == "__main__":
    sys.exit(main())
