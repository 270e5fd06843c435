"""Following: nothing is lost, nobody is hammered, and a source that fails harms no other."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.appending import Stopped
from indexer.feeds.errors import AddressRefusedError, FeedInvalidError, FetchFailedError
from indexer.feeds.following import Follower
from indexer.feeds.ports import Outcome
from indexer.feeds.schedule import Intervals
from indexer.feeds.sources import Source
from indexer.feeds.states import StateError, StateFile
from indexer.rejects import Reject
from tests.indexer.feed_server import FeedServer, answer

INTERVALS = Intervals(min_s=60, default_s=900, max_s=86_400)


def _rss(*ids: str, ttl: int | None = None) -> bytes:
    items = "".join(f"<item><guid isPermaLink='false'>{name}</guid><title>{name}</title></item>" for name in ids)
    hint = "" if ttl is None else f"<ttl>{ttl}</ttl>"
    return f"<rss><channel><title>T</title>{hint}{items}<item/></channel></rss>".encode()


class _Sink:
    """Keeps what is flushed, and can die at any step."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.origins: set[str] = set()
        self.rejects: list[Reject] = []
        self.taken: list[str] = []
        self.dies_after = -1
        self.inside = 0

    def take(self, fields: Mapping[str, Any], *, origin: str) -> bool:
        self.inside += 1
        assert self.inside == 1, "called by two threads at a time"
        self._step()
        self.taken.append(fields["id"])
        self.origins.add(origin)
        self.inside -= 1
        return True

    def reject(self, reject: Reject) -> None:
        self.rejects.append(reject)

    def flush(self) -> None:
        self._step()
        self.kept += self.taken
        self.taken = []

    def _step(self) -> None:
        if self.dies_after == 0:
            raise OSError("the disk is full")
        self.dies_after -= 1


class _Clock:
    def __init__(self) -> None:
        self.ms = 1_700_000_000_000

    def __call__(self) -> int:
        return self.ms

    def advance_s(self, seconds: float) -> None:
        self.ms += round(seconds * 1000)


@pytest.fixture
def server() -> Iterator[FeedServer]:
    """A server without answers yet."""
    with FeedServer() as running:
        yield running


@pytest.fixture
def clock() -> _Clock:
    """A wall clock that stands still unless it is moved."""
    return _Clock()


Open = Callable[..., Follower]


@pytest.fixture
def follow(tmp_path: Path, clock: _Clock) -> Open:
    """Opens a follower on the same file of states each time."""

    def opened(*locations: str, kind: str = "url", **how: Any) -> Follower:
        sources = [Source(kind, location) for location in locations]  # type: ignore[arg-type]
        known = {"allow_private": True, "intervals": INTERVALS, "now_ms": clock, "chance": Random(1), **how}
        return Follower(sources, tmp_path / "sources.sqlite", **known)

    return opened


def _one(follower: Follower) -> Source:
    (source,) = follower._sources
    return source


def test_a_source_is_read_and_then_asked_for_changes(server: FeedServer, follow: Open, clock: _Clock) -> None:
    """Entries and rejects are handed on with where they came from; the validators survive a restart."""
    server.answers["/a"] = answer(_rss("x", "y"), headers={"ETag": '"1"', "Last-Modified": "today"})
    sink = _Sink()
    with follow(server.url + "/a") as follower:
        assert follower.due() == [_one(follower)]
        first = follower.poll(_one(follower), sink)
        assert (first.kind, first.taken, first.rejected) == ("read", 2, 1)
        assert (sink.kept, sink.origins) == (["x", "y"], {server.url + "/a"})
        assert [reject.line for reject in sink.rejects] == [3]
        assert follower.due() == []
    clock.advance_s(900)
    server.answers["/a"] = answer(status="304 Not Modified")
    with follow(server.url + "/a") as follower:
        assert follower.due() == [_one(follower)]
        second = follower.poll(_one(follower), sink)
        assert (second.kind, second.taken, sink.kept) == ("unchanged", 0, ["x", "y"])
        assert (second.state.polls, second.state.taken, second.state.rejected) == (2, 2, 1)
    assert b'\r\nIf-None-Match: "1"\r\n' in server.requests[1]
    assert b"\r\nIf-Modified-Since: today\r\n" in server.requests[1]


