"""Takedowns and exports over HTTP: the real server, its indexer, a real Redis."""

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from redis import Redis

from cache.entry import Entry, decode
from indexer.exporting import MAX_KEPT
from indexer.jobs import new_job_id
from indexer.log import EventLog, log_path
from indexer.writing import UNFINISHED
from tests.api_server import ApiServer, eventually, problem_of
from tests.commands import run
from tests.redis_server import RedisServer

NDJSON = {"Content-Type": "application/x-ndjson"}


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    """A Redis of its own, whose every entry is looked at."""
    server = RedisServer()
    yield server
    server.close()


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, redis: RedisServer) -> Iterator[ApiServer]:
    """A server that indexes, with 250 articles about a harvest."""
    root = tmp_path_factory.mktemp("live")
    with ApiServer(root, ready=False, indexer=True, builders=1, redis_url=redis.url) as server:
        eventually(lambda: log_path(root).exists())
        server.root = root  # type: ignore[attr-defined]
        rows = ({"id": f"h/{number}", "title": f"Harvest {number}", "body": "hay"} for number in range(250))
        body = b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)
        answer = server.client.post("/v1/articles:bulk?wait=searchable", content=body, headers=NDJSON)
        assert answer.status_code == 200
        yield server


def _put(live: ApiServer, article_id: str, **fields: str) -> Any:
    return live.client.put(f"/v1/articles/{article_id}?wait=searchable", content=orjson.dumps(fields))


LEASE_BYTES = 16


def _holding(client: Any, word: bytes) -> list[bytes]:
    """Names of our entries of which the bodies hold a word; stamps may, where somebody has asked for it."""
    found = []
    for name in client.scan_iter("broadsheet:*"):
        value = client.get(name)
        if value is None or len(value) == LEASE_BYTES:  # it has gone meanwhile, or says who loads
            continue
        entry = decode(value, bytes.fromhex(name.decode().rpartition(":")[2]), 0.0)
        assert isinstance(entry, Entry)
        if word in entry.body:
            found.append(name)
    return found


def _ended(live: ApiServer, address: str, step: str = "") -> dict[str, Any]:
    """A job when it has ended, or has done a step."""

    def look() -> dict[str, Any] | None:
        job: dict[str, Any] = live.client.get(address).json()
        steps = [one["step"] for one in job.get("receipts", [])]
        return job if job["status"] not in UNFINISHED or step in steps else None

    return eventually(look, timeout_s=120)


def test_a_takedown_is_out_of_sight_at_once(live: ApiServer, redis: RedisServer) -> None:
    """410 for the article, nothing in searches, walks that were under way, caches; and nothing under its id again."""
    _put(live, "gone", title="Harvest of quixzorps", body="quixzorp")
    first = live.page({"q": "harvest", "sort": "oldest", "limit": 20})
    assert live.page({"q": "quixzorp"})["total"]["value"] == 1
    walked = [
        item["id"] for page in live.walk(live.page({"q": "harvest", "sort": "oldest"})) for item in page["data"]
    ]
    assert "gone" in walked
    with Redis.from_url(redis.url) as client:
        eventually(lambda: _holding(client, b"quixzorp"))
        client.set("somebody:else", b"quixzorp")
        begun = live.client.post("/v1/takedowns", content=b'{"id": "gone", "reason": "a court"}')
        assert begun.status_code == 202
        job = _ended(live, begun.headers["Location"], "bodies")
        assert job["kind"] == "takedown"
        assert [one["step"] for one in job["receipts"]][:3] == ["log", "epoch", "caches"]
        problem_of(live.client.get("/v1/articles/gone"), 410, "article-taken-down")
        assert live.page({"q": "quixzorp"})["total"]["value"] == 0
        rest = [item["id"] for page in (first, *live.walk(first)) for item in page["data"]]
        assert sorted(rest) == sorted(f"h/{number}" for number in range(250))
        assert not _holding(client, b"quixzorp")
        assert client.get("somebody:else") == b"quixzorp", "what is not ours stays"
    problem_of(_put(live, "gone", title="Again"), 410, "article-taken-down")
    again = live.client.post("/v1/takedowns", content=b'{"id": "gone", "reason": "once more"}')
    assert again.json()["id"] == job["id"], "the same takedown is the same job"
    with EventLog(log_path(live.root)) as log:  # type: ignore[attr-defined]
        assert not [event for event in log.history("gone") if event.article]
    live.client.post("/v1/takedowns", content=b'{"id": "never/there"}')
    eventually(lambda: live.client.get("/v1/articles/never%2Fthere").status_code == 410)


