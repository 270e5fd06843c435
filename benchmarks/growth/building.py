"""One archive made by `broadsheet index`, as a user makes it: what it takes.

The rate counts everything from the start of the command to its end: reading, validating, logging, indexing, merging,
statistics, publishing. `peak_mb` is the most that the command and its builders took together beyond mapped files
(Linux's `RssAnon`), in 10^6 bytes, looked at every `LOOK_S`; it is left out elsewhere.

Contract: what was made stays in the folder.

Not here: searching it (`searching.py`).
"""

import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from indexer.log import log_path
from partition.manifest import Layout, read_manifest

LOOK_S = 0.05
REJECTED = 3
"""The status of the command when it left out some lines."""
_BROADSHEET = (sys.executable, "-c", "from broadsheet.cli import main; main()")


def build(
    files: Sequence[Path], archive: Path, *, partitions: int, processes: int, rejects: bool = False
) -> dict[str, Any]:
    """Index the files into the folder `archive`, which is made, and tell what it took.

    Args:
        files: of articles.
        archive: the folder.
        partitions: of the archive.
        processes: that build.
        rejects: whether lines that are no articles are no failure.

    Raises:
        subprocess.CalledProcessError: the command failed; what it said is on standard error.
    """
    command = [*_BROADSHEET, "index", *map(str, files), "--data", str(archive)]
    command += ["--partitions", str(partitions), "--builders", str(processes)]
    started_s = time.perf_counter()
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=Path(__file__).parents[2])
    peak_mb = 0.0
    while True:
        peak_mb = max(peak_mb, _family_mb(running.pid))
        try:
            status = running.wait(LOOK_S)
        except subprocess.TimeoutExpired:
            continue
        break
    spent_s = time.perf_counter() - started_s
    if status and not (rejects and status == REJECTED):
        raise subprocess.CalledProcessError(status, command)
    return {
        "build_s": round(spent_s, 3),
        **({"peak_mb": round(peak_mb, 1)} if peak_mb else {}),
        **_footprint(archive),
    }


def _footprint(archive: Path) -> dict[str, int]:
    layout = Layout(archive)
    manifest = read_manifest(layout, layout.newest_epoch())
    log_bytes = sum(path.stat().st_size for path in archive.glob(f"{log_path(archive).name}*"))
    return {
        "articles": manifest.articles,
        # Of the newest epoch: older ones, kept for cursors, share most of its files.
        "index_bytes": sum(partition.size_bytes for partition in manifest.partitions),
        "log_bytes": log_bytes,
        "segments": sum(partition.segments for partition in manifest.partitions),
    }


def _family_mb(pid: int) -> float:
    """What a process and its descendants hold; those that end meanwhile are left out."""
    try:
        children = [int(child) for path in Path(f"/proc/{pid}/task").glob("*/children") for child in _words(path)]
    except OSError:
        return 0.0
    return anonymous_mb(pid) + sum(map(_family_mb, children))


def _words(path: Path) -> list[str]:
    return path.read_text(encoding="ascii").split()


def anonymous_mb(pid: int | str = "self") -> float:
    """Resident memory of a process that no file is behind, in 10^6 bytes; 0 where that is not told."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    found = re.search(r"^RssAnon:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) * 1024 / 1e6 if found else 0.0