@pytest.mark.parametrize("step", [0, 1, 2])
def test_what_was_not_flushed_is_read_again(server: FeedServer, follow: Open, step: int) -> None:
    """Whether the sink dies at an entry or while it makes them durable: the source stays due, without validators."""
    server.answers["/a"] = answer(_rss("x", "y"), headers={"ETag": '"1"'})
    sink = _Sink()
    sink.dies_after = step
    with follow(server.url + "/a") as follower, pytest.raises(OSError, match="the disk is full"):
        follower.poll(_one(follower), sink)
    assert sink.kept == []
    with follow(server.url + "/a") as follower:
        assert follower.due() == [_one(follower)]
        again = _Sink()
        assert follower.poll(_one(follower), again).kind == "read"
    assert again.kept == ["x", "y"]
    assert b"If-None-Match" not in server.requests[1]


def test_states_are_saved_after_the_sink_has_flushed(server: FeedServer, follow: Open, tmp_path: Path) -> None:
    """Seen from inside the flush, the file says nothing yet."""
    server.answers["/a"] = answer(_rss("x"))
    seen = []

    class Looking(_Sink):
        def flush(self) -> None:
            with sqlite3.connect(tmp_path / "sources.sqlite") as db:
                seen.append(db.execute("SELECT count(*) FROM source").fetchone())
            db.close()
            super().flush()

    with follow(server.url + "/a") as follower:
        follower.poll(_one(follower), Looking())
        with sqlite3.connect(tmp_path / "sources.sqlite") as db:
            seen.append(db.execute("SELECT count(*) FROM source").fetchone())
        db.close()
    assert seen == [(0,), (1,)]


@pytest.mark.parametrize(
    ("content", "wait_s"),
    [
        (answer(_rss("x")), 900),
        (answer(_rss("x"), headers={"Cache-Control": "max-age=1800"}), 1800),
        (answer(_rss("x", ttl=60)), 3600),
        (answer(_rss("x", ttl=60), headers={"Cache-Control": "max-age=7200"}), 7200),
        (answer(_rss("x"), headers={"Cache-Control": "max-age=0"}), 900),
        (answer(_rss("x"), headers={"Cache-Control": "max-age=5"}), 60),
        (answer(_rss("x", ttl=1_000_000)), 86_400),
        (answer(_rss("x"), headers={"Retry-After": "5000"}), 5000),
    ],
)
def test_hints_are_heeded_within_bounds(
    server: FeedServer, follow: Open, clock: _Clock, content: bytes, wait_s: int
) -> None:
    """The longest of what server and feed say, never less than the shortest interval, nor more than the longest."""
    server.answers["/a"] = content
    with follow(server.url + "/a") as follower:
        assert follower.poll(_one(follower), _Sink()).state.due_ms == clock() + wait_s * 1000
        assert follower.due(clock() + wait_s * 1000 - 1) == []
        assert follower.due(clock() + wait_s * 1000) == [_one(follower)]


def test_the_time_to_live_outlasts_the_body(server: FeedServer, follow: Open, clock: _Clock) -> None:
    """304 brings no feed, so what the last one said still holds."""
    server.answers["/a"] = answer(_rss("x", ttl=60), headers={"ETag": '"1"'})
    with follow(server.url + "/a") as follower:
        follower.poll(_one(follower), _Sink())
        server.answers["/a"] = answer(status="304 Not Modified")
        assert follower.poll(_one(follower), _Sink()).state.due_ms == clock() + 3_600_000


def test_a_failing_source_waits_longer_each_time(server: FeedServer, follow: Open, clock: _Clock) -> None:
    """Doubling up to a day, less up to half by chance; success makes it as new, and the validators are kept."""
    sink = _Sink()
    server.answers["/a"] = answer(_rss("x"), headers={"ETag": '"1"'})
    with follow(server.url + "/a") as follower:
        follower.poll(_one(follower), sink)
        server.answers["/a"] = answer(b"<rss>")
        waits = []
        for failures in range(1, 12):
            outcome = follower.poll(_one(follower), sink)
            assert outcome.kind == "failed"
            assert isinstance(outcome.error, FeedInvalidError)
            assert (outcome.state.failures, outcome.state.last_error) == (failures, str(outcome.error))
            waits.append((outcome.state.due_ms - clock()) / 1000)
        for failures, wait_s in enumerate(waits):
            most = min(900 << failures, 86_400)
            assert most / 2 <= wait_s <= most
        assert len({wait_s / min(900 << n, 86_400) for n, wait_s in enumerate(waits)}) == len(waits)
        server.answers["/a"] = answer(status="304 Not Modified")
        state = follower.poll(_one(follower), sink).state
        assert (state.failures, state.last_error, state.due_ms) == (0, "", clock() + 900_000)
    assert b'If-None-Match: "1"' in server.requests[-1]


