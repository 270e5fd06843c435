"""Appending to a log that may be full, by somebody who can wait.

Contract: what is handed to `Appender.append` is durable when it returns, in order. While the log is full it waits,
since losing nothing matters more than going on; who wants to stop sets the event, and `Stopped` is raised. What was
appended by then is there, and appending all of it again appends nothing twice (the digest rule, `events.py`).

Not here: what is appended (`feeds/sink.py`, `crawls.py`), who makes room (`projection.py`).
"""

import threading
from collections.abc import Callable, Sequence

from indexer.events import Log, LogFullError, Outcome, Submission

BATCH = 500
"""Submissions in one transaction, at most."""
RETRY_S = 1.0
"""How long to wait before a full log is tried again."""


class Stopped(Exception):  # noqa: N818 - an end that was asked for, not an error
    """Somebody wants to stop before everything is durable."""


class Appender:
    """A log, and the patience that it takes."""

    def __init__(
        self, log: Log, *, stop: threading.Event, logged: Callable[[], None], retry_s: float = RETRY_S
    ) -> None:
        """Append to `log`.

        Args:
            log: used by the thread that calls `append`.
            stop: set it to give up waiting.
            logged: called when something was logged, and whenever the log is full: whoever indexes may be woken.
            retry_s: in seconds.
        """
        self._log = log
        self._stop = stop
        self._logged = logged
        self._retry_s = retry_s

    def append(self, submissions: Sequence[Submission]) -> list[Outcome]:
        """Log them, in transactions of at most `BATCH`.

        Raises:
            Stopped: the log is full, and `stop` is set.
            LogError: it cannot be written.
        """
        outcomes: list[Outcome] = []
        size = BATCH
        while (done := len(outcomes)) < len(submissions):
            try:
                outcomes += self._log.append(submissions[done : done + size])
            except LogFullError:
                # Fewer may fit; if not even one does, it is full.
                if size > 1:
                    size //= 2
                    continue
                self._logged()
                if self._stop.wait(self._retry_s):
                    raise Stopped from None
        if any(outcome.seq is not None for outcome in outcomes):
            self._logged()
        return outcomes
