"""Shortcuts: requests that are answered before they are routed, parsed and understood.

Whoever answers a request may remember the address as it was sent, with what it was answered, for as long as that is
the answer. A request to the same address then costs little more than reading it.

Contract: around the edge and the guard, whose work it does for what it answers: a request has its id and is counted,
and nobody gets what he may not read. Only GET and HEAD are looked at. What is not known, or not allowed, is handled
as if this were not there.

Not here: what is known, and for how long (`search/known.py`).
"""

import time
from typing import Any, NamedTuple, Protocol

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from web.access import Access
from web.edge import header_of, headers_of_all, request_id_of, tally_of
from web.guard import private

_METHODS = frozenset({"GET", "HEAD"})


class Known(NamedTuple):
    """An answer."""

    route: Any
    """The route whose answer it is."""
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Shortcuts(Protocol):
    """What is known."""

    def find(self, target: bytes, if_none_match: bytes | None) -> Known | None:
        """The answer to a request for this path and query, as they were sent, with this `If-None-Match`."""

    async def fetch(self, target: bytes, if_none_match: bytes | None) -> Known | None:
        """The same, of answers that are not at hand."""


def target_of(scope: Scope) -> bytes:
    """The path and the query of a request, as they were sent."""
    target: bytes = scope["raw_path"] + b"?" + scope["query_string"]
    return target


class Shortcut:
    """ASGI middleware around the edge; `state["shortcuts"]` knows the answers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection scope."""
        started_s = time.perf_counter()
        known = None
        # Whoever may not read is not even to learn from the time it takes whether others have asked for it.
        if scope["type"] == "http" and scope["method"] in _METHODS and _may_read(scope):
            shortcuts: Shortcuts = scope["state"]["shortcuts"]
            target, tag = target_of(scope), header_of(scope, b"if-none-match")
            known = shortcuts.find(target, tag) or await shortcuts.fetch(target, tag)
        if known is None:
            await self._app(scope, receive, send)
            return
        headers = [*known.headers, *headers_of_all(request_id_of(scope))]
        if _access_of(scope).reads_need_a_key:
            headers = private(headers)
        tally_of(known.route.path, scope["method"], known.status).add(time.perf_counter() - started_s)
        await send({"type": "http.response.start", "status": known.status, "headers": headers})
        await send({"type": "http.response.body", "body": known.body})


def _may_read(scope: Scope) -> bool:
    access = _access_of(scope)
    return access.is_open or access.may_read(Request(scope))


def _access_of(scope: Scope) -> Access:
    access: Access = scope["state"]["access"]
    return access
