"""The commands that take articles in: `broadsheet follow | import`.

Contract: that of `command.py`. Both only append to the log; beside them a thread brings the index up to it, unless
somebody else is indexing, such as a server that does. An interrupt lets them finish what they are at; a second one
ends them.

Not here: following (`indexer/feeds/following.py`), importing (`indexer/crawls.py`), indexing
(`indexer/catching_up.py`).
"""

import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from broadsheet.bells import EPOCH, LOG, ring
from broadsheet.command import INTERRUPTED, MISUSED, SOME_REJECTED, Config, Data, fail, resolved
from broadsheet.settings import Settings

if TYPE_CHECKING:
    from indexer.crawls import Summary
    from indexer.events import Log
    from indexer.feeds import LogSink, Outcome
    from indexer.readers import Position
    from indexer.rejects import RejectsFile

CATCH_UP_EVERY_S = 60.0
"""How often the index follows the log, if nothing is logged and no embargo ends."""


def follow(
    sources: Annotated[
        list[str], typer.Argument(help="Addresses of feeds, feeds in files, lists of feeds.", metavar="URL|FILE...")
    ],
    data: Data = None,
    once: Annotated[bool, typer.Option("--once", help="Ask what is due once, and end.")] = False,
    every: Annotated[
        int, typer.Option(help="Seconds between requests to a source that says nothing itself.", min=1, max=86_400)
    ] = 900,
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="Ask hosts that are not public, and any port, too.")
    ] = False,
    config: Config = None,
) -> None:
    """Follow feeds: RSS, Atom, JSON Feed and ninjs.

    They are given by address or as files. A list (OPML, or one address a line) stands for the feeds in it. What is
    new becomes an article, what was changed a correction, what its publisher takes back is withdrawn. Entries that
    are no articles go to DIR/rejects.jsonl.

    \b
    broadsheet follow https://news.example/feed.xml --data archive
    broadsheet follow feeds.opml --data archive --once
    """
    from indexer.appending import Appender
    from indexer.builder_processes import BuildError
    from indexer.events import LogError
    from indexer.feeds import FeedInvalidError, Follower, Intervals, LogSink, StateError, find_sources
    from partition.errors import IndexFileError

    settings = resolved(config, data=data).settings
    try:
        found = [source for argument in sources for source in find_sources(argument)]
    except (FeedInvalidError, OSError) as error:
        fail(error, MISUSED)
    intervals = Intervals(min_s=min(every, 300), default_s=every)
    told = _Told()
    try:
        with (
            _interruptible() as stop,
            _intake(settings, stop) as (log, rejects, logged),
            Follower(
                found, settings.root / "feeds.sqlite", intervals=intervals, allow_private=allow_private
            ) as follower,
        ):
            sink = LogSink(Appender(log, stop=stop, logged=logged), rejects)
            for state in follower.stopped():
                typer.echo(f"{state.source}: asked no more: {state.stopped}", err=True)
            follower.run(sink, stop, reporter=lambda outcome: told.tell(outcome, sink), once=once)
            next_due_ms = follower.next_due_ms()
    except (StateError, LogError, BuildError, IndexFileError, OSError) as error:
        fail(error)
    typer.echo(told.summary(len(found), next_due_ms))
    if once and told.failed:
        fail(f"{told.failed:,} of {told.polled:,} sources could not be read")
    if once and told.rejected:
        typer.echo(f"rejected entries are in {settings.root / 'rejects.jsonl'}", err=True)
        raise typer.Exit(SOME_REJECTED)


