"""An API process: serves the app on sockets that it inherits, until it is told to stop.

    python -m broadsheet.api_process SOCKETS READY LIFELINE

SOCKETS are the numbers of the sockets, separated by commas; the others are the supervisor's. Settings come from the
environment.

Contract: it is ready when the app has started. Told to stop by SIGTERM, it accepts no more connections, answers what
it has taken and what is asked within the farewell of each connection, and ends within `STOP_S`. An app whose requests
may take longer is told by `STOPPING`. A failure to start is status 1, and the last lines say why.

Not here: farewells (`protocol.py`), who starts it and tells it to stop (`supervisor.py`), the app (`app.py`).
"""

import asyncio
import gc
import logging
import socket
import sys
from collections.abc import Callable, Sequence

import uvicorn

from broadsheet.listening import BACKLOG
from broadsheet.protocol import STOPPING, BoundedProtocol
from broadsheet.supervised import tie_to_supervisor
from web.logs import Seldom

STOP_S = 8
"""How long requests may take on, once it was told to stop: the supervisor kills what has not ended after 10 s."""
SWITCH_S = 0.0005
"""How long a thread that has Python keeps others waiting: each search is handed from thread to thread several times.
With Python's own 5 ms, half of all searches took four times as long while articles were written."""
OLD_AFTER = 200
"""Collections of young objects after which all are looked at, instead of 10 (`gc.set_threshold`): it stops a process
for 40 to 60 ms, several times a minute while articles are written, and finds next to nothing."""


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, say_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._say_ready = say_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._say_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        await asyncio.sleep(
            0
        )  # connections accepted in this very moment are made in the next, and need a farewell too
        stopping: asyncio.Event | None = self.lifespan.state.get(STOPPING)
        if stopping:
            stopping.set()
        await super().shutdown(sockets)


def serve(factory: str, arguments: Sequence[str]) -> None:
    """Serve an app until this process is told to stop.

    Args:
        factory: what makes the app, as `module:function`.
        arguments: the process's own.
    """
    sys.setswitchinterval(SWITCH_S)
    gc.set_threshold(*gc.get_threshold()[:2], OLD_AFTER)
    numbers, *handles = arguments
    say_ready = tie_to_supervisor(handles)
    config = uvicorn.Config(
        factory,
        factory=True,
        loop="uvloop",
        http=BoundedProtocol,
        access_log=False,  # it halves throughput
        log_level="warning",
        server_header=False,
        # The outer fuse: beyond it even a refusal costs too much.
        limit_concurrency=2000,
        backlog=BACKLOG,
        timeout_graceful_shutdown=STOP_S,
    )
    logging.getLogger("uvicorn.error").addFilter(Seldom())
    try:
        _Server(config, say_ready).run([_inherited(int(number)) for number in numbers.split(",")])
    except SystemExit:  # uvicorn has said why; its statuses are not ours
        sys.exit(1)


def _inherited(number: int) -> socket.socket:
    one = socket.socket(fileno=number)
    one.set_inheritable(False)
    return one


if __name__ == "__main__":
    serve("broadsheet.app:create_app", sys.argv[1:])
