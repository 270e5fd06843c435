"""Sends requests many times with their key, also to processes that die, and proves that each is one event.

    python -m tests.broadsheet.retry_harness --count 100 --seed 1 [--mutant messages-forgotten]

Contract: a service with two API processes is asked to put, withdraw, or take a bulk body. Either as many clients as
`AT_ONCE` ask the same at once, or the process that has logged it dies before it answers and it is sent again. All
answers are alike but for those that say to wait; the log has what one request would have logged; the address of the
job is there from the first answer on; the key with another body is refused. The first thing that is not so raises
`AssertionError`. With one of the `MUTANTS` it must.

Not here: deaths at random moments (`live_kill_harness.py`), one process without trouble
(`tests/indexer/test_http_writes.py`).
"""

import argparse
import contextlib
import itertools
import re
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from types import TracebackType
from typing import NamedTuple, Self

import httpx2
import orjson

from indexer.log import EventLog, log_path
from tests.api_server import ApiServer, eventually
from tests.broadsheet.changed_service import command

AT_ONCE = 50
LINES = 100
"""Of a bulk body."""
KINDS = ("put", "delete", "bulk")
HARMS = ("at once", "death")
MUTANTS = ("messages-forgotten",)
_WAITS = {"/docs/problems/idempotency-busy", "/docs/problems/overloaded"}
_TIMEOUT_S = 60


class Request(NamedTuple):
    """One of them, with its key."""

    method: str
    address: str
    body: bytes
    headers: Mapping[str, str]
    events: int
    """That it is."""

    def send(self, server: ApiServer) -> httpx2.Response:
        """Over a connection of its own, so that any process may answer."""
        with httpx2.Client(base_url=server.url, timeout=_TIMEOUT_S) as client:
            return client.request(self.method, self.address, content=self.body, headers=self.headers)


def _request(kind: str, key: str, word: str = "Title") -> Request:
    headers = {"Idempotency-Key": key}
    if kind == "put":
        body = orjson.dumps({"title": f"{word} of {key}"})
        return Request("PUT", f"/v1/articles/{key}", body, headers, 1)
    if kind == "delete":
        return Request("DELETE", f"/v1/articles/{key}?reason={word}", b"", headers, 1)
    rows = ({"id": f"{key}/{number}", "title": f"{word} {number}"} for number in range(LINES))
    body = b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)
    return Request("POST", "/v1/articles:bulk", body, {**headers, "Content-Type": "application/x-ndjson"}, LINES)


class Retries:
    """The service and its log; a context manager."""

    def __init__(self, root: Path, *, mutant: str = "") -> None:
        self._root = root
        self._server = ApiServer(
            root,
            ready=False,
            command=command([*([mutant] if mutant else []), "dies-when-told"]),
            indexer=True,
            workers=2,
            builders=1,
        )
        eventually(lambda: log_path(root).exists() and self._ready() == 2)

    def _ready(self) -> int:
        """How many API processes have been ready so far."""
        return len(re.findall(r'"role": "api", "pid": \d+, "event": "process ready"', self._server.log()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()

    def retry(self, kind: str, harm: str, key: str) -> int:
        """Send one thing again and again; returns how many answers there were."""
        request = _request(kind, key)
        if kind == "delete":
            assert _request("put", key)._replace(headers={}).send(self._server).status_code == 202
        before = self._events()
        answers = self._at_once(request) if harm == "at once" else self._death(request, before)
        waits = [answer for answer in answers if answer.status_code in {409, 503}]
        assert {answer.json()["type"] for answer in waits} <= _WAITS, "some were refused"
        assert kind == "bulk" or not waits, "single changes were told to wait"
        answered = [answer for answer in answers if answer not in waits]
        answered.append(eventually(lambda: self._in_the_end(request)))
        assert {answer.status_code for answer in answered} <= {200, 202}, "some were refused"
        assert len({_whatever_the_moment(answer) for answer in answered}) == 1, "they were answered differently"
        logged = self._events() - before
        assert logged == request.events, f"{logged} events of a request that is {request.events}"
        assert answered[-1].json()["progress"] == {"done": logged, "total": logged, "failed": 0}
        for _process in range(4):  # any of them knows the job
            job = Request("GET", answered[0].headers["Location"], b"", {}, 0).send(self._server)
            assert job.status_code == 200, "a job that was told of is not there"
        refused = _request(kind, key, "Another").send(self._server)
        assert (refused.status_code, refused.json()["type"]) == (422, "/docs/problems/idempotency-mismatch")
        return len(answers) + 1

    def _at_once(self, request: Request) -> list[httpx2.Response]:
        together = threading.Barrier(AT_ONCE)

        def send(_number: int) -> httpx2.Response:
            together.wait(_TIMEOUT_S)
            return request.send(self._server)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(send, range(AT_ONCE)))

    def _death(self, request: Request, before: int) -> list[httpx2.Response]:
        """Of the process that has logged it; there is no answer."""
        (self._root / "die").touch()
        with contextlib.suppress(httpx2.TransportError):
            request.send(self._server)
            raise AssertionError("it was answered by a process that died")
        assert self._events() - before == request.events
        return []

    def _in_the_end(self, request: Request) -> httpx2.Response | None:
        joint = "&" if "?" in request.address else "?"
        waiting = request._replace(address=f"{request.address}{joint}wait=searchable")
        with contextlib.suppress(httpx2.TransportError):  # before another process has taken the place of a dead one
            answer = waiting.send(self._server)
            return None if answer.status_code in {202, 409, 503} else answer
        return None

    def _events(self) -> int:
        with EventLog(log_path(self._root)) as log:
            return sum(log.pending(0, log.last_seq()).values())


def _whatever_the_moment(answer: httpx2.Response) -> bytes:
    """What must be the same in all answers: everything but how far the index is."""
    return orjson.dumps({**answer.json(), "status": ""})


def retries(root: Path, *, count: int, seed: int, mutant: str = "") -> Iterator[Counter[str]]:
    """So many things that are sent again and again; gives how many answers there were to each kind so far."""
    random, figures = Random(seed), Counter[str]()
    pairs = itertools.cycle(random.sample([*itertools.product(KINDS, HARMS)], len(KINDS) * len(HARMS)))
    with Retries(root, mutant=mutant) as service:
        for number, (kind, harm) in zip(range(count), pairs, strict=False):
            figures[f"{kind}, {harm}"] += service.retry(kind, harm, f"retry-{number}")
            yield figures


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Send requests many times with their key.")
    parser.add_argument("--count", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mutant", choices=MUTANTS, default="")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="retries-") as folder:
        *_, figures = retries(Path(folder), count=given.count, seed=given.seed, mutant=given.mutant)
    kinds = "; ".join(f"{kind}: {answers:,}" for kind, answers in sorted(figures.items()))
    sys.stdout.write(f"answers to {given.count:,} requests ({kinds}): each is one event, and one answer\n")


if __name__ == "__main__":
    main()