def import_(
    files: Annotated[list[str], typer.Argument(help="WARC files, and folders of them.", metavar="FILE...")],
    data: Data = None,
    config: Config = None,
) -> None:
    """Import web crawls: WARC files, plain, gzip or zstd.

    The article in each page is found and becomes one of the archive; the page's address is its id. An import that was
    ended goes on where it was, and files that were read are not read again. Pages without an article go to
    DIR/rejects.jsonl with the reason.

    \b
    broadsheet import CC-NEWS-20240101.warc.gz --data archive
    broadsheet import crawls/ --data archive
    """
    from indexer.appending import Stopped
    from indexer.builder_processes import BuildError
    from indexer.crawl_positions import PositionsError
    from indexer.crawls import import_crawls
    from indexer.events import LogError
    from indexer.readers import InputError, warc_files
    from partition.errors import IndexFileError

    settings = resolved(config, data=data).settings
    try:
        warc_files([Path(file) for file in files])
        with _interruptible() as stop, _intake(settings, stop) as (log, rejects, logged):
            summary = import_crawls(
                [Path(file) for file in files],
                log,
                rejects,
                settings.root / "crawls.sqlite",
                processes=settings.builders,
                stop=stop,
                logged=logged,
                reporter=_tell_pages,
            )
    except InputError as error:
        fail(error, MISUSED)
    except Stopped:
        fail("interrupted; what was imported stays, run again to go on", INTERRUPTED)
    except (PositionsError, LogError, BuildError, IndexFileError, OSError) as error:
        fail(error)
    rejected = summary.rejected.total()
    typer.echo(
        f"{summary.files:,} files, {summary.finished:,} read to their end; {summary.pages:,} pages: "
        f"{summary.accepted:,} accepted ({summary.changed:,} new or changed), {rejected:,} rejected; "
        f"{summary.passed.total():,} passed over; {summary.seconds:.1f} s"
    )
    for what, reasons in (("rejected", summary.rejected), ("passed over", summary.passed)):
        if reasons:
            typer.echo(f"{what}: {_counts(reasons)}")
    if rejected:
        typer.echo(f"rejected pages are in {settings.root / 'rejects.jsonl'}", err=True)
        raise typer.Exit(SOME_REJECTED)


@contextmanager
def _intake(settings: Settings, stop: threading.Event) -> "Iterator[tuple[Log, RejectsFile, Callable[[], None]]]":
    """The log, the rejects, and what wakes whoever indexes."""
    from indexer.bulk import DEFAULT_PARTITIONS
    from indexer.catching_up import catch_up
    from indexer.log import EventLog, log_path
    from indexer.rejects import RejectsFile
    from indexer.waking import Waker

    root = settings.root

    def index() -> float | None:
        again_s = catch_up(root, settings)
        ring(root, EPOCH)
        return again_s

    root.mkdir(parents=True, exist_ok=True)
    partitions = None if log_path(root).exists() else DEFAULT_PARTITIONS
    with (
        EventLog(log_path(root), partitions=partitions, max_backlog=settings.max_backlog) as log,
        RejectsFile(root / "rejects.jsonl") as rejects,
        Waker(index, failed=stop.set, every_s=CATCH_UP_EVERY_S) as waker,
    ):

        def logged() -> None:
            ring(root, LOG)
            waker.wake()

        waker.wake()  # embargoes may have ended meanwhile, or end soon
        yield log, rejects, logged


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """An event that an interrupt, or a request to end, sets; the next one is as ever."""
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def interrupted(number: int, _frame: object) -> None:
        stop.set()
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, interrupted)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Told:
    """Says what came of each request, and adds up."""

    def __init__(self) -> None:
        self._kinds: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self.rejected = 0

    @property
    def polled(self) -> int:
        return self._kinds.total()

    @property
    def failed(self) -> int:
        return self._kinds["failed"]

    def tell(self, outcome: "Outcome", sink: "LogSink") -> None:
        """One line."""
        self._kinds[outcome.kind] += 1
        self.rejected += outcome.rejected
        state = outcome.state
        due = f"asked no more: {state.stopped}" if state.stopped else f"due {_time(state.due_ms)}"
        if outcome.error:
            typer.echo(f"{outcome.error}; {due}", err=True)
        elif outcome.kind == "unchanged":
            typer.echo(f"{state.source}: not changed; {due}")
        else:
            self._statuses += sink.statuses
            counts = _counts(sink.statuses) or "nothing"
            typer.echo(f"{state.source}: {counts}, {outcome.rejected:,} rejected; {due}")

    def summary(self, sources: int, next_due_ms: int | None) -> str:
        """The last line."""
        due = "none is asked any more" if next_due_ms is None else f"the next is due {_time(next_due_ms)}"
        return (
            f"{sources:,} sources, asked {self.polled:,} times: {self._kinds['read']:,} read, "
            f"{self._kinds['unchanged']:,} not changed, {self.failed:,} failed; "
            f"{_counts(self._statuses) or 'nothing'}, {self.rejected:,} rejected; {due}"
        )


def _tell_pages(summary: "Summary", position: "Position") -> None:
    typer.echo(
        f"{position.file}: {position.number:,} responses; {summary.pages:,} pages so far, {summary.changed:,} new or "
        f"changed, {summary.rejected.total():,} rejected; {summary.seconds:.1f} s"
    )


def _counts(counts: Mapping[str, int]) -> str:
    """`3 created, 1 corrected`, the most frequent first."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count:,} {name}" for name, count in ordered if count)


def _time(ms: int) -> str:
    from web.times import iso

    return iso(ms)
