"""The feed, versions and parked events over HTTP, by servers that index.

Not here: what is told of which event (`test_changes.py`), waiting inside one process (`test_watching.py`).
"""

import os
import re
import signal
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import msgspec
import orjson
import pytest

from indexer.change_operations import ChangesAnswer, ParkedAnswer, VersionsAnswer, VersionText
from indexer.events import LogError, Submission
from indexer.log import EventLog, log_path
from indexer.watching import MAX_WATCHING
from search.shapes import ArticleAnswer, PartitionsAnswer
from tests.api_server import ApiServer, eventually, problem_of
from tests.small_index import article, put
from web.keys import encode_keys, make_key

FEED = "/v1/changes"
EVENTS = {"Accept": "text/event-stream"}
WATCHING = re.compile(r"^broadsheet_changes_watching (\d+)", re.MULTILINE)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an archive."""
    return tmp_path_factory.mktemp("live")


@pytest.fixture(scope="module")
def live(root: Path) -> Iterator[ApiServer]:
    """A server that indexes it, with one article in it."""
    with ApiServer(root, ready=False, indexer=True, builders=1) as server:
        eventually(lambda: log_path(root).exists())
        write(server, "first")
        yield server


def address_of(article_id: str, suffix: str = "") -> str:
    """The address of an article."""
    return f"/v1/articles/{quote(article_id, safe='')}{suffix}"


def write(server: ApiServer, article_id: str, title: str = "A title", **headers: str) -> int:
    """Put an article, and wait until it can be found; returns its sequence."""
    address = address_of(article_id, "?wait=searchable")
    answer = server.client.put(address, content=orjson.dumps({"title": title}), headers=headers)
    assert answer.status_code == 200, answer.text
    return int(answer.json()["min_seq"])


def logged(root: Path, *submissions: Submission) -> int:
    """Log something that no route submits; returns the last sequence."""
    with EventLog(log_path(root)) as log:
        return log.append(submissions)[-1].seq or 0


def held(article_id: str, seconds: int, title: str = "A title") -> Submission:
    """An article that waits for so long."""
    until_ms = time.time_ns() // 1_000_000 + seconds * 1000
    return Submission(article_id, article(article_id, title), title.encode(), embargoed_until_ms=until_ms)


def feed(server: ApiServer, after: int = 0, **parameters: Any) -> ChangesAnswer:
    """One page of the feed."""
    answer = server.client.get(FEED, params={"after": after, **parameters})
    assert answer.status_code == 200, answer.text
    page = msgspec.json.decode(answer.content, type=ChangesAnswer)
    assert answer.headers["Broadsheet-Indexed-Through"].startswith(f"{page.indexed_through}; 20")
    assert (answer.headers["Cache-Control"], page.after) == ("no-store", after)
    return page


def tip(server: ApiServer) -> int:
    """The last sequence that is told of."""
    return feed(server, 1 << 52).indexed_through


def versions(server: ApiServer, article_id: str, **parameters: Any) -> httpx2.Response:
    """The answer about the versions of an article."""
    return server.client.get(address_of(article_id, "/versions"), params=parameters)


def watching(server: ApiServer) -> int:
    """How many wait for changes."""
    found = WATCHING.search(server.client.get("/metrics").text)
    return int(found[1]) if found else 0


@contextmanager
def streaming(server: ApiServer, address: str = FEED, **headers: str) -> Iterator[HTTPResponse]:
    """A stream of events."""
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
        connection.request("GET", address, headers={**EVENTS, **headers})
        yield connection.getresponse()


def event(stream: HTTPResponse) -> dict[str, Any] | None:
    """The next event, `None` at the end; its fields say the same as its data. Heartbeats are passed over."""
    lines: dict[str, str] = {}
    while (line := stream.readline().decode()) != "\n" or not lines:
        if not line:
            return None
        if line[0] not in ":\n":
            name, _, value = line.rstrip("\n").partition(": ")
            lines[name] = value
    assert lines.keys() == {"id", "event", "data"}
    body: dict[str, Any] = orjson.loads(lines["data"])
    assert (str(body["seq"]), body["kind"]) == (lines["id"], lines["event"])
    return body


def test_the_feed_is_walked_by_its_links(live: ApiServer) -> None:
    """In order, page by page, to where the index is; and from there on later."""

    def following(page: ChangesAnswer) -> ChangesAnswer:
        return msgspec.json.decode(live.client.get(page.links.next).content, type=ChangesAnswer)

    start = tip(live)
    write(live, "walk/a", "One")
    write(live, "walk/a", "Two")
    write(live, "walk/b")
    live.client.delete("/v1/articles/walk%2Fa", params={"wait": "searchable", "reason": "an error"})
    first = feed(live, start, limit=3)
    second = following(first)
    third = following(second)
    assert [page.has_more for page in (first, second, third)] == [True, False, False]
    assert [(one.kind, one.id, one.version, one.reason) for page in (first, second, third) for one in page.data] == [
        ("created", "walk/a", 1, ""),
        ("corrected", "walk/a", 2, ""),
        ("created", "walk/b", 1, ""),
        ("withdrawn", "walk/a", 3, "an error"),
    ]
    assert second.links.next == f"{FEED}?after={second.indexed_through}&limit=3&wait_s=0"
    write(live, "walk/c")
    assert [(one.kind, one.id) for one in following(third).data] == [("created", "walk/c")]


def test_a_poll_is_woken_by_a_write(live: ApiServer, root: Path) -> None:
    """As soon as it can be found, and not by what nobody is told."""
    start = tip(live)
    with ThreadPoolExecutor(1) as pool:
        started_s = time.monotonic()
        polled = pool.submit(feed, live, start, wait_s=30)
        eventually(lambda: watching(live) == 1)
        hidden = logged(root, held("poll/held", 3600))
        eventually(lambda: tip(live) >= hidden)
        assert not polled.done()
        seq = write(live, "poll")
        page = polled.result()
    assert [(one.seq, one.id) for one in page.data] == [(seq, "poll")]
    assert time.monotonic() - started_s < 25
    eventually(lambda: watching(live) == 0)


def test_a_poll_that_waits_in_vain_is_answered(live: ApiServer) -> None:
    """With nothing, when its time is over; HEAD does not wait."""
    start = tip(live)
    started_s = time.monotonic()
    page = feed(live, start, wait_s=1)
    assert 1 <= time.monotonic() - started_s < 20
    assert (page.data, page.has_more) == ([], False)
    assert page.links.next == f"{FEED}?after={start}&limit=100&wait_s=1"
    started_s = time.monotonic()
    for headers in ({}, EVENTS):
        assert live.client.head(FEED, params={"after": start, "wait_s": 30}, headers=headers).status_code == 200
    assert time.monotonic() - started_s < 20


def test_a_stream_tells_the_same_and_is_resumed(live: ApiServer) -> None:
    """What is there and what comes; the last id that was seen counts for more than the address."""
    start = tip(live)
    seqs = [write(live, f"stream/{number}") for number in range(3)]
    with streaming(live, f"{FEED}?after={start}") as stream:
        assert (stream.status, stream.headers["Content-Type"]) == (200, "text/event-stream")
        assert [event(stream) for _ in seqs] == [msgspec.to_builtins(one) for one in feed(live, start).data]
        seqs.append(write(live, "stream/later"))
        last = event(stream)
        assert last
        assert (last["seq"], last["id"]) == (seqs[-1], "stream/later")
    with streaming(live, f"{FEED}?after={start}", **{"Last-Event-ID": str(seqs[1])}) as stream:
        assert [(event(stream) or {})["seq"] for _ in range(2)] == seqs[2:]


def test_so_many_wait_and_no_more(live: ApiServer) -> None:
    """Another is refused at once; who asks without waiting is not. Those who leave make room."""
    start = tip(live)
    eventually(lambda: watching(live) == 0)
    with ExitStack() as streams:
        for _ in range(MAX_WATCHING):
            assert streams.enter_context(streaming(live, f"{FEED}?after={start}")).status == 200
        assert watching(live) == MAX_WATCHING
        for address, headers in ((FEED, EVENTS), (f"{FEED}?after={start}&wait_s=30", {})):
            refused = live.client.get(address, headers=headers)
            problem_of(refused, 503, "overloaded")
            assert int(refused.headers["Retry-After"]) >= 1
        assert feed(live, start).data == []
        assert feed(live, wait_s=30).data
        write(live, "crowd")
    eventually(lambda: watching(live) == 0)
    with streaming(live, f"{FEED}?after={start}") as stream:
        assert (event(stream) or {})["id"] == "crowd"


def test_streams_and_polls_end_when_the_server_stops(tmp_path: Path) -> None:
    """Regularly, at once, and after a rolling restart nothing is missing for those who resume."""
    with ApiServer(tmp_path, ready=False, indexer=True, builders=1) as server:
        eventually(lambda: log_path(tmp_path).exists())
        seqs = [write(server, "0")]
        (old,) = (one for one in server.api_processes() if _serves(one))
        with ExitStack() as open_ones, ThreadPoolExecutor(1) as pool:
            stream = open_ones.enter_context(streaming(server))
            assert (event(stream) or {})["seq"] == seqs[0]
            with httpx2.Client(base_url=server.url, timeout=60) as client:
                polled = pool.submit(client.get, FEED, params={"after": tip(server), "wait_s": 30})
                eventually(lambda: watching(server) == 2)
                os.kill(server.pid, signal.SIGHUP)
                answer = polled.result()
            assert (answer.status_code, answer.json()["data"]) == (200, [])
            assert event(stream) is None
            assert stream.isclosed(), "it was ended, not cut off"
            eventually(lambda: not Path(f"/proc/{old}").exists())
        seqs += [write(server, str(number)) for number in (1, 2)]
        with streaming(server, **{"Last-Event-ID": str(seqs[0])}) as stream:
            assert [(event(stream) or {})["seq"] for _ in range(2)] == seqs[1:]
            started_s = time.monotonic()
            os.kill(server.pid, signal.SIGTERM)
            assert event(stream) is None
            assert time.monotonic() - started_s < 7
        assert "Cancel" not in server.log()


def _serves(process: int) -> bool:
    return b"broadsheet.api_process" in Path(f"/proc/{process}/cmdline").read_bytes()


def test_a_stream_ends_with_its_key(tmp_path: Path) -> None:
    """Nothing more is told to whom it was taken from."""
    now = datetime.now(UTC)
    (writer, writing), (reader, reading) = (make_key(role, role, created_at=now) for role in ("write", "read"))

    def keys(*valid: Any) -> None:
        (tmp_path / "keys.new").write_bytes(encode_keys(valid))
        (tmp_path / "keys.new").replace(tmp_path / "keys")

    keys(writer, reader)
    with ApiServer(tmp_path, ready=False, indexer=True, builders=1, public_reads=False) as server:
        eventually(lambda: log_path(tmp_path).exists())
        write(server, "before", Authorization=f"Bearer {writing}")
        with streaming(server, Authorization=f"Bearer {reading}") as stream:
            assert (event(stream) or {})["id"] == "before"
            keys(writer)
            bearer = {"Authorization": f"Bearer {reading}"}
            eventually(lambda: server.client.get(FEED, headers=bearer).status_code == 401)
            write(server, "after", Authorization=f"Bearer {writing}")
            assert event(stream) is None


def test_whoever_follows_finds_what_is_told(live: ApiServer) -> None:
    """While many write: in order, nothing twice, nothing missing, and everything can be read when it is told of."""
    writers, each = 6, 15
    start = tip(live)

    def writes(writer: int) -> None:
        with httpx2.Client(base_url=live.url, timeout=60) as client:
            for number in range(each):
                body = orjson.dumps({"title": f"{writer} {number}"})
                assert client.put(address_of(f"many/{writer}/{number % 5}"), content=body).is_success

    told: list[tuple[int, str, int]] = []
    with ThreadPoolExecutor(writers) as pool:
        running = [pool.submit(writes, writer) for writer in range(writers)]
        address = f"{FEED}?after={start}&limit=7&wait_s=30"
        while len(told) < writers * each:
            page = msgspec.json.decode(live.client.get(address).content, type=ChangesAnswer)
            for one in page.data:
                found = live.client.get(address_of(one.id))
                assert found.status_code == 200
                assert found.json()["version"] >= one.version
                told.append((one.seq, one.id, one.version))
            address = page.links.next
        for writing in running:
            writing.result()
    assert [seq for seq, _, _ in told] == sorted({seq for seq, _, _ in told})
    assert sorted((article_id, version) for _, article_id, version in told) == sorted(
        (f"many/{writer}/{number}", version)
        for writer in range(writers)
        for number in range(5)
        for version in range(1, each // 5 + 1)
    )


def test_what_waits_is_told_nowhere(live: ApiServer, root: Path) -> None:
    """Before it is lifted, and never if it is withdrawn before that; then at once, as of the moment of lifting."""
    start = tip(live)
    with streaming(live, f"{FEED}?after={start}") as stream:
        logged(root, held("embargo/lifted", 3, "Confidential"), held("embargo/canceled", 3600, "Confidential"))
        canceled = live.client.delete("/v1/articles/embargo%2Fcanceled?wait=searchable")
        assert canceled.status_code == 200
        for name in ("embargo/lifted", "embargo/canceled"):
            problem_of(versions(live, name), 404, "article-not-found")
        assert feed(live, start).data == []
        assert feed(live, start).indexed_through >= canceled.json()["min_seq"]
        told = event(stream)
        assert told
        assert (told["kind"], told["id"], told["version"]) == ("created", "embargo/lifted", 1)
    assert [one.id for one in feed(live, start).data] == ["embargo/lifted"]
    (version,) = versions(live, "embargo/lifted").json()["data"]
    assert (version["seq"], version["at"]) == (told["seq"], told["at"])
    assert version["article"]["title"] == "Confidential"
    problem_of(versions(live, "embargo/canceled"), 404, "article-not-found")
    problem_of(live.client.delete("/v1/articles/embargo%2Fcanceled"), 404, "article-not-found")


def test_versions(live: ApiServer) -> None:
    """Each as it was; the newest is what the article's own address gives. A slash in an id is no suffix."""
    for article_id in ("old", "old/versions", "versions"):
        write(live, article_id, "One")
        write(live, article_id, "Two")
        answer = versions(live, article_id)
        page = msgspec.json.decode(answer.content, type=VersionsAnswer)
        assert [(one.version, one.kind) for one in page.data] == [(2, "corrected"), (1, "created")]
        shown = live.client.get(address_of(article_id)).json()
        for name in ("story_id", "copies"):  # of the state, not of the version
            del shown[name]
        assert answer.json()["data"][0]["article"] == shown
        assert [one.article.title for one in page.data if one.article] == ["Two", "One"]
        assert (page.has_more, page.links.next) == (False, None)
    older = versions(live, "old", before=page.data[0].seq).json()["data"]
    assert [one["version"] for one in older] == [2, 1]
    live.client.delete("/v1/articles/old?wait=searchable")
    assert [one["article"] for one in versions(live, "old").json()["data"]] == [None, None, None]
    problem_of(live.client.get("/v1/articles//versions"), 404, "not-found")
    problem_of(live.client.get("/v1/articles/old/version"), 404, "not-found")
    assert (*VersionText.__struct_fields__, "story_id", "copies") == ArticleAnswer.__struct_fields__


