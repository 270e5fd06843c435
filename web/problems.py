"""Problems: every error of the API as `application/problem+json` (RFC 9457).

Contract: `TYPES` lists every problem the API can answer, and the documentation is made from it. Whatever a handler
raises becomes one of them; an exception that nobody expected becomes `internal`, is logged with its request id, and
tells the caller nothing else.

Not here: which of them a route raises (the route's own documentation).
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import orjson
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One kind of problem."""

    status: int
    title: str
    explanation: str
    """What happened and what to do about it; a paragraph for the documentation."""


TYPES: Mapping[str, ProblemType] = {
    "parameter-invalid": ProblemType(
        400,
        "A parameter is not acceptable",
        "`errors` names each parameter with what is wrong. Unknown parameters and single-value parameters given "
        "twice are refused too, since a silent typo is worse than an error.",
    ),
    "query-invalid": ProblemType(
        400,
        "The query cannot be executed",
        "`detail` says which limit the query exceeds or what is unusual about its syntax; `errors` holds the "
        "position where it is known. Correct the text of `q`.",
    ),
    "cursor-invalid": ProblemType(
        400,
        "The cursor is not one of ours",
        "The cursor was not made by this service, was cut or altered, or was signed with a key that is no longer "
        "accepted. Leave it out to start from the beginning.",
    ),
    "cursor-mismatch": ProblemType(
        400,
        "The cursor belongs to another query",
        "A cursor continues exactly the query, filters and order it was made for; only `limit` and `fields` may "
        "change. Leave it out to start from the beginning.",
    ),
    "unauthorized": ProblemType(
        401,
        "A key is needed, and none that is valid was sent",
        "Send `Authorization: Bearer` with a key that `broadsheet keys add` made. A key that has expired, was "
        "revoked or was cut is as good as none. Keys are never taken from the address.",
    ),
    "forbidden": ProblemType(
        403,
        "This caller may not do this",
        "`detail` says why. Either the role of the key is too small: `admin` includes `write`, which includes "
        "`read`. Or the server has no keys, and the request may come from a web page of another site: then address "
        "it to `localhost`, `127.0.0.1` or `[::1]` and send it from a program, or make a key with "
        "`broadsheet keys add`.",
    ),
    "article-invalid": ProblemType(
        422, "This is no article", "`detail` names the field, what is wrong with it and what is right."
    ),
    "body-invalid": ProblemType(
        400,
        "The body cannot be read",
        "`detail` says where and why. Send one JSON object; bulk takes NDJSON.",
    ),
    "body-too-large": ProblemType(413, "The body is too large", "`detail` says how large it may be."),
    "body-too-slow": ProblemType(
        408,
        "The body did not come",
        "Nothing of it arrived for half a minute. What was logged of a bulk body stays; send it again, with the same "
        "`Idempotency-Key`.",
    ),
    "media-type-unsupported": ProblemType(
        415, "This kind of body is not accepted here", "`detail` names the `Content-Type` that is."
    ),
    "version-conflict": ProblemType(
        412,
        "The article is at another version",
        "`If-Match` names the version that was changed, but another is shown now. Read it and decide.",
    ),
    "article-taken-down": ProblemType(
        410, "The article was taken down", "For good: nothing under its id is accepted or shown any more."
    ),
    "job-not-found": ProblemType(404, "There is no such job", "Jobs can be asked about for seven days."),
    "job-not-cancelable": ProblemType(
        409,
        "The job cannot be canceled",
        "Exports can. What a write logged stays: write again to correct it. A takedown is for good.",
    ),
    "idempotency-busy": ProblemType(
        409, "The request with this key is being received", "Wait until it has ended, and look at its job."
    ),
    "idempotency-mismatch": ProblemType(
        422, "The key was used for another request", "An `Idempotency-Key` stands for one request, with one body."
    ),
    "not-found": ProblemType(404, "There is nothing at this address", "See `/docs` for the addresses there are."),
    "article-not-found": ProblemType(
        404, "There is no article with this id", "The id is unknown, or the article was withdrawn."
    ),
    "method-not-allowed": ProblemType(
        405, "This method is not allowed here", "The `Allow` header lists the methods that are."
    ),
    "cursor-expired": ProblemType(
        410,
        "The state of the archive that the cursor points into is no longer kept",
        "`links.resume` continues from the same place in the newest state; the walk may then repeat or skip articles "
        "whose rank changed in between.",
    ),
    "uri-too-long": ProblemType(414, "The address is too long", "Shorten the query."),
    "internal": ProblemType(
        500, "Something went wrong on our side", "Report the `request_id`: the log has the details under it."
    ),
    "overloaded": ProblemType(503, "The service is full", "Ask again after the seconds that `Retry-After` gives."),
    "log-unusable": ProblemType(
        503,
        "The log cannot be used just now",
        "`detail` says why: the disk is full, or fails. Searches go on. What was answered so is not acknowledged: "
        "send it again, with the same `Idempotency-Key`, after the seconds that `Retry-After` gives.",
    ),
    "not-ready": ProblemType(
        503,
        "The archive has nothing to search yet",
        "Index some articles, or wait until the service has opened them.",
    ),
    "not-indexed-yet": ProblemType(
        503,
        "The index is not that far yet",
        "`min_seq` asks for an epoch that has applied this log sequence, and none had before the deadline.",
    ),
    "partial-results": ProblemType(
        503,
        "Some partitions did not answer",
        "Where it is known which, `coverage` names them with the reason. Ask again, or allow a partial answer with "
        "`allow_partial=true`.",
    ),
    "timeout": ProblemType(
        504,
        "Nothing was found out in time",
        "Simplify the query, or allow it more time with `timeout_ms`.",
    ),
}


