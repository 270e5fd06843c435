"""Following sources: each is asked when it is due, and what it publishes is handed on.

Contract: what is remembered of a source (validators, when it is due) is saved only after the sink has made its
entries durable, so that whoever dies in between reads them again and loses none. A source that fails waits longer
and longer and stops no other; one that is gone for good (410) or says that it has ended is asked no more; one that
has moved for good (301, 308) is asked where it went, once it was found to be a feed there, and where it was if that
fails. No host has more than one request at a time, and no source more than its schedule allows; a clock that is put
back silences none. Requests and parsing happen in threads; the sink is called by the thread that calls the follower,
with one source's entries after the other's, and nothing is asked while it waits.

Not here: the request (`fetch.py`), the formats (`formats.py`), when it is due (`schedule.py`), what becomes of the
entries (a `Sink`, as in `ports.py`).
"""

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from indexer.appending import Stopped
from indexer.feeds.addresses import Resolver
from indexer.feeds.entries import Feed
from indexer.feeds.errors import FeedError, FeedInvalidError, FetchFailedError
from indexer.feeds.fetch import Fetched, NotModified, fetch
from indexer.feeds.files import read_file
from indexer.feeds.formats import read_feed
from indexer.feeds.ports import Outcome, Sink
from indexer.feeds.schedule import Intervals
from indexer.feeds.sources import Source
from indexer.feeds.states import SourceState, StateFile

WORKERS = 4
_TICK_S = 1.0
"""How long at most until it is looked again whether to stop, and what is due."""
_GONE = 410


class _Answer(NamedTuple):
    answer: NotModified
    feed: Feed | None
    """`None` where there is nothing new."""
    digest: bytes | None