def test_more_versions_than_a_page_holds(live: ApiServer, root: Path) -> None:
    """The link leads on."""
    last = logged(root, *(one for number in range(130) for one in put(article("many versions", str(number)))))
    eventually(lambda: tip(live) >= last)
    first = versions(live, "many versions").json()
    assert (len(first["data"]), first["has_more"]) == (100, True)
    second = live.client.get(first["links"]["next"]).json()
    assert [one["version"] for one in first["data"] + second["data"]] == list(range(130, 0, -1))
    assert second["links"]["next"] is None


def test_no_versions(live: ApiServer, root: Path) -> None:
    """Of what nobody ever saw, and of what was taken down: at once, before the index knows of it."""
    problem_of(versions(live, "never"), 404, "article-not-found")
    problem_of(versions(live, "x" * 600), 404, "article-not-found")
    start = tip(live)
    write(live, "down", "Libel")
    live.client.delete("/v1/articles/down", params={"wait": "searchable", "reason": "names somebody"})
    last = logged(root, Submission("down", None, b"", "takedown", reason="by order"))
    problem_of(versions(live, "down"), 410, "article-taken-down")
    eventually(lambda: tip(live) >= last)
    with EventLog(log_path(root)) as log:

        def destroyed() -> int:
            with suppress(LogError):  # somebody is reading it
                return log.destroy("down")
            return 0

        eventually(destroyed)
    assert [(one.kind, one.id, one.reason) for one in feed(live, start).data] == [
        ("created", "down", ""),
        ("withdrawn", "down", ""),
        ("taken_down", "down", "by order"),
    ]
    problem_of(live.client.post("/v1/articles/down/retry"), 410, "article-taken-down")


