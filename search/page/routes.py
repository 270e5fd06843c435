"""The routes of the web page.

Contract: `/` takes the parameters of `GET /v1/search` and shows its answer, `/articles/{id}` shows one article;
problems are pages, too. None needs a script.

Not here: what is shown (`results.py`, `article.py`), how (`rendering.py`, the templates beside this file).
"""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from search.page.article import VersionsOf, article_page
from search.page.rendering import PAGES, problem_page
from search.page.results import results_page
from search.routes import ServiceOf
from web.problems import Problem
from web.rawpath import RawPathRoute


def page_routes(service_of: ServiceOf, versions_of: VersionsOf) -> list[BaseRoute]:
    """The page's routes; `versions_of` tells what became of an article."""

    async def search(request: Request) -> Response:
        try:
            return await results_page(request, service_of(request))
        except Problem as problem:
            return problem_page(problem)

    async def article(request: Request) -> Response:
        try:
            return await article_page(request, service_of(request), versions_of)
        except Problem as problem:
            return problem_page(problem)

    return [
        Route("/", search, methods=["GET"]),
        RawPathRoute("/articles", article, methods=["GET"]),
        *PAGES.routes(),
    ]