def test_an_export_is_the_whole_answer(live: ApiServer) -> None:
    """Its parts are the lines of all pages, in their order, with sums that are right; in ranges too."""
    expected = live.ids({"q": "harvest", "sort": "oldest"})
    begun = live.client.post("/v1/exports?q=harvest&sort=oldest")
    job = _ended(live, begun.headers["Location"])
    assert (job["status"], job["receipts"][-1]["told"]["articles"]) == ("succeeded", len(expected))
    parts = [orjson.loads(line) for line in live.client.get(job["links"]["results"]).content.splitlines()]
    content = b"".join(live.client.get(part["href"]).content for part in parts)
    assert [orjson.loads(line)["id"] for line in content.splitlines()] == expected
    line = orjson.loads(content.splitlines()[0])
    assert line.items() <= live.client.get(f"/v1/articles/{line['id'].replace('/', '%2F')}").json().items()
    assert parts[0]["sha256"] == hashlib.sha256(live.client.get(parts[0]["href"]).content).hexdigest()
    ranged = live.client.get(parts[0]["href"], headers={"Range": "bytes=10-19"})
    assert (ranged.status_code, ranged.content) == (206, content[10:20])


def test_an_export_of_nothing_is_an_empty_part(live: ApiServer) -> None:
    """It succeeds."""
    job = _ended(live, live.client.post("/v1/exports?q=nowhere").headers["Location"])
    assert (job["status"], job["receipts"][-1]["told"]) == ("succeeded", {"articles": 0})


def test_an_export_with_a_key_is_one(live: ApiServer) -> None:
    """The same again is the same; another search with that key is refused."""
    headers = {"Idempotency-Key": "this"}
    first, again = (live.client.post("/v1/exports?q=harvest", headers=headers).json()["id"] for _ in range(2))
    assert first == again
    assert live.client.post("/v1/exports?q=harvest").json()["id"] != first
    problem_of(live.client.post("/v1/exports?q=other", headers=headers), 422, "idempotency-mismatch")


def test_an_export_is_canceled(live: ApiServer) -> None:
    """Its parts go with it; other jobs cannot be."""
    address = live.client.post("/v1/exports?q=harvest").headers["Location"]
    _ended(live, address)
    assert live.client.delete(address).status_code == 202
    eventually(lambda: live.client.get(address).json()["status"] == "canceled")
    assert not live.client.get(f"{address}/results").content
    written = live.client.put("/v1/articles/kept", content=b'{"title": "Kept"}').headers["Location"]
    problem_of(live.client.delete(written), 409, "job-not-cancelable")


@pytest.mark.parametrize(
    ("method", "address", "body", "status", "slug"),
    [
        ("DELETE", "/v1/jobs/xyz", b"", 404, "job-not-found"),
        ("DELETE", f"/v1/jobs/{32 * '0'}", b"", 404, "job-not-found"),
        ("POST", "/v1/takedowns", b"{", 400, "body-invalid"),
        ("POST", "/v1/takedowns", b"[]", 400, "body-invalid"),
        ("POST", "/v1/takedowns", b'{"id": ""}', 400, "body-invalid"),
        ("POST", "/v1/takedowns", b'{"id": 7}', 400, "body-invalid"),
        ("POST", "/v1/takedowns", b'{"id": "x", "because": "y"}', 400, "body-invalid"),
        ("POST", "/v1/takedowns", b'{"id": "x", "reason": 1}', 400, "body-invalid"),
        ("POST", "/v1/takedowns", b'{"id": "%s"}' % (b"x" * 513), 400, "body-invalid"),
        ("POST", "/v1/takedowns", b" " * 20_000, 413, "body-too-large"),
        ("POST", "/v1/takedowns?id=x", b"{}", 400, "parameter-invalid"),
        ("GET", "/v1/takedowns", b"", 405, "method-not-allowed"),
        ("POST", "/v1/exports?limit=5", b"", 400, "parameter-invalid"),
        ("POST", "/v1/exports?q=" + "x" * 600, b"", 400, "query-invalid"),
        ("GET", "/v1/exports/xyz", b"", 404, "job-not-found"),
        ("GET", f"/v1/exports/{32 * '0'}?part=1", b"", 404, "job-not-found"),
        ("GET", f"/v1/exports/{32 * '0'}?part=0", b"", 400, "parameter-invalid"),
    ],
)
def test_refusals(live: ApiServer, method: str, address: str, body: bytes, status: int, slug: str) -> None:
    """Each says what is wrong; nothing of it is begun."""
    problem_of(live.client.request(method, address, content=body), status, slug)


