"""Writes over HTTP: durable when answered, searchable soon, once each however often they are sent.

Not here: many writers at a time, deaths (the harnesses).
"""

import gzip
import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import orjson
import pytest
import zstandard

from broadsheet.indexer_process import NICE
from indexer.events import MAX_RETRY_AFTER_S
from indexer.log import EventLog, log_path
from indexer.routes import MAX_BULK
from tests.api_server import ApiServer, eventually, problem_of
from tests.indexer.malformed import BAD_LINES, bomb

NDJSON = {"Content-Type": "application/x-ndjson"}
BULK = "/v1/articles:bulk"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A server that indexes, begun with nothing."""
    root = tmp_path_factory.mktemp("live")
    with ApiServer(root, ready=False, indexer=True, builders=1) as server:
        eventually(lambda: log_path(root).exists())
        server.root = root  # type: ignore[attr-defined]
        yield server


def _put(live: ApiServer, article_id: str, **fields: Any) -> httpx2.Response:
    headers = fields.pop("headers", {})
    body = {"title": "A title", **fields}
    return live.client.put(
        f"/v1/articles/{quote(article_id, safe='')}?wait=searchable", content=orjson.dumps(body), headers=headers
    )


def _lines(prefix: str, count: int) -> bytes:
    rows = ({"id": f"{prefix}/{number}", "title": f"{prefix} {number}"} for number in range(count))
    return b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)


def _bulk(live: ApiServer, body: bytes, **headers: str) -> httpx2.Response:
    return live.client.post(f"{BULK}?wait=searchable", content=body, headers={**NDJSON, **headers})


def _total(live: ApiServer, query: str, min_seq: int = 0) -> int:
    return int(live.page({"q": query, "min_seq": min_seq, "timeout_ms": 20_000})["total"]["value"])


def test_searches_go_first_on_a_busy_core(live: ApiServer) -> None:
    """The indexer has a lower priority than the processes that answer."""
    (indexer,), (api,) = live.indexers(), live.api_processes()
    lower, ordinary = (os.getpriority(os.PRIO_PROCESS, process) for process in (indexer, api))
    assert lower == min(ordinary + NICE, 19)


def test_an_article_from_put_to_delete(live: ApiServer) -> None:
    """Each step is a job that says at which sequence it is searchable, and is."""
    made = _put(live, "a/1", title="Aardvark", body="digs")
    assert made.status_code == 200, made.text
    job = made.json()
    assert (job["status"], job["progress"]) == ("succeeded", {"done": 1, "total": 1, "failed": 0})
    assert _total(live, "aardvark", job["min_seq"]) == 1
    assert live.client.get(made.headers["Location"]).json() == job
    assert _put(live, "a/1", title="Aardvark", body="digs").json()["min_seq"] == 0, "nothing changed"
    corrected = _put(live, "a/1", title="Anteater", headers={"If-Match": '"1"'})
    assert _total(live, "anteater", corrected.json()["min_seq"]) == 1
    problem_of(_put(live, "a/1", title="Ant", headers={"If-Match": '"1"'}), 412, "version-conflict")
    problem_of(_put(live, "a/1", title="Ant", headers={"If-None-Match": "*"}), 412, "version-conflict")
    gone = live.client.delete("/v1/articles/a%2F1", params={"wait": "searchable", "reason": "test"})
    assert _total(live, "anteater", gone.json()["min_seq"]) == 0
    problem_of(live.client.get("/v1/articles/a%2F1"), 404, "article-not-found")
    problem_of(live.client.delete("/v1/articles/a%2F1"), 404, "article-not-found")
    with EventLog(log_path(live.root)) as log:  # type: ignore[attr-defined]
        assert [(event.kind, event.reason) for event in log.history("a/1")] == [
            ("withdraw", "test"),
            ("correct", ""),
            ("put", ""),
        ]


def test_an_embargo_is_kept_and_what_is_shown_counts(live: ApiServer) -> None:
    """A correction under embargo leaves the version that is shown, to which `If-Match` refers."""
    held = _put(live, "e/1", title="Emu", embargoed_until="2100-01-01")
    assert (held.status_code, _results(live, held)) == (200, [("e/1", "held", 1)])
    problem_of(live.client.get("/v1/articles/e%2F1"), 404, "article-not-found")
    problem_of(_put(live, "e/1", title="Emu", headers={"If-Match": '"1"'}), 412, "version-conflict")
    again = _put(live, "e/1", title="Emu", embargoed="2100-01-01T00:00:00Z")
    assert _results(live, again) == [("e/1", "unchanged", 1)]
    shown = _put(live, "e/1", title="Emu", headers={"If-None-Match": "*"})
    assert _results(live, shown) == [("e/1", "created", 1)]
    held = _put(live, "e/1", title="Echidna", embargo="2100-01-01", headers={"If-Match": '"1"'})
    assert _results(live, held) == [("e/1", "held", 2)]
    answer = live.client.get(f"/v1/articles/e%2F1?min_seq={held.json()['min_seq']}").json()
    assert (answer["title"], answer["version"]) == ("Emu", 1)
    problem_of(_put(live, "e/1", title="Eel", headers={"If-Match": '"2"'}), 412, "version-conflict")
    ended = _put(live, "e/1", title="Echidna", embargoed_until="2001-01-01", headers={"If-Match": '"1"'})
    assert _results(live, ended) == [("e/1", "corrected", 2)]
    assert _total(live, "echidna", ended.json()["min_seq"]) == 1


def test_what_is_canceled_is_withdrawn(live: ApiServer) -> None:
    """With the editor's note; what was never there is as it should be; DELETE says that it is not."""
    made = _put(live, "k/1", title="Kiwi")
    assert _total(live, "kiwi", made.json()["min_seq"]) == 1
    gone = live.client.put(
        "/v1/articles/k%2F1?wait=searchable", content=b'{"pubstatus": "Canceled", "ednote": "kill: see lawyers"}'
    )
    assert _results(live, gone) == [("k/1", "withdrawn", 2)]
    assert _total(live, "kiwi", gone.json()["min_seq"]) == 0
    with EventLog(log_path(live.root)) as log:  # type: ignore[attr-defined]
        assert log.history("k/1")[0].reason == "canceled: kill: see lawyers"
    for article_id, version in (("k/1", 2), ("k/2", 0)):
        absent = live.client.put(f"/v1/articles/{quote(article_id, safe='')}", content=b'{"status": "withheld"}')
        assert (absent.status_code, absent.json()["min_seq"]) == (200, 0)
        assert _results(live, absent) == [(article_id, "absent", version)]
        problem_of(live.client.delete(f"/v1/articles/{quote(article_id, safe='')}"), 404, "article-not-found")


