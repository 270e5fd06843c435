"""Faults made on purpose under a real server: processes stopped or killed, callers gone, too many requests.

Whatever happens, an answer is right, or says what it lacks, or is a refusal that says why; and the service recovers
by itself.

Not here: damaged files (`test_damage.py`), Redis in trouble (`tests/cache/`), the indexer killed (`tests/indexer/`).
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
from tests.search.faults import QUERY, failed_of, kill, stop, whole_result, without

MARGIN_S = 5.0
"""How much later than promised an answer may be on a busy machine."""


@pytest.fixture
def faulty(archive: Archive) -> Iterator[ApiServer]:
    """A server of two leaf processes, for one test to mistreat; it has seen `QUERY` before."""
    with ApiServer(archive.root) as server:
        server.page(QUERY)
        yield server


def test_stopped_process_is_a_refusal_in_time(faulty: ApiServer) -> None:
    """503 at the deadline, naming the partitions; then the process is replaced and the answer is whole again."""
    expected = whole_result(faulty)
    victim = faulty.leaf_processes()[0]
    stop(victim)
    began_s = time.monotonic()
    response = faulty.search({**QUERY, "limit": 99, "timeout_ms": 1000})
    assert 1.0 <= time.monotonic() - began_s < 1.2 + MARGIN_S
    failed = failed_of(problem_of(response, 503, "partial-results"))
    assert set(failed) in ({0, 2, 4, 6}, {1, 3, 5, 7})
    assert set(failed.values()) == {"timeout"}
    assert int(response.headers["Retry-After"]) >= 1
    eventually(lambda: faulty.search({**QUERY, "limit": 98}).status_code == 200)
    assert len(eventually(faulty.leaf_processes)) == 2
    assert victim not in faulty.leaf_processes()
    assert whole_result(faulty) == expected
    assert 'broadsheet_leaf_processes_replaced_total{reason="timeout"} 1.0' in faulty.client.get("/metrics").text


def test_partial_answer_is_honest_and_not_kept(faulty: ApiServer) -> None:
    """With `allow_partial`: right as far as it goes, marked as a part, not cached; its cursors remember."""
    expected = whole_result(faulty)
    query = {**QUERY, "limit": 10, "allow_partial": "true", "timeout_ms": 1500}
    stop(faulty.leaf_processes()[1])
    response = faulty.search(query)
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    part = response.json()
    failed = failed_of(part)
    assert set(failed) in ({0, 2, 4, 6}, {1, 3, 5, 7})
    assert part["coverage"]["complete"] is False
    rest = without(expected, failed)
    assert part["data"] == rest[:10]
    assert part["total"] == {"value": len(rest), "relation": "gte", "unit": "article"}

    def complete() -> dict[str, Any] | None:
        page = faulty.page(query)
        assert page["data"] in (expected[:10], rest[:10])
        return page if page["coverage"]["complete"] else None

    whole = eventually(complete)
    assert whole["data"] == expected[:10]
    assert whole["total"] == {"value": len(expected), "relation": "eq", "unit": "article"}

    # Whoever goes on from the part has missed what the lost partitions held up to there.
    after = expected[expected.index(rest[9]) + 1 :]
    second = faulty.client.get(part["page"]["next"])
    assert second.json()["data"] == after[:10]
    assert second.headers["Cache-Control"] == "no-store"
    third = next(faulty.walk(second.json()))
    back = next(faulty.walk(third, "prev"))
    for page in (second.json(), third, back):
        assert page["coverage"]["missed"] == sorted(failed)
        assert page["coverage"]["complete"] is False
        assert page["coverage"]["partitions"]["failed"] == []
        assert page["total"]["relation"] == "eq"
    assert back["data"] == second.json()["data"]


def test_all_processes_stopped(faulty: ApiServer) -> None:
    """Nothing is known, so there is nothing to be partial about: 504, while the process stays live."""
    victims = faulty.leaf_processes()
    for victim in victims:
        stop(victim)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(faulty.search, {**QUERY, "limit": 42, "allow_partial": "true", "timeout_ms": 1500})
        while not asked.done():
            assert faulty.client.get("/livez").status_code == 200
        problem_of(asked.result(), 504, "timeout")
    eventually(lambda: faulty.search({**QUERY, "limit": 42}).status_code == 200)
    assert not set(victims) & set(faulty.leaf_processes())


@pytest.mark.parametrize("which", [0, 1])
def test_new_query_while_a_process_is_stopped(faulty: ApiServer, which: int) -> None:
    """Whichever process is asked to parse it first, the others answer it."""
    expected = faulty.page({"q": "storm", "limit": 100, "fields": "id,score"})["data"]
    stop(faulty.leaf_processes()[which])
    spelled = {"q": "STORMS ()", "limit": 100, "fields": "id,score"}
    part = faulty.page({**spelled, "allow_partial": "true", "timeout_ms": 1000})
    if failed := failed_of(part):  # else it was replaced in time
        assert part["data"] == without(expected, failed)
    eventually(lambda: faulty.search(spelled).status_code == 200)
    assert faulty.page(spelled)["data"] == expected


@pytest.mark.parametrize("how_many", [1, 2])
def test_killed_processes_are_replaced(faulty: ApiServer, how_many: int) -> None:
    """Again and again; until then the refusal names the partitions."""
    expected = whole_result(faulty)
    for size in range(1, 4):
        victims = faulty.leaf_processes()[:how_many]
        for victim in victims:
            kill(victim)

        def recovered(size: int = size) -> bool:
            response = faulty.search({**QUERY, "limit": size})
            if response.status_code == 200:
                assert response.json()["data"] == expected[:size]
                return True
            assert failed_of(problem_of(response, 503, "partial-results"))
            return False

        eventually(recovered)
        eventually(lambda: len(faulty.leaf_processes()) == 2)
        assert not set(victims) & set(faulty.leaf_processes())
    assert whole_result(faulty) == expected


def test_processes_killed_under_load(faulty: ApiServer) -> None:
    """Every answer on the way is whole and right, or a refusal that is documented."""
    expected = [item["id"] for item in whole_result(faulty)]
    numbers = itertools.count()
    over = threading.Event()

    def ask() -> int:
        """The status of a search that was never made before, and so is in no cache."""
        number = next(numbers)
        size = number % 100 + 1
        response = faulty.search({**QUERY, "limit": size, "timeout_ms": 20_000 + number // 100})
        if response.status_code == 200:
            assert [item["id"] for item in response.json()["data"]] == expected[:size]
        else:  # the process may have died while it read the documents of its partitions
            problem_of(response, 503, "partial-results")
        return response.status_code

    def keep_asking() -> set[int]:
        seen = set()
        while not over.is_set():
            seen.add(ask())
        return seen

    with ThreadPoolExecutor(3) as pool:
        asking = [pool.submit(keep_asking) for _ in range(3)]
        try:
            for _ in range(3):
                victims = set(faulty.leaf_processes())
                for victim in victims:
                    kill(victim)
                eventually(partial(_replaced, faulty, victims))
                eventually(lambda: ask() == 200)
        finally:
            over.set()
        assert {status for asked in asking for status in asked.result()} == {200, 503}


def _replaced(server: ApiServer, victims: set[int]) -> bool:
    running = set(server.leaf_processes())
    return len(running) == 2 and not running & victims


def test_callers_that_hang_up(faulty: ApiServer) -> None:
    """A request whose caller is gone leaves no reply behind for the next one."""
    expected = whole_result(faulty)
    for size in range(1, 60):
        with socket.create_connection(("127.0.0.1", faulty.port)) as caller:
            line = f"GET /v1/search?q=budget+OR+tariff&limit={size}&fields=title HTTP/1.1\r\nHost: x\r\n\r\n"
            caller.sendall(line.encode())
        if size % 20 == 0:
            assert faulty.page({**QUERY, "limit": size})["data"] == expected[:size]


def test_more_requests_than_places(archive: Archive) -> None:
    """One at work, one waiting, the rest refused at once; the waiting one is not kept waiting for ever."""
    with ApiServer(archive.root, working=1, queued=1, queue_wait_ms=3000) as server, ThreadPoolExecutor(20) as pool:
        server.page(QUERY)

        def ask(size: int) -> tuple[float, str]:
            began_s = time.monotonic()
            response = server.search({**QUERY, "limit": size, "timeout_ms": 5000})
            waited_s = time.monotonic() - began_s
            if "overloaded" in response.text:
                problem_of(response, 503, "overloaded")
                assert 1 <= int(response.headers["Retry-After"]) <= 3
                return waited_s, "overloaded"
            problem_of(response, 503, "partial-results")
            return waited_s, "partial-results"

        stop(server.leaf_processes()[0])  # so that whoever comes in first stays in
        asked = sorted(pool.map(ask, range(1, 21)))
        assert [outcome for _waited_s, outcome in asked] == ["overloaded"] * 19 + ["partial-results"]
        assert asked[17][0] < 2.5, "eighteen are refused at once"
        assert asked[18][0] > 2.9, "one waits in vain"
        assert asked[19][0] > 4.9, "one was at work"
        assert "broadsheet_admission_refused_total 19.0" in server.client.get("/metrics").text
        eventually(lambda: server.search({**QUERY, "limit": 30}).status_code == 200)
