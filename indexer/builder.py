"""Building: one partition's next generation from its events, here or in a process of its own.

Contract: a `BuildJob` is plain data; `build` does it and leaves only the new generation's folder and, when asked,
this partition's share of a statistics epoch. `ProcessBuilder` runs jobs side by side in children that stay from call
to call, reports progress, and kills its children when it is interrupted; a child ends by itself when its parent is
gone. Jobs and results cross the process border as JSON lines.

Not here: which partitions need a build (`projection.py`).
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Self

from indexer.events import Event, LogError
from indexer.log import EventLog
from partition.counting import count_partition
from partition.errors import IndexFileError
from partition.manifest import GenerationRecord, Layout, decode_generation
from partition.reader import OpenFiles, PartitionReader
from partition.vocabulary import Vocabulary
from partition.writer import DEFAULT_MEMORY_MB, Put, Withdraw, write_generation

Progress = Callable[[int], None]
"""Told, now and then, how many more articles were indexed since it was told last."""

_PROGRESS_EVERY = 50


ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": str(1 << 32), "MALLOC_TRIM_THRESHOLD_": str(1 << 32)}
"""Variables that make glibc keep the memory of large arrays for the next ones: giving it back after each, and getting
it anew page by page, takes a sixth of the time of building. Other C libraries do not look at them."""


class BuildError(Exception):
    """A partition could not be built; what is published stays as it is."""


@dataclass(frozen=True, slots=True)
class BuildJob:
    """What to build: generation `number` of `partition`, from `base` and the events in (after, through]."""

    root: str
    log: str
    partition: int
    base: GenerationRecord
    number: int
    after_seq: int
    through_seq: int
    since_seq: int
    """The earliest state that must still be seen."""
    count: bool
    """Also write the partition's share of a statistics epoch, to `counts_path`."""
    merge: bool = False
    memory_mb: int = DEFAULT_MEMORY_MB
    """What the articles of one segment may take in memory while it is made."""

    @property
    def counts_path(self) -> Path:
        """Where the share of the statistics epoch goes."""
        return Layout(Path(self.root)).partition(self.partition) / f"{self.number:010d}.counts"


Builder = Callable[[Sequence[BuildJob], Progress], list[GenerationRecord]]
"""Does all the jobs and returns their generations in the same order."""


def build(job: BuildJob, progress: Progress, vocabulary: Vocabulary, opened: OpenFiles) -> GenerationRecord:
    """Do one job in this process; vocabulary and open files serve one job after the other."""
    record = job.base
    folder = Layout(Path(job.root)).partition(job.partition)
    with EventLog(Path(job.log)) as log:
        pending = job.partition in log.pending(job.after_seq, job.through_seq)
        if pending or job.merge:
            record = write_generation(
                folder,
                number=job.number,
                base=job.base if job.base.generation else None,
                changes=_changes(log.read(job.partition, job.after_seq, job.through_seq), progress),
                merge=job.merge,
                since_seq=job.since_seq,
                memory_mb=job.memory_mb,
                vocabulary=vocabulary,
                opened=opened,
            )
    if job.count and record.generation:
        count_partition(PartitionReader(folder, record, opened=opened), job.counts_path, through_seq=job.through_seq)
    return record


def _changes(events: Iterable[Event], progress: Progress) -> Iterator[Put | Withdraw]:
    done = 0
    for done, event in enumerate(events, start=1):
        yield _change(event)
        if done % _PROGRESS_EVERY == 0:
            progress(_PROGRESS_EVERY)
    progress(done % _PROGRESS_EVERY)


def _change(event: Event) -> Put | Withdraw:
    if event.article is None:
        return Withdraw(event.article_id, event.seq, erase=event.kind == "takedown")
    return Put(event.article, event.version, event.created_ms, event.seq)


def build_inline(jobs: Sequence[BuildJob], progress: Progress) -> list[GenerationRecord]:
    """A `Builder` that works in this process, one job after the other."""
    vocabulary, opened = Vocabulary(), OpenFiles()
    return [build(job, progress, vocabulary, opened) for job in jobs]


