"""Faults made on purpose under a real server: processes stopped or killed, callers gone, too many requests.

Whatever happens, an answer is right, or says what it lacks, or is a refusal that says why; and the service recovers
by itself. Queries that need no Whoosh process never notice that there are any.

Not here: damaged files (`test_damage.py`), partitions that are late (`test_broker.py`), Redis in trouble
(`tests/cache/`), the indexer killed (`tests/indexer/`).
"""

import itertools
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from tests.api_server import ApiServer, eventually, problem_of
from tests.archive import Archive
from tests.search.faults import QUERY, kill, stop, whole_result

MARGIN_S = 5.0
"""How much later than promised an answer may be on a busy machine."""
WILD = {"q": "bud*et OR tar?ff", "fields": "id", "limit": 100}
"""For want of a kernel, Whoosh says which articles match."""


@pytest.fixture
def faulty(archive: Archive) -> Iterator[ApiServer]:
    """A server of two Whoosh processes, for one test to mistreat; it has seen `QUERY` and `WILD` before."""
    with ApiServer(archive.root, whoosh_processes=2) as server:
        server.page(QUERY)
        server.page(WILD)
        yield server


def test_stopped_process_is_a_refusal_in_time(faulty: ApiServer) -> None:
    """504 at the deadline; then the process is replaced and the answer is whole again."""
    expected = faulty.page(WILD)["data"]
    victims = faulty.whoosh_processes()
    for victim in victims:
        stop(victim)
    began_s = time.monotonic()
    refused = faulty.search({**WILD, "limit": 99, "timeout_ms": 1000})
    assert 1.0 <= time.monotonic() - began_s < 1.2 + MARGIN_S
    problem_of(refused, 504, "timeout")
    assert faulty.search({**QUERY, "limit": 97}).status_code == 200
    eventually(lambda: faulty.search({**WILD, "limit": 98, "timeout_ms": 2000}).status_code == 200)
    eventually(lambda: not set(victims) & set(faulty.whoosh_processes()))
    eventually(lambda: len(faulty.whoosh_processes()) == 2)
    assert faulty.page({**WILD, "limit": 50})["data"] == expected[:50]
    assert 'broadsheet_whoosh_processes_replaced_total{reason="timeout"} 2.0' in faulty.client.get("/metrics").text


def test_plain_queries_need_no_process(faulty: ApiServer) -> None:
    """Words, phrases, beginnings that are known, pages and articles are answered while every process is stopped."""
    expected = whole_result(faulty)
    for victim in faulty.whoosh_processes():
        stop(victim)
    for size in range(90, 96):
        assert faulty.page({**QUERY, "limit": size, "timeout_ms": 1000})["data"] == expected[:size]
    assert faulty.page({"q": '"health care" reform', "timeout_ms": 1000})["coverage"]["complete"]
    assert faulty.client.get(f"/v1/articles/{expected[-1]['id']}").status_code == 200
    assert faulty.client.get("/readyz").status_code == 200


@pytest.mark.parametrize("which", [0, 1])
def test_new_query_while_a_process_is_stopped(faulty: ApiServer, which: int) -> None:
    """Whichever process is asked to parse it first, the other one does."""
    expected = faulty.page({"q": "storm", "limit": 100, "fields": "id,score"})["data"]
    stop(faulty.whoosh_processes()[which])
    for spelled in ("STORMS ()", "(storm)", "storm AND storms^1"):
        page = faulty.page({"q": spelled, "limit": 100, "fields": "id", "timeout_ms": 3000})
        assert {item["id"] for item in page["data"]} == {item["id"] for item in expected}


@pytest.mark.parametrize("how_many", [1, 2])
def test_killed_processes_are_replaced(faulty: ApiServer, how_many: int) -> None:
    """Again and again; until then the refusal says why."""
    expected = faulty.page(WILD)["data"]
    sizes = itertools.cycle(range(1, 100))
    for _ in range(3):
        victims = faulty.whoosh_processes()[:how_many]
        for victim in victims:
            kill(victim)

        def recovered(victims: list[int] = victims) -> bool:
            size = next(sizes)
            response = faulty.search({**WILD, "limit": size})
            if response.status_code == 200:
                assert response.json()["data"] == expected[:size]
                return _replaced(faulty, set(victims))
            problem_of(response, 503, "partial-results")
            return False

        eventually(recovered)


def test_processes_killed_while_they_start(faulty: ApiServer) -> None:
    """They are started again without being asked for."""
    known = set(faulty.whoosh_processes())
    for victim in known:
        kill(victim)
    faulty.search({**WILD, "limit": 99})  # finds that they are dead
    for _ in range(3):
        starting = eventually(partial(_others, faulty, known))
        known |= starting
        for victim in starting:
            kill(victim)
    eventually(lambda: _replaced(faulty, known))
    assert "whoosh process cannot be started" in faulty.log()


