"""A process and its descendants taken as one, as Linux tells of them: CPU time and memory.

CPU time is that of each living process, to the nanosecond, and of those that have ended and were waited for, to the
tick (10 ms). It does not depend on what else the machine is doing.

Memory is resident memory (`VmRSS`), mapped files included. Its peak is the sum of each process's own peak
(`VmHWM`, set back at the start) at the moment when that sum is largest: never less than what was held at once,
however briefly.

Contract: processes may start and end meanwhile.

Not here: what is asked of them (`catalogue.py`, `tests/search/`).
"""

import contextlib
import os
import re
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

LOOK_S = 0.01
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_KB = 1024 / 1e6


class Family:
    """A process and its descendants."""

    def __init__(self, pid: int) -> None:
        """Args: the process id of the eldest."""
        self.pid = pid

    def members(self) -> list[int]:
        """Those that are there now, the eldest first."""
        found = [self.pid]
        for pid in found:
            with contextlib.suppress(OSError):
                for path in Path(f"/proc/{pid}/task").glob("*/children"):
                    found += map(int, path.read_text(encoding="ascii").split())
        return found

    def cpu_s(self) -> float:
        """CPU time that was ever taken."""
        spent_s = 0.0
        for pid in self.members():
            with contextlib.suppress(OSError):
                spent_s += time.clock_gettime(~pid << 3 | 2)  # what clock_getcpuclockid(3) makes of a process id
                fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(") ")[2].split()
                spent_s += sum(map(int, fields[13:15])) / _TICKS_A_SECOND
        return spent_s

    def rss_mb(self) -> float:
        """Resident memory now, in 10^6 bytes."""
        return self._sum("VmRSS")

    def peaks_mb(self) -> float:
        """The sum of the largest that each process that is there now has had."""
        return self._sum("VmHWM")

    def anonymous_mb(self) -> float:
        """The part of memory that no file is behind."""
        return self._sum("RssAnon")

    def forget_peaks(self) -> None:
        """Peaks begin anew."""
        for pid in self.members():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")

    def _sum(self, name: str) -> float:
        held = 0
        for pid in self.members():
            with contextlib.suppress(OSError):
                status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
                found = re.search(rf"^{name}:\s+(\d+) kB", status, re.MULTILINE)
                held += int(found[1]) if found else 0
        return held * _KB


class Peak:
    """How far the memory of a family grows while the block runs, over what it was at the start."""

    def __init__(self, family: Family) -> None:
        self._family = family
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch)
        self.grown_mb = 0.0
        self.anonymous_mb = 0.0
        """Of that, beyond mapped files; as seen every `LOOK_S`."""

    def __enter__(self) -> Self:
        self._before_mb, self._anonymous_before_mb = self._family.rss_mb(), self._family.anonymous_mb()
        self._family.forget_peaks()
        self._watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._watcher.join()

    def _watch(self) -> None:
        over = False
        while not over:
            over = self._over.wait(LOOK_S)  # and one look more
            self.grown_mb = max(self.grown_mb, self._family.peaks_mb() - self._before_mb)
            anonymous_mb = self._family.anonymous_mb() - self._anonymous_before_mb
            self.anonymous_mb = max(self.anonymous_mb, anonymous_mb)
