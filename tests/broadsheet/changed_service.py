"""`broadsheet` with some of its code changed for one run, in its processes and nowhere else.

    python -m tests.broadsheet.changed_service CHANGE,... serve --data DIR --port PORT

Contract: a change is the name of a function in `CHANGES`, which patches modules before anything runs. Supervisor, API
processes and indexer take each of them; what they start in turn does not. `hurried`, `merging-aside`, `clocks-apart`
and `dies-when-told` alter no promise: they let a test do in seconds what else takes hours, or luck. All others are
mutants, each the name of a promise that is not kept; a harness says which of them it notices (`MUTANTS`).

Not here: who runs it (`live_kill_harness.py`, `malformed_harness.py`, ...), the promises.
"""

import os
import runpy
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from starlette.responses import Response

from broadsheet import cli, roles, supervisor
from broadsheet.process import Role
from indexer import bulk_body, merging, projection, publisher, worker
from indexer.events import Outcome
from indexer.intake import Intake
from indexer.log_messages import Messages
from indexer.readers import jsonl, lines, unpack
from indexer.rejects import Reject
from indexer.writing import JobView, WriteService
from partition import envelope
from partition.manifest import Layout, RootManifest
from partition.merge_aside import MergedSegments, merge_aside
from search.cursor import Cursor
from search.epochs import Epochs
from search.snapshot import View
from tests.indexer.mutants import LINGER_S, forgets_messages, write_in_pieces
from web.problems import Problem

MERGING = "run/merging"
"""Below the data folder: the file that says which process is merging, while it is."""


def _change(owner: Any, **changed: Any) -> None:
    """Give names of a module or a class other values."""
    for name, value in changed.items():
        setattr(owner, name, value)


def hurried() -> None:
    """What dies is started again soon."""
    _change(supervisor, LIVED_S=0.2)


def merging_aside() -> None:
    """Small segments are merged aside too, slowly, and where that is done is said."""
    _change(merging, SMALL=0)

    def slowly(folder: Path, *given: Any, writing: Callable[[Path], None], **named: Any) -> MergedSegments | None:
        said = folder.parents[1] / MERGING

        def begin(path: Path) -> None:
            writing(path)
            said.write_text(str(os.getpid()))
            time.sleep(LINGER_S)

        try:
            merged = merge_aside(folder, *given, writing=begin, **named)
            if merged:
                time.sleep(LINGER_S)
            return merged
        finally:
            said.unlink(missing_ok=True)

    _change(merging, merge_aside=slowly)


def clocks_apart() -> None:
    """The indexer has a fake clock of its own (`FAKETIME_TIMESTAMP_FILE`)."""
    indexer_role = roles.indexer_role
    variable = "FAKETIME_TIMESTAMP_FILE"

    def apart(*given: Any) -> Role | None:
        role = indexer_role(*given)
        own = {variable: os.environ.get(variable, "") + ".indexer"}
        return role and replace(role, environment={**role.environment, **own})

    _change(roles, indexer_role=apart)


def timed_by_the_clock() -> None:
    """Deadlines are moments of a clock that can be put."""
    began_s, ahead_s = time.monotonic(), -time.time()
    _change(time, monotonic=lambda: began_s + time.time() + ahead_s)


def pruned_by_the_clock() -> None:
    """What was replaced goes when a clock that can be put says so."""
    _change(worker, Projector=partial(projection.Projector, now_s=time.time))


def dies_when_told() -> None:
    """Where there is a file `die` in the data folder, the next API process that logs something dies of it, once."""
    log_together = Intake._log_together

    def deadly(self: Intake, to: Any, batches: list[Any]) -> None:
        told = to._folder / "die"
        if told.exists():
            to.append([one for batch in batches for one in batch.submissions])
            told.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        log_together(self, to, batches)

    _change(Intake, _log_together=deadly)


def acknowledged_early() -> None:
    """Requests are answered before what they submit is logged."""
    log_together = Intake._log_together
    job = WriteService.job

    def early(self: Intake, to: Any, batches: list[Any]) -> None:
        for batch in batches:
            batch.logged.set_result([Outcome("created", None, 1)] * len(batch.submissions))
        time.sleep(LINGER_S)
        log_together(self, to, [batch._replace(logged=Future()) for batch in batches])

    def always(self: WriteService, job_id: bytes) -> JobView | None:
        return job(self, job_id) or JobView(job_id, "article", "running", 1, 1, 0, 0, 0)

    _change(Intake, _log_together=early)
    _change(WriteService, job=always)