def test_bulk_with_statuses_and_embargoes(live: ApiServer) -> None:
    """Each line for itself; one whose status or embargo cannot be read publishes nothing."""
    rows = (
        {"id": "s/1", "title": "Serval one", "status": "usable"},
        {"id": "s/2", "title": "Serval two", "embargoed_until": "2100-01-01T09:00:00+02:00"},
        {"id": "s/3", "title": "Serval three", "embargoed_until": "next week"},
        {"id": "s/4", "title": "Serval four", "status": "draft"},
        {"id": "s/5", "status": "canceled"},
        {"id": "s/1", "status": "withheld", "embargoed_until": "never"},
        {"id": "s/6", "title": "Serval six", "embargoed": "2001-01-01", "embargo": ""},
    )
    job = _bulk(live, b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows))
    assert job.json()["progress"] == {"done": 5, "total": 7, "failed": 2}
    assert _results(live, job) == [
        *(("s/1", "created", 1), ("s/2", "held", 1), ("s/3", "rejected", None), ("s/4", "rejected", None)),
        *(("s/5", "absent", 0), ("s/1", "withdrawn", 2), ("s/6", "created", 1)),
    ]
    assert _total(live, "serval", job.json()["min_seq"]) == 1


def _results(live: ApiServer, job: httpx2.Response) -> list[tuple[str, str, int | None]]:
    """Id, status and version of each line of a job."""
    lines = live.client.get(job.json()["links"]["results"]).content.splitlines()
    return [(one["id"], one["status"], one["version"]) for one in map(orjson.loads, lines)]


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress])
def test_bulk(live: ApiServer, pack: Any) -> None:
    """Good lines and bad ones, packed or not: every line has its result, in order."""
    name = f"bulk{pack.__module__}"
    lines = _lines(name, 700).splitlines(keepends=True)
    lines[300:300] = [b"{broken\n", b"\n", b'{"id": "no title"}\n']
    job = _bulk(live, pack(b"".join(lines))).json()
    assert job["status"] == "succeeded"
    assert job["progress"] == {"done": 700, "total": 702, "failed": 2}
    assert _total(live, name, job["min_seq"]) == 700
    results = [orjson.loads(line) for line in live.client.get(job["links"]["results"]).content.splitlines()]
    assert [one["line"] for one in results] == [*range(1, 302), *range(303, 704)]
    assert [one["status"] for one in results if one["line"] not in {301, 303}] == ["created"] * 700
    assert [(one["status"], one["id"]) for one in results if one["line"] in {301, 303}] == [
        ("rejected", None),
        ("rejected", "no title"),
    ]


