"""The arithmetic of the operations page: what came between two counts, percentiles, looks, notes, and watching.

Not here: servers (`test_operations.py`), the page (`test_operations_page.py`).
"""

import asyncio
import os
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client import Counter as Count

from broadsheet.operations import noted, watching
from broadsheet.operations.counted import BOUNDS_MS, Counted, percentile_ms, read_counts, since, span_of
from broadsheet.operations.noted import KEPT, WINDOW_S, Noted, Notes
from broadsheet.operations.routes import figures_stream
from broadsheet.operations.sampling import GAP_S, REMEMBERED, Sample, Sampler, Sources
from broadsheet.operations.shapes import OperationsAnswer
from broadsheet.operations.watching import MAX_WATCHING, Watch
from broadsheet.operations.wording import FORMATS, UNKNOWN, figure
from indexer.job_file import JobsError
from partition.manifest import RootManifest
from search.parameters import parse_search
from tests.small_index import Clock, SmallIndex, article
from web import streams
from web.edge import BUCKETS, Failure
from web.problems import Problem

NOTHING = Counted((0,) * 5, (0,) * len(BUCKETS) + (0,), (0,) * 4, 0, 0, 0, 0)
EMPTY = Noted([], [])
SECOND = 1000


@given(st.lists(st.floats(0, 20_000), min_size=1, max_size=200), st.sampled_from([0.5, 0.95, 0.99]))
def test_a_percentile_lies_in_the_bucket_of_the_true_one(times_ms: list[float], share: float) -> None:
    """Beyond the last bound it is that bound, which is all that is known."""
    buckets = [0] * (len(BOUNDS_MS) + 1)
    for spent_ms in times_ms:
        buckets[bisect_left(BOUNDS_MS, spent_ms)] += 1
    found = percentile_ms(buckets, share)
    assert found is not None
    # The first so many of all that they are at least that share.
    rank = next(n for n in range(1, len(times_ms) + 1) if n >= share * len(times_ms) - 1e-9)
    bucket = bisect_left(BOUNDS_MS, sorted(times_ms)[rank - 1])
    if bucket == len(BOUNDS_MS):
        assert found == BOUNDS_MS[-1]
    else:
        assert ([0.0, *BOUNDS_MS][bucket]) <= found <= BOUNDS_MS[bucket]


def test_percentiles_are_those_of_prometheus() -> None:
    """Ten in (5, 10] ms and ten in (10, 25] ms, by hand; of none there is none."""
    buckets = [0, 0, 0, 10, 10, *([0] * (len(BOUNDS_MS) - 4))]
    assert percentile_ms(buckets, 0.5) == 10
    assert percentile_ms(buckets, 0.25) == 7.5
    assert percentile_ms(buckets, 0.99) == pytest.approx(10 + 15 * (0.99 * 20 - 10) / 10)
    assert percentile_ms([0] * len(buckets), 0.5) is None


@given(st.lists(st.integers(0, 1000), min_size=5, max_size=5), st.lists(st.integers(0, 1000), min_size=5, max_size=5))
def test_a_counter_that_fell_has_begun_anew(before: list[int], more: list[int]) -> None:
    """What it shows has come since; one that did not fall shows the difference."""
    earlier = NOTHING._replace(answered=tuple(before), events=before[0])
    later = NOTHING._replace(answered=tuple(map(sum, zip(before, more, strict=True))), events=before[0] + more[0])
    assert since(earlier, later) == NOTHING._replace(answered=tuple(more), events=more[0])
    begun = NOTHING._replace(answered=tuple(min(one, 7) for one in before))
    expected = tuple(new if new < old else 0 for old, new in zip(before, begun.answered, strict=True))
    assert since(earlier, begun).answered == expected


def test_metrics_are_counted_by_what_they_mean() -> None:
    """Statuses by class, durations of searches only, and absent ones as nothing."""
    registry = CollectorRegistry()
    requests = Count("broadsheet_http_requests", "-", ["route", "method", "status"], registry=registry)
    times = ((200, 5), (304, 1), (404, 2), (429, 1), (503, 3), (504, 4), (500, 6))
    for status, count in times:
        requests.labels("/v1/search", "GET", status).inc(count)
    durations = Histogram(
        "broadsheet_http_request_duration_seconds", "-", ["route"], buckets=BUCKETS, registry=registry
    )
    for route, seconds in (("/v1/search", 0.004), ("/", 0.004), ("/v1/search", 60), ("/v1/changes", 30)):
        durations.labels(route).observe(seconds)
    counted, measured = read_counts(registry.collect())
    assert list(counted.answered) == [6, 3, 3, 4, 6]
    assert list(counted.searches) == [*(2 if bound == 0.005 else 0 for bound in BUCKETS), 1]
    assert (counted.cache, counted.events, measured.get("broadsheet_epoch")) == ((0, 0, 0, 0), 0, 0)
    span = span_of(counted, 10.0)
    assert (span.errors, span.per_s, span.searches.count, span.hit_share) == (13, 2.2, 3, None)


