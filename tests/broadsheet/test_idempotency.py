"""Requests that are sent again with their key: one event, one answer, however many come at once and whatever dies.

Not here: random deaths (`live_kill_harness.py`), one process without trouble (`tests/indexer/test_http_writes.py`).
"""

import contextlib
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import orjson
import pytest

from indexer.log import EventLog
from indexer.projection import log_path
from tests.api_server import ApiServer, eventually, problem_of
from tests.broadsheet.changed_service import command

AT_ONCE = 50
_NDJSON = {"Content-Type": "application/x-ndjson"}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ApiServer, Path]]:
    """A server with two API processes and an indexer, and its folder."""
    root = tmp_path_factory.mktemp("two")
    with ApiServer(
        root,
        ready=False,
        command=command(["dies-when-told"]),
        indexer=True,
        workers=2,
        builders=1,
        whoosh_processes=1,
    ) as server:
        eventually(lambda: log_path(root).exists() and _ready(server) == 2)
        yield server, root


def _ready(server: ApiServer) -> int:
    """How many API processes have been ready so far."""
    return len(re.findall(r'"role": "api", "pid": \d+, "event": "process ready"', server.log()))


def _lines(count: int) -> bytes:
    rows = ({"id": f"bulk/{number}", "title": f"Title {number}"} for number in range(count))
    return b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)


_REQUESTS = {
    "put": ("PUT", "/v1/articles/put", b'{"title": "Once"}', b'{"title": "Twice"}', {}),
    "delete": ("DELETE", "/v1/articles/gone", b"", None, {}),
    "bulk": ("POST", "/v1/articles:bulk", _lines(100), _lines(99), _NDJSON),
}
"""Method, address, body, another body, headers."""


@pytest.mark.parametrize("kind", _REQUESTS)
def test_many_at_once_are_one(two: tuple[ApiServer, Path], kind: str) -> None:
    """Fifty with one key, over two processes: all are answered alike, but for those that are told to wait."""
    server, root = two
    method, address, body, other, headers = _REQUESTS[kind]
    server.client.put("/v1/articles/gone?wait=searchable", content=b'{"title": "Gone"}')
    with EventLog(log_path(root)) as log:
        before = _events(log)
    together = threading.Barrier(AT_ONCE)
    keyed = {**headers, "Idempotency-Key": f"{kind}-key"}

    def send(_number: int) -> httpx2.Response:
        with httpx2.Client(base_url=server.url, timeout=60) as client:
            together.wait(60)
            return client.request(method, address, content=body, headers=keyed)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(send, range(AT_ONCE)))
    told_to_wait = [answer for answer in answers if answer.status_code in {409, 503}]
    assert kind == "bulk" or not told_to_wait
    assert {answer.json()["type"] for answer in told_to_wait} <= {
        "/docs/problems/idempotency-busy",
        "/docs/problems/overloaded",
    }
    answered = [answer for answer in answers if answer not in told_to_wait]
    assert {answer.status_code for answer in answered} <= {200, 202}
    assert len({_whatever_the_moment(answer) for answer in answered}) == 1
    final = eventually(
        lambda: (
            None
            if (
                again := server.client.request(method, f"{address}?wait=searchable", content=body, headers=keyed)
            ).status_code
            == 409
            else again
        )
    )
    assert _whatever_the_moment(final) == _whatever_the_moment(answered[0])
    with EventLog(log_path(root)) as log:
        assert _events(log) - before == (100 if kind == "bulk" else 1)
    if other is not None:
        problem_of(server.client.request(method, address, content=other, headers=keyed), 422, "idempotency-mismatch")


def _whatever_the_moment(answer: httpx2.Response) -> bytes:
    """What must be the same in all answers: everything but how far the index is."""
    return orjson.dumps({**answer.json(), "status": ""})


def _events(log: EventLog) -> int:
    return int(log._db.execute("SELECT count(*) FROM event WHERE kind != 'statistics'").fetchone()[0])


@pytest.mark.parametrize("kind", _REQUESTS)
def test_a_death_between_log_and_answer_is_no_second_event(two: tuple[ApiServer, Path], kind: str) -> None:
    """What was logged and never answered is answered when it is sent again, by whichever process."""
    server, root = two
    method, address, body, _other, headers = _REQUESTS[kind]
    body = body.replace(b"Title", b"Another title")
    address = address.replace("/put", "/put again")
    with httpx2.Client(base_url=server.url, timeout=60) as client:
        client.put("/v1/articles/gone?wait=searchable", content=b'{"title": "Gone"}')
    with EventLog(log_path(root)) as log:
        before = _events(log)
    (root / "die").touch()
    keyed = {**headers, "Idempotency-Key": f"{kind}-again"}

    def send() -> httpx2.Response | None:
        with contextlib.suppress(httpx2.TransportError), httpx2.Client(base_url=server.url, timeout=60) as client:
            return client.request(method, f"{address}?wait=searchable", content=body, headers=keyed)
        return None

    assert send() is None
    logged = {"put": 1, "delete": 1, "bulk": 100}[kind]
    with EventLog(log_path(root)) as log:
        assert _events(log) - before == logged
    again = eventually(send)
    assert again.status_code == 200, again.text
    assert again.json()["progress"] == {"done": logged, "total": logged, "failed": 0}
    with httpx2.Client(base_url=server.url, timeout=60) as client:
        assert client.get(again.headers["Location"]).json() == again.json()
    with EventLog(log_path(root)) as log:
        assert _events(log) - before == logged