def test_parked_events_are_told_and_retried(tmp_path: Path) -> None:
    """With the reason, to those who may write; what readers are told is as if they were not there."""
    with EventLog(log_path(tmp_path), partitions=2) as log:
        log.append(put(*(article(f"a/{number}") for number in range(5))))
    with sqlite3.connect(log_path(tmp_path)) as db:
        (sound,) = db.execute("SELECT body FROM event WHERE seq = 3").fetchone()
        db.execute("UPDATE event SET body = x'01' WHERE seq IN (2, 3)")
    db.close()
    with ApiServer(tmp_path, indexer=True, builders=1) as server:
        parked = msgspec.json.decode(server.client.get("/v1/parked?limit=1").content, type=ParkedAnswer)
        assert [(one.seq, one.id) for one in parked.data] == [(2, "a/1")]
        assert "damaged" in parked.data[0].reason
        assert parked.links.next == "/v1/parked?after=2&limit=1"
        parked = msgspec.json.decode(server.client.get(parked.links.next).content, type=ParkedAnswer)
        assert ([one.seq for one in parked.data], parked.has_more) == ([3], False)
        assert [one.id for one in feed(server).data] == ["a/0", "a/3", "a/4"]
        problem_of(versions(server, "a/1"), 404, "article-not-found")
        states = msgspec.json.decode(server.client.get("/v1/partitions").content, type=PartitionsAnswer)
        assert sum(one.parked for one in states.data) == 2
        assert {(one.applied_seq, one.indexed_through[:2]) for one in states.data} == {(states.applied_seq, "20")}

        with sqlite3.connect(log_path(tmp_path)) as db:
            db.execute("UPDATE event SET body = ? WHERE seq = 3", (sound,))
        db.close()
        retried = [server.client.post(f"/v1/articles/a%2F{number}/retry?wait=searchable") for number in (1, 2)]
        assert [answer.status_code for answer in retried] == [202, 200]
        jobs = [answer.json() for answer in retried]
        assert [(one["status"], one["progress"]["failed"]) for one in jobs] == [("failed", 1), ("succeeded", 0)]
        assert "damaged" in jobs[0]["reason"]
        still, healed = (answer.json()["min_seq"] for answer in retried)
        assert [one["seq"] for one in server.client.get("/v1/parked").json()["data"]] == [still]
        assert [one.id for one in feed(server).data] == ["a/0", "a/2", "a/3", "a/4", "a/2"]
        assert [(one.seq, one.kind) for one in feed(server, healed - 1).data] == [(healed, "corrected")]
        assert server.client.get("/v1/articles/a%2F2").status_code == 200
        assert [one["seq"] for one in versions(server, "a/2").json()["data"]] == [3]
        result = server.client.get(retried[0].json()["links"]["results"]).json()
        assert (result["status"], result["id"]) == ("parked", "a/1")
        write(server, "a/1", "Corrected")
        assert server.client.get("/v1/parked").json() == {"data": [], "has_more": False, "links": {"next": None}}
        problem_of(server.client.post("/v1/articles/nobody/retry"), 404, "article-not-found")