def test_a_busy_server_says_when_to_come_back(server: FeedServer, follow: Open, clock: _Clock) -> None:
    """`Retry-After` of 429 and 503 is a lower bound, up to the longest interval."""
    for status, retry_after, wait_s in (("429 Slow", 3000, 3000), ("503 Busy", 10**7, 86_400)):
        server.answers["/a"] = answer(status=status, headers={"Retry-After": str(retry_after)})
        with follow(server.url + "/a") as follower:
            assert follower.poll(_one(follower), _Sink()).state.due_ms == clock() + wait_s * 1000


def test_a_source_that_is_gone_is_asked_no_more(server: FeedServer, follow: Open, clock: _Clock) -> None:
    """410, and a JSON Feed that has expired, whose last entries are still taken; also after a restart."""
    sink = _Sink()
    server.answers["/gone"] = answer(status="410 Gone")
    server.answers["/done"] = answer(
        b'{"version":"https://jsonfeed.org/version/1","expired":true,"items":[{"id":"z","title":"z"}]}'
    )
    locations = [server.url + "/gone", server.url + "/done"]
    with follow(*locations) as follower:
        outcomes = [follower.poll(source, sink) for source in follower.due()]
    assert [bool(outcome.state.stopped) for outcome in outcomes] == [True, True]
    assert sink.kept == ["z"]
    clock.advance_s(10**9)
    with follow(*locations) as follower:
        assert follower.due() == []
        follower.run(sink, threading.Event(), reporter=lambda _outcome: None)
    assert len(server.requests) == 2


def test_a_source_that_moved_is_asked_where_it_went(server: FeedServer, follow: Open) -> None:
    """For good, once it was a feed there; a move for now, or to what is no feed, changes nothing."""
    for status, body, requests in (
        ("302 Found", _rss("x"), ["/a", "/b", "/a", "/b"]),
        ("301 Moved", b"<html>", ["/a", "/b", "/a", "/b"]),
        ("301 Moved", _rss("x"), ["/a", "/b", "/b"]),
    ):
        server.requests.clear()
        server.answers["/a"] = answer(status=status, headers={"Location": "/b"})
        server.answers["/b"] = answer(body)
        for _ in range(2):
            with follow(server.url + "/a") as follower:
                follower.poll(_one(follower), _Sink())
        assert [request.split(b" ")[1].decode() for request in server.requests] == requests


def test_where_a_source_moved_to_is_not_its_end(server: FeedServer, follow: Open) -> None:
    """When it fails there it is asked where it was; gone there is not gone."""
    server.answers["/a"] = answer(status="301 Moved", headers={"Location": "/b"})
    server.answers["/b"] = answer(_rss("x"))
    with follow(server.url + "/a") as follower:
        follower.poll(_one(follower), _Sink())
        server.answers["/b"] = answer(status="410 Gone")
        failed = follower.poll(_one(follower), _Sink())
        assert (failed.kind, failed.state.stopped) == ("failed", "")
        server.answers["/a"] = answer(_rss("y"))
        assert follower.poll(_one(follower), _Sink()).kind == "read"
        server.answers["/a"] = answer(status="410 Gone")
        assert follower.poll(_one(follower), _Sink()).state.stopped
        assert [state.source for state in follower.stopped()] == [server.url + "/a"]
        assert follower.next_due_ms() is None
    paths = [request.split(b" ")[1].decode() for request in server.requests]
    assert paths == ["/a", "/b", "/b", "/a", "/a"]


def test_validators_go_where_they_came_from(server: FeedServer, follow: Open) -> None:
    """An address that a source redirects to has versions of its own, which may have the same names."""
    server.answers["/a"] = answer(status="302 Found", headers={"Location": "/b"})
    for path in ("/b", "/c"):
        server.answers[path] = answer(_rss(path), headers={"ETag": '"1"', "Last-Modified": "today"})
    with follow(server.url + "/a") as follower:
        follower.poll(_one(follower), _Sink())
        follower.poll(_one(follower), _Sink())
        server.answers["/a"] = answer(status="302 Found", headers={"Location": "/c"})
        assert follower.poll(_one(follower), _Sink()).kind == "read"
    validated = [b"If-None-Match" in request and b"If-Modified-Since" in request for request in server.requests]
    assert validated == [False, False, False, True, False, False]


