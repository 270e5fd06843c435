"""Which searches are asked most, over the last hours, by the addresses they came by.

Contract: at most `MAX_TARGETS` addresses, which fade: every hour all counts are halved, and so are those in the file,
which outlives the process, whenever it is written and nobody here asked for them. The file is for its owner only,
since it tells what people look for, and it is whole or not there; what cannot be read of it is left out.

Not here: what is done with them (`warming.py`).
"""

import contextlib
import os
import tempfile
from collections.abc import Iterable
from heapq import nlargest
from pathlib import Path

from search.known import MAX_TARGET_BYTES

MAX_TARGETS = 4096
MAX_FILE_BYTES = MAX_TARGETS * (MAX_TARGET_BYTES + 32)
_SEARCH = b"/v1/search?"


class Popular:
    """Searches, and how often they were asked."""

    def __init__(self) -> None:
        self._counts: dict[bytes, float] = {}

    def asked(self, target: bytes) -> None:
        """A request for this path and query was answered; look-ups do not count, nor what a cursor leads to."""
        if (count := self._counts.get(target)) is not None:
            self._counts[target] = count + 1.0
            return
        if not target.startswith(_SEARCH) or b"cursor=" in target or len(target) > MAX_TARGET_BYTES:
            return
        self._counts[target] = 1.0
        if len(self._counts) > MAX_TARGETS:
            self._bound()

    def most(self, count: int) -> list[bytes]:
        """So many addresses, the most asked first."""
        return nlargest(count, self._counts, key=self._counts.__getitem__)

    def copy(self) -> "Popular":
        """What is known by now, for a thread to write."""
        other = Popular()
        other._counts = dict(self._counts)
        return other

    def fade(self) -> None:
        """Some time has passed."""
        self._counts = {target: count / 2 for target, count in self._counts.items() if count >= 1.0}

    def read(self, path: Path) -> None:
        """Add what a file tells, if there is one.

        Raises:
            OSError: it is there and cannot be read.
        """
        for target, count in _read(path):
            self._counts[target] = max(count, self._counts.get(target, 0.0))
        self._bound()

    def write(self, path: Path) -> None:
        """Write the file: what is known here, and what it had from others.

        Raises:
            OSError: it cannot be written.
        """
        merged = {target: count / 2 for target, count in _read(path)}
        for target, count in self._counts.items():
            merged[target] = max(count, merged.get(target, 0.0))
        kept = nlargest(MAX_TARGETS, merged.items(), key=lambda one: one[1])
        handle, aside = tempfile.mkstemp(prefix=path.name, dir=path.parent)  # mode 0600
        try:
            with os.fdopen(handle, "wb") as file:
                file.writelines(b"%.2f %b\n" % (count, target) for target, count in kept if count >= 0.5)
            Path(aside).replace(path)
        except OSError:
            Path(aside).unlink(missing_ok=True)
            raise

    def _bound(self) -> None:
        """Keep the more popular half, if there are too many."""
        if len(self._counts) > MAX_TARGETS:
            self._counts = {target: self._counts[target] for target in self.most(MAX_TARGETS // 2)}


def _read(path: Path) -> Iterable[tuple[bytes, float]]:
    try:
        with path.open("rb") as file:
            lines = file.read(MAX_FILE_BYTES).split(b"\n")
    except FileNotFoundError:
        return
    for line in lines:
        count, _, target = line.partition(b" ")
        with contextlib.suppress(ValueError):
            if target.startswith(_SEARCH) and len(target) <= MAX_TARGET_BYTES and 0 < float(count) < 1e9:
                yield target, float(count)
