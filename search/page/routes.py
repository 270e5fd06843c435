"""The routes of the web page.

Contract: `/` takes the parameters of `GET /v1/search` and shows its answer, problems included; it has its own idea of
what an answer holds (`fields` and the like). `/articles/{id}` shows one article. Both set a strict
Content-Security-Policy.

Not here: the templates beside this file, the answers (`search/answers.py`).
"""

from collections.abc import Mapping
from datetime import datetime
from importlib.resources import files
from typing import Any

import orjson
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from search.parameters import parse_search
from search.routes import ServiceOf
from web.parameters import query_pairs
from web.problem_types import TYPES
from web.problems import Problem
from web.rawpath import RawPathRoute

_SECURITY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
}
_OURS = ("fields", "facets", "facet_limit", "highlight", "explain", "explain_id")
"""Parameters that decide what an answer holds: the page has its own."""
_SHOWN = ("q", "from", "to", "sort", "section", "source")
"""Parameters that the form shows; a search made elsewhere may have others, which its links keep."""


def _day(text: str) -> str:
    moment = datetime.fromisoformat(text)
    return f"{moment.day} {moment:%B %Y}"


_templates = Environment(
    loader=PackageLoader("search.page", "."),
    autoescape=select_autoescape(),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters["day"] = _day


def _html(template: str, status: int, values: Mapping[str, Any]) -> Response:
    content = _templates.get_template(template).render(**values)
    return Response(content, status, {**_SECURITY, "Cache-Control": "no-cache"}, "text/html")


def _on_page(address: str | None) -> str | None:
    """The page's own address for an address of the API."""
    return address and address.replace("/v1/search", "/", 1)


def page_routes(service_of: ServiceOf) -> list[BaseRoute]:
    """The page's routes."""
    stylesheet = files("search.page").joinpath("page.css").read_bytes()

    async def search(request: Request) -> Response:
        given = [(name, text) for name, text in query_pairs(request) if text and name not in _OURS]
        form = {name: next((text for other, text in given if other == name), "") for name in _SHOWN}
        values: dict[str, Any] = {"form": form, "answer": None, "problem": None, "next": None, "prev": None}
        status = 200
        try:
            parameters = parse_search(given)
            service = service_of(request)
            served = await service.search(parameters, request.state.timings)
            values["answer"] = orjson.loads(served.answer.body)
            values["archive"] = service.current().articles
            values["next"], values["prev"] = _on_page(served.answer.next), _on_page(served.answer.prev)
        except Problem as problem:
            status = TYPES[problem.slug].status
            resume = problem.members.get("links", {}).get("resume")
            values["problem"] = {
                "title": TYPES[problem.slug].title,
                "detail": problem.detail,
                "resume": _on_page(resume),
            }
        return _html("search.html", status, values)

    async def article(request: Request) -> Response:
        served = await service_of(request).lookups.article(request.path_params["id"], request.state.timings)
        return _html("article.html", 200, {"article": orjson.loads(served.answer.body)})

    async def style(_request: Request) -> Response:
        return Response(stylesheet, headers={"Cache-Control": "public, max-age=300"}, media_type="text/css")

    return [
        Route("/", search, methods=["GET"]),
        RawPathRoute("/articles", article, methods=["GET"]),
        Route("/page.css", style, methods=["GET"]),
    ]
