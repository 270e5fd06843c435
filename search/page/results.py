"""The search page: what it asks of the archive, and what it shows of the answer.

Contract: the address takes the parameters of `GET /v1/search`, but for those that decide what an answer holds. Copies
are shown once unless `collapse=none` says otherwise. What is wrong with a request is told on the page, with the
status that the API gives.

Not here: the markup (`search.html`), filters (`filters.py`), the timeline (`timeline.py`).
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from search.dates import Date
from search.page.filters import LABELS, groups_of, narrowed_by
from search.page.links import Given, address_of, api_address_of, at_cursor, given_of, without
from search.page.rendering import PAGES, told
from search.page.timeline import dates_of, facets_for, timeline_of
from search.parameters import DEFAULT_FACET_LIMIT, parse_search
from search.service import SearchService
from web.parameters import query_pairs
from web.problem_types import TYPES
from web.problems import Problem

SHOWN = ("q", "from", "to", "sort", "recency", "collapse")
"""Parameters that the form shows; others that a search has are kept in it."""
PATIENCE_MS = 5000
"""How long a search may take if nothing is said: for people a late answer is better than none."""
_FIELDS = "id,title,published_at,authors,source,section,snippet"


async def results_page(request: Request, service: SearchService) -> Response:
    """The page of the search that a request asks for.

    Raises:
        Problem: the request cannot be read at all.
    """
    given = given_of(query_pairs(request))
    try:
        served = await service.search(parse_search(_asked(given)), request.state.timings)
        archive = service.current().articles
    except Problem as problem:
        said = told(problem)
        values = {**_form(given), "answer": None, "problem": {**said, "resume": at_cursor(given, said["resume"])}}
        return PAGES.html("search.html", values, TYPES[problem.slug].status)
    return await asyncio.to_thread(_page, given, served.answer.body, archive)


def _page(given: Given, body: bytes, archive: int) -> Response:
    answer = orjson.loads(body)
    values = {
        **_form(given),
        "problem": None,
        "answer": answer,
        "archive": archive,
        "groups": groups_of(given, answer["facets"]),
        "narrowed": narrowed_by(given, dates_of(given)),
        "plain": address_of(tuple(pair for pair in given if pair[0] == "q")),
        "timeline": timeline_of(given, answer["facets"]),
        "next": at_cursor(given, answer["page"]["next"]),
        "prev": at_cursor(given, answer["page"]["prev"]),
        "first": address_of(without(given)) if any(name == "cursor" for name, _ in given) else None,
        "meant": _meant(given, answer["did_you_mean"]),
        "api": api_address_of(without(given)),
    }
    return PAGES.html("search.html", values)


def _form(given: Given) -> dict[str, Any]:
    form = {name: next((text for other, text in given if other == name), "") for name in SHOWN}
    kept = [(name, text) for name, text in without(given) if name not in SHOWN]
    return {"form": form, "kept": kept}


def _asked(given: Given) -> list[tuple[str, str]]:
    """The parameters of the API for a page's."""
    collapse = dict(given).get("collapse", "story")
    added = {
        "collapse": collapse,
        "fields": _FIELDS + (",copies" if collapse == "story" else ""),
        "highlight": "true",
        "facets": ",".join((*LABELS, *facets_for(*_bounds(given)))),
        "facet_limit": str(DEFAULT_FACET_LIMIT),
        "timeout_ms": str(PATIENCE_MS),
    }
    names = {name for name, _text in given}
    return [*given, *((name, text) for name, text in added.items() if name not in names)]


def _bounds(given: Given) -> tuple[Date | None, Date | None]:
    """The bounds in time, as far as they can be read: what is wrong with them is told by the whole request."""
    try:
        parameters = parse_search([(name, text) for name, text in given if name in {"from", "to"}])
    except Problem:
        return None, None
    return parameters.start, parameters.end


def _meant(given: Given, meant: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if meant is None:
        return None
    others = without(given, "q")
    return {**meant, "address": address_of((("q", meant["q"]), *others))}
