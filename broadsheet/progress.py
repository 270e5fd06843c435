"""How bulk indexing looks: a progress bar on a terminal, plain lines elsewhere.

Contract: where standard error is a terminal, bars are drawn there, with notes above them. Elsewhere everything is
whole lines on standard output: notes, and how far it is at most every `EVERY_S` seconds and at the end of each stage.

Not here: what is counted (`indexer/bulk.py`).
"""

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

EVERY_S = 5.0


class TerminalReporter:
    """Draws a bar for each stage."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description:<9}"),
            BarColumn(),
            TextColumn("{task.fields[state]}"),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=Console(stderr=True),
        )
        self._tasks: dict[str, TaskID] = {}
        self._started_s: dict[str, float] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def note(self, line: str) -> None:
        """Print a line above the bars."""
        self._progress.print(line, highlight=False, markup=False)

    def reading(self, lines: int, read_bytes: int, total_bytes: int | None) -> None:
        """Move the bar of what was read."""
        spent_s = self._spent_s("reading")
        state = f"{lines:,} lines, {lines / spent_s:,.0f}/s, {read_bytes / 1e6 / spent_s:,.1f} MB/s"
        self._move("reading", read_bytes, total_bytes, state)

    def indexing(self, done: int, total: int) -> None:
        """Move the bar of what was indexed."""
        state = f"{done:,} of {total:,} articles, {done / self._spent_s('indexing'):,.0f}/s"
        self._move("indexing", done, total, state)
        if done == total:  # another round starts a bar of its own
            self._tasks.pop("indexing")
            self._started_s.pop("indexing")

    def _spent_s(self, stage: str) -> float:
        return max(time.monotonic() - self._started_s.setdefault(stage, time.monotonic()), 0.001)

    def _move(self, stage: str, done: int, total: int | None, state: str) -> None:
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(stage, total=total, state=state)
        self._progress.update(self._tasks[stage], completed=done, state=state)


class PlainReporter:
    """Writes a line now and then."""

    def __init__(self) -> None:
        self._started_s = self._said_s = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def note(self, line: str) -> None:
        """Write a line."""
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    def reading(self, lines: int, read_bytes: int, total_bytes: int | None) -> None:
        """Say how much was read, if it is time."""
        share = f" of {total_bytes / 1e6:,.1f}" if total_bytes else ""
        self._say(f"read {lines:,} lines, {read_bytes / 1e6:,.1f}{share} MB", last=read_bytes == total_bytes)

    def indexing(self, done: int, total: int) -> None:
        """Say how much was indexed, if it is time."""
        self._say(f"indexed {done:,} of {total:,} articles", last=done == total)

    def _say(self, line: str, *, last: bool) -> None:
        now_s = time.monotonic()
        if last or now_s - self._said_s >= EVERY_S:
            self._said_s = now_s
            self.note(f"[{now_s - self._started_s:7.1f} s] {line}")


def reporter() -> TerminalReporter | PlainReporter:
    """The reporter that suits where the output goes."""
    return TerminalReporter() if sys.stderr.isatty() else PlainReporter()