def test_results_of_many_lines(live: ApiServer) -> None:
    """They come whole, page by page, to everybody who asks at a time."""
    lines = _lines("many", 2500).splitlines(keepends=True)
    for bad in (1000, 1001, 2400):
        lines[bad] = b"{broken\n"
    job = _bulk(live, b"".join(lines)).json()

    def results(_number: int) -> list[tuple[int, str]]:
        rows = httpx2.get(live.url + job["links"]["results"], timeout=60).content.splitlines()
        return [(row["line"], row["status"]) for row in map(orjson.loads, rows)]

    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(results, range(16)):
            assert found == [
                (line, "rejected" if line - 1 in {1000, 1001, 2400} else "created") for line in range(1, 2501)
            ]


def test_the_same_key_is_the_same_request(live: ApiServer) -> None:
    """Fifty at a time make one job; another body is refused."""
    body = _lines("same", 300)

    def send(_number: int) -> httpx2.Response:
        with httpx2.Client(base_url=live.url, timeout=60) as client:
            return client.post(BULK, content=body, headers={**NDJSON, "Idempotency-Key": "once"})

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(50)))
    assert {answer.status_code for answer in answers} <= {200, 202, 409, 503}
    final = _bulk(live, body, **{"Idempotency-Key": "once"})
    ids = {answer.json()["id"] for answer in answers if answer.status_code in {200, 202}}
    assert ids == {final.json()["id"]}
    with EventLog(log_path(live.root)) as log:  # type: ignore[attr-defined]
        assert {len(log.history(f"same/{number}")) for number in range(300)} == {1}
    problem_of(_bulk(live, body + b"\n", **{"Idempotency-Key": "once"}), 422, "idempotency-mismatch")
    first = _put(live, "keyed", title="One", headers={"Idempotency-Key": "two"})
    assert _put(live, "keyed", title="One", headers={"Idempotency-Key": "two"}).json() == first.json()
    problem_of(_put(live, "keyed", title="Two", headers={"Idempotency-Key": "two"}), 422, "idempotency-mismatch")
    both = {"Idempotency-Key": "two", "If-Match": '"1"'}
    problem_of(_put(live, "keyed", title="One", headers=both), 422, "idempotency-mismatch")
    key = {"Idempotency-Key": "three"}
    for reason, status in (("wrong", 200), ("wrong", 200), ("other", 422)):
        answer = live.client.delete(f"/v1/articles/keyed?wait=searchable&reason={reason}", headers=key)
        assert answer.status_code == status


