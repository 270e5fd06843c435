"""Stand-ins for supervised processes, and a supervisor of them.

    python -m tests.broadsheet.stand_ins FOLDER DRAIN_S READY_S NAME:COUNT[:exclusive]...

Contract: a stand-in of the role NAME writes its process id into `FOLDER/NAME.started`, does what `FOLDER/NAME.manner`
says (`good` if it is not there), and is a real process in everything that the supervisor sees:

    good         ready at once, ends when it is told to
    mute         never ready
    stubborn     ready, and deaf to SIGTERM
    short        ready, then dead by status 1
    broken       dead by status 7 before it is ready
    unusable     dead by status 2, with a message

The program of the role `nowhere` does not exist. The ids of processes of which the supervisor noted the end are in
`FOLDER/ended`.

Not here: the real roles (`broadsheet/roles.py`), requests (`slow_service.py`).
"""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from broadsheet.process import Role
from broadsheet.supervised import tie_to_supervisor
from broadsheet.supervisor import RoleFailedError, supervise
from tests.api_server import eventually, runs
from tests.commands import environment
from web.logs import configure_logs

_MODULE = (sys.executable, "-P", "-m", "tests.broadsheet.stand_ins")


class Supervised:
    """A running supervisor of stand-ins.

    Args:
        folder: for what they are told and what they tell.
        roles: as `NAME:COUNT[:exclusive]`.
        drain_s: as for `supervise`.
        ready_s: as for `supervise`.
    """

    def __init__(self, folder: Path, *roles: str, drain_s: float = 20, ready_s: float = 60) -> None:
        self._folder = folder
        self._log = (folder / "log").open("wb")
        self.process = subprocess.Popen(
            [*_MODULE, str(folder), str(drain_s), str(ready_s), *roles], stderr=self._log, env=environment()
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        self._log.close()
        for path in self._folder.glob("*.started"):
            for pid in self.started(path.stem):
                if runs(pid):
                    os.kill(pid, signal.SIGKILL)

    def log(self) -> str:
        """What supervisor and stand-ins have said so far."""
        return (self._folder / "log").read_text()

    def behave(self, role: str, manner: str) -> None:
        """What the next stand-ins of this role do."""
        (self._folder / f"{role}.manner").write_text(manner)

    def started(self, role: str) -> list[int]:
        """Process ids of all that were ever started, in order."""
        return _numbers(self._folder / f"{role}.started")

    def ended(self) -> list[int]:
        """Process ids of all whose end the supervisor noted."""
        return _numbers(self._folder / "ended")

    def running(self, role: str) -> list[int]:
        """Process ids of those that run now."""
        return [pid for pid in self.started(role) if runs(pid)]

    def ready(self, role: str, count: int = 1) -> list[int]:
        """Process ids of those that run, as soon as so many are there and have been ready."""
        eventually(lambda: len(running := self.running(role)) == count and all(map(self._was_ready, running)))
        return self.running(role)

    def _was_ready(self, pid: int) -> bool:
        return f'"pid": {pid}, "event": "process ready"' in self.log()

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """The exit status after this signal."""
        self.process.send_signal(number)
        return self.process.wait(60)


def _numbers(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def _note(path: Path, pid: int) -> None:
    with path.open("a") as file:
        file.write(f"{pid}\n")


def _role(folder: Path, name: str, count: str, exclusive: str = "") -> Role:
    command = ("/nowhere/program",) if name == "nowhere" else (*_MODULE, str(folder), name)
    return Role(name, command, count=int(count), exclusive=bool(exclusive))


def _supervise(folder: Path, drain_s: str, ready_s: str, *roles: str) -> None:
    configure_logs()
    try:
        supervise(
            [_role(folder, *role.split(":")) for role in roles],
            on_end=partial(_note, folder / "ended"),
            drain_s=float(drain_s),
            ready_s=float(ready_s),
        )
    except RoleFailedError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.status)


def _stand_in(folder: Path, name: str, *handles: str) -> None:
    manner_path = folder / f"{name}.manner"
    manner = manner_path.read_text() if manner_path.exists() else "good"
    say_ready = tie_to_supervisor(handles)
    signal.signal(signal.SIGTERM, signal.SIG_IGN if manner == "stubborn" else signal.SIG_DFL)
    _note(folder / f"{name}.started", os.getpid())
    if manner in {"broken", "unusable"}:
        sys.stderr.write(f"this is {manner}\n")
        sys.exit(2 if manner == "unusable" else 7)
    if manner != "mute":
        say_ready()
    if manner == "short":
        sys.exit(1)
    while True:
        time.sleep(60)


if __name__ == "__main__":
    (_stand_in if len(sys.argv) == 5 and ":" not in sys.argv[4] else _supervise)(Path(sys.argv[1]), *sys.argv[2:])
