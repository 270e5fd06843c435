"""The query routes: HTTP in, the service's answers out.

Contract: handlers decode parameters, call the service, and put what is volatile into headers; they hold no state.

Not here: the answers (`answers.py`), the search page (`page/`), problems (`web/problems.py`).
"""

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from search import examples
from search.answers import links_of, partitions_body
from search.citations import BIBTEX, CSL_JSON, CslItem, bibtex, csl_item
from search.known import told_of
from search.lookup_parameters import SIMILAR, SUGGEST, parse_similar, parse_suggest
from search.parameters import MIN_SEQ, SEARCH, parse_search
from search.ports import Served
from search.service import REVALIDATED, SearchService
from search.shapes import ArticleAnswer, PartitionsAnswer, SearchAnswer, SimilarAnswer
from search.suggestions import SuggestAnswer
from web.conditional import offered_tags
from web.headers import CACHE_CONTROL, EPOCH, LINK, OF_KEPT
from web.openapi import Operation
from web.parameters import parse, query_pairs
from web.rawpath import RawPathRoute
from web.shortcuts import target_of
from web.times import iso

JSON = "application/json"

ServiceOf = Callable[[Request], SearchService]


def _answer(
    request: Request, service: SearchService, begun: int, served: Served, links: dict[str, str | None]
) -> Response:
    """The answer, or 304 to a caller who has it; from now on it is known (`known.py`).

    A tag is weak: when a body was made, and where its links lead, does not count. Whoever has an equal body of an
    earlier state keeps it, as long as cursors of that state are good.
    """
    answer, state, stale = served.answer, served.state, served.cached.stale_s is not None
    headers = {
        "Broadsheet-Epoch": str(state.epoch),
        "Broadsheet-Indexed-Through": f"{state.applied_seq}; {iso(state.indexed_through_ms)}",
        "Cache-Control": (REVALIDATED if stale else service.cache_control) if answer.complete else "no-store",
        **told_of(served.cached),
    }
    if shown := [f'<{address}>; rel="{relation}"' for relation, address in links.items() if address]:
        headers["Link"] = ", ".join(shown)
    whole = Response(answer.body, headers=headers, media_type=JSON)
    if not answer.complete:
        return whole
    tag = f"{answer.state.applied_seq:x}-{answer.digest}"
    etag = f'W/"{tag}"'
    if served.cached.name and not stale:
        target, route = target_of(request.scope), request.scope["route"]
        service.known.remember(target, begun, served.cached.name, route, whole.raw_headers, etag.encode())
    offered = next((one for one in offered_tags(request.headers.get("If-None-Match")) if _is_same(one, served)), None)
    if offered is None:
        whole.headers["ETag"] = etag
        return whole
    return Response(status_code=304, headers={**headers, "ETag": etag if offered == "*" else f'W/"{offered}"'})


def _is_same(tag: str, served: Served) -> bool:
    """Whether a tag is that of this answer, or of an equal one that is as good."""
    if tag == "*":
        return True
    seq, _, digest = tag.partition("-")
    return (
        digest == served.answer.digest
        and re.fullmatch(r"[0-9a-f]{1,16}", seq) is not None
        and served.since_seq <= int(seq, 16) <= served.state.applied_seq
    )


def query_routes(service_of: ServiceOf) -> list[BaseRoute]:
    """The routes of this room; `service_of` finds the service of a request's app."""

    def begins(request: Request) -> tuple[SearchService, int]:
        service = service_of(request)
        return service, service.known.moment()

    async def search(request: Request) -> Response:
        parameters = parse_search(query_pairs(request))
        service, begun = begins(request)
        served = await service.search(parameters, request.state.timings)
        answer = served.answer
        links = {"next": answer.next, "prev": answer.prev, "first": links_of(parameters, None)}
        return _answer(request, service, begun, served, links)

    async def article(request: Request) -> Response:
        values = parse((MIN_SEQ,), query_pairs(request))
        service, begun = begins(request)
        article_id = request.path_params["id"]
        served = await service.lookups.article(article_id, request.state.timings, values["min_seq"])
        return _answer(request, service, begun, served, {})

    async def similar(request: Request) -> Response:
        parameters = parse_similar(query_pairs(request))
        service, begun = begins(request)
        article_id = request.path_params["id"]
        served = await service.lookups.similar(article_id, parameters, request.state.timings)
        return _answer(request, service, begun, served, {})

    async def bibliography(request: Request, made: Callable[[Any], bytes], media_type: str) -> Response:
        values = parse((MIN_SEQ,), query_pairs(request))
        service = service_of(request)
        article_id = request.path_params["id"]
        served = await service.lookups.article(article_id, request.state.timings, values["min_seq"])
        headers = {"Cache-Control": REVALIDATED, "Broadsheet-Epoch": str(served.state.epoch)}
        return Response(made(orjson.loads(served.answer.body)), headers=headers, media_type=media_type)

    async def in_bibtex(request: Request) -> Response:
        return await bibliography(request, lambda article: bibtex(article).encode(), BIBTEX)

    async def in_csl_json(request: Request) -> Response:
        return await bibliography(request, lambda article: msgspec.json.encode([csl_item(article)]), CSL_JSON)

    async def suggest(request: Request) -> Response:
        parameters = parse_suggest(query_pairs(request))
        service, begun = begins(request)
        served = await service.lookups.suggest(parameters, request.state.timings)
        return _answer(request, service, begun, served, {})

    async def partitions(request: Request) -> Response:
        parse((), query_pairs(request))
        service = service_of(request)
        manifest = service.current()
        # In a thread: there may be thousands of parked events.
        body = await asyncio.to_thread(partitions_body, manifest, service.partition_of)
        headers = {"Cache-Control": "no-cache", "Broadsheet-Epoch": str(manifest.epoch)}
        return Response(orjson.dumps(body), headers=headers, media_type=JSON)

    return [
        Route("/v1/search", search, methods=["GET"]),
        RawPathRoute("/v1/articles", article, methods=["GET"]),
        RawPathRoute("/v1/articles", similar, suffix="/similar", methods=["GET"]),
        RawPathRoute("/v1/articles", in_bibtex, suffix="/bibtex", methods=["GET"]),
        RawPathRoute("/v1/articles", in_csl_json, suffix="/csl-json", methods=["GET"]),
        Route("/v1/suggest", suggest, methods=["GET"]),
        Route("/v1/partitions", partitions, methods=["GET"]),
    ]


