"""The figures of real servers: what they say is what was done, by whichever process; and who may know what.

Not here: the arithmetic (`test_operations_figures.py`), the page in a browser (`test_operations_page.py`).
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import orjson
import pytest

from broadsheet.operations.noted import KEPT
from broadsheet.operations.shapes import OperationsAnswer, Tick
from broadsheet.operations.watching import MAX_WATCHING
from broadsheet.telemetry import MULTIPROCESS_FOLDER
from indexer.log import log_path
from partition.manifest import Layout, read_manifest
from tests.api_server import ApiServer, eventually, problem_of
from tests.archive import Archive, copied
from tests.web.test_guard import MADE, bearer, write

ADDRESS = "/v1/operations"
EVENTS = {"Accept": "text/event-stream"}
NDJSON = {"Content-Type": "application/x-ndjson"}
LOOKED_FOR = "budget OR tariff"
OTHER_SITE = {"Sec-Fetch-Site": "cross-site"}


def figures(server: ApiServer, **headers: str) -> OperationsAnswer:
    """What a server tells of itself."""
    answer = server.client.get(ADDRESS, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    return msgspec.json.decode(answer.content, type=OperationsAnswer)


@contextmanager
def streaming(server: ApiServer, **headers: str) -> Iterator[HTTPResponse]:
    """A stream of figures."""
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
        connection.request("GET", ADDRESS, headers={**EVENTS, **headers})
        yield connection.getresponse()


def event(stream: HTTPResponse) -> tuple[str, bytes] | None:
    """Name and data of the next event, `None` at the end."""
    lines: dict[str, bytes] = {}
    while (line := stream.readline()) != b"\n":
        if not line:
            return None
        name, _, value = line.rstrip(b"\n").partition(b": ")
        lines[name.decode()] = value
    return lines["event"].decode(), lines["data"]


@pytest.fixture
def served(archive: Archive, tmp_path: Path) -> Iterator[tuple[ApiServer, Path]]:
    """Two API processes on an archive of their own, without keys."""
    root = copied(archive.root, tmp_path / "copy")
    with ApiServer(root, workers=2) as server:
        eventually(lambda: len(server.api_processes()) == 2)
        eventually(lambda: server.log().count('"process ready"') == 2)
        yield server, root


def test_the_state_of_the_index_is_that_of_its_files(served: tuple[ApiServer, Path]) -> None:
    """Articles, segments and bytes of every partition, by the manifest and by what lies on disk."""
    server, root = served
    layout = Layout(root)
    manifest = read_manifest(layout, layout.newest_epoch())
    told = figures(server)
    assert told.epoch
    assert told.log
    assert (told.epoch.epoch, told.epoch.articles) == (manifest.epoch, manifest.articles)
    assert (told.epoch.applied_seq, told.epoch.parked) == (manifest.applied_seq, 0)
    assert (told.log.backlog, told.log.waiting_s) == (0, 0)
    assert eventually(lambda: (one := figures(server).epoch) and one.slowest_process) == manifest.epoch
    assert len(told.partitions) == len(manifest.partitions)
    for one, record in zip(told.partitions, manifest.partitions, strict=True):
        assert (one.articles, one.segments, one.tombstones) == (record.articles, record.segments, record.tombstones)
        folder = layout.partition(one.partition)
        assert one.size_bytes == sum((folder / file.name).stat().st_size for file in record.files)
    assert told.epoch.size_bytes == sum(one.size_bytes for one in told.partitions)


def test_requests_to_all_processes_are_added_up(served: tuple[ApiServer, Path]) -> None:
    """By what became of them and by where they were found, whichever process is asked."""
    server, _root = served
    before = figures(server).total
    asked = 0
    while not all(_has_searched(process) for process in server.api_processes()):
        with httpx2.Client(base_url=server.url) as client:  # a new connection is for whichever process takes it
            assert client.get("/v1/search", params={"q": "coast", "timeout_ms": 20_000}).status_code == 200
        asked += 1
    for _ in range(7):
        problem_of(server.search({"nope": "1"}), 400, "parameter-invalid")
    late = server.search({"min_seq": 1 << 40, "timeout_ms": 1})
    problem_of(late, 503, "not-indexed-yet")

    def added() -> OperationsAnswer | None:
        told = figures(server)
        return told if told.total.searches.count >= before.searches.count + asked + 8 else None

    told = eventually(added)
    total = told.total
    assert total.searches.count == before.searches.count + asked + 8
    assert total.answered.refused == before.answered.refused + 7
    assert (total.answered.full, total.errors) == (before.answered.full + 1, before.errors + 1)
    found = total.cache
    assert found.load == before.cache.load + 2, "each process searched once"
    assert sum(msgspec.structs.astuple(found)) == sum(msgspec.structs.astuple(before.cache)) + asked
    assert total.hit_share == pytest.approx(1 - found.load / sum(msgspec.structs.astuple(found)), abs=1e-4)
    assert total.searches.p50_ms is not None
    failures = eventually(lambda: figures(server).failures)
    assert [(one.status, one.problem, one.route) for one in failures] == [(503, "not-indexed-yet", "/v1/search")]
    assert failures[0].request_id == late.headers["X-Request-Id"]
    ids = set()
    for _ in range(KEPT):
        with httpx2.Client(base_url=server.url) as client:
            refused = client.get("/v1/search", params={"min_seq": 1 << 40, "timeout_ms": 1})
            ids.add(refused.headers["X-Request-Id"])
    eventually(lambda: {one.request_id for one in figures(server).failures} == ids)
    slow = eventually(lambda: [one for one in figures(server).slowest if one.query == "coast"])
    assert (slow[0].came, slow[0].total) == ("load", server.page({"q": "coast"})["total"]["value"])


def _has_searched(process: int) -> bool:
    variables = Path(f"/proc/{process}/environ").read_text().split("\0")
    (folder,) = (line.partition("=")[2] for line in variables if line.startswith(MULTIPROCESS_FOLDER))
    path = Path(folder) / f"histogram_{process}.db"
    return path.exists() and b"/v1/search" in path.read_bytes()


def test_figures_follow_what_is_written(tmp_path: Path) -> None:
    """Articles, events, epochs and jobs of a live service."""
    with ApiServer(tmp_path, ready=False, indexer=True, builders=1) as server:
        eventually(lambda: log_path(tmp_path).exists())
        empty = figures(server)
        assert empty.unreadable == []
        lines = b"".join(b'{"id": "a/%d", "title": "Article %d"}\n' % (one, one) for one in range(250))
        for body in (lines, lines[: len(lines) // 2].rpartition(b"\n")[0] + b"\n{}\n"):
            answer = server.client.post("/v1/articles:bulk?wait=searchable", content=body, headers=NDJSON)
            assert answer.status_code == 200, answer.text
        export = server.client.post("/v1/exports?q=article")
        assert export.status_code == 202

        def done() -> OperationsAnswer | None:
            told = figures(server)
            jobs = {one.kind: one for one in told.jobs}
            return told if "export" in jobs and jobs["export"].succeeded else None

        told = eventually(done)
        assert told.epoch
        assert told.epoch.articles == sum(one.articles for one in told.partitions) == 250
        assert told.epoch.segments == sum(one.segments for one in told.partitions)
        jobs = {one.kind: one for one in told.jobs}
        assert (jobs["bulk"].succeeded, jobs["bulk"].running, jobs["bulk"].failed) == (2, 0, 0)
        assert told.log
        assert told.total.events == told.log.last_seq - told.log.backlog == told.epoch.applied_seq
        assert told.total.rounds >= 1


def test_what_is_not_indexed_yet_waits(served: tuple[ApiServer, Path]) -> None:
    """Where nobody indexes, what is logged is backlog, grows old, and its job goes on."""
    server, _root = served
    lines = b"".join(b'{"id": "new/%d", "title": "Article %d"}\n' % (one, one) for one in range(25))
    assert server.client.post("/v1/articles:bulk", content=lines, headers=NDJSON).status_code == 202

    def waiting() -> OperationsAnswer | None:
        told = figures(server)
        return told if told.log and told.log.waiting_s > 1 else None

    told = eventually(waiting)
    assert told.log
    assert told.log.backlog == sum(one.waiting for one in told.partitions) == 25
    assert [(one.kind, one.running, one.succeeded) for one in told.jobs] == [("bulk", 1, 0)]


def test_a_stream_ticks(served: tuple[ApiServer, Path]) -> None:
    """First what was seen before, then the whole figures every second; the stop of the server ends it."""
    server, _root = served
    with streaming(server) as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        name, data = event(stream) or ("", b"")
        assert name == "history"
        msgspec.json.decode(data, type=list[Tick])
        ticks = []
        for _ in range(4):
            server.search({"q": "coast"})
            name, data = event(stream) or ("", b"")
            assert name == "operations"
            ticks.append(msgspec.json.decode(data, type=OperationsAnswer).tick)
        assert ticks[0].at_ms < ticks[1].at_ms < ticks[2].at_ms < ticks[3].at_ms
        assert all(0.8 < (one.seconds or 0) < 10 for one in ticks[1:])
        assert all(one.answered and one.answered.ok > 0 for one in ticks[2:])
        server._process.terminate()
        while event(stream):
            pass
        assert server._process.wait(20) == 0


def test_so_many_watch_and_no_more(archive: Archive) -> None:
    """One too many is told to come again, or to ask without a stream."""
    with ApiServer(archive.root) as server, ExitStack() as streams:
        for _ in range(MAX_WATCHING):
            assert streams.enter_context(streaming(server)).status == 200
        with streaming(server) as refused:
            assert (refused.status, int(refused.headers["Retry-After"]) > 0) == (503, True)
            assert orjson.loads(refused.read())["type"].endswith("/overloaded")
        assert figures(server).epoch


Texts = set[tuple[str | None, str | None]]
HIDDEN: Texts = {(None, None)}
SHOWN: Texts = {(LOOKED_FOR, "tag=veterans timeout_ms=20000")}


def _look_for_it(server: ApiServer) -> None:
    server.search({"q": LOOKED_FOR, "tag": "veterans"})


def _texts(answer: OperationsAnswer) -> Texts:
    return {(one.query, one.filters) for one in answer.slowest}


def _seen(server: ApiServer, **headers: str) -> Texts:
    """What somebody sees of searches, the same in every form."""
    eventually(lambda: figures(server, **headers).slowest)
    shown = _texts(figures(server, **headers))
    with streaming(server, **headers) as stream:
        event(stream)
        name, data = event(stream) or ("", b"")
        assert name == "operations"
        assert _texts(msgspec.json.decode(data, type=OperationsAnswer)) == shown
    page = server.client.get("/ops", headers=headers).text
    assert (LOOKED_FOR in page) == ("tag=veterans" in page) == (shown == SHOWN)
    assert "searched for" in page
    return shown


def test_without_keys_the_user_of_this_machine_sees_queries(served: tuple[ApiServer, Path]) -> None:
    """But no web page of another site, nor one that calls this machine by a name of its own."""
    server, _root = served
    _look_for_it(server)
    assert _seen(server) == SHOWN
    assert _seen(server, **OTHER_SITE) == HIDDEN
    assert _seen(server, Host="rebound.example") == HIDDEN


def test_with_keys_those_who_show_one_see_queries(archive: Archive, tmp_path: Path) -> None:
    """Where reading is open to all, others see how long searches took and not what they were."""
    root = copied(archive.root, tmp_path / "copy")
    write(root, *(key for key, _ in MADE.values()))
    with ApiServer(root) as server:
        _look_for_it(server)
        assert _seen(server) == HIDDEN
        assert _seen(server, **bearer(MADE["read"][1])) == SHOWN
        problem_of(server.client.get(ADDRESS, headers=bearer("bs_bad")), 401, "unauthorized")


def test_where_reading_needs_a_key_figures_do(archive: Archive, tmp_path: Path) -> None:
    """The page is there for all, without any; a stream ends with its key."""
    root = copied(archive.root, tmp_path / "copy")
    write(root, *(key for key, _ in MADE.values()))
    key = bearer(MADE["read"][1])
    with ApiServer(root, public_reads=False) as server:
        problem_of(server.client.get(ADDRESS), 401, "unauthorized")
        problem_of(server.client.get(ADDRESS, headers=EVENTS), 401, "unauthorized")
        for address in ("/ops", "/ops/ops.css", "/ops/ops.js", "/ops/drawing.js"):
            assert server.client.get(address).status_code == 200
        page = server.client.get("/ops").text
        assert re.search(r'data-figure="epoch.articles"[^>]*>–<', page)  # noqa: RUF001 - as it is written
        assert f"{len(archive.articles):,}" not in page
        assert f">{len(archive.articles):,}<" in server.client.get("/ops", headers=key).text
        with streaming(server, **key) as stream:
            assert event(stream)
            write(root, MADE["admin"][0])
            while event(stream):
                pass


def test_the_page_is_strict_about_what_it_takes(server: ApiServer) -> None:
    """No parameter, and nobody keeps it."""
    assert server.client.get("/ops").headers["Cache-Control"] == "no-store"
    for address in ("/ops", ADDRESS):
        problem_of(server.client.get(address, params={"q": "1"}), 400, "parameter-invalid")


def test_figures_before_there_is_an_epoch(tmp_path: Path) -> None:
    """The page is for bad days, too."""
    with ApiServer(tmp_path, ready=False) as server:
        told = figures(server)
        assert (told.epoch, told.log, told.partitions) == (None, None, [])
        assert [one.partition(":")[0] for one in told.unreadable] == ["log"]
        page: Any = server.client.get("/ops")
        assert page.status_code == 200
        assert "there is no event log here" in page.text
        assert datetime.fromisoformat(told.at) <= datetime.now(UTC)
