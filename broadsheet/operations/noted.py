"""What an API process notes of single requests: its slowest searches and its latest failures; shared with the others.

    FOLDER/noted_PID.json    what one process has noted, in the folder of the metrics

Contract: a search that is not among the slowest costs one comparison, an answer known at once nothing. `KEPT` of each
are kept, searches for `WINDOW_S`. The files hold what people look for: they lie in a folder that only the user who
serves may enter, not among the articles, and go with the service. One is written `WRITE_S` after the first news, in a
thread. What cannot be written or read is left out.

Not here: who may see it (`routes.py`).
"""

import asyncio
import contextlib
import os
import time
from collections import deque
from collections.abc import Callable, Iterable
from heapq import nlargest
from pathlib import Path

import msgspec

from broadsheet.operations.shapes import FailureFigures, SlowSearch
from search.parameters import SearchParameters
from search.ports import Served
from web.edge import Failure
from web.problems import Problem

KEPT = 12
WINDOW_S = 900
WRITE_S = 0.5
LEAST_S = 0.001
"""What takes less is slow for nobody."""
MAX_TEXT_CHARS = 200
MAX_FILE_BYTES = 64 << 10
MAX_FILES = 256
_NAME = "noted_"


class Noted(msgspec.Struct):
    """What was noted, by one process or by all."""

    searches: list[SlowSearch]
    """The slowest first."""
    failures: list[FailureFigures]
    """The latest first."""


class Notes:
    """Takes notes, on one event loop."""

    def __init__(self, folder: Path | None, now: Callable[[], float] = time.time) -> None:
        """Args: where they are shared, `None` for nowhere; the clock."""
        self._folder = folder
        self._now = now
        self._searches: dict[tuple[str | None, str | None], SlowSearch] = {}
        self._failures: deque[FailureFigures] = deque(maxlen=KEPT)
        self._bar_s = LEAST_S
        """What a search must take to be noted, until the first of those that are is too old."""
        self._until_s = 0.0
        self._due = False

    def took(self, parameters: SearchParameters, spent_s: float, came: Served | Problem) -> None:
        """A search took so long, and this came of it."""
        if spent_s < self._bar_s and (spent_s < LEAST_S or self._now() < self._until_s):
            return
        now_ms = int(self._now() * 1000)
        others = [(name, text) for name, text in parameters.given if name not in {"q", "cursor"}]
        if parameters.cursor is not None:
            others.append(("cursor", "..."))
        query = parameters.q[:MAX_TEXT_CHARS]
        filters = " ".join(f"{name}={text}" for name, text in others)[:MAX_TEXT_CHARS]
        before = self._searches.get((query, filters))
        if before is None or spent_s * 1000 > before.spent_ms or before.at_ms < now_ms - WINDOW_S * 1000:
            spent_ms = round(spent_s * 1000, 2)
            outcome, total = (came.slug, None) if isinstance(came, Problem) else _outcome(came)
            self._searches[query, filters] = SlowSearch(now_ms, spent_ms, outcome, total, query, filters)
        kept = _slowest(self._searches.values(), now_ms)
        self._searches = {(one.query, one.filters): one for one in kept}
        full = len(kept) == KEPT
        self._bar_s = kept[-1].spent_ms / 1000 if full else LEAST_S
        self._until_s = min(one.at_ms for one in kept) / 1000 + WINDOW_S
        self._write_soon()

    def failed(self, failure: Failure) -> None:
        """An answer was our fault."""
        self._failures.appendleft(FailureFigures(int(self._now() * 1000), *failure))
        self._write_soon()

    def _own(self) -> Noted:
        return Noted(list(self._searches.values()), list(self._failures))

    def _write_soon(self) -> None:
        if self._folder is not None and not self._due:
            self._due = True
            asyncio.get_running_loop().call_later(WRITE_S, self._write)

    def _write(self) -> None:
        self._due = False
        assert self._folder is not None
        path = self._folder / f"{_NAME}{os.getpid()}.json"
        asyncio.get_running_loop().run_in_executor(None, _replace, path, msgspec.json.encode(self._own()))

    def all(self) -> Noted:
        """What all processes have noted, also those that have ended; in any thread."""
        notes = [self._own()] if self._folder is None else _read_all(self._folder, self._now())
        searches = [search for note in notes for search in note.searches]
        failures = [failure for note in notes for failure in note.failures]
        return Noted(_slowest(searches, int(self._now() * 1000)), nlargest(KEPT, failures, key=lambda one: one.at_ms))


def _slowest(searches: Iterable[SlowSearch], now_ms: int) -> list[SlowSearch]:
    """The slowest of those that are not too old, each search once."""
    slowest: dict[tuple[str | None, str | None], SlowSearch] = {}
    for one in sorted(searches, key=lambda one: one.spent_ms, reverse=True):
        if one.at_ms >= now_ms - WINDOW_S * 1000:
            slowest.setdefault((one.query, one.filters), one)
    return list(slowest.values())[:KEPT]


class _Total(msgspec.Struct):
    value: int


class _Body(msgspec.Struct):
    total: _Total | None = None


def _outcome(came: Served) -> tuple[str, int | None]:
    outcome = "load" if came.cached.outcome == "miss" else came.cached.outcome
    total = msgspec.json.decode(came.answer.body, type=_Body).total
    return outcome, total.value if total else None


def _replace(path: Path, content: bytes) -> None:
    aside = path.with_suffix(".new")
    with contextlib.suppress(OSError):
        aside.write_bytes(content)
        aside.replace(path)


def _read_all(folder: Path, now_s: float) -> list[Noted]:
    found = []
    for path in list(folder.glob(f"{_NAME}*.json"))[:MAX_FILES]:
        with contextlib.suppress(OSError, msgspec.DecodeError, msgspec.ValidationError):
            if path.stat().st_mtime < now_s - WINDOW_S:  # of a process that has ended, or had nothing to note
                path.unlink()
                continue
            with path.open("rb") as file:
                found.append(msgspec.json.decode(file.read(MAX_FILE_BYTES), type=Noted))
    return found
