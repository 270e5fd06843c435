"""The routes that begin sagas, cancel exports, and hand out what those made.

Contract: a saga that was begun is durable when it is answered, with 202 and its job (`job_routes.py` tells how that
stands). The same takedown again is the same saga.

Not here: what sagas do (`takedown.py`, `exporting.py`).
"""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import orjson
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from indexer import exporting, takedown
from indexer.events import MAX_REASON_CHARS
from indexer.exporting import Exporter
from indexer.job_routes import job_id_of, job_of, job_response, told, writes_of
from indexer.jobs import ID_BYTES
from indexer.operations import NDJSON, PART
from indexer.routes import key_of
from indexer.saga_runner import SagaRunner
from indexer.sagas import CANCELED, SagaStore, Told
from indexer.writing import OtherBodyError, saga_view
from partition.types import MAX_ARTICLE_ID_BYTES
from web.bodies import read_body
from web.parameters import parse, query_pairs, text_up_to
from web.problems import Problem, retry_after

_MAX_BODY_BYTES = 16 << 10


class Sagas(NamedTuple):
    """What the routes need of a running app."""

    store: SagaStore
    runner: SagaRunner
    exporter: Exporter
    check_export: Callable[[Sequence[tuple[str, str]]], Awaitable[None]]
    """Raises the `Problem` of a search that cannot be exported."""


def saga_routes() -> list[BaseRoute]:
    """The routes of sagas; `request.state.sagas` is what they need (`Sagas`)."""
    return [
        Route("/v1/takedowns", told(_take_down), methods=["POST"]),
        Route("/v1/exports", told(_export), methods=["POST"]),
        Route("/v1/exports/{id}", _part, methods=["GET"]),
        Route("/v1/jobs/{id}", told(_cancel), methods=["DELETE"]),
    ]


async def _take_down(request: Request) -> Response:
    client = str(request.state.access.require(request, "admin").client)
    parse((), query_pairs(request))
    article_id, reason = _takedown_of(await read_body(request, _MAX_BODY_BYTES))
    subject = {"id": article_id, "reason": reason}
    return await _begin(request, takedown.KIND, client, article_id, subject)


def _takedown_of(body: bytes) -> tuple[str, str]:
    try:
        fields: Any = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Problem("body-invalid", f"broken JSON: {error.msg} at character {error.pos + 1}") from None
    if type(fields) is not dict or not fields.keys() <= {"id", "reason"}:
        raise Problem("body-invalid", 'the body is not a JSON object such as {"id": "..", "reason": ".."}')
    article_id, reason = fields.get("id"), fields.get("reason", "")
    if not isinstance(article_id, str) or not 0 < len(article_id.encode()) <= MAX_ARTICLE_ID_BYTES:
        raise Problem("body-invalid", f"id is not a text of 1 to {MAX_ARTICLE_ID_BYTES} bytes")
    try:
        return article_id, text_up_to(MAX_REASON_CHARS)(reason if isinstance(reason, str) else "\0")
    except ValueError as error:
        raise Problem("body-invalid", f"reason {error}") from None


async def _export(request: Request) -> Response:
    client = str(request.state.access.require(request, "write").client)
    pairs = query_pairs(request)
    await _sagas(request).check_export(pairs)
    key = key_of(request)
    if await asyncio.to_thread(_exports, _sagas(request)) >= exporting.MAX_KEPT:
        detail = f"there are {exporting.MAX_KEPT} exports, which is as many as are kept: delete jobs of some"
        raise Problem("overloaded", detail, headers=retry_after(60))
    return await _begin(request, exporting.KIND, client, key and f"{client}\0{key}", {"parameters": pairs})


def _exports(sagas: Sagas) -> int:
    """How many there are; one of which some parts are made counts twice."""
    return sagas.exporter.count() + len(sagas.store.unfinished([exporting.KIND]))


async def _cancel(request: Request) -> Response:
    caller = request.state.access.require(request, "write")
    parse((), query_pairs(request))
    sagas, writes, job_id = _sagas(request), writes_of(request), job_id_of(request)
    saga = await asyncio.to_thread(sagas.store.find, job_id)
    if saga is None or saga.kind != exporting.KIND:
        await job_of(writes, job_id)  # unless there is none
        raise Problem("job-not-cancelable", "only exports can be canceled")
    if caller.client != saga.client:
        request.state.access.require(request, "admin")
    await asyncio.to_thread(sagas.store.fails, saga, CANCELED)
    sagas.runner.wake(exporting.KIND)
    return job_response(await job_of(writes, job_id), 202)


async def _begin(request: Request, kind: str, client: str, key: str | None, subject: Told) -> Response:
    sagas = _sagas(request)
    saga, new = await asyncio.to_thread(sagas.store.begin, kind, client, key, subject)
    if not new and kind == exporting.KIND and orjson.dumps(saga.subject) != orjson.dumps(subject):
        raise OtherBodyError
    sagas.runner.wake(kind)
    return job_response(saga_view(saga), 200 if saga.state == "succeeded" else 202)


async def _part(request: Request) -> Response:
    values = parse((PART,), query_pairs(request))
    text, number = request.path_params["id"], values["part"]
    exporter = _sagas(request).exporter
    try:
        export_id = bytes.fromhex(text)
    except ValueError:
        export_id = b""
    made = await asyncio.to_thread(exporter.parts, export_id) if len(export_id) == ID_BYTES else {"parts": []}
    for part in made["parts"]:
        if part["part"] == number:
            digest = base64.b64encode(bytes.fromhex(part["sha256"])).decode()
            headers = {"Cache-Control": "private, no-cache", "Repr-Digest": f"sha-256=:{digest}:"}
            return FileResponse(exporter.path(export_id, number), headers=headers, media_type=NDJSON[0])
    raise Problem("job-not-found", f"there is no part {number} of an export {text[:64]!r}")


def _sagas(request: Request) -> Sagas:
    sagas: Sagas = request.state.sagas
    return sagas
