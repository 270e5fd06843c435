"""The command routes: articles in, jobs out.

Contract: handlers check who calls, read the body within bounds, and hand it to the service in a thread; they hold no
state. A write is answered when it is durable, with 202 and its job; with `wait=searchable` when it is searchable, or
after `WAIT_S`.

Not here: what is done (`writing.py`), queries (`search/routes.py`).
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from hashlib import blake2b
from typing import NamedTuple

import msgspec
import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from indexer.article import ArticleInvalid
from indexer.bulk_body import BodyPipe
from indexer.events import LogError, LogFullError, Outcome, Submission
from indexer.intake import IntakeFullError
from indexer.jobs import ID_BYTES, Job
from indexer.operations import NDJSON, REASON, WAIT, JobAnswer, JobLinks, JobProgress
from indexer.readers.lines import MAX_LINE_BYTES
from indexer.writing import BusyJobError, JobView, OtherBodyError, WriteService
from web.parameters import parse, query_pairs
from web.problems import ParameterError, Problem
from web.rawpath import RawPathRoute
from web.times import iso

WAIT_S = 10.0
MAX_BULK = 8
"""Bulk requests that one process receives at a time."""
MAX_KEY_CHARS = 255
_JSON = "application/json"
_VERSION = re.compile(r'(?:W/)?"(\d{1,18})"')


class Writes(NamedTuple):
    """What the routes need of a running app."""

    service: WriteService
    bulk: ThreadPoolExecutor
    """Of `MAX_BULK` threads."""
    receiving: asyncio.Semaphore
    reach: Callable[[int, float], Awaitable[bool]]
    """Wait until a sequence is searchable, or a moment of `time.monotonic` has come; whether it is."""
    max_backlog: int


def command_routes() -> list[BaseRoute]:
    """The routes of this room; `request.state.writes` is what they need (`Writes`)."""
    return [
        Route("/v1/articles:bulk", _bulk, methods=["POST"]),
        RawPathRoute("/v1/articles", _put, methods=["PUT"]),
        RawPathRoute("/v1/articles", _delete, methods=["DELETE"]),
        Route("/v1/jobs/{id}", _job, methods=["GET"]),
        Route("/v1/jobs/{id}/results", _results, methods=["GET"]),
    ]


async def _put(request: Request) -> Response:
    client = _client(request)
    values = parse((WAIT,), query_pairs(request))
    body = await _body(request)
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Problem("body-invalid", f"broken JSON: {error.msg} at character {error.pos + 1}") from None
    if type(fields) is not dict:
        raise Problem("body-invalid", "the body is not a JSON object")
    article_id = request.path_params["id"]
    if str(fields.setdefault("id", article_id)) != article_id:
        raise Problem("article-invalid", f"id is {fields['id']!r} in the body, {article_id!r} in the address")
    try:
        submission = _writes(request).service.parse(fields)
    except ArticleInvalid as error:
        raise Problem("article-invalid", error.reason) from None
    submission = replace(submission, expected_version=_expected(request))
    return await _write(request, submission, "put", client, body, wait=bool(values["wait"]))


async def _delete(request: Request) -> Response:
    client = _client(request)
    values = parse((WAIT, REASON), query_pairs(request))
    submission = Submission(
        request.path_params["id"],
        None,
        b"",
        "withdraw",
        expected_version=_expected(request),
        reason=values["reason"],
    )
    return await _write(request, submission, "delete", client, b"", wait=bool(values["wait"]))


async def _write(
    request: Request, submission: Submission, kind: str, client: str, body: bytes, *, wait: bool
) -> Response:
    writes = _writes(request)
    digest = blake2b(body + f"\0{kind} {submission.article_id}".encode(), digest_size=16).digest()

    def begin() -> "tuple[bytes, Future[list[Outcome]]]":
        return writes.service.write(submission, kind, client, _key(request), digest)

    try:
        job_id, logged = await asyncio.to_thread(begin)
        (outcome,) = await asyncio.wrap_future(logged)
    except OtherBodyError:
        raise _other_body() from None
    except (IntakeFullError, LogFullError) as error:
        raise _full(error) from None
    except LogError as error:
        raise _unusable(error) from None
    if outcome.status == "conflict":
        raise Problem("version-conflict", "the article is not at the version that If-Match names")
    if outcome.status == "blocked":
        raise Problem("article-taken-down", f"{submission.article_id!r} was taken down")
    if outcome.status == "absent" and kind == "delete":  # what is put as canceled is as it should be
        raise Problem("article-not-found", f"there is no article with the id {submission.article_id!r}")
    return await _answer(writes, job_id, outcome.seq or 0, wait=wait)


async def _bulk(request: Request) -> Response:
    client = _client(request)
    values = parse((WAIT,), query_pairs(request))
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in NDJSON:
        raise Problem("media-type-unsupported", f"send {NDJSON[0]}, one article a line; not {media_type[:60]!r}")
    writes, key = _writes(request), _key(request)
    if writes.receiving.locked():
        raise Problem("overloaded", "too many bodies are being received", headers={"Retry-After": "2"})
    async with writes.receiving:
        try:
            await asyncio.to_thread(writes.service.room, writes.max_backlog)
            job = await _received(request, writes, client, key)
        except LogFullError as error:
            raise _full(error) from None
        except LogError as error:
            raise _unusable(error) from None
        except BusyJobError:
            raise Problem("idempotency-busy", "the request with this key is being received") from None
        except OtherBodyError:
            raise _other_body() from None
    return await _answer(writes, job.id, job.last_seq, wait=bool(values["wait"]))


async def _received(request: Request, writes: Writes, client: str, key: str | None) -> Job:
    """Hand the body on as it arrives, until all of it is durable."""
    pipe = BodyPipe()
    reading = asyncio.get_running_loop().run_in_executor(writes.bulk, writes.service.bulk, pipe, client, key)
    reading.add_done_callback(lambda _done: pipe.leave())
    try:
        async for piece in request.stream():
            if piece:
                await pipe.put(piece)
        await pipe.put(b"")
    except BaseException as error:
        # Nobody may be left waiting for what will not come.
        await asyncio.shield(pipe.put(None))
        if not isinstance(error, ClientDisconnect):
            raise
    return await reading


async def _job(request: Request) -> Response:
    parse((), query_pairs(request))
    view = await _view(_writes(request), _job_id(request))
    return _job_response(view, 200)


async def _results(request: Request) -> Response:
    parse((), query_pairs(request))
    writes, job_id = _writes(request), _job_id(request)
    await _view(writes, job_id)
    lines = (
        orjson.dumps(
            {
                "line": one.line,
                "id": one.article_id,
                "status": one.status,
                "version": one.version,
                "error": one.error,
            },
            option=orjson.OPT_APPEND_NEWLINE,
        )
        for one in writes.service.results(job_id)
    )
    return StreamingResponse(lines, media_type=NDJSON[0], headers={"Cache-Control": "no-store"})


def _writes(request: Request) -> Writes:
    writes: Writes = request.state.writes
    return writes


def _client(request: Request) -> str:
    return str(request.state.access.require(request, "write").client)


def _key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not (0 < len(key) <= MAX_KEY_CHARS):
        detail = f"has {len(key)} characters; 1 to {MAX_KEY_CHARS} are allowed"
        raise Problem("parameter-invalid", f"Idempotency-Key {detail}", [ParameterError("Idempotency-Key", detail)])
    return key


def _expected(request: Request) -> int | None:
    if request.headers.get("if-none-match") == "*":
        return 0
    text = request.headers.get("if-match")
    if text is None:
        return None
    match = _VERSION.fullmatch(text.strip())
    if not match:
        detail = f'{text[:40]!r} is not a version in quotes, such as "3"'
        raise Problem("parameter-invalid", f"If-Match: {detail}", [ParameterError("If-Match", detail)])
    return int(match[1])


async def _body(request: Request) -> bytes:
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > MAX_LINE_BYTES:
            raise Problem("body-too-large", f"an article may have {MAX_LINE_BYTES:,} bytes as JSON")
        pieces.append(piece)
    return b"".join(pieces)


def _full(error: IntakeFullError | LogFullError) -> Problem:
    return Problem(
        "overloaded",
        str(error) or "too much waits to be logged",
        headers={"Retry-After": str(error.retry_after_s)},
    )


def _unusable(error: LogError) -> Problem:
    return Problem("not-ready", str(error), headers={"Retry-After": "5"})


def _other_body() -> Problem:
    return Problem("idempotency-mismatch", "this Idempotency-Key was used with another request")


def _job_id(request: Request) -> bytes:
    text = request.path_params["id"]
    try:
        job_id = bytes.fromhex(text)
    except ValueError:
        job_id = b""
    if len(job_id) != ID_BYTES:
        raise Problem("job-not-found", f"{text[:64]!r} is the id of no job")
    return job_id


async def _view(writes: Writes, job_id: bytes) -> JobView:
    view = await asyncio.to_thread(writes.service.job, job_id)
    if view is None:
        raise Problem("job-not-found", f"there is no job {job_id.hex()}")
    return view


async def _answer(writes: Writes, job_id: bytes, seq: int, *, wait: bool) -> Response:
    if wait:
        await writes.reach(seq, time.monotonic() + WAIT_S)
    view = await _view(writes, job_id)
    return _job_response(view, 200 if view.status == "succeeded" else 202)


def _job_response(view: JobView, status: int) -> Response:
    address = f"/v1/jobs/{view.id.hex()}"
    answer = JobAnswer(
        id=view.id.hex(),
        kind=view.kind,
        status=view.status,
        progress=JobProgress(view.accepted, view.lines, view.rejected),
        created_at=iso(view.created_ms),
        min_seq=view.seq,
        links=JobLinks(address, f"{address}/results"),
        reason=view.reason,
    )
    headers = {"Cache-Control": "no-store", "Location": address}
    if view.status == "running":
        headers["Retry-After"] = "1"
    return Response(msgspec.json.encode(answer), status, headers, _JSON)
