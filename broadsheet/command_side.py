"""The command side of an API process: what its write routes need, from its settings to its threads.

Contract: it begins and ends with the app. It does not index: that is the indexer's process. Where it needs the query
side (an export searches, a takedown drops what the cache keeps), that is handed in here, and used on its event loop.

Not here: the routes (`indexer/routes.py`, `indexer/saga_routes.py`), the query side (`app.py`).
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing
from typing import Any, NamedTuple, TypeVar
from urllib.parse import parse_qs, urlsplit

import orjson
import structlog

from broadsheet.bells import LOG, ring
from broadsheet.settings import Settings
from cache.read_through import ReadThrough
from indexer import exporting, takedown
from indexer.exporting import Exporter, ExportExpiredError, Page
from indexer.intake import Intake
from indexer.job_counts import JobCounts, job_counts
from indexer.job_file import JobsError
from indexer.job_routes import Writes
from indexer.jobs import KEPT_MS, JobStore
from indexer.log import EventLog, log_path
from indexer.routes import MAX_BULK, MAX_HELD_BYTES
from indexer.saga_routes import Sagas
from indexer.saga_runner import SagaRunner
from indexer.sagas import SAGAS_FILE, SagaStore
from indexer.writing import Applied, WriteService
from partition.manifest import Layout, read_manifest
from search.epochs import Epochs
from search.parameters import EXPORTED, parse_search
from search.service import SearchService
from web.bodies import Shares
from web.edge import Timings
from web.parameters import parse
from web.problem_types import TYPES
from web.problems import Problem

JOBS_FILE = "jobs.sqlite"
_EXPORTED_FIELDS = (
    "id,title,summary,body,authors,source,section,tags,language,url,published_at,modified_at,indexed_at,"
    "date_confidence,version"
)
_PAGE = "100"
_FORGET_EVERY_S = 3600
_SEARCH_MS = 20_000
_PATIENCE_S = 60.0
"""How long a thread waits for the event loop: it is much more than a search may take."""

_log = structlog.get_logger()
T = TypeVar("T")
Pairs = Sequence[tuple[str, str]]


class QuerySide(NamedTuple):
    """What this side needs of the other."""

    service: SearchService
    epochs: Epochs
    cache: ReadThrough


class CommandSide(NamedTuple):
    """What the routes need."""

    writes: Writes
    sagas: Sagas
    job_counts: Callable[[], JobCounts]
    """How the jobs of the last hour stand; in a thread. Raises `JobsError`."""


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@asynccontextmanager
async def command_side(settings: Settings, query: QuerySide) -> AsyncIterator[CommandSide]:
    """What the write routes need, until the block ends; on the event loop that serves."""
    root, epochs = settings.root, query.epochs
    loop = asyncio.get_running_loop()

    def on_loop(work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, loop).result(_PATIENCE_S)

    def applied() -> Applied:
        current = epochs.current
        return Applied(current.applied_seq, current.parked) if current else Applied(0, ())

    def open_log() -> EventLog:
        return EventLog(log_path(root))

    def erased_seq() -> int:
        layout = Layout(root)
        return read_manifest(layout, layout.newest_epoch()).erased_seq

    async def check_export(given: Pairs) -> None:
        parse(EXPORTED, given)
        await _page(query.service, given, None, "1")

    def search(given: Pairs, cursor: str | None) -> Page:
        try:
            return on_loop(_page(query.service, given, cursor, _PAGE))
        except Problem as problem:
            if TYPES[problem.slug].status < 500:
                raise ExportExpiredError(problem.detail) from None
            raise

    exporter = Exporter(root, search, erased_seq)
    with (
        closing(JobStore(root / JOBS_FILE, _now_ms)) as jobs,
        closing(SagaStore(root / SAGAS_FILE, _now_ms)) as sagas,
        Intake(lambda: EventLog(log_path(root), max_backlog=settings.max_backlog), lambda: ring(root, LOG)) as intake,
        ThreadPoolExecutor(MAX_BULK, "bulk") as threads,
    ):
        places = takedown.Places(
            root=root,
            open_log=open_log,
            announce=lambda: ring(root, LOG),
            applied_seq=lambda: applied().seq,
            purge_caches=lambda: on_loop(query.cache.purge()),
            jobs=jobs,
            redact_exports=exporter.redact,
        )
        kinds = {takedown.KIND: takedown.steps_of(places), exporting.KIND: exporter.steps()}
        runner = SagaRunner(sagas, kinds)
        service = WriteService(root, intake, jobs, sagas, applied, _now_ms)

        def counted() -> JobCounts:
            return job_counts(jobs, sagas, service.is_received, now_ms=_now_ms(), applied_seq=applied().seq)

        writes = Writes(
            service=service,
            bulk=threads,
            receiving=Shares(MAX_BULK),
            held_bytes=Shares(MAX_HELD_BYTES),
            reach=epochs.reach,
            max_backlog=settings.max_backlog,
            exporter=exporter,
        )
        runner.start()
        forgetting = asyncio.create_task(_forget(exporter, sagas))
        try:
            yield CommandSide(writes, Sagas(sagas, runner, exporter, check_export), counted)
        finally:
            forgetting.cancel()
            # Beside the loop, which its threads may be waiting for.
            await asyncio.to_thread(runner.stop)


async def _forget(exporter: Exporter, sagas: SagaStore) -> None:
    """Forget exports that are too old, now and every `_FORGET_EVERY_S`, until cancelled."""
    while True:
        now_ms = _now_ms()
        try:
            await asyncio.to_thread(exporter.expire, now_ms)
            await asyncio.to_thread(sagas.forget, exporting.KIND, now_ms - KEPT_MS)
        except (JobsError, OSError) as error:
            _log.error("old exports cannot be removed", reason=str(error))
        await asyncio.sleep(_FORGET_EVERY_S)


async def _page(service: SearchService, given: Pairs, cursor: str | None, limit: str) -> Page:
    """A page of an export."""
    asked = [*given, ("fields", _EXPORTED_FIELDS), ("limit", limit), ("timeout_ms", str(_SEARCH_MS))]
    # Read first: what answers may be of a newer epoch, never of an older one.
    erased_seq = service.current().erased_seq
    asked += [("cursor", cursor)] if cursor else []
    served = await service.search(parse_search(asked), Timings(), past_cache=True)
    body = orjson.loads(served.answer.body)
    following = parse_qs(urlsplit(served.answer.next).query)["cursor"][0] if served.answer.next else None
    return Page(body["data"], following, body["total"]["value"], erased_seq)