class Looked:
    """A service that is looked at, of which everything can be set."""

    def __init__(self, root: Path, index: SmallIndex) -> None:
        self.index, self.clock = index, index.clock
        self.manifest: RootManifest | None = None
        self.registry = CollectorRegistry()
        self.requests = Count(
            "broadsheet_http_requests", "-", ["route", "method", "status"], registry=self.registry
        ).labels("/", "GET", 200)
        self.broken = False
        self.sampler = Sampler(
            Sources(
                root=root,
                max_backlog=1000,
                current=lambda: self.manifest,
                metrics=self.registry.collect,
                jobs=self.jobs,
                noted=lambda: EMPTY,
                now=lambda: self.clock() / SECOND,
                monotonic=self.clock.monotonic,
            )
        )

    def jobs(self) -> dict[str, Counter[Any]]:
        """As `job_counts`."""
        if self.broken:
            raise JobsError("the file of jobs cannot be used")
        return {"bulk": Counter({"running": 2, "failed": 1})}

    def look(self) -> OperationsAnswer:
        """A look, which is what its JSON says."""
        sample = self.sampler.look()
        assert msgspec.json.decode(sample.whole, type=OperationsAnswer) == sample.answer
        return sample.answer


@pytest.fixture
def looked(tmp_path: Path) -> Iterator[Looked]:
    """A service with an empty log."""
    with SmallIndex(tmp_path) as index:
        yield Looked(tmp_path, index)


def test_a_look_before_there_is_anything(looked: Looked) -> None:
    """It says so, and that there are no rates yet."""
    answer = looked.look()
    assert (answer.epoch, answer.partitions, answer.minute, answer.tick.answered) == (None, [], None, None)
    assert answer.log
    assert (answer.log.last_seq, answer.log.backlog, answer.log.waiting_s) == (0, 0, 0)
    assert [(one.kind, one.running, one.failed) for one in answer.jobs] == [("bulk", 2, 1)]


def test_freshness_is_how_long_the_oldest_waits(looked: Looked) -> None:
    """Also where nothing was ever published; and to whom it belongs. When all is applied, nothing waits."""
    looked.index.put(article("a"))
    looked.clock.pass_s(3)
    looked.index.put(*(article(f"b{number}") for number in range(9)))
    looked.clock.pass_s(2)
    answer = looked.look()
    assert answer.log
    assert (answer.log.backlog, answer.log.waiting_s) == (10, 5)
    looked.manifest = looked.index.publish()
    looked.index.put(*(article(f"c{number}") for number in range(6)))
    looked.clock.pass_s(1.5)
    answer = looked.look()
    assert answer.log
    assert answer.epoch
    assert (answer.log.backlog, answer.log.waiting_s, answer.epoch.articles) == (6, 1.5, 10)
    assert sum(one.waiting for one in answer.partitions) == 6
    assert sum(one.articles for one in answer.partitions) == 10
    assert (answer.epoch.age_s, answer.epoch.took_s) == (1.5, 2)
    looked.manifest = looked.index.publish()
    looked.clock.pass_s(4)
    answer = looked.look()
    assert answer.log
    assert (answer.log.backlog, answer.log.waiting_s, sum(one.waiting for one in answer.partitions)) == (0, 0, 0)
    assert answer.tick.epochs == 0.25


def test_rates_are_those_since_the_look_before(looked: Looked) -> None:
    """Per second of the clock that nobody can put; not over a pause, and the minute only as far as it is known."""
    looked.requests.inc(100)
    looked.look()
    looked.requests.inc(30)
    looked.clock.pass_s(2)
    looked.clock.put_s(-3600)
    answer = looked.look()
    assert answer.tick.answered
    assert answer.minute
    assert (answer.tick.seconds, answer.tick.answered.ok) == (2, 15)
    assert (answer.minute.seconds, answer.minute.answered.ok, answer.minute.per_s) == (2, 30, 15)
    assert answer.total.answered.ok == 130
    for _ in range(70):
        looked.requests.inc(1)
        looked.clock.pass_s(1)
        answer = looked.look()
    assert answer.minute
    assert (answer.minute.seconds, answer.minute.answered.ok) == (60, 60)
    looked.clock.pass_s(GAP_S + 1)
    answer = looked.look()
    assert (answer.tick.answered, answer.minute) == (None, None)