def type_address(slug: str) -> str:
    """The `type` of a problem: the address of its page, relative to the service."""
    return f"/docs/problems/{slug}"


@dataclass(frozen=True, slots=True)
class ParameterError:
    """What is wrong with one parameter."""

    parameter: str
    detail: str
    position: int | None = None
    """Offset into the parameter's value, where it is known."""


@dataclass(slots=True)
class Problem(Exception):  # noqa: N818 - RFC 9457's own word
    """An error as the caller will see it."""

    slug: str
    """A key of `TYPES`."""
    detail: str
    errors: Sequence[ParameterError] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    members: Mapping[str, Any] = field(default_factory=dict)
    """Further members of the body, as RFC 9457 section 3.2 allows."""

    def response(self, request_id: str, instance: str) -> Response:
        """The HTTP response that says it."""
        kind = TYPES[self.slug]
        body: dict[str, Any] = {
            "type": type_address(self.slug),
            "title": kind.title,
            "status": kind.status,
            "detail": self.detail,
            "instance": instance,
            "request_id": request_id,
        }
        if self.errors:
            body["errors"] = [
                {
                    "parameter": error.parameter,
                    "detail": error.detail,
                    **({} if error.position is None else {"position": error.position}),
                }
                for error in self.errors
            ]
        headers = {"Cache-Control": "no-store", **self.headers}
        return Response(orjson.dumps({**body, **self.members}), kind.status, headers, MEDIA_TYPE)


_BY_STATUS = {404: "not-found", 405: "method-not-allowed"}
_log = structlog.get_logger()


def retry_after(seconds: int) -> dict[str, str]:
    """The header that says when to come back: in so many seconds or up to half as many more, one at least.

    Those who were refused together do not come back together.
    """
    return {"Retry-After": str(random.randint(seconds, seconds + max(1, seconds // 2)))}  # noqa: S311 - not a secret


async def on_problem(request: Request, error: Exception) -> Response:
    """Starlette's handler for `Problem`."""
    assert isinstance(error, Problem)
    request.state.problem = error.slug
    return error.response(request_id_of(request), address_of(request))


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Starlette's handler for what its router raises."""
    assert isinstance(error, HTTPException)
    slug = _BY_STATUS.get(error.status_code, "internal")
    address = address_of(request)
    detail = f"{request.method} {address}: {HTTPStatus(error.status_code).phrase.lower()}"
    problem = Problem(slug, detail, headers=error.headers or {})
    return problem.response(request_id_of(request), address)


async def on_exception(request: Request, error: Exception) -> Response:
    """What `edge.py` makes of everything else."""
    request_id, address = request_id_of(request), address_of(request)
    _log.error("request failed", request_id=request_id, path=address, exc_info=error)
    problem = Problem("internal", "the request could not be answered; it was logged under its request id")
    return problem.response(request_id, address)


HANDLERS = {Problem: on_problem, HTTPException: on_http_exception}
"""For `Starlette(exception_handlers=...)`, which would handle `Exception` outside the edge."""


def request_id_of(request: Request) -> str:
    """The request's id, as `edge.py` set it."""
    return str(request.scope["state"]["request_id"])


def address_of(request: Request) -> str:
    """The path as it was sent: decoded, an id with a slash would be another address."""
    raw_path: bytes = request.scope["raw_path"]
    return raw_path.decode("ascii", "replace")
