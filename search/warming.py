"""Warming: what is asked most is computed before anybody asks again, after a start and when all scores have changed.

Contract: one search at a time, and longer pauses than searches, so that nobody else notices: a fifth of a core at
most. A newer epoch of statistics begins it anew. It never raises, and what it asks for does not count as asked.

Not here: what is asked most (`popular.py`), the cache.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import structlog
from prometheus_client import Counter

from search.epochs import Epochs
from search.parameters import parse_search
from search.popular import Popular
from search.service import SearchService
from web.parameters import pairs_of
from web.problems import Problem

FILE = "popular"
"""In the data folder."""
PAUSES = 4
"""How many times as long as a search is the pause after it."""
LOOK_S = 1.0
WRITE_S = 300.0
FADE_S = 3600.0

_WARMED = Counter("broadsheet_warmed_searches", "Searches computed or found again before they were asked for")
_log = structlog.get_logger()


class Warmer:
    """Keeps the cache of one process warm.

    Args:
        service: whose answers.
        epochs: when they are others.
        popular: what is asked most.
        root: the data folder.
        count: how many searches; 0 is none.
        clock: a monotonic clock, in seconds.
    """

    def __init__(
        self,
        service: SearchService,
        epochs: Epochs,
        popular: Popular,
        root: Path,
        *,
        count: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._service = service
        self._epochs = epochs
        self._popular = popular
        self._path = root / FILE
        self._count = count
        self._clock = clock
        self._writable = True

    async def follow(self) -> None:
        """Warm until cancelled."""
        if not self._count:
            return
        try:
            await asyncio.to_thread(self._popular.read, self._path)
        except OSError as error:
            _log.warning("what was asked most is not known", path=str(self._path), reason=error.strerror)
        warm: int | None = None
        wrote_s = faded_s = self._clock()
        try:
            while True:
                statistics = self._statistics()
                if statistics is not None and statistics != warm:
                    warm = statistics
                    await self.warm()
                await asyncio.sleep(LOOK_S)
                now_s = self._clock()
                if now_s - faded_s >= FADE_S:
                    faded_s = now_s
                    self._popular.fade()
                if now_s - wrote_s >= WRITE_S:
                    wrote_s = now_s
                    await asyncio.to_thread(self._write, self._popular.copy())
        finally:
            self._write(self._popular)

    async def warm(self) -> None:
        """Ask for all of them, as long as the statistics are those that they were."""
        statistics = self._statistics()
        for target in self._popular.most(self._count):
            if self._statistics() != statistics:
                return
            began_s = self._clock()
            try:
                await self._service.search_ahead(parse_search(pairs_of(target.partition(b"?")[2])))
                _WARMED.inc()
            except Problem:  # what is asked no longer makes sense, or there is no place
                pass
            except Exception:  # noqa: BLE001 - whoever asks for it will be told
                _log.exception("search not warmed")
            await asyncio.sleep(PAUSES * (self._clock() - began_s))

    def _statistics(self) -> int | None:
        current = self._epochs.current
        return None if current is None else current.statistics_epoch

    def _write(self, popular: Popular) -> None:
        """Some hundred kilobytes at most."""
        if not self._writable:
            return
        try:
            popular.write(self._path)
        except OSError as error:
            self._writable = False
            _log.warning("what is asked most is not kept", path=str(self._path), reason=error.strerror)
