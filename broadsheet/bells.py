"""Bells: one process of this machine tells others that there is something new, without waiting for them.

    DATA/run/NAME.PID.N    a named pipe; whoever listens has it open, whoever rings writes a byte into each

Contract: a ring is a hint. It may be lost (a full pipe, a process that is just starting, a disk on which no pipe can
be made), so whoever listens also looks by itself now and then; and it may come for nothing. Ringing never waits. A
pipe that nobody has open any more, of a process that died, is removed by the next ring.

Not here: what is new (the epochs, the log).
"""

import asyncio
import contextlib
import errno
import itertools
import os
import select
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

EPOCH, LOG = "epoch", "log"
"""Names: rung when an epoch was published, or something was logged."""

_FOLDER = "run"
_numbers = itertools.count()
_log = structlog.get_logger()


class Bell:
    """One listener; a context manager."""

    def __init__(self, root: Path, name: str) -> None:
        """Listen for `name`; where no pipe can be made, for this process only."""
        folder = root / _FOLDER
        self._path = folder / f"{name}.{os.getpid()}.{next(_numbers)}"
        aside = folder / f".{self._path.name}"
        try:
            folder.mkdir(exist_ok=True)
            aside.unlink(missing_ok=True)  # of a process that had our number, and died just here
            os.mkfifo(aside, 0o600)
            # For reading and writing: such a pipe never comes to its end when a ringer closes it.
            self._handle = self._ringing = os.open(aside, os.O_RDWR | os.O_NONBLOCK)
            # Under its name only now: one that nobody has open is taken for a dead one's.
            aside.rename(self._path)
        except OSError as error:
            _log.warning("announcements cannot be heard", reason=str(error))
            self._handle, self._ringing = os.pipe2(os.O_NONBLOCK)

    def wait(self, timeout_s: float) -> None:
        """Return when it was rung since the last time, or after so many seconds."""
        select.select([self._handle], [], [], timeout_s)
        self._empty()

    async def heard(self, timeout_s: float) -> None:
        """The same, for an event loop."""
        loop = asyncio.get_running_loop()
        ringing = asyncio.Event()
        loop.add_reader(self._handle, ringing.set)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await ringing.wait()
        finally:
            loop.remove_reader(self._handle)
        self._empty()

    def ring(self) -> None:
        """Ring this one only; a signal handler may."""
        _ring(self._ringing)

    def _empty(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while os.read(self._handle, 1 << 16):
                pass

    def close(self) -> None:
        """Listen no more."""
        with contextlib.suppress(OSError):
            self._path.unlink()
        for handle in {self._handle, self._ringing}:
            os.close(handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def ring(root: Path, name: str) -> None:
    """Tell everybody who listens for `name`; never waits and never fails."""
    for path in (root / _FOLDER).glob(f"{name}.*"):
        try:
            handle = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nobody has it open
                with contextlib.suppress(OSError):
                    path.unlink()
            continue
        _ring(handle)
        os.close(handle)


def _ring(handle: int) -> None:
    with contextlib.suppress(BlockingIOError, BrokenPipeError):  # full of rings, or just closed
        os.write(handle, b"\1")