@pytest.mark.parametrize(
    ("address", "headers", "parameter"),
    [
        (f"{FEED}?after=-1", {}, "after"),
        (f"{FEED}?after={1 << 53}", {}, "after"),
        (f"{FEED}?limit=0", {}, "limit"),
        (f"{FEED}?limit=1001", {}, "limit"),
        (f"{FEED}?wait_s=31", {}, "wait_s"),
        (f"{FEED}?since=1", {}, "since"),
        (f"{FEED}?limit=1", EVENTS, "limit"),
        (FEED, {**EVENTS, "Last-Event-ID": "x"}, "Last-Event-ID"),
        (FEED, {**EVENTS, "Last-Event-ID": ""}, "Last-Event-ID"),
        ("/v1/articles/first/versions?before=x", {}, "before"),
        ("/v1/parked?after=x", {}, "after"),
        ("/v1/parked?limit=1001", {}, "limit"),
    ],
)
def test_refusals(live: ApiServer, address: str, headers: dict[str, str], parameter: str) -> None:
    """Each names what is wrong."""
    body = problem_of(live.client.get(address, headers=headers), 400, "parameter-invalid")
    assert [error["parameter"] for error in body["errors"]] == [parameter]


def test_nothing_is_told_before_there_is_an_epoch(tmp_path: Path) -> None:
    """503 with when to ask again, as everywhere."""
    EventLog(log_path(tmp_path), partitions=2).close()
    with ApiServer(tmp_path, ready=False) as server:
        for address in (FEED, f"{FEED}?wait_s=30", "/v1/articles/x/versions", "/v1/parked"):
            refused = server.client.get(address)
            problem_of(refused, 503, "not-ready")
            assert int(refused.headers["Retry-After"]) >= 1
        problem_of(server.client.get(FEED, headers=EVENTS), 503, "not-ready")