def test_so_much_is_remembered_and_no_more(looked: Looked) -> None:
    """The ticks before a look, oldest first."""
    for _ in range(REMEMBERED + 5):
        looked.clock.pass_s(1)
        sample = looked.sampler.look()
    assert len(sample.ticks) == REMEMBERED
    moments = [tick.at_ms for tick in sample.ticks]
    assert moments == sorted(moments)
    assert sample.answer.tick.at_ms - moments[-1] == SECOND


def test_what_cannot_be_read_is_named(looked: Looked, tmp_path: Path) -> None:
    """And leaves the rest as it is."""
    looked.manifest = looked.index.publish()
    looked.broken = True
    for path in tmp_path.glob("log.sqlite*"):
        path.rename(path.with_suffix(".gone"))
    answer = looked.look()
    assert [one.partition(":")[0] for one in answer.unreadable] == ["log", "jobs"]
    assert (answer.log, answer.jobs) == (None, [])
    assert answer.epoch


class Came:
    """What came of a search, as far as notes look at it."""

    class cached:  # noqa: N801 - as it is called
        """Where it was found."""

        outcome = "miss"

    class answer:  # noqa: N801
        """What was found."""

        body = b'{"data": [], "total": {"value": 7, "relation": "eq"}}'


def _took(notes: Notes, seconds: float, came: Any = Came, **parameters: str) -> None:
    notes.took(parse_search(list(parameters.items())), seconds, came)


def test_the_slowest_searches_are_noted() -> None:
    """Each once, with its slowest time, as long as it is not too old; none that took next to nothing."""
    clock = Clock()
    notes = Notes(None, now=lambda: clock() / SECOND)
    for number in range(3 * KEPT):
        _took(notes, 0.1 + number / 100, q=f"word{number}")
    _took(notes, 0.9, q="again", section="sport")
    _took(notes, 0.5, q="again", section="sport")
    _took(notes, 5.0, Problem("timeout", "too late"), q="again")
    _took(notes, 0.0001, q="known")
    told = notes.all().searches
    assert [(one.query, one.filters, one.came, one.total) for one in told[:2]] == [
        ("again", "", "timeout", None),
        ("again", "section=sport", "load", 7),
    ]
    assert [one.spent_ms for one in told[:2]] == [5000, 900]
    assert [one.query for one in told[2:]] == [f"word{number}" for number in range(3 * KEPT - 1, 2 * KEPT + 1, -1)]
    clock.pass_s(WINDOW_S + 1)
    assert notes.all().searches == []
    _took(notes, 0.002, q="quick")
    assert [one.query for one in notes.all().searches] == ["quick"]


def test_long_texts_are_cut() -> None:
    """What is kept of a query is bounded."""
    notes = Notes(None)
    _took(notes, 1, q="long " * 200, author="x" * 500)
    (one,) = notes.all().searches
    assert len(one.query or "") == len(one.filters or "") == noted.MAX_TEXT_CHARS


def test_notes_are_shared_between_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of those that have ended, as long as they are of interest; what is no note is none."""
    monkeypatch.setattr(noted, "WRITE_S", 0.01)
    clock = Clock()

    async def scenario() -> None:
        for process, word in ((1, "one"), (2, "two")):
            monkeypatch.setattr(os, "getpid", lambda process=process: process)
            notes = Notes(tmp_path, now=lambda: clock() / SECOND)
            _took(notes, process, q=word)
            notes.failed(Failure(500, "internal", "GET", "/", f"request-{word}"))
            while not (tmp_path / f"noted_{process}.json").exists():  # noqa: ASYNC110 - a thread writes it
                await asyncio.sleep(0.005)
        (tmp_path / "noted_3.json").write_bytes(b"[")
        (tmp_path / "noted_4.json").write_bytes(b" " * (noted.MAX_FILE_BYTES + 9))
        for number in range(1, 5):
            os.utime(tmp_path / f"noted_{number}.json", (clock() / SECOND, clock() / SECOND))
        told = notes.all()
        assert [one.query for one in told.searches] == ["two", "one"]
        assert {one.request_id for one in told.failures} == {"request-one", "request-two"}
        clock.pass_s(WINDOW_S + 1)
        assert notes.all() == EMPTY

    asyncio.run(scenario())
    assert list(tmp_path.iterdir()) == []


def test_how_figures_are_written() -> None:
    """By the forms that the script has, too; what is not known is a dash."""
    written = {
        "count": (72644, "72,644"),
        "rate": (12.34, "12.3"),
        "size": (54_733_167, "54.7 MB"),
        "milliseconds": (1234.5, "1.23 s"),
        "seconds": (0.25, "0.2 s"),
        "share": (0.236, "23.6 %"),
        "clock": (1_700_000_000_000, "22:13:20"),
        "came": ("load", "searched for"),
        "text": ("as it is", "as it is"),
    }
    for form, (value, expected) in written.items():
        assert FORMATS[form](value) == expected
    assert FORMATS["size"](999) == "999 B"
    assert [FORMATS["seconds"](value) for value in (12.3, 600, 8000)] == ["12 s", "10 min", "2 h"]
    assert UNKNOWN in figure(None, "epoch.articles", "count")


# Watching.


class Watched:
    """A watch over nothing in particular, and the ends of one caller's connection."""

    def __init__(self) -> None:
        self.looks = 0
        self.slow = asyncio.Event()
        self.stopping, self.left = asyncio.Event(), asyncio.Event()
        self.hold_s = 0.0
        self.watch = Watch(self.look, self.stopping)

    def look(self) -> Sample:
        """A look."""
        self.looks += 1
        time.sleep(self.hold_s)
        return Sample(None, b"%d" % self.looks, b"hidden", ())  # type: ignore[arg-type] # nobody looks into it

    async def receive(self) -> MutableMapping[str, Any]:
        """What the server says of the caller: nothing, until it leaves."""
        await self.left.wait()
        return {"type": "http.disconnect"}

    def answering(self, sent: list[bytes], allowed: Callable[[], bool] = lambda: True) -> "asyncio.Task[None]":
        """A stream to one caller."""

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message.get("body", b""))

        stream = figures_stream(self.watch, allowed, lambda: True)
        return asyncio.create_task(stream({"type": "http"}, self.receive, send))


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    """Run it, within a minute."""

    async def bounded() -> None:
        async with asyncio.timeout(60):
            await scenario()

    asyncio.run(bounded())


