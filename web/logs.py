"""Logs: JSON lines on standard error, in every process; what uvicorn warns of at every request, seldom.

Contract: one event is one line; no query text, key or cursor is ever logged.

Not here: what is logged (beside the code that logs), metrics.
"""

import logging
import sys
import time
from collections.abc import Callable

import structlog


def configure_logs(level: int = logging.INFO) -> None:
    """Log JSON lines of at least this level to standard error."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(level),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )


class Seldom(logging.Filter):
    """Lets the same warning through once in `every_s`: of each request it would be a flood when there are most."""

    def __init__(self, every_s: float = 1.0, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._every_s = every_s
        self._now = now
        self._said_s: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is said."""
        if record.levelno != logging.WARNING:
            return True
        now_s, line = self._now(), record.getMessage()
        if now_s - self._said_s.get(line, -self._every_s) < self._every_s:
            return False
        self._said_s = {other: said_s for other, said_s in self._said_s.items() if now_s - said_s < self._every_s}
        self._said_s[line] = now_s
        return True
