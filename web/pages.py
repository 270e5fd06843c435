"""How pages are made: templates, the files that go with them, and the headers that keep both safe.

Contract: all that a page loads is served from beside it, and its Content-Security-Policy (W3C, level 3) allows no
more than that: no other host, no style or script in the markup. A file is addressed with the digest of its content
(`asset` in templates), so that it is fetched once and kept until it changes; without that it is fetched anew.

Not here: what pages show (`docs.py`, `search/page/`, `broadsheet/operations/`), headers of all answers (`edge.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_POLICY = "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'; "
_SECURITY = {
    "Content-Security-Policy": f"{_POLICY}script-src 'self'; connect-src 'self'; form-action 'self'",
    "Referrer-Policy": "same-origin",
}
_READ_ONLY = {**_SECURITY, "Content-Security-Policy": f"{_POLICY}form-action 'none'"}
_KEPT = "public, max-age=31536000, immutable"
_TYPES = {"css": "text/css", "js": "text/javascript"}


class Pages:
    """The pages of one package, with templates and files beside its modules."""

    def __init__(
        self,
        package: str,
        names: Sequence[str],
        *,
        at: str = "/",
        scripted: bool = True,
        formats: Mapping[str, Callable[..., Any]],
        values: Mapping[str, Any],
    ) -> None:
        """Read templates and files.

        Args:
            package: where they are.
            names: of stylesheets and scripts, which have addresses below `at`.
            at: a path that ends with a slash.
            scripted: whether there are scripts and forms.
            formats: filters of the templates.
            values: what all templates know.
        """
        self._at = at
        self._security = _SECURITY if scripted else _READ_ONLY
        self._contents = {name: files(package).joinpath(name).read_bytes() for name in names}
        self._digests = {
            name: blake2b(content, digest_size=6).hexdigest() for name, content in self._contents.items()
        }
        self._templates = Environment(
            loader=PackageLoader(package, "."),
            autoescape=select_autoescape(),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._templates.filters.update(formats)
        self._templates.globals.update(values, asset=self._address)

    def html(
        self, template: str, values: Mapping[str, Any], status: int = 200, *, cache_control: str = "no-cache"
    ) -> Response:
        """A page, in some milliseconds: in a thread, where it is made of an answer."""
        content = self._templates.get_template(template).render(values)
        return Response(content, status, {**self._security, "Cache-Control": cache_control}, "text/html")

    def routes(self) -> list[Route]:
        """Those of the stylesheets and scripts."""
        return [Route(self._at + name, self._file(name), methods=["GET"]) for name in self._contents]

    def _address(self, name: str) -> str:
        return f"{self._at}{name}?v={self._digests[name]}"

    def _file(self, name: str) -> Callable[[Request], Any]:
        content, media_type = self._contents[name], _TYPES[name.rpartition(".")[2]]

        async def file(request: Request) -> Response:
            current = request.url.query == f"v={self._digests[name]}"
            headers = {"Cache-Control": _KEPT if current else "no-cache"}
            return Response(content, headers=headers, media_type=media_type)

        return file