_ABOUT_ONE = (
    "parameter-invalid",
    "article-not-found",
    "article-taken-down",
    "uri-too-long",
    "overloaded",
    "not-ready",
    "not-indexed-yet",
    "partial-results",
    "timeout",
)
"""Problems of requests that name an article."""

OPERATIONS: Sequence[Operation] = (
    Operation(
        path="/v1/search",
        tag="Searching",
        answered=(*OF_KEPT, LINK),
        example=examples.SEARCHED,
        summary="Search the archive",
        description="One page of articles, best first, with cursors to the pages around it.",
        parameters=SEARCH,
        answer=SearchAnswer,
        conditional=True,
        problems=(
            "parameter-invalid",
            "query-invalid",
            "cursor-invalid",
            "cursor-mismatch",
            "cursor-expired",
            "uri-too-long",
            "overloaded",
            "not-ready",
            "not-indexed-yet",
            "log-unusable",
            "partial-results",
            "timeout",
        ),
    ),
    Operation(
        path="/v1/articles/{id}",
        tag="Articles",
        answered=OF_KEPT,
        example=examples.ARTICLE,
        summary="One article",
        description="The newest version of an article. Percent-encode the id, its slashes too.",
        id_example="2024-0001",
        answer=ArticleAnswer,
        conditional=True,
        parameters=(MIN_SEQ,),
        problems=_ABOUT_ONE,
    ),
    Operation(
        path="/v1/articles/{id}/similar",
        tag="Articles",
        answered=OF_KEPT,
        example=examples.SIMILAR_ONES,
        summary="Articles like one",
        description="The articles that are most like one, by its most telling terms, the most like first.",
        id_example="2024-0001",
        answer=SimilarAnswer,
        conditional=True,
        parameters=SIMILAR,
        problems=_ABOUT_ONE,
    ),
    Operation(
        path="/v1/articles/{id}/bibtex",
        tag="Articles",
        answered=(CACHE_CONTROL, EPOCH),
        example=examples.BIBTEX_ENTRY,
        summary="An article for BibTeX",
        description="The newest version of an article as one entry of a bibliography, for BibTeX and biblatex.",
        id_example="2024-0001",
        media_type=BIBTEX,
        parameters=(MIN_SEQ,),
        problems=_ABOUT_ONE,
    ),
    Operation(
        path="/v1/articles/{id}/csl-json",
        tag="Articles",
        answered=(CACHE_CONTROL, EPOCH),
        example=examples.CSL_ITEM,
        summary="An article for reference managers",
        description="The newest version of an article as CSL-JSON, as Zotero and the like read it: a list of one.",
        id_example="2024-0001",
        answer=list[CslItem],
        media_type=CSL_JSON,
        parameters=(MIN_SEQ,),
        problems=_ABOUT_ONE,
    ),
    Operation(
        path="/v1/suggest",
        tag="Searching",
        answered=OF_KEPT,
        example=examples.SUGGESTED,
        summary="Suggestions for whoever types",
        description="Phrases, names and titles of the archive that a beginning may become.",
        answer=SuggestAnswer,
        conditional=True,
        parameters=SUGGEST,
        problems=tuple(one for one in _ABOUT_ONE if not one.startswith("article-")),
    ),
    Operation(
        path="/v1/partitions",
        tag="Watching",
        answered=(CACHE_CONTROL, EPOCH),
        example=examples.PARTITIONS,
        summary="The state of the index",
        description="The current epoch, partition by partition.",
        answer=PartitionsAnswer,
        problems=("parameter-invalid", "uri-too-long", "not-ready"),
    ),
)
