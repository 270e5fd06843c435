"""Waiting for changes inside one process: heartbeats, ends of every kind, and one look at the log for all.

The index is a small one in this process; callers that go away or take nothing are doubles of the server's channels.

Not here: servers (`test_http_changes.py`).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import indexer.watching
from indexer.change_routes import changes_stream
from indexer.changes import Changes, changes
from indexer.events import LogError
from indexer.watching import MAX_WATCHING, Feed
from partition.manifest import RootManifest
from tests.small_index import SmallIndex, article
from web import streams
from web.problems import Problem
from web.streams import EventStream

Messages = list[MutableMapping[str, Any]]


class Watched:
    """A feed over a small index, and the ends of one caller's connection."""

    def __init__(self, root: Path) -> None:
        self.index = SmallIndex(root)
        self.index.put(article("a"))
        self.manifest: RootManifest = self.index.publish()
        self.moved = asyncio.Event()
        self.stopping = asyncio.Event()
        self.left = asyncio.Event()
        self.feed = Feed(root, lambda: self.manifest, self.reach, self.stopping)

    async def reach(self, seq: int, deadline_s: float) -> bool:
        """As `Epochs.reach`."""
        while self.manifest.applied_seq < seq:
            self.moved.clear()
            try:
                async with asyncio.timeout(deadline_s - time.monotonic()):
                    await self.moved.wait()
            except TimeoutError:
                return False
        return True

    def publish(self) -> None:
        """A new epoch."""
        self.manifest = self.index.publish()
        self.moved.set()

    async def receive(self) -> MutableMapping[str, Any]:
        """What the server says of the caller: nothing, until it leaves."""
        await self.left.wait()
        return {"type": "http.disconnect"}

    def stream(self, allowed: Callable[[], bool] = lambda: True, after: int = 0) -> EventStream:
        """An answer."""
        return changes_stream(self.feed, after, allowed, {})


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    """An archive with one article."""
    made = Watched(tmp_path)
    with made.index:
        yield made


def run(scenario: Awaitable[None]) -> None:
    """Run it, within a minute."""

    async def bounded() -> None:
        async with asyncio.timeout(60):
            await scenario

    asyncio.run(bounded())


async def until(look: Callable[[], object]) -> None:
    """Wait until that is true."""
    while not look():  # noqa: ASYNC110 - what is looked at tells nobody
        await asyncio.sleep(0.005)


class Caller:
    """Somebody who is sent an answer."""

    def __init__(self, watched: Watched, stream: EventStream) -> None:
        self.sent: Messages = []
        self.takes = asyncio.Event()
        self.takes.set()
        self.answering = asyncio.create_task(stream({"type": "http"}, watched.receive, self._send))

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        await self.takes.wait()
        self.sent.append(message)

    @property
    def body(self) -> bytes:
        """What has come so far."""
        return b"".join(message.get("body", b"") for message in self.sent)

    def said(self, what: bytes, times: int) -> bool:
        """Whether that has come so often."""
        return self.body.count(what) >= times

    @property
    def ended(self) -> bool:
        """Whether the answer was ended as it should be."""
        return bool(self.sent) and self.sent[-1].get("more_body") is False


def places(watched: Watched) -> int:
    """How many wait."""
    return watched.feed.places.taken


def test_a_stream_says_now_and_then_that_it_is_there(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while epochs come in which there is nothing to tell."""
    monkeypatch.setattr(indexer.watching, "HEARTBEAT_S", 0.1)

    async def scenario() -> None:
        caller = Caller(watched, watched.stream())
        await until(lambda: caller.body.endswith(b"}\n\n:\n\n:\n\n"))
        for _ in range(3):
            watched.index.log.append_statistics()
            watched.publish()
            await until(partial(caller.said, b":\n\n", caller.body.count(b":\n\n") + 1))
        assert caller.body.count(b"id: ") == 1
        watched.index.put(article("b"))
        watched.publish()
        await until(lambda: b"id: 5\n" in caller.body)
        watched.stopping.set()
        await caller.answering
        assert caller.ended

    run(scenario())


@pytest.mark.parametrize("end", ["stop", "leave", "key"])
def test_a_stream_ends(watched: Watched, end: str) -> None:
    """When the process is to stop, the caller has gone, or may read no more; its place is free then."""
    may_read = True

    async def scenario() -> None:
        nonlocal may_read
        caller = Caller(watched, watched.stream(lambda: may_read))
        await until(lambda: b"id: 1\n" in caller.body)
        assert places(watched) == 1
        if end == "stop":
            watched.stopping.set()
        elif end == "leave":
            watched.left.set()
        else:
            may_read = False
            watched.index.put(article("b"))
            watched.publish()
        await caller.answering
        assert caller.ended
        assert b"id: 2\n" not in caller.body
        assert places(watched) == 0

    run(scenario())


def test_a_caller_who_takes_nothing_is_left(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that nobody holds a place for ever."""
    monkeypatch.setattr(streams, "SEND_S", 0.05)

    async def scenario() -> None:
        caller = Caller(watched, watched.stream())
        await until(lambda: b"id: 1\n" in caller.body)
        caller.takes.clear()
        watched.index.put(article("b"))
        watched.publish()
        await caller.answering
        assert not caller.ended
        assert places(watched) == 0

    run(scenario())


def test_a_log_that_cannot_be_read_ends_a_stream(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """Regularly: whoever comes again is told what is wrong."""

    async def scenario() -> None:
        caller = Caller(watched, watched.stream())
        await until(lambda: b"id: 1\n" in caller.body)

        def broken(*_given: object) -> Changes:
            raise LogError("no such log")

        monkeypatch.setattr(indexer.watching, "changes", broken)
        watched.index.put(article("b"))
        watched.publish()
        await caller.answering
        assert caller.ended
        with pytest.raises(LogError):
            await watched.feed.page(0, 9)

    run(scenario())


@pytest.mark.parametrize("end", ["stop", "leave"])
def test_a_poll_ends_before_its_time(watched: Watched, end: str) -> None:
    """When the process is to stop or the caller has gone; a poll that is given up leaves its place, too."""

    async def scenario() -> None:
        polls = [asyncio.create_task(watched.feed.poll(1, 9, 30, watched.receive)) for _ in range(2)]
        await until(lambda: places(watched) == 2)
        polls[1].cancel()
        await until(lambda: places(watched) == 1)
        (watched.stopping if end == "stop" else watched.left).set()
        assert (await polls[0]).notices == []
        assert places(watched) == 0

    run(scenario())


def test_all_who_wait_share_one_look_at_the_log(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """An epoch costs one, however many there are; one too many is refused."""
    looks: list[int] = []

    def counted(root: Path, manifest: RootManifest, after: int, limit: int) -> Changes:
        looks.append(after)
        return changes(root, manifest, after, limit)

    async def scenario() -> None:
        callers = [Caller(watched, watched.stream(after=1)) for _ in range(MAX_WATCHING)]
        await until(lambda: places(watched) == MAX_WATCHING)
        with pytest.raises(Problem) as refused:
            await watched.feed.poll(1, 9, 30, watched.receive)
        assert refused.value.slug == "overloaded"
        await until(lambda: len(watched.feed._under_way) == 0)
        monkeypatch.setattr(indexer.watching, "changes", counted)
        watched.index.put(article("b"))
        watched.publish()
        await until(lambda: all(b"id: 2\n" in caller.body for caller in callers))
        assert looks.count(1) == 1
        watched.stopping.set()
        for caller in callers:
            await caller.answering
        assert places(watched) == 0

    run(scenario())
