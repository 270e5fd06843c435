"""The routes of the operations page: the figures as JSON and as a stream of events, and the page that draws them.

Contract: the figures are for those who may read. What people searched for is told only to callers who have shown a
key, or, where there are no keys, to the user of this machine (`Access.knows`); others learn how long it took. The
page itself is open to all and holds figures only for those who may read; its script asks for a key where one is
needed, sends it as a header, and lets go of it with the tab. A stream ends when its caller may not read any more.

Not here: the figures (`sampling.py`), waiting (`watching.py`), script and style (files beside this one).
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from broadsheet.operations import examples, wording
from broadsheet.operations.sampling import Sample, discreet
from broadsheet.operations.shapes import OperationsAnswer
from broadsheet.operations.watching import Watch
from web.access import Access
from web.headers import CACHE_CONTROL, VARY
from web.openapi import EVENT_STREAM, Operation
from web.pages import Pages
from web.parameters import parse, query_pairs
from web.streams import Ends, EventStream

AGAIN_MS = 2000
"""After how long a caller whose stream ended comes again."""
OPEN = ("/ops", "/ops/")
"""Addresses without figures, or with figures only for those who may read."""

OPERATIONS: Sequence[Operation] = (
    Operation(
        path="/v1/operations",
        tag="Watching",
        answered=(CACHE_CONTROL, VARY),
        example=examples.OPERATIONS,
        summary="How the service fares",
        description="The epoch and its partitions, how much waits to be indexed, jobs, the cache, how long searches "
        "take, the slowest of them and the latest failures, of all processes together. With "
        "`Accept: text/event-stream` the same comes every second as Server-Sent Events: first one `history`, the "
        "ticks of the last minutes as far as they are known, then `operations`. What people searched for is `null` "
        "for callers without a key.",
        answer=OperationsAnswer,
        stream=True,
        problems=("parameter-invalid", "uri-too-long", "overloaded"),
    ),
)

_FRESH = {"Cache-Control": "no-store"}
_JSON = "application/json"

_pages = Pages(
    "broadsheet.operations",
    ("ops.css", "ops.js", "drawing.js"),
    at="/ops/",
    formats=wording.FORMATS,
    values={"figure": wording.figure},
)


def operations_routes() -> list[BaseRoute]:
    """The routes; `request.state.watch` is what they need (`Watch`)."""
    return [
        Route("/v1/operations", _operations, methods=["GET"]),
        Route("/ops", _page, methods=["GET"]),
        *_pages.routes(),
    ]


async def _operations(request: Request) -> Response | EventStream:
    parse((), query_pairs(request))
    watch: Watch = request.state.watch
    access: Access = request.state.access
    accepted = {one.partition(";")[0].strip().lower() for one in request.headers.get("accept", "").split(",")}
    if EVENT_STREAM in accepted and request.method != "HEAD":
        return figures_stream(watch, lambda: access.may_read(request), lambda: access.knows(request))
    body = (await watch.now()).body(known=access.knows(request))
    return Response(body, headers={**_FRESH, "Vary": "Accept"}, media_type=_JSON)


def figures_stream(watch: Watch, allowed: Callable[[], bool], known: Callable[[], bool]) -> EventStream:
    """The figures as Server-Sent Events: what was before, then every look."""

    async def pieces(ends: Ends) -> AsyncGenerator[bytes, None]:
        begun = False
        async with aclosing(watch.stream(ends, allowed)) as samples:
            async for sample in samples:
                event = b"event: operations\ndata: %s\n\n" % sample.body(known=known())
                yield event if begun else _history(sample) + event
                begun = True

    return EventStream(watch.places.take, pieces, {**_FRESH, "Vary": "Accept"})


def _history(sample: Sample) -> bytes:
    return b"retry: %d\nevent: history\ndata: %s\n\n" % (AGAIN_MS, msgspec.json.encode(sample.ticks))


async def _page(request: Request) -> Response:
    parse((), query_pairs(request))
    access: Access = request.state.access
    answer: OperationsAnswer | None = None
    if access.may_read(request):
        answer = (await request.state.watch.now()).answer
    known = access.knows(request)
    shown = answer if known or answer is None else discreet(answer)
    values: dict[str, Any] = {"answer": shown, "known": known}
    return _pages.html("ops.html", values, cache_control="no-store")
