"""What the server's processes take while they work, and what the index looks like: once a second, in a thread.

Processes are told apart by what they were started as. Memory is what no file is behind (Linux's `RssAnon`), and all
that is resident (`VmRSS`), which mapped files of a growing index make grow too, in 10^6 bytes.

Contract: a sample that cannot be taken, because a process or a manifest went meanwhile, is left out.

Not here: which process does what.
"""

import contextlib
import os
import re
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from benchmarks.killers.family import Family
from benchmarks.live.figures import after_warm_up, slope
from partition.errors import IndexFileError
from partition.manifest import Layout, read_manifest

EVERY_S = 1.0
ROLES = {
    "broadsheet.api_process": "api",
    "broadsheet.indexer_process": "indexer",
    "indexer.builder_processes": "builders",
}
"""What stands in a command line, and what the process is called here; any other of the family is `supervisor`."""
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_KB = 1024 / 1e6


class Sample(NamedTuple):
    """One look."""

    at_s: float
    epoch: int
    articles: int
    segments: int
    most_segments: int
    """Of one partition."""
    tombstones: int
    manifest_bytes: int
    processes: dict[str, dict[str, float]]
    """By role: `rss_mb`, `anonymous_mb` and `cpu_s`, the last with those that have ended."""


class Watch:
    """Looks every second while the block runs."""

    def __init__(self, root: Path, pid: int) -> None:
        """Args: the archive, and the process id of the supervisor."""
        self._layout = Layout(root)
        self._family = Family(pid)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.samples: list[Sample] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        over = False
        while not over:
            with contextlib.suppress(OSError, IndexFileError):
                self.samples.append(self.sample())
            over = self._over.wait(EVERY_S)

    def sample(self) -> Sample:
        """Now.

        Raises:
            OSError, IndexFileError: something went meanwhile.
        """
        epoch = self._layout.newest_epoch()
        manifest = read_manifest(self._layout, epoch)
        return Sample(
            at_s=time.monotonic(),
            epoch=epoch,
            articles=manifest.articles,
            segments=sum(record.segments for record in manifest.partitions),
            most_segments=max((record.segments for record in manifest.partitions), default=0),
            tombstones=sum(record.tombstones for record in manifest.partitions),
            manifest_bytes=self._layout.manifest(epoch).stat().st_size,
            processes=self._processes(),
        )

    def _processes(self) -> dict[str, dict[str, float]]:
        found: dict[str, dict[str, float]] = {"generator": _measured("self")}
        for pid in self._family.members():
            with contextlib.suppress(OSError):
                role = _role(pid)
                held = found.setdefault(role, dict.fromkeys(("rss_mb", "anonymous_mb", "cpu_s"), 0.0))
                for name, value in _measured(pid).items():
                    held[name] += value
        return found


def _role(pid: int) -> str:
    command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    return next((role for name, role in ROLES.items() if name in command), "supervisor")


def _measured(pid: int | str) -> dict[str, float]:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    held = {
        name: int(value) * _KB for name, value in re.findall(r"^(VmRSS|RssAnon):\s+(\d+) kB", status, re.MULTILINE)
    }
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(") ")[2].split()
    return {
        "rss_mb": held.get("VmRSS", 0.0),
        "anonymous_mb": held.get("RssAnon", 0.0),
        "cpu_s": sum(map(int, fields[11:15])) / _TICKS_A_SECOND,
    }


def summary(samples: list[Sample]) -> dict[str, Any]:
    """What became of all of it over the time of the samples; slopes are those after a third of that."""
    first, last = samples[0], samples[-1]
    seconds = max(last.at_s - first.at_s, 1e-9)
    segments = [sample.segments for sample in samples]
    roles = sorted({role for sample in samples for role in sample.processes})
    return {
        "seconds": round(seconds, 1),
        "epochs": last.epoch - first.epoch,
        "epochs_per_s": round((last.epoch - first.epoch) / seconds, 2),
        "articles": [first.articles, last.articles],
        "segments": {
            "first": segments[0],
            "most": max(segments),
            "last": segments[-1],
            "most_of_a_partition": max(sample.most_segments for sample in samples),
            "per_minute": round(60 * slope(_over_time(samples, "segments")), 1),
        },
        "tombstones": last.tombstones,
        "manifest_kb": round(max(sample.manifest_bytes for sample in samples) / 1000, 1),
        "processes": {role: _of_role(samples, role, seconds) for role in roles},
    }


def _over_time(samples: list[Sample], name: str) -> list[tuple[float, float]]:
    return after_warm_up([(sample.at_s, float(getattr(sample, name))) for sample in samples])


def _of_role(samples: list[Sample], role: str, seconds: float) -> dict[str, float]:
    at = [(sample.at_s, sample.processes[role]) for sample in samples if role in sample.processes]
    figures: dict[str, float] = {}
    for name in ("rss_mb", "anonymous_mb"):
        figures |= {
            f"{name}_first": round(at[0][1][name], 1),
            f"{name}_most": round(max(one[name] for _, one in at), 1),
            f"{name}_last": round(at[-1][1][name], 1),
            f"{name}_per_minute": round(60 * slope(after_warm_up([(when, one[name]) for when, one in at])), 2),
        }
    return figures | {"cores": round((at[-1][1]["cpu_s"] - at[0][1]["cpu_s"]) / seconds, 2)}
