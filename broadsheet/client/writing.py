"""Writes: articles in, corrected and out, and the jobs of that; each an operation (`steps.py`).

Contract: a write can be asked again without harm. It carries an `Idempotency-Key`, that of the caller or one made for
this call, by which the server does it once; a takedown and a cancellation are the same when they are repeated.

Not here: many articles at once (`bulk.py`), exports (`exporting.py`).
"""

import uuid
from collections.abc import Mapping
from typing import Any

import msgspec

from broadsheet.client.asking import Asker
from broadsheet.client.errors import JobFailedError, JobUnfinishedError
from broadsheet.client.job_answers import JobAnswer, LineResult
from broadsheet.client.lines import Lines
from broadsheet.client.parameters import article_path, target
from broadsheet.client.steps import Emit, Operation, Pause, Request, Stream

LOOK_S = 0.5
"""How often it is looked how a job stands."""
_JSON = ("Content-Type", "application/json")


def new_key() -> str:
    """An `Idempotency-Key` for one call."""
    return uuid.uuid4().hex


def put_article(
    asker: Asker,
    article_id: str,
    article: Mapping[str, Any],
    *,
    wait: bool,
    version: int | None,
    key: str | None,
) -> Operation[JobAnswer]:
    """One article; `version` 0 if there must be none."""
    request = _change("PUT", article_path(article_id), wait=wait, version=version, key=key)
    return asker.value(request._replace(body=encoded(article), headers=(*request.headers, _JSON)), JobAnswer)


def delete_article(
    asker: Asker, article_id: str, *, reason: str, wait: bool, version: int | None, key: str | None
) -> Operation[JobAnswer]:
    """Withdraw one."""
    request = _change("DELETE", article_path(article_id), wait=wait, version=version, key=key, reason=reason)
    return asker.value(request, JobAnswer)


def retry_article(
    asker: Asker, article_id: str, *, wait: bool, version: int | None, key: str | None
) -> Operation[JobAnswer]:
    """Index one again that was parked."""
    path = article_path(article_id, "/retry")
    return asker.value(_change("POST", path, wait=wait, version=version, key=key), JobAnswer)


def _change(method: str, path: str, *, wait: bool, version: int | None, key: str | None, reason: str = "") -> Request:
    pairs = [*([("wait", "searchable")] if wait else []), *([("reason", reason)] if reason else [])]
    headers = [("Idempotency-Key", key or new_key())]
    if version is not None:
        headers.append(("If-Match", f'"{version}"') if version else ("If-None-Match", "*"))
    return Request(method, target(path, pairs), tuple(headers))


def encoded(article: Mapping[str, Any]) -> bytes:
    """An article as JSON, on one line; dates and times as ISO 8601 has them.

    Raises:
        ValueError: it holds what JSON cannot.
    """
    try:
        return msgspec.json.encode(article)
    except (TypeError, UnicodeEncodeError, msgspec.MsgspecError) as error:
        raise ValueError(f"the article cannot be written as JSON: {error}") from None


def take_down(asker: Asker, article_id: str, reason: str) -> Operation[JobAnswer]:
    """Take one article down, for good."""
    body = msgspec.json.encode({"id": article_id, "reason": reason})
    return asker.value(Request("POST", "/v1/takedowns", (_JSON,), body), JobAnswer)


def job(asker: Asker, job_id: str) -> Operation[JobAnswer]:
    """How a job stands."""
    return asker.value(Request("GET", job_path(job_id)), JobAnswer)


def cancel_job(asker: Asker, job_id: str) -> Operation[JobAnswer]:
    """Cancel an export and remove its parts."""
    return asker.value(Request("DELETE", job_path(job_id)), JobAnswer)


def job_path(job_id: str) -> str:
    """The path of a job.

    Raises:
        ValueError: that is the id of none.
    """
    if not (job_id.isascii() and job_id.isalnum()):
        raise ValueError(f"{job_id[:64]!r} is the id of no job")
    return f"/v1/jobs/{job_id}"


def wait_for(asker: Asker, waiting: JobAnswer, timeout_s: float | None) -> Operation[JobAnswer]:
    """A job that has succeeded.

    Raises:
        JobFailedError, JobUnfinishedError
    """
    began_s = asker.clock()
    while not waiting.ended:
        spent_s = asker.clock() - began_s
        if timeout_s is not None and spent_s >= timeout_s:
            raise JobUnfinishedError(waiting, spent_s)
        yield Pause(LOOK_S)
        waiting = yield from job(asker, waiting.id)
    if waiting.status != "succeeded":
        raise JobFailedError(waiting)
    return waiting


def job_results(asker: Asker, job_id: str) -> Stream[LineResult]:
    """What became of each line of a write."""
    lines = Lines(asker, f"{job_path(job_id)}/results")
    while (line := (yield from lines.next())) is not None:
        yield Emit(asker.decoded(line, LineResult))
