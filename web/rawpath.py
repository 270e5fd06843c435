"""Routes whose last segment is a percent-encoded id, matched on the path as it was sent.

Contract: `/v1/articles/{id}` matches exactly one raw segment, so that an id with slashes (sent as `%2F`) is one
segment, and `{id}/versions` could never be mistaken for an id. The decoded id is in `path_params["id"]`; bytes that
are not UTF-8 make the path match nothing.

Not here: which routes use it (`search/routes.py`).
"""

from typing import Any
from urllib.parse import unquote_to_bytes

from starlette.routing import Match, Route
from starlette.types import Scope


class RawPathRoute(Route):
    """A `Route` for `PREFIX/{id}`."""

    def __init__(self, prefix: str, endpoint: Any, **options: Any) -> None:
        super().__init__(prefix + "/{id}", endpoint, **options)
        self._prefix = prefix.encode() + b"/"

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match on `raw_path`, else as Starlette would."""
        if scope["type"] != "http" or not scope["raw_path"].startswith(self._prefix):
            return Match.NONE, {}
        segment = scope["raw_path"][len(self._prefix) :]
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
