"""The command routes: articles in, jobs out.

Contract: handlers check who calls, read the body within bounds, and hand it to the service in a thread; they hold no
state. A write is answered when it is durable, with 202 and its job; with `wait=searchable` when it is searchable, or
after a while.

Not here: what is done (`writing.py`), jobs (`job_routes.py`), queries (`search/routes.py`).
"""

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from hashlib import blake2b

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from indexer.article import ArticleInvalid
from indexer.bulk_body import BodyPipe
from indexer.events import Outcome, Submission
from indexer.fields import folded
from indexer.job_routes import Writes, answered, job_routes, told, writes_of
from indexer.jobs import Job
from indexer.operations import NDJSON, REASON, WAIT
from indexer.readers.lines import MAX_LINE_BYTES
from web.bodies import body_pieces, claimed_bytes, read_body
from web.parameters import parse, query_pairs
from web.problems import ParameterError, Problem
from web.rawpath import RawPathRoute

MAX_BULK = 8
"""Bulk requests that one process receives at a time."""
MAX_HELD_BYTES = 64 << 20
"""Of other bodies that one process holds at a time."""
MAX_KEY_CHARS = 255
_VERSION = re.compile(r'(?:W/)?"(\d{1,18})"')


def command_routes() -> list[BaseRoute]:
    """The routes of this room; `request.state.writes` is what they need (`Writes`)."""
    return [
        Route("/v1/articles:bulk", told(_bulk), methods=["POST"]),
        RawPathRoute("/v1/articles", told(_put), methods=["PUT"]),
        RawPathRoute("/v1/articles", told(_delete), methods=["DELETE"]),
        RawPathRoute("/v1/articles", told(_retry), suffix="/retry", methods=["POST"]),
        *job_routes(),
    ]


async def _put(request: Request) -> Response:
    values = parse((WAIT,), query_pairs(request))
    job_id, seq = await _put_logged(request, _client(request))
    return await answered(writes_of(request), job_id, seq, wait=bool(values["wait"]))


async def _put_logged(request: Request, client: str) -> tuple[bytes, int]:
    """Its job and the sequence of its event; nothing of the body is held after that."""
    with writes_of(request).held_bytes.taken(client, claimed_bytes(request, MAX_LINE_BYTES)):
        body = await read_body(request, MAX_LINE_BYTES)
        return await _logged(request, lambda: _article_of(request, body), "put", client, body)


def _article_of(request: Request, body: bytes) -> Submission:
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Problem("body-invalid", f"broken JSON: {error.msg} at character {error.pos + 1}") from None
    if type(fields) is not dict:
        raise Problem("body-invalid", "the body is not a JSON object")
    article_id = request.path_params["id"]
    for name, value in fields.items():
        if folded(name) == "id" and str(value) != article_id:
            raise Problem("article-invalid", f"{name} is {value!r:.100} in the body, {article_id!r} in the address")
    try:
        # Before all else that could be an id (`fields.NAMES`).
        submission = writes_of(request).service.parse({"id": article_id, **fields})
    except ArticleInvalid as error:
        raise Problem("article-invalid", error.reason) from None
    return replace(submission, expected_version=_expected(request))


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
    job_id, seq = await _logged(request, lambda: submission, "delete", client, b"")
    return await answered(writes_of(request), job_id, seq, wait=bool(values["wait"]))


async def _retry(request: Request) -> Response:
    client = _client(request)
    values = parse((WAIT,), query_pairs(request))
    submission = Submission(request.path_params["id"], None, b"", "retry", expected_version=_expected(request))
    job_id, seq = await _logged(request, lambda: submission, "retry", client, b"")
    return await answered(writes_of(request), job_id, seq, wait=bool(values["wait"]))


async def _logged(
    request: Request, asked_for: Callable[[], Submission], kind: str, client: str, body: bytes
) -> tuple[bytes, int]:
    """The job of a change and the sequence of its event; what is asked for is made out in the thread that logs it."""
    service, key = writes_of(request).service, key_of(request)
    article_id = request.path_params["id"]

    def begin() -> "tuple[bytes, Future[list[Outcome]]]":
        submission = asked_for()
        asked = repr((kind, article_id, submission.expected_version, submission.reason))
        digest = blake2b(body + b"\0" + asked.encode(errors="surrogatepass"), digest_size=16).digest()
        return service.write(submission, kind, client, key, digest)

    job_id, logged = await asyncio.to_thread(begin)
    (outcome,) = await asyncio.wrap_future(logged)
    if outcome.status == "conflict":
        raise Problem("version-conflict", "the article is not at the version that If-Match names")
    if outcome.status == "blocked":
        raise Problem("article-taken-down", f"{article_id!r} was taken down")
    if outcome.status == "absent" and kind != "put":  # what is put as canceled is as it should be
        raise Problem("article-not-found", f"there is no article with the id {article_id!r}")
    return job_id, outcome.seq or 0


async def _bulk(request: Request) -> Response:
    client = _client(request)
    values = parse((WAIT,), query_pairs(request))
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in NDJSON:
        raise Problem("media-type-unsupported", f"send {NDJSON[0]}, one article a line; not {media_type[:60]!r}")
    writes, key = writes_of(request), key_of(request)
    with writes.receiving.taken(client):
        await asyncio.to_thread(writes.service.room, writes.max_backlog)
        job = await _received(request, writes, client, key)
    return await answered(writes, job.id, job.last_seq, wait=bool(values["wait"]))


async def _received(request: Request, writes: Writes, client: str, key: str | None) -> Job:
    """Hand the body on as it arrives, until all of it is durable."""
    pipe = BodyPipe()
    reading = asyncio.get_running_loop().run_in_executor(writes.bulk, writes.service.bulk, pipe, client, key)
    reading.add_done_callback(lambda _done: pipe.leave())
    try:
        async for piece in body_pieces(request):
            await pipe.put(piece)
        await pipe.put(b"")
    except BaseException as error:
        # Nobody may be left waiting for what will not come.
        await asyncio.shield(pipe.put(None))
        if not isinstance(error, ClientDisconnect):
            raise
    return await reading


def _client(request: Request) -> str:
    return str(request.state.access.require(request, "write").client)


def key_of(request: Request) -> str | None:
    """The `Idempotency-Key`.

    Raises:
        Problem: `parameter-invalid`.
    """
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