class Follower:
    """Sources and what is remembered of them; a context manager."""

    def __init__(
        self,
        sources: Sequence[Source],
        path: Path,
        *,
        intervals: Intervals | None = None,
        allow_private: bool = False,
        resolver: Resolver | None = None,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        chance: random.Random | None = None,
    ) -> None:
        """Follow `sources`, remembering in the file at `path`.

        Args:
            sources: what to follow.
            path: a small SQLite file, made if it is not there; sources in it that are not given are left alone.
            intervals: between requests.
            allow_private: ask hosts that are not public, too.
            resolver: asked for names; the system's by default.
            now_ms: ms since 1970.
            chance: spreads sources that failed together.

        Raises:
            StateError: the file cannot be used.
        """
        self._sources = tuple(dict.fromkeys(sources))
        self._intervals = intervals or Intervals()
        self._allow_private = allow_private
        self._resolver = resolver
        self._now_ms = now_ms
        # Only spreads the load; nobody gains by guessing it.
        self._chance = chance or random.Random()  # noqa: S311
        self._states = StateFile(path)

    def due(self, now_ms: int | None = None) -> list[Source]:
        """The sources that are due at a moment, now by default, the longest overdue first; none that has stopped."""
        moment = self._now_ms() if now_ms is None else now_ms
        return [source for due_ms, source in self._scheduled() if due_ms <= moment]

    def stopped(self) -> list[SourceState]:
        """What is remembered of the sources that are asked no more."""
        states = (self._states.load(source.location) for source in self._sources)
        return [state for state in states if state.stopped]

    def next_due_ms(self) -> int | None:
        """When the next source is due, in ms since 1970; `None` when all have stopped."""
        scheduled = self._scheduled()
        return scheduled[0][0] if scheduled else None

    def poll(self, source: Source, sink: Sink) -> Outcome:
        """Ask one source, whether it is due or not, and hand on what it has.

        Raises:
            StateError: what is to be remembered cannot be read or written.
            Exception: whatever the sink raises; nothing is remembered then, and the next poll reads the same again.
        """
        state = self._states.load(source.location)
        return self._settle(source, state, self._ask(source, state), sink)

    def run(
        self,
        sink: Sink,
        stop: threading.Event,
        *,
        reporter: Callable[[Outcome], None],
        workers: int = WORKERS,
        once: bool = False,
    ) -> None:
        """Poll what is due, again and again, until `stop` is set or every source has stopped.

        Args:
            sink: takes the entries.
            stop: set it to end; requests that are under way are waited for, and forgotten.
            reporter: told each outcome.
            workers: most requests at a time.
            once: end when nothing is due any more.

        Raises:
            Exception: as `poll`; other sources that are under way are waited for.
        """
        busy: dict[Future[_Answer | FeedError], tuple[Source, SourceState]] = {}
        with ThreadPoolExecutor(workers, "follow") as pool:
            while not stop.is_set():
                for source in self._startable({source for source, _ in busy.values()}, workers - len(busy)):
                    state = self._states.load(source.location)
                    busy[pool.submit(self._ask, source, state)] = source, state
                if busy:
                    done, _ = wait(busy, _TICK_S, FIRST_COMPLETED)
                    try:
                        for future in done:
                            reporter(self._settle(*busy.pop(future), future.result(), sink))
                    except Stopped:
                        return
                else:
                    next_ms = self.next_due_ms()
                    if next_ms is None or once:
                        return
                    stop.wait(min(max(next_ms - self._now_ms(), 1) / 1000, _TICK_S))

    def _scheduled(self) -> list[tuple[int, Source]]:
        """When each source that has not stopped is due, the first first."""
        states = ((source, self._states.load(source.location)) for source in self._sources)
        due = ((self._due_ms(state), source) for source, state in states if not state.stopped)
        return sorted(due, key=lambda entry: entry[0])

    def _due_ms(self, state: SourceState) -> int:
        intervals = self._intervals
        if state.asked_ms > self._now_ms() + intervals.min_s * 1000:
            return 0  # the clock was put back: what it said then says nothing now
        return min(state.due_ms, state.asked_ms + intervals.max_s * 1000)

    def _startable(self, busy: set[Source], most: int) -> Iterator[Source]:
        """Sources that are due and whose host is not asked already."""
        hosts = {source.host for source in busy}
        for source in self.due():
            if most > 0 and source.host not in hosts:
                hosts.add(source.host)
                most -= 1
                yield source

    def _ask(self, source: Source, state: SourceState) -> "_Answer | FeedError":
        """What a source says, without a look at anything that is shared."""
        try:
            if source.kind == "file":
                answer = read_file(source.location, state.etag)
            else:
                answer = fetch(
                    state.url,
                    etag=state.etag,
                    last_modified=state.last_modified,
                    validated_url=state.validated_url,
                    allow_private=self._allow_private,
                    resolver=self._resolver,
                )
            if not isinstance(answer, Fetched):
                return _Answer(answer, None, state.digest)
            digest = blake2b(answer.body, digest_size=16).digest()
            if digest == state.digest:  # not all servers know validators
                return _Answer(answer, None, digest)
            feed = read_feed(answer.body, answer.content_type, answer.url, charset=answer.charset)
        except FeedError as error:
            return error
        except Exception as error:  # noqa: BLE001 - what a stranger sends must not end the following of all others
            problem = f"cannot be read ({type(error).__name__}: {error})"[:200]
            return FeedInvalidError(source.location, problem, "report it, with what is there now")
        return _Answer(answer, feed, digest)

    def _settle(self, source: Source, state: SourceState, found: "_Answer | FeedError", sink: Sink) -> Outcome:
        if isinstance(found, FeedError):
            outcome = self._failed(source, state, found)
        else:
            taken, rejected = self._hand_over(source, found.feed, sink) if found.feed else (0, 0)
            outcome = self._succeeded(source, state, found, taken, rejected)
        self._states.save(outcome.state)
        return outcome

    def _hand_over(self, source: Source, feed: Feed, sink: Sink) -> tuple[int, int]:
        """How many entries were taken and rejected, once they are durable."""
        taken = sum(sink.take(entry, origin=source.location) for entry in feed.entries)
        for reject in feed.rejects:
            sink.reject(reject)
        sink.flush()
        return taken, len(feed.entries) + len(feed.rejects) - taken

    def _succeeded(self, source: Source, state: SourceState, found: _Answer, taken: int, rejected: int) -> Outcome:
        answer, feed, digest = found
        now_ms = self._now_ms()
        refresh_s = state.refresh_s if feed is None else feed.refresh_s
        wait_s = self._intervals.after_success(answer.max_age_s, answer.retry_after_s, refresh_s)
        after = replace(
            state,
            url=answer.permanent_url,
            etag=answer.etag,
            last_modified=answer.last_modified,
            validated_url=answer.url,
            digest=digest,
            refresh_s=refresh_s,
            asked_ms=now_ms,
            due_ms=now_ms + wait_s * 1000,
            failures=0,
            last_error="",
            stopped="the feed says that it has ended" if feed and feed.ended else "",
            polls=state.polls + 1,
            taken=state.taken + taken,
            rejected=state.rejected + rejected,
            success_ms=now_ms,
        )
        return Outcome(source, "read" if feed else "unchanged", taken, rejected, None, after)

    def _failed(self, source: Source, state: SourceState, error: FeedError) -> Outcome:
        failures = state.failures + 1
        status, retry_after_s = (
            (error.status, error.retry_after_s) if isinstance(error, FetchFailedError) else (None, None)
        )
        wait_s = self._intervals.after_failure(failures, retry_after_s, self._chance)
        # Where it moved to may be gone while it is still where it was.
        gone = status == _GONE and state.url == source.location
        now_ms = self._now_ms()
        after = replace(
            state,
            url=source.location,
            asked_ms=now_ms,
            due_ms=now_ms + wait_s * 1000,
            failures=failures,
            last_error=str(error),
            stopped=str(error) if gone else "",
            polls=state.polls + 1,
        )
        return Outcome(source, "failed", 0, 0, error, after)

    def close(self) -> None:
        """Release the file."""
        self._states.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