async def until(look: Callable[[], object]) -> None:
    """Wait until that is true."""
    while not look():  # noqa: ASYNC110 - what is looked at tells nobody
        await asyncio.sleep(0.005)


def test_all_who_watch_share_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody watching, none is taken; one too many is refused; whoever asks meanwhile gets the latest."""
    monkeypatch.setattr(watching, "EVERY_S", 0.2)
    monkeypatch.setattr(watching, "FRESH_S", 0.18)

    async def scenario() -> None:
        watched = Watched()
        sent: list[list[bytes]] = [[] for _ in range(MAX_WATCHING)]
        streams = [watched.answering(one) for one in sent]
        await until(lambda: all(len(one) >= 4 for one in sent))
        pieces = {tuple(one[1:4]) for one in sent}
        assert len(pieces) == 1
        assert watched.looks <= 5
        with pytest.raises(Problem) as refused:
            async with watched.watch.places.take(watched.receive):
                pass
        assert refused.value.slug == "overloaded"
        watched.left.set()
        await asyncio.gather(*streams)
        looks = watched.looks
        await asyncio.sleep(0.3)
        assert watched.looks == looks
        async with asyncio.TaskGroup() as group:
            for _ in range(9):
                group.create_task(watched.watch.now())
        assert watched.looks == looks + 1

    run(scenario)


@pytest.mark.parametrize("end", ["stop", "leave", "key", "stop while it looks"])
def test_a_stream_ends(end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the process is to stop, the caller has gone or may read no more; also while a look takes long."""
    monkeypatch.setattr(watching, "EVERY_S", 0.05)
    monkeypatch.setattr(watching, "FRESH_S", 0.04)
    may_read = True

    async def scenario() -> None:
        nonlocal may_read
        watched, sent = Watched(), list[bytes]()
        stream = watched.answering(sent, lambda: may_read)
        await until(lambda: len(sent) > 2)
        if end == "stop while it looks":
            watched.hold_s, looks = 1.0, watched.looks
            await until(lambda: watched.looks > looks)
        ended_s = time.monotonic()
        if end == "leave":
            watched.left.set()
        elif end == "key":
            may_read = False
        else:
            watched.stopping.set()
        await stream
        assert sent[-1] == b""
        assert time.monotonic() - ended_s < 0.5
        assert watched.watch.places.taken == 0

    run(scenario)


def test_a_caller_who_takes_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that nobody holds a place for ever."""
    monkeypatch.setattr(streams, "SEND_S", 0.05)

    async def scenario() -> None:
        watched, sent = Watched(), list[MutableMapping[str, Any]]()

        async def send(message: MutableMapping[str, Any]) -> None:
            if sent:
                await asyncio.sleep(60)
            sent.append(message)

        await figures_stream(watched.watch, lambda: True, lambda: True)({"type": "http"}, watched.receive, send)
        assert len(sent) == 1
        assert watched.watch.places.taken == 0

    run(scenario)
