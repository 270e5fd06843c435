"""Logs and metrics of a process: JSON lines on standard error, Prometheus text on request.

Contract: one event is one line; no query text, key or cursor is ever logged. With several API processes the metrics
of all are added up (`PROMETHEUS_MULTIPROC_DIR`).

Not here: what is counted (beside the code that counts).
"""

import logging
import os
import sys

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.requests import Request
from starlette.responses import Response

MULTIPROCESS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


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


async def metrics(_request: Request) -> Response:
    """`GET /metrics`."""
    registry = REGISTRY
    if os.environ.get(MULTIPROCESS_FOLDER):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