def test_processes_killed_under_load(faulty: ApiServer) -> None:
    """Every answer on the way is whole and right, or a refusal that is documented."""
    expected = [item["id"] for item in faulty.page(WILD)["data"]]
    numbers = itertools.count()
    over = threading.Event()

    def ask() -> int:
        """The status of a search that was never made before, and so is in no cache."""
        number = next(numbers)
        size = number % 100 + 1
        response = faulty.search({**WILD, "limit": size, "timeout_ms": 20_000 + number // 100})
        if response.status_code == 200:
            assert [item["id"] for item in response.json()["data"]] == expected[:size]
        else:
            problem_of(response, 503, "partial-results")
        return response.status_code

    def recovered(victims: set[int]) -> bool:
        return ask() == 200 and _replaced(faulty, victims)

    def keep_asking() -> set[int]:
        seen = set()
        while not over.is_set():
            seen.add(ask())
        return seen

    with ThreadPoolExecutor(3) as pool:
        asking = [pool.submit(keep_asking) for _ in range(3)]
        try:
            for _ in range(3):
                victims = set(faulty.whoosh_processes())
                for victim in victims:
                    kill(victim)
                eventually(partial(recovered, victims))
        finally:
            over.set()
        assert 200 in {status for asked in asking for status in asked.result()}


def _others(server: ApiServer, known: set[int]) -> set[int]:
    return set(server.whoosh_processes()) - known


def _replaced(server: ApiServer, victims: set[int]) -> bool:
    running = set(server.whoosh_processes())
    return len(running) == 2 and not running & victims


def test_searches_by_whoosh_are_counted(faulty: ApiServer) -> None:
    """In a metric, and said in `explain`; a search that has a kernel is not."""

    def counted() -> float:
        lines = faulty.client.get("/metrics").text.splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith("broadsheet_whoosh_searches_total "))

    before = counted()
    plain = faulty.page({**QUERY, "explain": "true"})["explain"]
    assert (plain["by_whoosh"], counted()) == ([], before)
    wild = faulty.page({**WILD, "explain": "true"})["explain"]
    assert (wild["by_whoosh"], counted()) == (["bud*et", "tar?ff"], before + 1)


def test_callers_that_hang_up(faulty: ApiServer) -> None:
    """A request whose caller is gone leaves no reply behind for the next one."""
    expected = whole_result(faulty)
    wild = faulty.page(WILD)["data"]
    for size in range(1, 60):
        with socket.create_connection(("127.0.0.1", faulty.port)) as caller:
            text = "budget+OR+tariff" if size % 2 else "bud*et+OR+tar?ff"
            line = f"GET /v1/search?q={text}&limit={size}&fields=title HTTP/1.1\r\nHost: x\r\n\r\n"
            caller.sendall(line.encode())
        if size % 20 == 0:
            assert faulty.page({**QUERY, "limit": size})["data"] == expected[:size]
            assert faulty.page({**WILD, "limit": size})["data"] == wild[:size]


def test_more_requests_than_places(archive: Archive) -> None:
    """One at work, one waiting, the rest refused at once; the waiting one is not kept waiting for ever."""
    settings: dict[str, Any] = {"working": 1, "queued": 1, "queue_wait_ms": 3000, "whoosh_processes": 1}
    with ApiServer(archive.root, **settings) as server, ThreadPoolExecutor(20) as pool:
        server.page(WILD)

        def ask(size: int) -> tuple[float, str]:
            began_s = time.monotonic()
            response = server.search({**WILD, "limit": size, "timeout_ms": 5000})
            waited_s = time.monotonic() - began_s
            if "overloaded" in response.text:
                problem_of(response, 503, "overloaded")
                assert 1 <= int(response.headers["Retry-After"]) <= 3
                return waited_s, "overloaded"
            problem_of(response, 504, "timeout")
            return waited_s, "timeout"

        stop(server.whoosh_processes()[0])  # so that whoever comes in first stays in
        asked = sorted(pool.map(ask, range(1, 21)))
        assert [outcome for _waited_s, outcome in asked] == ["overloaded"] * 19 + ["timeout"]
        assert asked[17][0] < 2.5, "eighteen are refused at once"
        assert asked[18][0] > 2.9, "one waits in vain"
        assert asked[19][0] > 4.9, "one was at work"
        assert "broadsheet_admission_refused_total 19.0" in server.client.get("/metrics").text
        eventually(lambda: server.search({**WILD, "limit": 30}).status_code == 200)
