"""The guard: what happens to every request between the edge and its route, so that no route is open by oversight.

Contract: whoever may not read gets no further, whatever the method and whether there is such a route or not, but for
the addresses that are open to all. `request.state.caller` says who calls. Where reads need a key, an answer that says
`Cache-Control: public` says `private` instead, and that it varies with the key: no cache may give it to somebody
else.

Not here: what a request must show (`access.py`); what more than reading a route demands (its handler, by
`request.state.access`).
"""

from collections.abc import Collection, Iterable

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.access import SAFE_METHODS, Access
from web.problems import Problem, on_problem


class Guard:
    """ASGI middleware inside the edge.

    Args:
        app: what is guarded.
        open_paths: what everybody may GET; one that ends in a slash, but `/`, stands for all below it.
    """

    def __init__(self, app: ASGIApp, open_paths: Collection[str]) -> None:
        self._app = app
        self._open = frozenset(open_paths)
        self._open_folders = tuple(path for path in open_paths if path.endswith("/") and path != "/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection scope."""
        if scope["type"] != "http" or self._is_open(scope):
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        access: Access = request.state.access
        try:
            scope["state"]["caller"] = access.require(request, "read")
        except Problem as problem:
            await (await on_problem(request, problem))(scope, receive, send)
            return
        await self._app(scope, receive, _privately(send) if access.reads_need_a_key else send)

    def _is_open(self, scope: Scope) -> bool:
        path: str = scope["path"]
        return scope["method"] in SAFE_METHODS and (path in self._open or path.startswith(self._open_folders))


def private(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers of an answer that no cache may give to somebody else."""
    changed = MutableHeaders(raw=list(headers))
    if kept := changed.get("cache-control"):
        changed["Cache-Control"] = kept.replace("public", "private")
    changed.add_vary_header("Authorization")
    return changed.raw


def _privately(send: Send) -> Send:
    async def send_privately(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = private(message["headers"])
        await send(message)

    return send_privately
