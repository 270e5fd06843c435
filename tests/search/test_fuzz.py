"""The public API fuzzed: from its own OpenAPI document, and with queries that nobody means.

Whatever is asked, the answer is one that the document names, and never a fault of ours.

Not here: the parser alone (`test_parsing.py`).
"""

import contextlib
import http.client
import json
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from schemathesis import Case
from schemathesis.checks import positive_data_acceptance
from schemathesis.generation import GenerationMode

from benchmarks.killers.nonsense import query_string
from indexer.change_operations import MAX_WAIT_S
from search.shapes import SearchAnswer
from tests.api_server import AMPLE_MS, ApiServer
from web.edge import MAX_TARGET_BYTES
from web.openapi import ProblemBody

QUERIES = 3000
WORKERS = 4


@pytest.mark.parametrize(
    ("path", "mode"),
    [
        ("/v1/search", GenerationMode.POSITIVE),
        ("/v1/search", GenerationMode.NEGATIVE),
        ("/v1/articles/{id}", GenerationMode.POSITIVE),
        ("/v1/articles/{id}", GenerationMode.NEGATIVE),
        ("/v1/articles/{id}/similar", GenerationMode.POSITIVE),
        ("/v1/suggest", GenerationMode.POSITIVE),
        ("/v1/suggest", GenerationMode.NEGATIVE),
        ("/v1/partitions", GenerationMode.POSITIVE),
        ("/v1/changes", GenerationMode.POSITIVE),
        ("/v1/changes", GenerationMode.NEGATIVE),
        ("/v1/articles/{id}/versions", GenerationMode.POSITIVE),
        ("/v1/articles/{id}/versions", GenerationMode.NEGATIVE),
        ("/livez", GenerationMode.POSITIVE),
        ("/readyz", GenerationMode.POSITIVE),
        ("/metrics", GenerationMode.POSITIVE),
    ],
)
def test_api_is_what_its_document_says(server: ApiServer, path: str, mode: GenerationMode) -> None:
    """What fits the document is answered as documented, what does not is refused; both have the documented shape."""
    config = schemathesis.Config.from_dict(
        {"checks": {"negative_data_rejection": {"expected-statuses": ["400", "404", "414"]}}}
    )
    operation = schemathesis.openapi.from_url(f"{server.url}/openapi.json", config=config)[path]["GET"]

    @settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @seed(2)
    @given(operation.as_strategy(generation_mode=mode))
    def answers_as_documented(case: Case[Any]) -> None:
        if mode == GenerationMode.POSITIVE and "timeout_ms" in case.query:
            case.query["timeout_ms"] = AMPLE_MS
        if str(case.query.get("wait_s")).isdecimal() and 0 <= int(case.query["wait_s"]) <= MAX_WAIT_S:
            case.query["wait_s"] = 0  # nothing will come
        if str(case.query.get("min_seq")).isdecimal():
            # A sequence that no epoch has is waited for until the deadline; `tests/indexer/test_http_writes.py` does.
            case.query["min_seq"] = 1
        # No schema can say which texts are a query, or a cursor of ours, or which parameters go together.
        undecided = [positive_data_acceptance] if {"q", "cursor", "recency", "half_life"} & set(case.query) else []
        case.call_and_validate(session=session, excluded_checks=undecided)

    with requests.Session() as session:
        answers_as_documented()


class Asker:
    """One connection that is kept open until `close`, and the statuses that the document names."""

    def __init__(self, server: ApiServer, documented: frozenset[str]) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        self._documented = documented
        self.close = self._connection.close

    def ask(self, query: str) -> int:
        """The status of a search; its body must be of the documented type."""
        self._connection.request("GET", f"/v1/search?{query}&timeout_ms={AMPLE_MS}")
        response = self._connection.getresponse()
        status, media_type, body = response.status, response.headers["Content-Type"], response.read()
        assert status < 500, (query, body)
        assert str(status) in self._documented, query
        if status == 200:
            assert media_type == "application/json"
            msgspec.json.decode(body, type=SearchAnswer)
        else:
            assert media_type == "application/problem+json"
            assert msgspec.json.decode(body, type=ProblemBody).status == status
        return status


@pytest.fixture(scope="module")
def documented(server: ApiServer) -> frozenset[str]:
    """The statuses that a search may have."""
    document = json.loads(server.client.get("/openapi.json").content)
    return frozenset(document["paths"]["/v1/search"]["get"]["responses"])