def test_a_body_that_breaks_off_can_be_sent_again(live: ApiServer) -> None:
    """What was logged stays, the job says that it failed, and sent again it is completed."""
    body = _lines("torn", 900)
    head = f"POST {BULK} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n"
    head += f"Idempotency-Key: torn\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", live.port)) as connection:
        connection.sendall(head.encode() + body[: len(body) // 2])
        time.sleep(0.2)
    with EventLog(log_path(live.root)) as log:  # type: ignore[attr-defined]
        eventually(lambda: log.standing("torn/300").seq)
        assert not log.standing("torn/899").seq

    def sent() -> httpx2.Response | None:
        answer = _bulk(live, body, **{"Idempotency-Key": "torn"})
        return None if answer.status_code == 409 else answer

    job = eventually(sent).json()
    assert job["progress"]["done"] == 900
    assert _total(live, "torn", job["min_seq"]) == 900
    with EventLog(log_path(live.root)) as log:  # type: ignore[attr-defined]
        assert {len(log.history(f"torn/{number}")) for number in range(899)} == {1}


@pytest.mark.parametrize(
    ("method", "address", "body", "headers", "status", "slug"),
    [
        ("PUT", "/v1/articles/x", b"{", {}, 400, "body-invalid"),
        ("PUT", "/v1/articles/x", b"[]", {}, 400, "body-invalid"),
        ("PUT", "/v1/articles/x", b"{}", {}, 422, "article-invalid"),
        ("PUT", "/v1/articles/x", b'{"id": "y", "title": "t"}', {}, 422, "article-invalid"),
        *(
            ("PUT", "/v1/articles/x", body, {}, 422, "article-invalid")
            for body in (b'{"_id": "y", "title": "t"}', b'{"title": "t", "ID": "y"}', b'{"id": null, "title": "t"}')
        ),
        ("PUT", "/v1/articles/x", b"x" * (1 << 21), {}, 413, "body-too-large"),
        ("PUT", "/v1/articles/x", b'{"title": "t", "status": "draft"}', {}, 422, "article-invalid"),
        ("PUT", "/v1/articles/x", b'{"title": "t", "embargoed": "soon"}', {}, 422, "article-invalid"),
        ("PUT", "/v1/articles/x", b'{"id": "y", "status": "canceled"}', {}, 422, "article-invalid"),
        ("PUT", "/v1/articles/x", b'{"title": "t"}', {"If-Match": "3"}, 400, "parameter-invalid"),
        ("PUT", "/v1/articles/x", b'{"title": "t"}', {"Idempotency-Key": "k" * 256}, 400, "parameter-invalid"),
        ("PUT", "/v1/articles/x?wait=long", b'{"title": "t"}', {}, 400, "parameter-invalid"),
        ("POST", BULK, b"{}", {"Content-Type": "text/csv"}, 415, "media-type-unsupported"),
        ("PUT", BULK, b"{}", {}, 405, "method-not-allowed"),
        ("GET", "/v1/jobs/xyz", b"", {}, 404, "job-not-found"),
        ("GET", "/v1/jobs/" + 32 * "0", b"", {}, 404, "job-not-found"),
        ("GET", f"/v1/jobs/{32 * '0'}/results", b"", {}, 404, "job-not-found"),
        ("GET", "/v1/search?min_seq=9007199254740991&timeout_ms=1", b"", {}, 503, "not-indexed-yet"),
        ("PUT", "/v1/articles/x", b'{"title": "t"}', {"Origin": "https://elsewhere.example"}, 403, "forbidden"),
    ],
)
def test_refusals(
    live: ApiServer, method: str, address: str, body: bytes, headers: dict[str, str], status: int, slug: str
) -> None:
    """Each says what is wrong; nothing of it is logged."""
    problem_of(live.client.request(method, address, content=body, headers=headers), status, slug)
    with EventLog(log_path(live.root)) as log:  # type: ignore[attr-defined]
        assert not log.standing("x").seq


def test_the_address_says_which_article_it_is(live: ApiServer) -> None:
    """Also where the body has other names that could be an id; they are its own."""
    body = {"guid": "urn:other", "slug": "other", "id": "named", "title": "Named"}
    assert live.client.put("/v1/articles/named?wait=searchable", content=orjson.dumps(body)).status_code == 200
    del body["id"]
    assert live.client.put("/v1/articles/named?wait=searchable", content=orjson.dumps(body)).status_code == 200
    assert live.client.get("/v1/articles/named").json()["version"] == 1
    assert live.client.get("/v1/articles/urn:other").status_code == 404


def test_malformed_lines_cost_themselves_alone(live: ApiServer) -> None:
    """Each line that is no article is named with number and reason; all others are in, and again change nothing."""
    lines = [
        line
        for number, (bad, _reason) in enumerate(BAD_LINES)
        for line in (b'{"id":"mal/%d","title":"malformed"}' % number, bad)
    ]
    body = b"\n".join(lines)
    for status in ("created", "unchanged"):
        job = _bulk(live, body).json()
        assert (job["status"], job["progress"]["failed"]) == ("succeeded", len(BAD_LINES))
        results = [orjson.loads(line) for line in live.client.get(job["links"]["results"]).content.splitlines()]
        assert [one["line"] for one in results] == list(range(1, 2 * len(BAD_LINES) + 1))
        assert {one["status"] for one in results[::2]} == {status}
        for one, (_bad, reason) in zip(results[1::2], BAD_LINES, strict=True):
            assert one["status"] == "rejected"
            assert one["error"].startswith(reason)
    assert _total(live, "malformed", job["min_seq"]) == len(BAD_LINES)


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_a_bomb_is_left_where_it_becomes_one(live: ApiServer, kind: str) -> None:
    """What came before counts, and the job says why it failed."""
    job = _bulk(live, bomb(kind)).json()
    assert job["status"] == "failed"
    assert "100 times its size" in job["reason"]
    assert job["progress"]["done"] > 60


def test_a_full_log_refuses_at_once_and_says_when_to_come_back(tmp_path: Path) -> None:
    """Without an indexer nothing drains it; what fits is taken."""
    EventLog(log_path(tmp_path), partitions=2).close()
    with ApiServer(tmp_path, ready=False, indexer=False, max_backlog=1000) as server:
        body = _lines("full", 1000)
        assert server.client.post(BULK, content=body, headers=NDJSON).status_code == 202
        for answer in (
            server.client.post(BULK, content=body, headers=NDJSON),
            server.client.put("/v1/articles/one", content=b'{"title": "t"}'),
        ):
            problem_of(answer, 503, "overloaded")
            assert 1 <= int(answer.headers["Retry-After"]) <= MAX_RETRY_AFTER_S * 3 // 2
        unchanged = server.client.put("/v1/articles/full%2F1", content=b'{"title": "full 1"}')
        assert unchanged.status_code == 200, "what changes nothing needs no room"


def test_one_client_does_not_keep_others_from_sending(tmp_path: Path) -> None:
    """Bodies that never come take half of the places at most."""
    EventLog(log_path(tmp_path), partitions=2).close()
    with ApiServer(tmp_path, ready=False, indexer=False) as server, ExitStack() as idle:
        for _ in range(MAX_BULK // 2):
            waiting = idle.enter_context(closing(socket.create_connection(("127.0.0.1", server.port))))
            waiting.sendall(
                f"POST {BULK} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {NDJSON['Content-Type']}\r\n"
                "Content-Length: 999\r\nExpect: 100-continue\r\n\r\n".encode()
            )
            assert waiting.recv(999).startswith(b"HTTP/1.1 100 "), "it is waited for"
        line = b'{"id": "a", "title": "t"}\n'
        eventually(lambda: server.client.post(BULK, content=line, headers=NDJSON).status_code == 503)
        problem_of(server.client.post(BULK, content=line, headers=NDJSON), 503, "overloaded")
        assert server.client.put("/v1/articles/a", content=line).status_code == 202, "these have places of their own"
        idle.close()
        eventually(lambda: server.client.post(BULK, content=line, headers=NDJSON).status_code != 503)
