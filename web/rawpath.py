"""Routes with a percent-encoded id in them, matched on the path as it was sent.

Contract: `{id}` in `/v1/articles/{id}` and `/v1/articles/{id}/versions` matches exactly one raw segment, so that an
id with slashes (sent as `%2F`) is one segment, and what follows an id is never mistaken for a part of it. The decoded
id is in `path_params["id"]`; bytes that are not UTF-8 make the path match nothing. Rooms may each serve some methods
of one address: a refusal names them all (RFC 9110, section 15.5.6), once `allow_together` was told of them.

Not here: which routes use it (`search/routes.py`).
"""

from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote_to_bytes

from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send


class RawPathRoute(Route):
    """A `Route` for `PREFIX/{id}`, or for `PREFIX/{id}SUFFIX`."""

    def __init__(self, prefix: str, endpoint: Any, *, suffix: str = "", **options: Any) -> None:
        super().__init__(prefix + "/{id}" + suffix, endpoint, **options)
        self._prefix = prefix.encode() + b"/"
        self._suffix = suffix.encode()
        self.allowed = set(self.methods or ())
        """Methods of all routes at this address."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match on `raw_path`, else as Starlette would."""
        if scope["type"] != "http" or not scope["raw_path"].startswith(self._prefix):
            return Match.NONE, {}
        rest: bytes = scope["raw_path"][len(self._prefix) :]
        segment = rest.removesuffix(self._suffix)
        if not rest.endswith(self._suffix):
            return Match.NONE, {}
        try:
            article_id = unquote_to_bytes(segment).decode()
        except UnicodeDecodeError:
            return Match.NONE, {}
        if not segment or b"/" in segment:
            return Match.NONE, {}
        child = {"endpoint": self.endpoint, "path_params": {**scope.get("path_params", {}), "id": article_id}}
        if self.methods and scope["method"] not in self.methods:
            return Match.PARTIAL, child
        return Match.FULL, {**child, "route": self}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse the method."""
        if scope["method"] not in (self.methods or ()):
            raise HTTPException(405, headers={"Allow": ", ".join(sorted(self.allowed))})
        await super().handle(scope, receive, send)


def allow_together(routes: Iterable[BaseRoute]) -> None:
    """Let routes at the same address know of each other's methods."""
    served: dict[str, set[str]] = {}
    for route in routes:
        if isinstance(route, RawPathRoute):
            route.allowed = served.setdefault(route.path, set())
            route.allowed |= set(route.methods or ())
