"""The indexer's process: `python -m broadsheet.indexer_process`, with settings from the environment.

Contract: it waits until nobody else indexes the archive, makes an empty log where there is none, and follows it.
While the disk is full, or the log cannot be used, it begins anew every `AGAIN_S`. At SIGTERM it finishes its round
and ends with status 0; any other failure is said and ends it with status 1.

Not here: what it does (`indexer/worker.py`), who starts it again (`supervisor.py`).
"""

import errno
import os
import signal
import sys
import threading
import time

import structlog

from broadsheet.bells import EPOCH, LOG, Bell, ring
from broadsheet.redis_hints import Sender
from broadsheet.settings import Settings, resolve
from broadsheet.supervised import tie_to_supervisor
from indexer.builder_processes import BuildError
from indexer.bulk import DEFAULT_PARTITIONS
from indexer.events import LogError
from indexer.log import EventLog, log_path
from indexer.publisher import IndexerBusyError, IndexerLock, Retention
from indexer.worker import Worker
from partition.errors import IndexFileError
from partition.kernels.jit import load_kernels
from web.logs import configure_logs

AGAIN_S = 1.0
NICE = 2
"""Where the cores are busy a search goes first, for somebody waits for it: of a core that both want the indexer
and the processes that it starts get two fifths (weights 655 and 1,024, sched(7)). What is more than the cores can do
is refused to those who search; those who write were told that it is taken."""
SAY_EVERY_S = 60.0
_FULL = {errno.ENOSPC, errno.EDQUOT}
_log = structlog.get_logger()


def follow(settings: Settings, stop: threading.Event, bell: Bell) -> None:
    """Follow the log until `stop` is set, which must also ring `bell`.

    Raises:
        BuildError, IndexFileError, OSError
    """
    root, say_at_s = settings.root, 0.0
    sender = Sender(settings.redis_url) if settings.redis_url else None

    def published() -> None:
        ring(root, EPOCH)
        if sender:
            sender.send()

    while not stop.is_set():
        try:
            with IndexerLock(root, wait_s=1.0) as lock:
                EventLog(log_path(root), partitions=None if log_path(root).exists() else DEFAULT_PARTITIONS).close()
                with Worker(
                    *(root, lock),
                    retention=Retention(settings.retain_seconds),
                    builders=settings.builders,
                    memory_mb=settings.memory_mb,
                    published=published,
                ) as worker:
                    worker.run(bell.wait, stop)
        except IndexerBusyError:
            continue
        except (LogError, OSError) as error:
            # Another process would fare no better.
            if isinstance(error, OSError) and error.errno not in _FULL:
                raise
            if time.monotonic() >= say_at_s:
                say_at_s = time.monotonic() + SAY_EVERY_S
                _log.error("the indexer waits until it can go on", reason=str(error))
            stop.wait(AGAIN_S)


def main() -> int:
    """The process; returns its exit status."""
    say_ready = tie_to_supervisor(sys.argv[1:])
    os.nice(NICE)
    configure_logs()
    settings = resolve({}).settings
    stop = threading.Event()
    with Bell(settings.root, LOG) as bell:

        def end(_signal: int, _frame: object) -> None:
            stop.set()
            bell.ring()

        for one in (signal.SIGTERM, signal.SIGINT):
            signal.signal(one, end)
        # Searches do not wait for it: an archive that cannot be written can still be read.
        say_ready()
        load_kernels()  # no write is to wait for the code that indexes it
        try:
            follow(settings, stop, bell)
        except (BuildError, IndexFileError, OSError) as error:
            _log.error("the indexer ends", reason=str(error))
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
