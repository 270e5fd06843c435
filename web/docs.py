"""The documentation pages of the API: `/docs`, and a page for each problem type at its own address.

Contract: made from the OpenAPI document and `problems.TYPES`; readable offline, nothing is fetched from elsewhere.

Not here: guides and tutorials (`docs/`).
"""

import re
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from web.problems import TYPES, Problem, type_address

_SECURITY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'"
}


def _prose(text: str) -> Markup:
    """Text in which `backticks` mark code."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped before


_templates = Environment(
    loader=PackageLoader("web", "."),
    autoescape=select_autoescape(),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters["prose"] = _prose


def docs_routes(document: dict[str, Any]) -> list[BaseRoute]:
    """The routes; `document` is the OpenAPI document."""

    def html(values: dict[str, Any]) -> Response:
        content = _templates.get_template("docs.html").render(type_address=type_address, **values)
        return Response(content, headers={**_SECURITY, "Cache-Control": "no-cache"}, media_type="text/html")

    async def docs(_request: Request) -> Response:
        return html({"document": document, "problems": TYPES, "slug": None})

    async def problem(request: Request) -> Response:
        slug = request.path_params["slug"]
        if slug not in TYPES:
            raise Problem("not-found", "there is no such problem type")
        return html({"document": document, "problems": {slug: TYPES[slug]}, "slug": slug})

    return [Route("/docs", docs, methods=["GET"]), Route("/docs/problems/{slug}", problem, methods=["GET"])]