def test_the_same_bytes_again_are_unchanged(server: FeedServer, follow: Open) -> None:
    """Not all servers know validators: nothing is handed on, counted or rejected twice, also after a failure."""
    sink = _Sink()
    server.answers["/a"] = answer(_rss("x"))
    with follow(server.url + "/a") as follower:
        follower.poll(_one(follower), sink)
        server.answers["/a"] = answer(status="500 Broken")
        follower.poll(_one(follower), sink)
        server.answers["/a"] = answer(_rss("x"))
        assert follower.poll(_one(follower), sink).kind == "unchanged"
        server.answers["/a"] = answer(_rss("y"))
        assert follower.poll(_one(follower), sink).kind == "read"
    assert (sink.kept, len(sink.rejects)) == (["x", "y"], 2)


def test_private_hosts_need_leave(server: FeedServer, follow: Open) -> None:
    """Without it nothing is sent, and the failure is one like any other."""
    with follow(server.url + "/a", allow_private=False) as follower:
        outcome = follower.poll(_one(follower), _Sink())
    assert isinstance(outcome.error, AddressRefusedError)
    assert server.settled() == 0


def test_files_are_followed_like_addresses(follow: Open, tmp_path: Path) -> None:
    """Read when they have changed; one that is not there fails."""
    path = tmp_path / "feed.xml"
    path.write_bytes(_rss("x"))
    sink = _Sink()
    with follow(str(path), kind="file") as follower:
        assert follower.poll(_one(follower), sink).kind == "read"
        assert follower.poll(_one(follower), sink).kind == "unchanged"
        path.write_bytes(_rss("x", "y"))
        assert follower.poll(_one(follower), sink).kind == "read"
        path.unlink()
        outcome = follower.poll(_one(follower), sink)
    assert sink.kept == ["x", "x", "y"]
    assert isinstance(outcome.error, FetchFailedError)
    assert "cannot be read (No such file or directory); check the path" in str(outcome.error)


def test_a_clock_that_was_wrong_does_not_silence_a_source(server: FeedServer, follow: Open, clock: _Clock) -> None:
    """Put back by years or by minutes, what was asked in the future is due; put back by less, it waits."""
    server.answers["/a"] = answer(_rss("x"))
    for back_s, due in ((10**9, True), (INTERVALS.min_s + 1, True), (INTERVALS.min_s, False)):
        with follow(server.url + "/a") as follower:
            follower.poll(_one(follower), _Sink())
        clock.advance_s(-back_s)
        with follow(server.url + "/a") as follower:
            assert (follower.due() == [_one(follower)]) == due


def test_shorter_intervals_hold_at_once(server: FeedServer, follow: Open, clock: _Clock) -> None:
    """What is due later than the longest interval allows is due then."""
    server.answers["/a"] = answer(_rss("x", ttl=1_000_000))
    with follow(server.url + "/a") as follower:
        follower.poll(_one(follower), _Sink())
    with follow(server.url + "/a", intervals=Intervals(10, 60, 100)) as follower:
        assert follower.next_due_ms() == clock() + 100_000


def test_one_host_has_one_request_at_a_time(server: FeedServer, follow: Open) -> None:
    """Twelve sources of two hosts, one of which fails and one of which is broken: all are read, none twice."""
    stop = threading.Event()
    outcomes: list[Outcome] = []

    def slow(_request: bytes) -> Iterator[bytes]:
        time.sleep(0.01)
        yield answer(_rss("x"))

    with FeedServer() as other:
        hosts = (server, "127.0.0.1"), (other, "localhost")
        for running, _ in hosts:
            running.answers = {f"/{n}": slow for n in range(6)}
        server.answers["/2"] = answer(status="500 Broken")
        other.answers["/3"] = answer(b"<rss>")
        locations = [f"http://{host}:{running.port}/{n}" for running, host in hosts for n in range(6)]

        def report(outcome: Outcome) -> None:
            outcomes.append(outcome)
            if len(outcomes) == len(locations):
                stop.set()

        class Slow(_Sink):
            def _step(self) -> None:
                time.sleep(0.005)

        sink = Slow()
        with follow(*locations) as follower:
            follower.run(sink, stop, reporter=report)
            assert follower.due() == []
        assert (server.at_once, other.at_once) == (1, 1)
        assert (len(server.requests), len(other.requests)) == (6, 6)
    assert [outcome.source.location for outcome in outcomes if outcome.kind == "failed"] == sorted(
        [locations[2], locations[9]], key=[outcome.source.location for outcome in outcomes].index
    )
    assert sink.kept == ["x"] * 10


