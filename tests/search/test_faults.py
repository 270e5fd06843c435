"""Faults made on purpose under a real server: callers gone, too many requests.

Whatever happens, an answer is right, or says what it lacks, or is a refusal that says why; and the service recovers
by itself.

Not here: damaged files (`test_damage.py`), partitions that are late (`test_broker.py`), Redis in trouble
(`tests/cache/`), the indexer killed (`tests/indexer/`).
"""

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import parse_qsl

from benchmarks.killers.catalogue import killers
from tests.api_server import AMPLE_MS, ApiServer, eventually, problem_of
from tests.archive import Archive
from tests.search.faults import QUERY, whole_result

WILD = {"q": "bud*et OR tar?ff", "fields": "id", "limit": 100}
LONG = {
    name: value
    for killer in killers()
    if killer.name == "phrases explained"
    for name, value in parse_qsl(killer.target().partition(b"?")[2].decode())
}
"""It takes a second or three on the archive that was made for it."""


def test_callers_that_hang_up(archive: Archive) -> None:
    """A request whose caller is gone leaves no reply behind for the next one."""
    with ApiServer(archive.root) as server:
        expected = whole_result(server)
        wild = server.page(WILD)["data"]
        for size in range(1, 60):
            with socket.create_connection(("127.0.0.1", server.port)) as caller:
                text = "budget+OR+tariff" if size % 2 else "bud*et+OR+tar?ff"
                line = f"GET /v1/search?q={text}&limit={size}&fields=title HTTP/1.1\r\nHost: x\r\n\r\n"
                caller.sendall(line.encode())
            if size % 20 == 0:
                assert server.page({**QUERY, "limit": size})["data"] == expected[:size]
                assert server.page({**WILD, "limit": size})["data"] == wild[:size]


def test_more_requests_than_places(long_root: Path) -> None:
    """One at work, one waiting, the rest refused at once; the waiting one is not kept waiting for ever."""
    with (
        ApiServer(long_root, working=1, queued=1, queue_wait_ms=300) as server,
        ThreadPoolExecutor(20) as pool,
    ):
        server.page({"q": "the"})

        def ask(size: int) -> tuple[float, str]:
            began_s = time.monotonic()
            response = server.search({**LONG, "limit": size, "timeout_ms": AMPLE_MS})
            waited_s = time.monotonic() - began_s
            if response.status_code == 200:
                return waited_s, "answered"
            problem_of(response, 503, "overloaded")
            assert 1 <= int(response.headers["Retry-After"]) <= 3
            return waited_s, "overloaded"

        asked = sorted(pool.map(ask, range(81, 101)))
        assert [outcome for _waited_s, outcome in asked] == ["overloaded"] * 19 + ["answered"]
        assert asked[17][0] < asked[18][0], "eighteen are refused at once"
        assert asked[18][0] > 0.29, "one waits in vain"
        assert "broadsheet_admission_refused_total 19.0" in server.client.get("/metrics").text
        assert server.search({"q": "of"}).status_code == 200


def test_nobody_waits_for_a_place_past_the_deadline(long_root: Path) -> None:
    """Who cannot be let in by then is refused by then, however long others may wait."""
    with ApiServer(long_root, working=1, queue_wait_ms=60_000) as server, ThreadPoolExecutor() as pool:
        first = pool.submit(server.search, {**LONG, "timeout_ms": AMPLE_MS})
        eventually(lambda: "broadsheet_admission_working 1.0" in server.client.get("/metrics").text)
        problem_of(server.search({"q": "of", "timeout_ms": 100}), 503, "overloaded")
        assert not first.done()
        assert first.result().status_code in {200, 504}, "it was let in, and has its own deadline"
