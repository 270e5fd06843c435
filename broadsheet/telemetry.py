"""Metrics of the service: Prometheus text on request.

Contract: with several API processes the metrics of all are added up (`PROMETHEUS_MULTIPROC_DIR`).

Not here: what is counted (beside the code that counts).
"""

import os

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.requests import Request
from starlette.responses import Response

MULTIPROCESS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


async def metrics(_request: Request) -> Response:
    """`GET /metrics`."""
    registry = REGISTRY
    if os.environ.get(MULTIPROCESS_FOLDER):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
