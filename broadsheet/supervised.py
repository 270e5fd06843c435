"""A supervised process's side: it says that it is ready, and ends with its supervisor.

Contract: when the supervisor is gone, however it went, this process is told to stop as the supervisor would have told
it: by SIGTERM, and after `DRAIN_S` by SIGKILL. Nothing keeps what it inherited open in children of its own.

Not here: the supervisor's side (`process.py`), what a process does when it is told to stop.
"""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence

from broadsheet.supervisor import DRAIN_S


def tie_to_supervisor(handles: Sequence[str]) -> Callable[[], None]:
    """Tie this process to its supervisor.

    Args:
        handles: the two numbers that the supervisor appended to the command.

    Returns:
        What says that this process is ready; to be called once.
    """
    ready, lifeline = map(int, handles)
    for handle in (ready, lifeline):
        os.set_inheritable(handle, False)
    threading.Thread(target=_end_with, args=(lifeline,), name="lifeline", daemon=True).start()

    def say_ready() -> None:
        with contextlib.suppress(BrokenPipeError):  # nobody is there to hear it: the lifeline says what follows
            os.write(ready, b"ready\n")
        os.close(ready)

    return say_ready


def _end_with(lifeline: int) -> None:
    os.read(lifeline, 1)  # nobody writes: it returns at the end
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(DRAIN_S)  # in a thread of its own: what ends sooner takes it along
    os.kill(os.getpid(), signal.SIGKILL)
