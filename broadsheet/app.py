"""The app: every room's parts put together and served over HTTP.

Contract: `create_app` makes one Starlette app from settings; everything that runs or holds files begins and ends
with its lifespan. The process is live as soon as it serves, and ready when an epoch is open. Nothing begins where
`reach.py` does not allow it.

Not here: the parts themselves; processes and ports (`cli.py`).
"""

import asyncio
import contextlib
import gc
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

import orjson
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from broadsheet import __version__
from broadsheet.bells import EPOCH, Bell
from broadsheet.cache_backend import backend_of
from broadsheet.command_side import CommandSide, QuerySide, command_side
from broadsheet.cursor_keys import cursor_keys
from broadsheet.operations.noted import Notes
from broadsheet.operations.routes import OPEN as OPEN_OPERATIONS
from broadsheet.operations.routes import OPERATIONS as FIGURES
from broadsheet.operations.routes import operations_routes
from broadsheet.operations.sampling import Sampler, Sources
from broadsheet.operations.watching import Watch
from broadsheet.protocol import STOPPING
from broadsheet.reach import access_of
from broadsheet.redis_hints import listen
from broadsheet.settings import Settings, resolve
from broadsheet.telemetry import all_metrics, metrics, shared_folder
from cache.backends import BackendError
from cache.finding import Tolerance
from cache.memory import Memory
from cache.read_through import ReadThrough
from indexer.change_operations import CHANGES
from indexer.change_routes import change_routes, latest_versions
from indexer.changes import was_withdrawn
from indexer.events import LogError
from indexer.operations import COMMANDS, export_operation
from indexer.routes import command_routes
from indexer.routing import partition_of
from indexer.saga_routes import saga_routes
from indexer.watching import Feed
from partition.kernels.jit import load_kernels
from partition.manifest import RootManifest
from search.broker import Broker
from search.cursor import CursorCodec
from search.epochs import Epochs
from search.page.routes import page_routes
from search.parameters import EXPORTED
from search.popular import Popular
from search.routes import OPERATIONS, query_routes
from search.scrub import Scrubber
from search.service import REVALIDATED, SearchService
from search.warming import Warmer
from web.admission import Admission
from web.docs import docs_routes
from web.edge import Edge
from web.guard import Guard
from web.logs import configure_logs
from web.openapi import Example, Operation, document
from web.problems import HANDLERS, Problem, retry_after
from web.rawpath import allow_together
from web.shortcuts import Shortcut

_TEXT = "text/plain; charset=utf-8"
_METRICS = """\
# HELP broadsheet_epoch The epoch that new queries are answered from
# TYPE broadsheet_epoch gauge
broadsheet_epoch 2.0
"""
PROBES = (
    Operation(
        path="/livez",
        example=Example(answer="live\n"),
        summary="Whether the process serves",
        description="200 as long as it does.",
        media_type=_TEXT,
        problems=("uri-too-long",),
        role=None,
    ),
    Operation(
        path="/readyz",
        example=Example(answer="ready: epoch 2\n"),
        summary="Whether searches can be answered",
        description="200 when an epoch is open, else 503.",
        media_type=_TEXT,
        problems=("uri-too-long", "not-ready"),
        role=None,
    ),
    Operation(
        path="/metrics",
        example=Example(answer=_METRICS),
        summary="Metrics",
        description="Prometheus text exposition.",
        media_type=_TEXT,
        problems=("uri-too-long",),
    ),
)

OPEN_PATHS = ("/livez", "/readyz", "/openapi.json", "/docs", "/docs/", "/page.css", "/page.js", *OPEN_OPERATIONS)
"""What everybody may read, key or not: whether the service runs, and how it is used."""


ALL_OPERATIONS = (*OPERATIONS, *COMMANDS, *CHANGES, export_operation(EXPORTED), *FIGURES, *PROBES)


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


def cache_control(settings: Settings) -> str:
    """What caches on the way are told of whole answers (RFC 9111, section 5.2.2; RFC 5861)."""
    allowed = {
        "max-age": settings.max_age_s,
        "stale-while-revalidate": settings.stale_while_revalidate_s,
        "stale-if-error": settings.stale_if_error_s,
    }
    if not any(allowed.values()):
        return REVALIDATED
    told = [f"{name}={seconds}" for name, seconds in allowed.items() if seconds or name == "max-age"]
    return ", ".join(("public", *told))


class Running(NamedTuple):
    """A search service and those of its parts that somebody must keep going."""

    service: SearchService
    epochs: Epochs
    cache: ReadThrough
    bell: Bell
    scrubber: Scrubber
    warmer: Warmer
    notes: Notes