def test_random_queries(server: ApiServer, documented: frozenset[str]) -> None:
    """3,000 of them: each is executed or refused, and both happen often."""

    def ask(worker: int) -> list[int]:
        made = random.Random(worker)
        with contextlib.closing(Asker(server, documented)) as asker:
            return [asker.ask(query_string(made)) for _ in range(QUERIES // WORKERS)]

    with ThreadPoolExecutor(WORKERS) as pool:
        statuses = [status for asked in pool.map(ask, range(WORKERS)) for status in asked]
    assert len(statuses) == QUERIES
    assert set(statuses) == {200, 400}
    assert QUERIES // 10 < statuses.count(200) < QUERIES * 9 // 10


def _or(clauses: int) -> str:
    return " OR ".join(["senate", "house", "vote"][number % 3] for number in range(clauses))


@pytest.mark.parametrize(
    ("given", "status"),
    [
        *(({"q": "x" * size}, status) for size, status in ((511, 200), (512, 200), (513, 400), (5120, 400))),
        *(({"q": "a-" * (size // 2)}, 400) for size in (510, 512, 514)),
        *(({"q": _or(count)}, status) for count, status in ((31, 200), (32, 200), (33, 400), (5000, 414))),
        *(({"q": "(" * n + "vote" + ")" * n}, status) for n, status in ((7, 200), (8, 200), (9, 400), (200, 400))),
        *(({"q": "-" * n + "vote"}, 200) for n in (1, 2, 8, 500)),
        *(({"q": "NOT " * n + "vote"}, 200) for n in (1, 2, 8, 120)),
        *(({"q": query, "strict": "true"}, 400) for query in ("*a*", "?*", "s*n", "*x* " * 8, "[* TO *]")),
        *(({"q": query}, 200) for query in ("*a*", "?*", "s*n", "*x* " * 8, "[* TO *]", "vote*s*s*s")),
        ({"q": "x*" * 200}, 400),
        *(
            ({"q": "vote" + "*s" * stars, "strict": "true"}, status)
            for stars, status in ((1, 200), (2, 200), (3, 400), (200, 400))
        ),
        *(({"q": "vote" + "?s" * marks}, 200) for marks in (1, 2, 8, 200)),
        *(({"q": "sen*e " * count}, status) for count, status in ((1, 200), (32, 200), (33, 400))),
        *(({"q": "s" * size + "*", "strict": "true"}, status) for size, status in ((2, 400), (3, 200), (4, 200))),
        *(({"q": "vote~3 " * count, "strict": "true"}, 400) for count in (1, 2, 3, 20)),
        *(({"q": f'"{"of " * size}"'}, status) for size, status in ((15, 200), (16, 200), (17, 400), (150, 400))),
        *(
            ({"q": f'"senate house"~{slop}', "strict": "true"}, status)
            for slop, status in ((0, 200), (1, 200), (3, 200), (4, 400))
        ),
        *(
            ({"q": f"vote^{boost}", "strict": "true"}, status)
            for boost, status in ((0, 400), (99, 200), (100, 200), (101, 400))
        ),
        *(
            ({"q": query}, 200)
            for query in ("[a TO z]", "{a TO}", "<5", "% NOT  OR ", "AND OR NOT", '"', "*", "^", ":")
        ),
        *(({"limit": limit}, status) for limit, status in ((99, 200), (100, 200), (101, 400), (10**9, 400))),
        *(({"section": "x" * size}, status) for size, status in ((999, 200), (1000, 200), (1001, 400))),
        *(({"tag": ["x"] * count}, status) for count, status in ((31, 200), (32, 200), (33, 400), (500, 400))),
        *(({"cursor": "A" * size}, 400) for size in (511, 512, 513, 5120)),
        *(({"q": "x" * (MAX_TARGET_BYTES + over)}, 414) for over in (0, 1, 50_000)),
    ],
    ids=lambda value: str(value)[:40],
)
def test_limits_and_just_past_them(
    server: ApiServer, documented: frozenset[str], given: dict[str, Any], status: int
) -> None:
    """At each limit, one below, one above, and far above: executed, or refused; never slow enough to be late."""
    with contextlib.closing(Asker(server, documented)) as asker:
        assert asker.ask(urlencode(given, doseq=True)) == status


def test_address_longer_than_http_servers_take(server: ApiServer) -> None:
    """A token of 100 KB, or of a megabyte, never reaches the app: the HTTP server itself refuses it, and lives on."""
    for size in (70_000, 100_000, 1_000_000):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        with contextlib.closing(connection):
            connection.request("GET", "/v1/search?q=" + "x" * size)
            assert connection.getresponse().status in {400, 414}
    assert server.page({"q": "vote"})["data"]
