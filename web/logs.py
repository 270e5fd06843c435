"""Logs: JSON lines on standard error, in every process.

Contract: one event is one line; no query text, key or cursor is ever logged.

Not here: what is logged (beside the code that logs), metrics.
"""

import logging
import sys

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
