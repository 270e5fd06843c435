"""The app: every room's parts put together and served over HTTP.

Contract: `create_app` makes one Starlette app from settings; everything that runs or holds files begins and ends
with its lifespan. The process is live as soon as it serves, and ready when an epoch is open.

Not here: the parts themselves; processes and ports (`cli.py`).
"""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator
from typing import NamedTuple

import orjson
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from broadsheet import __version__
from broadsheet.cursor_keys import cursor_keys
from broadsheet.settings import Settings, SettingsError, resolve
from broadsheet.telemetry import metrics
from cache.backends import Backend, CacheUrlError, open_backend
from cache.read_through import ReadThrough
from indexer.routing import partition_of
from search.broker import Broker
from search.cursor import CursorCodec
from search.epochs import Epochs
from search.page.routes import page_routes
from search.pool import WhooshPool
from search.routes import OPERATIONS, query_routes
from search.scrub import Scrubber
from search.service import SearchService
from web.admission import Admission
from web.docs import docs_routes
from web.edge import Edge
from web.logs import configure_logs
from web.openapi import Operation, document
from web.problems import HANDLERS

_TEXT = "text/plain; charset=utf-8"
PROBES = (
    Operation(
        path="/livez",
        summary="Whether the process serves",
        description="200 as long as it does.",
        media_type=_TEXT,
        problems=("uri-too-long",),
    ),
    Operation(
        path="/readyz",
        summary="Whether searches can be answered",
        description="200 when an epoch is open, else 503.",
        media_type=_TEXT,
        problems=("uri-too-long", "not-ready"),
    ),
    Operation(
        path="/metrics",
        summary="Metrics",
        description="Prometheus text exposition.",
        media_type=_TEXT,
        problems=("uri-too-long",),
    ),
)


async def livez(_request: Request) -> Response:
    """`GET /livez`."""
    return Response("live\n", media_type="text/plain")


async def readyz(request: Request) -> Response:
    """`GET /readyz`."""
    manifest = service_of(request).current()
    return Response(f"ready: epoch {manifest.epoch}\n", media_type="text/plain")


def service_of(request: Request) -> SearchService:
    """The service of the app that this request came to."""
    service: SearchService = request.state.service
    return service


def backend_of(settings: Settings) -> Backend:
    """The cache's backend, not yet connected.

    Raises:
        SettingsError: the address of Redis makes no sense.
    """
    try:
        return open_backend(settings.redis_url or None, settings.cache_bytes)
    except CacheUrlError as error:
        raise SettingsError(str(error)) from None


class Running(NamedTuple):
    """A search service and those of its parts that somebody must keep going."""

    service: SearchService
    epochs: Epochs
    pool: WhooshPool
    scrubber: Scrubber


@contextlib.asynccontextmanager
async def running_service(settings: Settings) -> AsyncIterator[Running]:
    """A search service on the archive of `settings`, with its threads and processes, until the block ends.

    Raises:
        SettingsError: the cursor keys or the address of Redis cannot be used.
    """
    root = settings.root
    cache = ReadThrough(backend_of(settings), ttl_s=settings.cache_ttl_s)
    pool = WhooshPool(root, processes=settings.whoosh_processes)
    broker = Broker(root, pool, threads=settings.threads)
    epochs = Epochs(root, broker)
    service = SearchService(
        epochs=epochs,
        broker=broker,
        cache=cache,
        cursors=CursorCodec(cursor_keys(settings.cursor_keys, root)),
        admission=Admission(working=settings.working, queued=settings.queued, wait_s=settings.queue_wait_ms / 1000),
        partition_of=partition_of,
    )
    try:
        yield Running(service, epochs, pool, Scrubber(epochs, broker.snapshots, period_s=settings.scrub_s))
    finally:
        await pool.close()
        broker.close()
        await cache.close()


def create_app(settings: Settings | None = None) -> Starlette:
    """The app; without settings, those of the environment (in a worker process)."""
    chosen = settings or resolve({}).settings
    configure_logs()

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[dict[str, SearchService]]:
        async with running_service(chosen) as running:
            with contextlib.suppress(Exception):  # whoever follows the epochs tries again, and says what is wrong
                await asyncio.gather(running.pool.start(), running.epochs.refresh())
            gc.freeze()  # what is there now stays: it need not be looked through again and again
            following = [
                asyncio.create_task(endless) for endless in (running.epochs.follow(), running.scrubber.follow())
            ]
            try:
                yield {"service": running.service}
            finally:
                for task in following:
                    task.cancel()
                await asyncio.gather(*following, return_exceptions=True)

    described = document((*OPERATIONS, *PROBES), version=__version__)
    encoded = orjson.dumps(described)

    async def openapi(_request: Request) -> Response:
        return Response(encoded, media_type="application/json")

    app = Starlette(
        routes=[
            *query_routes(service_of),
            *page_routes(service_of),
            *docs_routes(described),
            Route("/openapi.json", openapi, methods=["GET"]),
            Route("/livez", livez, methods=["GET"]),
            Route("/readyz", readyz, methods=["GET"]),
            Route("/metrics", metrics, methods=["GET"]),
        ],
        middleware=[Middleware(Edge)],
        exception_handlers=HANDLERS,
        lifespan=lifespan,
    )
    # An address with a slash too many is another address, not a redirect built from the Host header.
    app.router.redirect_slashes = False
    return app
