"""The edge: what happens to every request before and after its handler.

Contract: each request has an id (`X-Request-Id`, accepted if it looks like one, else made), which is echoed, logged
and named in problems, unexpected exceptions included. Each is counted and timed by route, never by query text. An
address longer than `MAX_TARGET_BYTES` is refused before anything parses it. Timings that handlers note travel as
`Server-Timing`. Of each answer that is our fault, `state["failed"]` is told, where there is one.

Not here: admission (`admission.py`), problems (`problems.py`).
"""

import random
import re
import time
from functools import cache
from typing import NamedTuple

from prometheus_client import Counter, Histogram
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.problems import Problem, address_of, on_exception
from web.tallies import Tally

MAX_TARGET_BYTES = 8192
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
REQUESTS = Counter("broadsheet_http_requests", "HTTP requests answered", ["route", "method", "status"])
DURATION = Histogram(
    "broadsheet_http_request_duration_seconds",
    "Time from the request's arrival to the start of its answer",
    ["route"],
    buckets=BUCKETS,
)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})


def header_of(scope: Scope, name: bytes) -> bytes | None:
    """The first header of this name, which is written small."""
    for other, value in scope["headers"]:
        if other == name:
            found: bytes = value
            return found
    return None


def request_id_of(scope: Scope) -> str:
    """The id that a request brings, if it looks like one; else a new one."""
    offered = header_of(scope, b"x-request-id")
    if offered is not None and _REQUEST_ID.fullmatch(offered):
        return offered.decode()
    return f"{random.getrandbits(64):016x}"


def headers_of_all(request_id: str) -> list[tuple[bytes, bytes]]:
    """What every answer has."""
    return [(b"x-request-id", request_id.encode()), (b"x-content-type-options", b"nosniff")]


def counted(route: str, method: str, status: int, started_s: float) -> None:
    """Count and time an answer, whose request came at `started_s` (performance counter)."""
    requests, duration = _counters(route, method if method in _METHODS else "other", status)
    requests.inc()
    duration.observe(time.perf_counter() - started_s)


@cache
def tally_of(route: str, method: str, status: int) -> Tally:
    """The same for many answers of one kind, that take next to no time each."""
    return Tally(*_counters(route, method, status), BUCKETS)


@cache
def _counters(route: str, method: str, status: int) -> tuple[Counter, Histogram]:
    """Those of one kind of answer; looking them up takes longer than counting."""
    return REQUESTS.labels(route, method, status), DURATION.labels(route)


class Failure(NamedTuple):
    """An answer that is our fault, or that we had no room for."""

    status: int
    """From 500 on."""
    problem: str
    """Its type (`problems.TYPES`)."""
    method: str
    route: str
    request_id: str


class Timings:
    """Named durations of one request."""

    def __init__(self) -> None:
        self._spent: dict[str, float] = {}

    def add(self, name: str, started_s: float) -> None:
        """Note the time since `started_s` (performance counter) under `name`."""
        self._spent[name] = self._spent.get(name, 0.0) + time.perf_counter() - started_s

    def header(self) -> str:
        """The value of `Server-Timing`."""
        return ", ".join(f"{name};dur={spent * 1000:.2f}" for name, spent in self._spent.items())


class Edge:
    """ASGI middleware around the whole app."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection scope."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started_s = time.perf_counter()
        request_id = request_id_of(scope)
        timings = Timings()
        scope["state"] = {**scope.get("state", {}), "request_id": request_id, "timings": timings}

        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            started = True
            if message["type"] == "http.response.start":
                headers = [*message["headers"], *headers_of_all(request_id)]
                if timing := timings.header():
                    headers.append((b"server-timing", timing.encode()))
                message["headers"] = headers
                status, route = message["status"], getattr(scope.get("route"), "path", "none")
                counted(route, scope["method"], status, started_s)
                if status >= 500 and (failed := scope["state"].get("failed")):
                    problem = scope["state"].get("problem", "internal")
                    failed(Failure(status, problem, scope["method"], route, request_id))
            await send(message)

        if len(scope["raw_path"]) + len(scope["query_string"]) > MAX_TARGET_BYTES:
            problem = Problem("uri-too-long", f"the address is longer than {MAX_TARGET_BYTES} bytes")
            await problem.response(request_id, address_of(Request(scope))[:100])(scope, receive, send_with_headers)
            return
        try:
            await self._app(scope, receive, send_with_headers)
        except Exception as error:
            if started:  # nothing can be said any more
                raise
            await (await on_exception(Request(scope), error))(scope, receive, send_with_headers)