class ProcessBuilder:
    """A `Builder` that works in several processes at a time, which it keeps until it is closed.

    A process that has built before has its modules, its memory and the forms of words at hand, which take a fresh one
    a second or two. After an error it is finished, as after `stop`.
    """

    def __init__(self, processes: int, lock_handle: int) -> None:
        """Args: how many processes at most, and the handle of the held `IndexerLock`, which they inherit."""
        self._processes = processes
        self._lock_handle = lock_handle
        self._children: list[subprocess.Popen[str]] = []
        self._idle: deque[subprocess.Popen[str]] = deque()
        self._waiting: deque[int] = deque()
        self._stopped = False

    def __enter__(self) -> Self:
        """Nothing yet: processes start when there is something to do."""
        return self

    def __exit__(self, *_raised: object) -> None:
        """End the processes, and wait until they have: they hold the lock too."""
        for child in self._children:
            with contextlib.suppress(BrokenPipeError), child:  # closes its input, which ends it, and waits
                pass

    def __call__(self, jobs: Sequence[BuildJob], progress: Progress) -> list[GenerationRecord]:
        """Do all the jobs.

        Raises:
            BuildError: one could not be done, or `stop` was called.
        """
        built: dict[int, GenerationRecord] = {}
        telling = threading.Lock()
        # Largest first, so that no long job starts last.
        self._waiting.extend(sorted(range(len(jobs)), key=lambda at: jobs[at].base.articles, reverse=True))

        def told(articles: int) -> None:
            with telling:
                progress(articles)

        def work() -> None:
            child = self._take()
            while True:
                try:
                    at = self._waiting.popleft()
                except IndexError:  # nothing is waiting any more
                    break
                built[at] = _hand_over(child, jobs[at], told)
            self._idle.append(child)

        with ThreadPoolExecutor(max_workers=self._processes) as pool:
            futures = [pool.submit(work) for _ in range(min(self._processes, len(jobs)))]
            try:
                for future in futures:
                    future.result()
            except BaseException:
                self.stop()
                raise
        return [built[at] for at in range(len(jobs))]

    def stop(self) -> None:
        """End what is being done, from another thread; nothing can be done any more."""
        self._stopped = True
        self._waiting.clear()
        for child in list(self._children):
            child.kill()

    def _take(self) -> "subprocess.Popen[str]":
        try:
            return self._idle.pop()
        except IndexError:  # each of those that are here has something to do
            child = _start(self._lock_handle)
        self._children.append(child)
        if self._stopped:
            child.kill()
        return child


def _start(lock_handle: int) -> "subprocess.Popen[str]":
    # An interrupt at the terminal reaches the whole group; the parent ends its children when it is done. The child
    # inherits this thread's mask, and so is deaf to it from its first moment.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    # -P: a folder of the user's that is named like one of our rooms must not be imported instead.
    command = [sys.executable, "-P", "-m", "indexer.builder"]
    return subprocess.Popen(  # noqa: S603 - our own module, no shell
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        pass_fds=[lock_handle],
        env={**os.environ, **ALLOCATOR},
    )


def _hand_over(child: "subprocess.Popen[str]", job: BuildJob, progress: Progress) -> GenerationRecord:
    assert child.stdin
    assert child.stdout
    with contextlib.suppress(BrokenPipeError):  # the end of its output, below, says it better
        child.stdin.write(json.dumps(asdict(job)) + "\n")
        child.stdin.flush()
    for line in child.stdout:
        message = json.loads(line)
        if "error" in message:
            raise BuildError(f"partition {job.partition} could not be built: {message['error']}")
        if "progress" not in message:
            return decode_generation(message)
        progress(message["progress"])
    raise BuildError(f"the builder of partition {job.partition} ended with status {child.wait()}")


def _main() -> None:
    """Do the jobs that come as lines, until there are no more or the parent is gone, even in the middle of one."""
    lines: SimpleQueue[str] = SimpleQueue()

    def listen() -> None:
        for line in sys.stdin:
            lines.put(line)
        os._exit(0)

    def tell(message: dict[str, Any]) -> None:
        print(json.dumps(message), flush=True)  # noqa: T201 - the pipe to the parent

    threading.Thread(target=listen, daemon=True).start()
    vocabulary, opened = Vocabulary(), OpenFiles()
    while True:
        fields = json.loads(lines.get())
        job = BuildJob(**{**fields, "base": decode_generation(fields["base"])})
        try:
            tell(asdict(build(job, lambda articles: tell({"progress": articles}), vocabulary, opened)))
        except (IndexFileError, LogError, OSError) as error:
            tell({"error": str(error)})


if __name__ == "__main__":
    _main()
