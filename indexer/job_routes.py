"""The routes of jobs: how a write, a takedown or an export stands, and what came of it.

Contract: handlers ask the service in a thread, and hold no state. `Writes` is what all routes of this kind need.

Not here: where jobs begin (`routes.py`, `saga_routes.py`), what is remembered of them (`jobs.py`, `sagas.py`).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any, NamedTuple

import msgspec
import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from indexer.events import LogError, LogFullError, OtherSubmissionError
from indexer.exporting import KIND as EXPORT
from indexer.exporting import Exporter
from indexer.intake import IntakeFullError
from indexer.job_file import JobsError
from indexer.jobs import ID_BYTES
from indexer.operations import NDJSON, JobAnswer, JobLinks, JobProgress, StepReceipt
from indexer.writing import UNFINISHED, BusyJobError, JobView, LineResult, OtherBodyError, WriteService
from web.bodies import Shares
from web.parameters import parse, query_pairs
from web.problems import Problem, retry_after
from web.times import iso

WAIT_S = 10.0
OPENING_S = 2.0
"""How long it may take a process to open an epoch that was published."""
_JSON = "application/json"
_RESULT = ("line", "id", "status", "version", "error")


class Writes(NamedTuple):
    """What the routes need of a running app."""

    service: WriteService
    bulk: ThreadPoolExecutor
    """Of `routes.MAX_BULK` threads."""
    receiving: Shares
    """How many of `routes.MAX_BULK` bodies."""
    held_bytes: Shares
    """How many of `routes.MAX_HELD_BYTES`."""
    reach: Callable[[int, float], Awaitable[bool]]
    """Wait until a sequence is searchable, or a moment of `time.monotonic` has come; whether it is."""
    max_backlog: int
    exporter: Exporter


Handler = Callable[[Request], Awaitable[Any]]


def told(handler: Handler) -> Handler:
    """The handler, with what its service raises told as problems."""

    async def telling(request: Request) -> Any:
        try:
            return await handler(request)
        except BusyJobError:
            raise Problem("idempotency-busy", "the request with this key is being received") from None
        except (OtherBodyError, OtherSubmissionError):
            raise Problem("idempotency-mismatch", "this Idempotency-Key was used with another request") from None
        except (IntakeFullError, LogFullError) as error:
            detail = str(error) or "too much waits to be logged"
            raise Problem("overloaded", detail, headers=retry_after(error.retry_after_s)) from None
        except (LogError, JobsError) as error:
            raise Problem("log-unusable", str(error), headers=retry_after(2)) from None

    return telling


def job_routes() -> list[BaseRoute]:
    """The routes; `request.state.writes` is what they need (`Writes`)."""
    return [
        Route("/v1/jobs/{id}", told(_job), methods=["GET"]),
        Route("/v1/jobs/{id}/results", told(_results), methods=["GET"]),
    ]


async def _job(request: Request) -> Response:
    parse((), query_pairs(request))
    writes, job_id = writes_of(request), job_id_of(request)
    view = await job_of(writes, job_id)
    if (
        view.status == "running"
        and not view.receipts
        and 0 < view.seq <= await asyncio.to_thread(writes.service.published)
    ):
        # Another process may have said already that it has succeeded.
        await writes.reach(view.seq, time.monotonic() + OPENING_S)
        view = await job_of(writes, job_id)
    return job_response(view, 200)


async def _results(request: Request) -> Response:
    parse((), query_pairs(request))
    writes, job_id = writes_of(request), job_id_of(request)
    view = await job_of(writes, job_id)
    if view.kind == EXPORT:
        return await asyncio.to_thread(_parts, writes.exporter, job_id)
    pages = (b"".join(map(_result_line, page)) for page in writes.service.results(job_id))
    first = await asyncio.to_thread(next, pages, b"")  # while it can still be refused
    return StreamingResponse(chain([first], pages), media_type=NDJSON[0], headers={"Cache-Control": "no-store"})


def _result_line(one: LineResult) -> bytes:
    return orjson.dumps(dict(zip(_RESULT, one, strict=True)), option=orjson.OPT_APPEND_NEWLINE)


def _parts(exporter: Exporter, export_id: bytes) -> Response:
    lines = (
        orjson.dumps(
            {**part, "href": f"/v1/exports/{export_id.hex()}?part={part['part']}"}, option=orjson.OPT_APPEND_NEWLINE
        )
        for part in exporter.parts(export_id)["parts"]
    )
    return Response(b"".join(lines), media_type=NDJSON[0], headers={"Cache-Control": "no-store"})


def writes_of(request: Request) -> Writes:
    """What the app of this request has."""
    writes: Writes = request.state.writes
    return writes


def job_id_of(request: Request) -> bytes:
    """The job in the address.

    Raises:
        Problem: `job-not-found`.
    """
    text = request.path_params["id"]
    try:
        job_id = bytes.fromhex(text)
    except ValueError:
        job_id = b""
    if len(job_id) != ID_BYTES:
        raise Problem("job-not-found", f"{text[:64]!r} is the id of no job")
    return job_id


async def job_of(writes: Writes, job_id: bytes) -> JobView:
    """How a job stands.

    Raises:
        Problem: `job-not-found`.
    """
    view = await asyncio.to_thread(writes.service.job, job_id)
    if view is None:
        raise Problem("job-not-found", f"there is no job {job_id.hex()}")
    return view


def job_response(view: JobView, status: int) -> Response:
    """How a job stands."""
    address = f"/v1/jobs/{view.id.hex()}"
    answer = JobAnswer(
        id=view.id.hex(),
        kind=view.kind,
        status=view.status,
        progress=JobProgress(view.accepted, view.lines, view.failed),
        created_at=iso(view.created_ms),
        min_seq=view.seq,
        links=JobLinks(address, f"{address}/results"),
        reason=view.reason,
        receipts=[StepReceipt(one.step, iso(one.at_ms), dict(one.told)) for one in view.receipts],
    )
    headers = {"Cache-Control": "no-store", "Location": address}
    if view.status in UNFINISHED:
        headers["Retry-After"] = "1"
    return Response(msgspec.json.encode(answer), status, headers, _JSON)


async def answered(writes: Writes, job_id: bytes, seq: int, *, wait: bool) -> Response:
    """The answer to a durable write: its job; if it is to `wait`, when `seq` is searchable or after `WAIT_S`."""
    if wait:
        await writes.reach(seq, time.monotonic() + WAIT_S)
    view = await job_of(writes, job_id)
    return job_response(view, 200 if view.status == "succeeded" else 202)
