"""Processes that die at an exact step: SIGKILL just before the n-th change of the file system's names or durability.

Contract: `dies_at(n, work)` runs `work` in a forked process whose n-th call of one of `CHANGES` kills it. Counting up
until `work` survives covers every state that a death between two such calls can leave. The forked process must make
its own files and connections.

Not here: random moments (`kill_harness.py`), power cuts.
"""

import os
import signal
import warnings
from collections.abc import Callable
from typing import Any

CHANGES = ("fsync", "link", "mkdir", "rename", "rmdir", "unlink")
"""Functions of `os`."""


def dies_at(step: int, work: Callable[[], object]) -> bool:
    """Whether `work` got as far as its `step`-th change, counted from 1; else it ran to its end."""
    with warnings.catch_warnings():
        # Newer Pythons warn about forking beside other threads; those of NumPy do nothing here.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        status = 1
        try:
            _arm(step)
            work()
            status = 0
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in {0, -signal.SIGKILL}, f"the work failed with status {status}"
    return status != 0


def _arm(step: int) -> None:
    left = step

    def deadly(call: Callable[..., Any]) -> Callable[..., Any]:
        def changed(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **options)

        return changed

    for name in CHANGES:
        setattr(os, name, deadly(getattr(os, name)))
