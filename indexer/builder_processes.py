"""Building in several processes at a time.

Contract: `ProcessBuilder` runs jobs side by side in children that stay from call to call, reports progress, and kills
its children when it is interrupted; a child ends by itself when its parent is gone. Jobs and results cross the
process border as JSON lines.

Not here: how one partition is built (`builder.py`).
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Self

from indexer.builder import BuildJob, Built, Progress, build
from indexer.events import LogError
from indexer.log import EventLog
from indexer.stories import follow_stories
from partition.errors import IndexFileError
from partition.manifest import ParkedEvent, decode_generation
from partition.reader import OpenFiles
from partition.vocabulary import Vocabulary

ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": str(1 << 32), "MALLOC_TRIM_THRESHOLD_": str(1 << 32)}
"""Variables that make glibc keep the memory of large arrays for the next ones: giving it back after each, and getting
it anew page by page, takes a sixth of the time of building. Other C libraries do not look at them."""


class BuildError(Exception):
    """A partition could not be built; what is published stays as it is."""


class ProcessBuilder:
    """A `Builder` that works in several processes at a time, which it keeps until it is closed.

    A process that has built before has its modules, its memory and the forms of words at hand, which take a fresh one
    a second or two. After an error it is finished, as after `stop`.
    """

    def __init__(self, processes: int, lock_handle: int) -> None:
        """Args: how many processes build at most, and the handle of the held `IndexerLock`, which all inherit.

        While they do, one more may decide stories.
        """
        self._processes = processes
        self._lock_handle = lock_handle
        self._children: list[subprocess.Popen[str]] = []
        self._idle: deque[subprocess.Popen[str]] = deque()
        self._waiting: deque[int] = deque()
        self._stopped = False
        self._failure: BaseException | None = None
        """What failed first: whatever was being done beside it ended with it."""
        self._following = threading.Lock()
        """One after the other: who comes second finds decided what both were asked for."""

    def __enter__(self) -> Self:
        """Nothing yet: processes start when there is something to do."""
        return self

    def __exit__(self, *_raised: object) -> None:
        """End the processes, and wait until they have: they hold the lock too."""
        for child in self._children:
            with contextlib.suppress(BrokenPipeError), child:  # closes its input, which ends it, and waits
                pass

    def __call__(self, jobs: Sequence[BuildJob], progress: Progress) -> list[Built]:
        """Do all the jobs.

        Raises:
            BuildError: one could not be done, or `stop` was called.
        """
        built: dict[int, Built] = {}
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
            except BaseException as error:  # noqa: BLE001 - it is raised, or what led to it
                raise self._failed(error) from None
        return [built[at] for at in range(len(jobs))]

    def follow_stories(self, root: Path, through: int) -> None:
        """Decide the stories of an archive up to a sequence (`stories.Follow`).

        Raises:
            BuildError: it could not be done, or `stop` was called.
        """
        with self._following:
            child = self._take()
            try:
                _ask(child, {"follow": [str(root), through]}, "stories")
            except BaseException as error:  # noqa: BLE001 - it is raised, or what led to it
                raise self._failed(error) from None
            self._idle.append(child)

    def _failed(self, error: BaseException) -> BaseException:
        """End everything; what failed first."""
        if not self._stopped:
            self._failure = error
        self.stop()
        return self._failure or error

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
    # -P: a folder of the user's that is named like one of our rooms must not be imported instead.
    command = [sys.executable, "-P", "-m", "indexer.builder_processes"]
    # An interrupt at the terminal reaches the whole group; the parent ends its children when it is done. The child
    # inherits this thread's mask, and so is deaf to it from its first moment.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return subprocess.Popen(  # noqa: S603 - our own module, no shell
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=[lock_handle],
            env={**os.environ, **ALLOCATOR},
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _hand_over(child: "subprocess.Popen[str]", job: BuildJob, progress: Progress) -> Built:
    answer = _ask(child, asdict(job), f"partition {job.partition}", progress)
    return Built(decode_generation(answer["record"]), _decode_parked(answer["parked"]))


def _ask(
    child: "subprocess.Popen[str]", asked: Any, what: str, progress: Progress = lambda _articles: None
) -> dict[str, Any]:
    """What a child answers in the end."""
    assert child.stdin
    assert child.stdout
    with contextlib.suppress(BrokenPipeError):  # the end of its output, below, says it better
        child.stdin.write(json.dumps(asked) + "\n")
        child.stdin.flush()
    for line in child.stdout:
        message: dict[str, Any] = json.loads(line)
        if "error" in message:
            raise BuildError(f"{what} could not be built: {message['error']}")
        if "progress" not in message:
            return message
        progress(message["progress"])
    raise BuildError(f"the builder of {what} ended with status {child.wait()}")


def _decode_parked(parked: list[dict[str, Any]]) -> tuple[ParkedEvent, ...]:
    return tuple(ParkedEvent(**one) for one in parked)


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
        try:
            if "follow" in fields:
                root, through = fields["follow"]
                follow_stories(Path(root), through)
                tell({})
                continue
            decoded = {"base": decode_generation(fields["base"]), "parked": _decode_parked(fields["parked"])}
            job = BuildJob(**{**fields, **decoded})
            with EventLog(Path(job.log)) as log:
                built = build(job, log, lambda articles: tell({"progress": articles}), vocabulary, opened)
            if built.parked:  # as `InlineBuilder`
                vocabulary = Vocabulary()
            tell({"record": asdict(built.record), "parked": [asdict(one) for one in built.parked]})
        except (IndexFileError, LogError, OSError) as error:
            tell({"error": str(error)})


if __name__ == "__main__":
    _main()