def messages_forgotten() -> None:
    """What is sent again is done again; requests that are logged are answered late."""
    log_together = Intake._log_together

    def late(self: Intake, to: Any, batches: list[Any]) -> None:
        held = [batch._replace(logged=Future()) for batch in batches]
        log_together(self, to, held)
        time.sleep(LINGER_S)
        for batch, one in zip(batches, held, strict=True):
            batch.logged.set_result(one.logged.result())

    _change(Messages, **forgets_messages())
    _change(Intake, _log_together=late)


def position_beside() -> None:
    """How far the index is stands in a file of its own, written before the epoch is published."""
    current = projection.Projector.current
    publish = publisher.publish

    def ahead(self: projection.Projector) -> RootManifest | None:
        manifest = current(self)
        said = self._layout.root / "position"
        if manifest and said.exists():
            return replace(manifest, applied_seq=max(manifest.applied_seq, int(said.read_text())))
        return manifest

    def say_first(layout: Layout, manifest: RootManifest) -> None:
        (layout.root / "position").write_text(str(manifest.applied_seq))
        time.sleep(LINGER_S)
        publish(layout, manifest)

    _change(projection.Projector, current=ahead)
    _change(projection, publish=say_first)


def leftovers_stay() -> None:
    """What a build or a merge that was broken off has left is not removed."""
    _change(publisher, _remove_unnamed=lambda *_given: None)


def told_no_moment() -> None:
    """Refusals do not say when to come back."""
    response = Problem.response

    def without(self: Problem, *given: str) -> Response:
        self.headers = {}
        return response(self, *given)

    _change(Problem, response=without)


def published_in_pieces() -> None:
    """A manifest has its name before it is whole."""
    _change(publisher, write_durably=write_in_pieces)


def succeeded_early() -> None:
    """A job has succeeded as soon as it is logged."""
    job = WriteService.job

    def early(self: WriteService, job_id: bytes) -> JobView | None:
        view = job(self, job_id)
        return view and replace(view, status="succeeded" if view.status == "running" else view.status)

    _change(WriteService, job=early)


def bombs_unpacked() -> None:
    """What is packed may become as long as it likes."""
    _change(unpack, MAX_RATIO=10**9)


def bodies_held_whole() -> None:
    """A body is read when all of it is there."""
    _change(lines, _split=lambda pieces: iter(b"".join(pieces).split(b"\n")))


def bad_lines_end_it() -> None:
    """What comes after a line that is no article is not read."""
    read_jsonl = jsonl.read_jsonl

    def until_the_first(given: lines.Lines) -> Iterator[lines.Record | Reject]:
        for item in read_jsonl(given):
            yield item
            if isinstance(item, Reject):
                return

    _change(bulk_body, read_jsonl=until_the_first)


def lines_counted_wrong() -> None:
    """Blank lines have no number."""
    numbered = lines.Lines._numbered

    def without_blank(self: lines.Lines, given: Iterator[bytes]) -> Iterator[bytes]:
        return numbered(self, (line for line in given if line.strip()))

    _change(lines.Lines, _numbered=without_blank)


def damage_unseen() -> None:
    """Files are opened whatever their checksums say."""
    _change(envelope.PagedFile, refuse=lambda *_given: None)


def newest_or_none() -> None:
    """Where the newest epoch cannot be opened there is none."""

    async def refresh(self: Epochs) -> None:
        newest = self._layout.newest_epoch()
        if newest > (self.current.epoch if self.current else 0) and not await self._open(newest):
            self.current = None

    _change(Epochs, refresh=refresh)


def cursors_follow() -> None:
    """A walk goes on in the newest state."""
    view = Epochs.view

    def newest(self: Epochs, cursor: Cursor | None = None) -> View:
        view(self, cursor)
        return view(self)

    _change(Epochs, view=newest)


CHANGES: dict[str, Callable[[], None]] = {
    change.__name__.replace("_", "-"): change
    for change in (
        hurried,
        merging_aside,
        dies_when_told,
        clocks_apart,
        timed_by_the_clock,
        pruned_by_the_clock,
        acknowledged_early,
        messages_forgotten,
        position_beside,
        published_in_pieces,
        leftovers_stay,
        told_no_moment,
        succeeded_early,
        bombs_unpacked,
        bodies_held_whole,
        bad_lines_end_it,
        lines_counted_wrong,
        damage_unseen,
        newest_or_none,
        cursors_follow,
    )
}


def command(changes: Iterable[str]) -> tuple[str, ...]:
    """What takes the place of `broadsheet` on a command line."""
    return (sys.executable, "-P", "-m", "tests.broadsheet.changed_service", ",".join(changes))


def main() -> None:
    """The supervisor, or one of its processes."""
    names, *arguments = sys.argv[1:]
    for name in names.split(","):
        CHANGES[name]()
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        _change(roles, _MODULE=(*command(names.split(",")), "-m"))
        sys.argv = ["broadsheet", *arguments]
        cli.main()


if __name__ == "__main__":
    main()