def test_once_is_what_is_due_and_no_more(server: FeedServer, follow: Open) -> None:
    """Each due source is asked once, also the one that fails, and then it ends."""
    server.answers["/a"] = answer(_rss("x"))
    outcomes: list[Outcome] = []
    with follow(server.url + "/a", server.url + "/b") as follower:
        for _ in range(2):
            follower.run(_Sink(), threading.Event(), reporter=outcomes.append, once=True)
    assert sorted(outcome.kind for outcome in outcomes) == ["failed", "read"]


def test_a_sink_that_was_stopped_ends_it(server: FeedServer, follow: Open) -> None:
    """Without an error, and what it did not make durable is read again."""
    server.answers["/a"] = answer(_rss("x"))

    class Stopping(_Sink):
        def flush(self) -> None:
            raise Stopped

    with follow(server.url + "/a") as follower:
        follower.run(Stopping(), threading.Event(), reporter=lambda _outcome: None)
        assert follower.due() == [_one(follower)]


def test_the_sink_has_one_thread(server: FeedServer, follow: Open) -> None:
    """The caller's: a connection to the log belongs to one."""
    threads = set()

    class Looking(_Sink):
        def _step(self) -> None:
            threads.add(threading.get_ident())

    server.answers = {f"/{n}": answer(_rss("x")) for n in range(3)}
    with follow(*(server.url + path for path in server.answers)) as follower:
        follower.run(Looking(), threading.Event(), reporter=lambda _outcome: None, once=True)
    assert threads == {threading.get_ident()}


def test_a_fault_of_ours_costs_its_source_only(server: FeedServer, follow: Open) -> None:
    """What no reader of feeds foresaw is the failure of one source, with its name."""
    server.answers["/a"] = answer(_rss("x"))
    with follow(server.url + "/a") as follower, pytest.MonkeyPatch.context() as patched:
        nothing: dict[str, Any] = {}
        patched.setattr("indexer.feeds.following.read_feed", lambda *_given, **_named: nothing["fault"])
        outcome = follower.poll(_one(follower), _Sink())
    assert outcome.kind == "failed"
    assert (
        outcome.state.last_error
        == f"{server.url}/a: cannot be read (KeyError: 'fault'); report it, with what is there now"
    )


def test_a_source_is_asked_again_when_it_is_due(server: FeedServer, follow: Open, clock: _Clock) -> None:
    """The loop waits for the clock, and stops when told to."""
    server.answers["/a"] = answer(_rss("x"))
    stop = threading.Event()
    outcomes = []

    def report(outcome: Outcome) -> None:
        outcomes.append(outcome)
        server.answers["/a"] = answer(_rss(str(len(outcomes))))
        clock.advance_s(900)
        if len(outcomes) == 3:
            stop.set()

    with follow(server.url + "/a") as follower:
        follower.run(_Sink(), stop, reporter=report)
    assert len(server.requests) == 3


def test_a_sink_that_breaks_ends_the_loop(server: FeedServer, follow: Open) -> None:
    """Better than asking for what cannot be kept."""
    server.answers["/a"] = answer(_rss("x"))
    sink = _Sink()
    sink.dies_after = 0
    with follow(server.url + "/a") as follower, pytest.raises(OSError, match="the disk is full"):
        follower.run(sink, threading.Event(), reporter=lambda _outcome: None)


def test_the_file_of_states_is_checked(tmp_path: Path) -> None:
    """Another file, a later version, a folder: each is refused, and named."""
    path = tmp_path / "sources.sqlite"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(StateError, match=r"sources\.sqlite: not a usable file of sources .*; move it away"):
        StateFile(path)
    with pytest.raises(StateError, match="not a usable file"):
        StateFile(tmp_path)
    path.unlink()
    StateFile(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 2")
    db.close()
    with pytest.raises(StateError, match="written by a later version"):
        StateFile(path)


@given(st.integers(1, 10**6), st.none() | st.integers(0, 10**9), st.integers(0, 2**32))
def test_no_failure_waits_out_of_bounds(failures: int, retry_after_s: int | None, seed: int) -> None:
    """However often, and whatever the server says."""
    assert INTERVALS.min_s <= INTERVALS.after_failure(failures, retry_after_s, Random(seed)) <= INTERVALS.max_s
