"""Which epoch is current, and which older states can still be answered from.

Contract: a newer epoch becomes current only after it was opened, so that no query waits for that; until then, and
whenever it cannot be opened, the one before goes on answering. It is tried again every `AGAIN_S`, since it may have
been mended, and as soon as its number was given to another. The data folder is looked at when a new epoch is
announced, and every `POLL_S`, since announcements may be lost.

Not here: opening files (`snapshot.py`), publishing (`indexer/publisher.py`).
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import structlog
from prometheus_client import Gauge

from partition.errors import IndexFileError
from partition.manifest import Layout, RootManifest
from search.broker import Broker, EpochGoneError
from search.cursor import Cursor
from search.snapshot import View

POLL_S = 0.25
AGAIN_S = 5.0

_EPOCH = Gauge("broadsheet_epoch", "The epoch that new queries are answered from", multiprocess_mode="livemin")
_ARTICLES = Gauge("broadsheet_articles", "Live articles of that epoch", multiprocess_mode="livemin")
_log = structlog.get_logger()


class _Refused(NamedTuple):
    """An epoch that could not be opened."""

    until_s: float
    """When that is tried again, by the monotonic clock."""
    file: tuple[int, int]
    """Which manifest it was."""


class Epochs:
    """The epochs of one archive, as one API process sees them."""

    def __init__(
        self,
        root: Path,
        broker: Broker,
        announced: Callable[[float], Awaitable[None]] = asyncio.sleep,
        erased: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Follow the epochs of an archive.

        Args:
            root: the data folder.
            broker: who opens them.
            announced: returns when an epoch is announced, or after so many seconds.
            erased: called when something was taken down since the epoch before.
        """
        self._announced = announced
        self._erased = erased
        self._layout = Layout(root)
        self._broker = broker
        self._refused: dict[int, _Refused] = {}
        """Epochs that could not be opened."""
        self._waiting: set[asyncio.Event] = set()
        self.current: RootManifest | None = None
        """What new queries are answered from; `None` until the first epoch is open."""

    def view(self, cursor: Cursor | None = None) -> View:
        """The state that a walk is in, the current one for those that begin.

        Raises:
            EpochGoneError: it is no longer kept, or is another archive's, or this process has not seen it yet.
        """
        current = self.current
        if current is None:
            raise EpochGoneError
        if cursor is None:
            return View(current.epoch, current.state)
        known = current.since_seq <= cursor.state.applied_seq <= current.applied_seq
        if not known or cursor.archive != current.archive:
            raise EpochGoneError
        return View(current.epoch, cursor.state)

    async def reach(self, seq: int, deadline_s: float) -> bool:
        """Wait until the current epoch has applied a log sequence; whether it has by then (`time.monotonic`)."""
        newer = asyncio.Event()
        self._waiting.add(newer)
        try:
            while self.current is None or self.current.applied_seq < seq:
                newer.clear()
                async with asyncio.timeout(deadline_s - time.monotonic()):
                    await newer.wait()
        except TimeoutError:
            return False
        finally:
            self._waiting.discard(newer)
        return True

    async def refresh(self) -> None:
        """Make the newest epoch that can be opened current."""
        known = self.current.epoch if self.current else 0
        for epoch in reversed(self._layout.published_epochs()):
            if epoch <= known:
                return
            if self._is_due(epoch) and await self._open(epoch):
                self._refused = {other: refused for other, refused in self._refused.items() if other > epoch}
                return

    def _is_due(self, epoch: int) -> bool:
        """Whether it is tried, or tried again: when some time has passed, or its number was given to another."""
        refused = self._refused.get(epoch)
        return refused is None or time.monotonic() >= refused.until_s or self._file(epoch) != refused.file

    def _file(self, epoch: int) -> tuple[int, int]:
        """What tells its manifest from another under the same name."""
        with contextlib.suppress(OSError):
            status = self._layout.manifest(epoch).stat()
            return status.st_ino, status.st_mtime_ns
        return 0, 0

    async def _open(self, epoch: int) -> bool:
        """Make an epoch current; whether that could be done."""
        file = self._file(epoch)
        try:
            manifest = (await self._broker.open_current(epoch)).manifest
        except IndexFileError as error:
            if not self._layout.manifest(epoch).exists():  # replaced meanwhile by a newer one
                return False
            if epoch not in self._refused or self._refused[epoch].file != file:  # said once
                _log.error("epoch cannot be opened", epoch=epoch, reason=str(error))
            self._refused[epoch] = _Refused(time.monotonic() + AGAIN_S, file)
            return False
        before, self.current = self.current, manifest
        if self._erased and before and before.erased_seq != manifest.erased_seq:
            await self._erased()
        for waiting in self._waiting:
            waiting.set()
        _EPOCH.set(manifest.epoch)
        _ARTICLES.set(manifest.articles)
        _log.info("epoch opened", epoch=manifest.epoch, articles=manifest.articles)
        return True

    async def follow(self) -> None:
        """Refresh until cancelled."""
        while True:
            try:
                await self.refresh()
            except Exception:  # noqa: BLE001 - see below
                # Whatever it was, the epoch before goes on answering, and the next look may succeed.
                _log.exception("epochs cannot be looked at")
            await self._announced(POLL_S)
