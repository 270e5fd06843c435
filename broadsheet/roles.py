"""The roles of the service: which processes `broadsheet serve` runs.

Contract: a process gets its settings by its environment, and everything else by its command.

Not here: what they do (`api_process.py`), how they are kept running (`supervisor.py`).
"""

import socket
import sys
from collections.abc import Iterable

from broadsheet.process import Role
from broadsheet.settings import Settings, as_environment
from broadsheet.telemetry import MULTIPROCESS_FOLDER

# -P: a folder of the user's that is named like one of our rooms must not be imported instead.
_MODULE = (sys.executable, "-P", "-m")


def api_role(settings: Settings, sockets: Iterable[socket.socket], metrics_folder: str) -> Role:
    """The API processes, which share these sockets and this folder."""
    numbers = tuple(one.fileno() for one in sockets)
    return Role(
        name="api",
        command=(*_MODULE, "broadsheet.api_process", ",".join(map(str, numbers))),
        count=settings.workers,
        handles=numbers,
        environment={**as_environment(settings), MULTIPROCESS_FOLDER: metrics_folder},
    )


def indexer_role(settings: Settings, metrics_folder: str) -> Role | None:
    """The indexer; one process at a time has the lock of the archive. `None` where another server has one."""
    if not settings.indexer:
        return None
    return Role(
        name="indexer",
        command=(*_MODULE, "broadsheet.indexer_process"),
        environment={**as_environment(settings), MULTIPROCESS_FOLDER: metrics_folder},
        exclusive=True,
    )
