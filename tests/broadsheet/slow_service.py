"""A service whose answers wait until they are let go: the real processes around a small app.

    python -m tests.broadsheet.slow_service PORT WORKERS FOLDER

Contract: `GET /slow` makes `FOLDER/asked` and is answered when there is `FOLDER/go`; everything else is answered at
once, with the id of the process.

Not here: the app of the real service (`broadsheet/app.py`).
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from broadsheet.api_process import serve
from broadsheet.listening import listen
from broadsheet.process import Role
from broadsheet.supervisor import supervise
from web.logs import configure_logs

FOLDER = "SLOW_SERVICE_FOLDER"


def create_app() -> Any:
    """The app."""
    folder = Path(os.environ[FOLDER])

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for stage in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{stage}.complete"})
            return
        if scope["path"] == "/slow":
            (folder / "asked").touch()
            while not (folder / "go").exists():  # noqa: ASYNC110 - another process makes it
                await asyncio.sleep(0.01)
        body = b"%d" % os.getpid()
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]}
        )
        await send({"type": "http.response.body", "body": body})

    return app


def _supervise(port: str, workers: str, folder: str) -> None:
    configure_logs()
    (listening,) = listen("127.0.0.1", int(port))
    number = listening.fileno()
    command = (sys.executable, "-P", "-m", "tests.broadsheet.slow_service", "api", str(number))
    role = Role("api", command, count=int(workers), handles=(number,), environment={FOLDER: folder})
    supervise([role], on_stop=listening.close)


if __name__ == "__main__":
    if sys.argv[1] == "api":
        serve("tests.broadsheet.slow_service:create_app", sys.argv[2:])
    else:
        _supervise(*sys.argv[1:])
