"""A thread that does something again whenever it is woken.

Contract: what is done begins after the wake-up that asked for it, so that it sees whatever the caller had done by
then; any number of wake-ups while it is at work are one. It is also done every `every_s`, sooner if it has said so,
and a last time at the end if somebody woke it since. The first error ends it, is told at once to `failed`, and is
raised at the end.

Not here: what is done (`catching_up.py`).
"""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self


class Waker:
    """A context manager over the thread."""

    def __init__(self, work: Callable[[], float | None], *, failed: Callable[[], None], every_s: float) -> None:
        """Do `work` when woken; call `failed`, in that thread, when it raises.

        Args:
            work: returns in how many seconds it must be done again, `None` where it does not know.
            failed: must not raise.
            every_s: in seconds.
        """
        self._work = work
        self._failed = failed
        self._every_s = every_s
        self._something = threading.Event()
        self._woken = False
        self._ending = False
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="waker")

    def wake(self) -> None:
        """Have it done, now or when what is being done is over."""
        self._woken = True
        self._something.set()

    def _run(self) -> None:
        patience_s = self._every_s
        try:
            while True:
                self._something.wait(patience_s)
                self._something.clear()
                ending, woken = self._ending, self._woken
                # Somebody who wakes it between these lines is served by what begins now.
                self._woken = False
                if woken or not ending:
                    again_s = self._work()
                    patience_s = self._every_s if again_s is None else max(0.0, min(self._every_s, again_s))
                if ending:
                    return
        except Exception as error:  # noqa: BLE001 - it is raised where somebody waits for it
            self._error = error
            self._failed()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending = True
        self._something.set()
        self._thread.join()
        if self._error:
            raise self._error
