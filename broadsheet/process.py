"""A supervised process: what it is there for, and one of its lives.

Contract: a process inherits the handles of its role and nothing else; it is deaf to SIGINT and SIGHUP, which a
terminal sends to the whole group. To its command the numbers of two more handles are appended. Into the first it
writes a line when it is ready. The other is at its end when the supervisor is gone, however it went: it is the read
end of a pipe into which nobody writes, and that only the supervisor holds open.

Not here: when processes start and stop (`supervisor.py`), their side of the handles (`supervised.py`), which there
are (`roles.py`).
"""

import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field

NEVER_S = float("inf")
_DEAF_TO = {signal.SIGINT, signal.SIGHUP}


@dataclass(frozen=True, slots=True)
class Role:
    """What some processes are there for."""

    name: str
    command: tuple[str, ...]
    """Program and arguments, without the two handles."""
    count: int = 1
    """Processes side by side."""
    handles: tuple[int, ...] = ()
    """Handles that they inherit under the same numbers, beside the standard ones."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """What their environment has beyond ours."""
    exclusive: bool = False
    """Whether a process must have ended before its replacement may start."""


class Process:
    """One process, from its start until its end was noted."""

    def __init__(self, role: Role, lifeline: int) -> None:
        """Args: its role, and the read end of the pipe that tells whether the supervisor is there.

        Raises:
            OSError: it cannot be started.
        """
        self.role = role
        self.ready_handle, theirs = os.pipe()
        os.set_blocking(self.ready_handle, False)  # a child of the process may still hold the other end
        try:
            self._process = _spawn(role, theirs, lifeline)
        except OSError:
            os.close(self.ready_handle)
            raise
        finally:
            os.close(theirs)
        self.pid = self._process.pid
        self.ready_at_s: float | None = None
        """Since when it has been ready, by the monotonic clock."""
        self.told = False
        """Whether it was told to stop."""
        self.kill_at_s = NEVER_S
        """When it is killed if it still runs."""

    @property
    def running(self) -> bool:
        """Whether its end was not noted yet; until then its id is no other process's."""
        return self._process.returncode is None

    def tell(self, kill_at_s: float) -> None:
        """Tell it to stop by then."""
        self.told, self.kill_at_s = True, kill_at_s
        os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """End it now."""
        self.kill_at_s = NEVER_S
        os.kill(self.pid, signal.SIGKILL)

    def note_end(self, status: int) -> None:
        """Note that somebody has waited for it."""
        self._process.returncode = status
        os.close(self.ready_handle)


def _spawn(role: Role, ready: int, lifeline: int) -> "subprocess.Popen[bytes]":
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _DEAF_TO)  # the child inherits it, deaf from its first moment
    try:
        return subprocess.Popen(  # noqa: S603 - our own modules
            [*role.command, str(ready), str(lifeline)],
            stdin=subprocess.DEVNULL,
            pass_fds=[*role.handles, ready, lifeline],
            env={**os.environ, **role.environment},
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