@contextlib.asynccontextmanager
async def running_service(settings: Settings, now: Callable[[], float] = time.time) -> AsyncIterator[Running]:
    """A search service on the archive of `settings`, with its threads and processes, until the block ends.

    Args:
        settings: where the archive is, and what may be used.
        now: the clock that relative dates go by.

    Raises:
        SettingsError: the cursor keys or the address of Redis cannot be used.
    """
    root = settings.root
    tolerance = Tolerance(settings.stale_while_revalidate_s, settings.stale_if_error_s)
    memory = Memory(settings.cache_bytes)
    cache = ReadThrough(memory, backend_of(settings), ttl_s=settings.cache_ttl_s, tolerance=tolerance)
    broker = Broker(root, threads=settings.threads)
    bell = Bell(root, EPOCH)

    async def forget() -> None:
        with contextlib.suppress(BackendError):  # whoever takes something down makes sure of it
            await cache.purge()

    def told_withdrawn(manifest: RootManifest, seq: int, article_id: str) -> bool:
        try:
            return was_withdrawn(root, manifest, seq, article_id)
        except LogError as error:
            raise Problem("log-unusable", str(error), headers=retry_after(2)) from None

    epochs, popular, notes = Epochs(root, broker, bell.heard, forget), Popular(), Notes(shared_folder())
    service = SearchService(
        epochs=epochs,
        broker=broker,
        cache=cache,
        cursors=CursorCodec(cursor_keys(settings.cursor_keys, root)),
        admission=Admission(working=settings.working, queued=settings.queued, wait_s=settings.queue_wait_ms / 1000),
        partition_of=partition_of,
        was_withdrawn=told_withdrawn,
        cache_control=cache_control(settings),
        asked=popular.asked,
        took=notes.took,
        now=now,
    )
    try:
        scrubber = Scrubber(epochs, broker.snapshots, period_s=settings.scrub_s)
        warmer = Warmer(service, epochs, popular, root, count=settings.warm_searches)
        yield Running(service, epochs, cache, bell, scrubber, warmer, notes)
    finally:
        bell.close()
        broker.close()
        await cache.close()


def _sources(settings: Settings, running: Running, side: CommandSide) -> Sources:
    """Where the operations page has its figures from."""
    return Sources(
        root=settings.root,
        max_backlog=settings.max_backlog,
        current=lambda: running.epochs.current,
        metrics=lambda: all_metrics().collect(),
        jobs=side.job_counts,
        noted=running.notes.all,
    )


class _App(Starlette):
    """Shortcuts come before Starlette's own outermost layer, which takes a quarter as long as a known answer."""

    def build_middleware_stack(self) -> ASGIApp:
        """Starlette calls this when the first request comes."""
        return Shortcut(super().build_middleware_stack())


def create_app(settings: Settings | None = None) -> Starlette:
    """The app; without settings, those of the environment (in a worker process)."""
    chosen = settings or resolve({}).settings
    configure_logs()

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[dict[str, Any]]:
        access = access_of(chosen)
        async with running_service(chosen) as running:
            with contextlib.suppress(Exception):  # whoever follows the epochs tries again, and says what is wrong
                await running.epochs.refresh()
            await asyncio.to_thread(load_kernels)  # nobody's first search is to wait for the code that answers it
            gc.freeze()  # what is there now stays: it need not be looked through again and again
            endless = [running.epochs.follow(), running.scrubber.follow(), running.warmer.follow()]
            if chosen.redis_url:
                endless.append(listen(chosen.redis_url, running.bell.ring))
            following = [asyncio.create_task(one) for one in endless]
            stopping = asyncio.Event()
            feed = Feed(chosen.root, lambda: running.epochs.current, running.epochs.reach, stopping)
            state: dict[str, Any] = {"service": running.service, "access": access, "feed": feed, STOPPING: stopping}
            state["shortcuts"] = running.service.known
            try:
                async with command_side(chosen, QuerySide(running.service, running.epochs, running.cache)) as side:
                    sampler = Sampler(_sources(chosen, running, side))
                    state |= {"watch": Watch(sampler.look, stopping), "failed": running.notes.failed}
                    yield {**state, "writes": side.writes, "sagas": side.sagas}
            finally:
                for task in following:
                    task.cancel()
                await asyncio.gather(*following, return_exceptions=True)

    described = document(ALL_OPERATIONS, version=__version__)
    encoded = orjson.dumps(described)

    async def openapi(_request: Request) -> Response:
        return Response(encoded, media_type="application/json")

    app = _App(
        routes=[
            *query_routes(service_of),
            *command_routes(),
            *change_routes(),
            *saga_routes(),
            *page_routes(service_of, latest_versions),
            *operations_routes(),
            *docs_routes(described),
            Route("/openapi.json", openapi, methods=["GET"]),
            Route("/livez", livez, methods=["GET"]),
            Route("/readyz", readyz, methods=["GET"]),
            Route("/metrics", metrics, methods=["GET"]),
        ],
        middleware=[Middleware(Edge), Middleware(Guard, open_paths=OPEN_PATHS)],
        exception_handlers=HANDLERS,
        lifespan=lifespan,
    )
    allow_together(app.routes)
    # An address with a slash too many is another address, not a redirect built from the Host header.
    app.router.redirect_slashes = False
    return app
