"""Metrics of the service: Prometheus text on request.

Contract: the metrics of all API processes are added up, in files of one folder (`PROMETHEUS_MULTIPROC_DIR`). What a
process has counted counts on after its end; what it measured is forgotten.

Not here: what is counted (beside the code that counts).
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from starlette.requests import Request
from starlette.responses import Response

MULTIPROCESS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


@contextlib.contextmanager
def metrics_folder() -> Iterator[str]:
    """A folder for the metrics of the API processes, gone at the end."""
    with tempfile.TemporaryDirectory(prefix="broadsheet-metrics-", ignore_cleanup_errors=True) as folder:
        yield folder


def forget_process(folder: str, pid: int) -> None:
    """Forget what a process that has ended measured of itself."""
    mark_process_dead(pid, folder)  # type: ignore[no-untyped-call]  # prometheus_client leaves both untyped


def shared_folder() -> Path | None:
    """The folder of the metrics; `None` in a process that nobody supervises. It is for the user who serves only."""
    folder = os.environ.get(MULTIPROCESS_FOLDER)
    return Path(folder) if folder else None


def all_metrics() -> CollectorRegistry:
    """The metrics of all processes."""
    if shared_folder() is None:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


async def metrics(_request: Request) -> Response:
    """`GET /metrics`."""
    return Response(generate_latest(all_metrics()), media_type=CONTENT_TYPE_LATEST)
