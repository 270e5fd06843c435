"""Sample articles as files, written by several processes.

    python -m benchmarks.growth.sampling START COUNT

Contract: the articles numbered START and following go to standard output, one a line. They depend on their numbers
alone, so that an archive of more articles holds those of every smaller one.

Not here: what the articles say (`indexer/sample/`).
"""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import msgspec

from indexer.sample import generate

SEED = 1
MEAN_WORDS = 400
"""Of a body."""


def write_parts(folder: Path, start: int, stop: int, processes: int) -> list[Path]:
    """Write the articles from `start` to `stop`, one file a process; returns the files, in order.

    Raises:
        subprocess.CalledProcessError: a process failed; what it said is on standard error.
    """
    edges = [start + (stop - start) * part // processes for part in range(processes + 1)]
    parts = {folder / f"{low:09}.jsonl": (low, high - low) for low, high in pairwise(edges) if high > low}
    running = []
    for path, numbers in parts.items():
        command = [sys.executable, "-m", __name__, *map(str, numbers)]
        with path.open("wb") as file:
            running.append((command, subprocess.Popen(command, stdout=file, cwd=Path(__file__).parents[2])))
    statuses = [(command, process.wait()) for command, process in running]
    for command, status in statuses:
        if status:
            raise subprocess.CalledProcessError(status, command)
    return list(parts)


def main(arguments: list[str]) -> int:
    """The command; called only by `write_parts`."""
    start, count = map(int, arguments)
    encoder = msgspec.json.Encoder()
    for record in generate(count, SEED, MEAN_WORDS, start):
        sys.stdout.buffer.write(encoder.encode(record) + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