def test_only_admins_take_down(tmp_path: Path) -> None:
    """A key that may write may export, and no more; one that may read does neither."""
    EventLog(log_path(tmp_path), partitions=1).close()
    keys = {
        role: run("keys", "add", role, "--role", role, "--data", tmp_path).stdout.split()[-1]
        for role in ("read", "write", "admin")
    }
    with ApiServer(tmp_path, ready=False, indexer=True, builders=1) as server:
        put = server.client.put(
            "/v1/articles/x?wait=searchable",
            content=b'{"title": "t"}',
            headers={"Authorization": f"Bearer {keys['write']}"},
        )
        assert put.status_code == 200
        statuses = {
            (role, address): server.client.post(
                address, content=b'{"id": "x"}', headers={"Authorization": f"Bearer {key}"}
            ).status_code
            for role, key in keys.items()
            for address in ("/v1/exports", "/v1/takedowns")
        }
        assert statuses == {
            ("read", "/v1/exports"): 403,
            ("read", "/v1/takedowns"): 403,
            ("write", "/v1/exports"): 202,
            ("write", "/v1/takedowns"): 403,
            ("admin", "/v1/exports"): 202,
            ("admin", "/v1/takedowns"): 202,
        }
        problem_of(server.client.post("/v1/takedowns", content=b'{"id": "x"}'), 401, "unauthorized")


def test_exports_are_their_clients_own(tmp_path: Path) -> None:
    """A key that may write cancels its own, an admin any; the same `Idempotency-Key` of another is another export."""
    EventLog(log_path(tmp_path), partitions=1).close()

    def caller(name: str, role: str) -> dict[str, str]:
        key = run("keys", "add", name, "--role", role, "--data", tmp_path).stdout.split()[-1]
        return {"Authorization": f"Bearer {key}", "Idempotency-Key": "mine"}

    one, other, admin = caller("one", "write"), caller("other", "write"), caller("admin", "admin")
    with ApiServer(tmp_path, ready=False, indexer=True, builders=1) as server:
        put = server.client.put("/v1/articles/x?wait=searchable", content=b'{"title": "t"}', headers=one)
        assert put.status_code == 200
        mine, others = (server.client.post("/v1/exports", headers=who).headers["Location"] for who in (one, other))
        assert mine != others
        problem_of(server.client.delete(mine, headers=other), 403, "forbidden")
        assert [server.client.delete(mine, headers=who).status_code for who in (one, admin)] == [202, 202]
        assert server.client.get(others, headers=other).json()["status"] != "canceled"


def test_no_more_exports_are_kept_than_fit(live: ApiServer) -> None:
    """Until some are deleted."""
    made = [live.root / "exports" / new_job_id(time.time_ns() // 1_000_000).hex() for _ in range(MAX_KEPT)]  # type: ignore[attr-defined]
    for folder in made:
        folder.mkdir(parents=True)
    problem_of(live.client.post("/v1/exports?q=harvest"), 503, "overloaded")
    for folder in made:
        folder.rmdir()
    assert live.client.post("/v1/exports?q=harvest").status_code == 202
