"""Problems: every error of the API as `application/problem+json` (RFC 9457).

Contract: whatever a handler raises becomes one of those that `problem_types.py` lists; an exception that nobody
expected becomes `internal`, is logged with its request id, and tells the caller nothing else.

Not here: what each of them means (`problem_types.py`), which of them a route raises (the route's own documentation).
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

from web.problem_types import TYPES, type_address

MEDIA_TYPE = "application/problem+json"


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
    """A key of `problem_types.TYPES`."""
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
