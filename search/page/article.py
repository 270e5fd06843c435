"""The article page: what it asks, and what it shows.

The words of `q` are marked; `changed` names a version whose difference from the one before is shown.

Contract: what was withdrawn or taken down says so, and why, where that was said; nothing of its text is shown. What
belongs to an article but cannot be found out just now is left out, and the article is shown.

Not here: the markup (`article.html`, `gone.html`), how versions are compared (`differences.py`).
"""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from partition.analysis import language_of
from search.citations import bibtex
from search.lookup_parameters import parse_similar
from search.page.differences import difference
from search.page.rendering import PAGES, problem_page
from search.parameters import SEARCH
from search.service import SearchService
from search.snippets import marked
from web.parameters import Parameter, integer, parse, query_pairs
from web.problem_types import TYPES
from web.problems import Problem

VersionsOf = Callable[[Request], Awaitable[bytes]]
"""The body of `GET /v1/articles/{id}/versions`, of the id of a request; refuses with a `Problem`."""

ARTICLE = (
    *(one for one in SEARCH if one.name in {"q", "timeout_ms"}),
    Parameter(
        name="changed",
        description="The version whose difference from the one before is shown.",
        schema={"type": "integer", "minimum": 1, "maximum": (1 << 31) - 1},
        convert=integer(1, (1 << 31) - 1),
        example=2,
    ),
)
"""Parameters of the page."""
_MAX_COPIES = 20
"""Shown with their titles; the others are counted."""
_SIMILAR = (("limit", "6"), ("fields", "id,title,published_at,source,section,story_id"))
_MAX_SIMILAR = 5
_GONE = frozenset({"article-not-found", "article-taken-down"})


async def article_page(request: Request, service: SearchService, versions_of: VersionsOf) -> Response:
    """The page of the article with the id of a request."""
    article_id: str = request.path_params["id"]
    try:
        asked = parse(ARTICLE, query_pairs(request))
        served = await service.lookups.article(article_id, request.state.timings)
    except Problem as problem:
        if problem.slug not in _GONE:
            return problem_page(problem)
        return await _gone(request, problem, versions_of)
    article: dict[str, Any] = await asyncio.to_thread(orjson.loads, served.answer.body)  # it may have a megabyte
    told = _versions(request, versions_of) if article["version"] > 1 else _none()
    alike = _similar(request, service, article, asked["timeout_ms"])
    versions, copies, similar = await asyncio.gather(told, _copies(request, service, article), alike)
    values: dict[str, Any] = {
        "article": article,
        "q": asked["q"],
        "versions": versions,
        "copies": copies,
        "similar": similar,
    }
    return await asyncio.to_thread(_page, values, service.words(asked["q"]), asked["changed"])


def _page(values: dict[str, Any], words: frozenset[str], changed: int | None) -> Response:
    article = values["article"]
    language = language_of(article["language"])
    made = {
        "title": marked(article["title"], words, language),
        "paragraphs": [one for one in marked(article["body"], words, language).splitlines() if one.strip()],
        "changed": _changed(values["versions"], changed),
        "bibtex": bibtex(article),
    }
    return PAGES.html("article.html", {**values, **made})


async def _gone(request: Request, problem: Problem, versions_of: VersionsOf) -> Response:
    """The page of an article that is not there: never was, or is there no more."""
    versions = await _versions(request, versions_of)
    if not versions and problem.slug == "article-not-found":
        return problem_page(problem)
    return PAGES.html("gone.html", {"slug": problem.slug, "versions": versions}, TYPES[problem.slug].status)


async def _none() -> list[dict[str, Any]]:
    """Of an article that was never changed."""
    return []


async def _versions(request: Request, versions_of: VersionsOf) -> list[dict[str, Any]]:
    """The latest versions, the newest first; none if they cannot be told."""
    try:
        versions: list[dict[str, Any]] = orjson.loads(await versions_of(request))["data"]
    except Problem:
        return []
    return versions


async def _copies(request: Request, service: SearchService, article: dict[str, Any]) -> list[dict[str, Any]]:
    """The first of the other articles of the story, as far as they can be read."""
    found = []
    # One after the other: together they would take the places of other requests.
    for one in article["copies"]["ids"][:_MAX_COPIES] if article["copies"] else []:
        try:
            served = await service.lookups.article(one, request.state.timings)
        except Problem:
            continue
        found.append(orjson.loads(served.answer.body))
    return found


async def _similar(
    request: Request, service: SearchService, article: dict[str, Any], timeout_ms: int
) -> list[dict[str, Any]]:
    """Articles that are like this one and tell another story."""
    parameters = parse_similar([*_SIMILAR, ("timeout_ms", str(timeout_ms))])
    try:
        served = await service.lookups.similar(article["id"], parameters, request.state.timings)
    except Problem:
        return []
    shown: dict[str, dict[str, Any]] = {}
    for one in orjson.loads(served.answer.body)["data"]:
        if one["story_id"] != article["story_id"]:
            shown.setdefault(one["story_id"], one)
    return list(shown.values())[:_MAX_SIMILAR]


def _changed(versions: list[dict[str, Any]], version: int | None) -> dict[str, Any] | None:
    """What changed in a version, if its text and that of the one before are known."""
    texts = [one for one in versions if one["article"]]
    for new, old in pairwise(texts):
        if new["version"] == version:
            return {"new": new, "old": old, "difference": difference(old["article"], new["article"])}
    return None
