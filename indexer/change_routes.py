"""The routes that tell what became of articles: the feed of changes, the versions of one, what is parked.

Contract: whatever reads files does so in a thread. A stream of events takes one of the places of those who wait
before it begins, and gives it back however it ends (`web/streams.py`), also when its caller may not read any more.

Not here: what is told (`changes.py`), waiting (`watching.py`), writes (`routes.py`).
"""

import asyncio
from bisect import bisect_right
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from indexer.change_operations import (
    AFTER,
    BEFORE,
    LIMIT,
    WAIT_S,
    Change,
    ChangesAnswer,
    MoreLink,
    NextLink,
    Parked,
    ParkedAnswer,
    Version,
    VersionsAnswer,
    VersionText,
)
from indexer.changes import NeverShownError, TakenDownError, versions
from indexer.events import Event, Notice
from indexer.job_routes import told
from indexer.watching import Feed
from partition.manifest import RootManifest, State
from partition.types import Article
from web.access import Access
from web.openapi import EVENT_STREAM
from web.parameters import parse, query_pairs
from web.problems import ParameterError, Problem, address_of
from web.rawpath import RawPathRoute
from web.streams import Ends, EventStream
from web.times import iso

_SAME = ("id", "title", "body", "summary", "source", "section", "language", "url", "date_confidence")
"""Members of an article that are told as they are."""
_BEAT = b":\n\n"
_JSON = "application/json"


def change_routes() -> list[BaseRoute]:
    """The routes; `request.state.feed` is what they need (`Feed`)."""
    return [
        Route("/v1/changes", told(_changes), methods=["GET"]),
        RawPathRoute("/v1/articles", told(_versions), suffix="/versions", methods=["GET"]),
        Route("/v1/parked", _parked, methods=["GET"]),
    ]


async def _changes(request: Request) -> Response | EventStream:
    accepted = {one.partition(";")[0].strip().lower() for one in request.headers.get("accept", "").split(",")}
    head = request.method == "HEAD"
    if EVENT_STREAM in accepted and not head:
        return _stream(request)
    values = parse((AFTER, LIMIT, WAIT_S), query_pairs(request))
    after, limit, wait_s = values["after"], values["limit"], values["wait_s"]
    page = await _feed(request).poll(after, limit, 0 if head else wait_s, request.receive)
    following = urlencode([("after", page.through), ("limit", limit), ("wait_s", wait_s)])
    answer = ChangesAnswer(
        data=[_change(notice) for notice in page.notices],
        after=after,
        indexed_through=page.state.applied_seq,
        has_more=page.has_more,
        links=NextLink(f"/v1/changes?{following}"),
    )
    return Response(msgspec.json.encode(answer), headers=_headers(page.state, Vary="Accept"), media_type=_JSON)


def _stream(request: Request) -> EventStream:
    after = parse((AFTER,), query_pairs(request))["after"]
    last = request.headers.get("last-event-id")
    if last is not None:
        try:
            after = AFTER.convert(last)
        except ValueError as error:
            detail = f"Last-Event-ID: {error}"
            raise Problem("parameter-invalid", detail, [ParameterError("Last-Event-ID", str(error))]) from None

    access: Access = request.state.access
    feed = _feed(request)
    return changes_stream(
        feed, after, lambda: access.may_read(request), _headers(feed.current().state, Vary="Accept")
    )


def changes_stream(feed: Feed, after: int, allowed: Callable[[], bool], headers: dict[str, str]) -> EventStream:
    """The feed as Server-Sent Events."""

    async def pieces(ends: Ends) -> AsyncGenerator[bytes, None]:
        async with aclosing(feed.stream(after, ends, allowed)) as pages:
            async for page in pages:
                yield b"".join(map(_event, page.notices)) if page else _BEAT

    return EventStream(feed.watching, pieces, headers)


def _event(notice: Notice) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (
        *(notice.seq, notice.kind.encode()),
        msgspec.json.encode(_change(notice)),
    )


def _change(notice: Notice) -> Change:
    about = (notice.seq, notice.kind, notice.article_id, notice.version)
    return Change(*about, iso(notice.created_ms), notice.reason.strip())


async def _versions(request: Request) -> Response:
    before = parse((BEFORE,), query_pairs(request))["before"]
    manifest = _feed(request).current()
    body = await _versions_as_of(request, manifest, before)
    return Response(body, headers=_headers(manifest.state), media_type=_JSON)


async def latest_versions(request: Request) -> bytes:
    """The body of `GET /v1/articles/{id}/versions` for the id of a request to another address.

    Raises:
        Problem: as that answers.
    """
    body: bytes = await told(_latest_versions)(request)
    return body


async def _latest_versions(request: Request) -> bytes:
    return await _versions_as_of(request, _feed(request).current(), BEFORE.default)


async def _versions_as_of(request: Request, manifest: RootManifest, before: int) -> bytes:
    root, article_id = _feed(request).root, request.path_params["id"]
    try:
        return await asyncio.to_thread(_versions_body, root, manifest, article_id, before, address_of(request))
    except NeverShownError:
        raise Problem("article-not-found", f"there is no article with the id {article_id!r}") from None
    except TakenDownError:
        raise Problem("article-taken-down", f"{article_id!r} was taken down") from None


def _versions_body(root: Path, manifest: RootManifest, article_id: str, before: int, address: str) -> bytes:
    page = versions(root, manifest, article_id, before)
    following = f"{address}?before={page.events[-1].seq}" if page.has_more else None
    answer = VersionsAnswer([_version(event) for event in page.events], page.has_more, MoreLink(following))
    return msgspec.json.encode(answer)


def _version(event: Event) -> Version:
    assert event.notice
    at = iso(event.created_ms)
    text = _text(event.article, event.version, at) if event.article else None
    return Version(event.version, event.seq, event.notice, at, event.reason.strip(), text)


def _text(article: Article, version: int, at: str) -> VersionText:
    same: dict[str, Any] = {name: getattr(article, name) for name in _SAME}
    return VersionText(
        **same,
        authors=list(article.authors),
        tags=list(article.tags),
        published_at=None if article.published_ms is None else iso(article.published_ms),
        modified_at=None if article.modified_ms is None else iso(article.modified_ms),
        indexed_at=at,
        version=version,
        status="usable",
    )


async def _parked(request: Request) -> Response:
    request.state.access.require(request, "write")
    values = parse((AFTER, LIMIT), query_pairs(request))
    manifest = _feed(request).current()
    begin = bisect_right(manifest.parked, values["after"], key=lambda one: one.seq)
    end = begin + values["limit"]
    told, has_more = manifest.parked[begin:end], end < len(manifest.parked)
    following = urlencode([("after", told[-1].seq), ("limit", values["limit"])]) if has_more else None
    answer = ParkedAnswer(
        data=[Parked(one.seq, one.article_id, one.reason) for one in told],
        has_more=has_more,
        links=MoreLink(following and f"/v1/parked?{following}"),
    )
    return Response(msgspec.json.encode(answer), headers=_headers(manifest.state), media_type=_JSON)


def _feed(request: Request) -> Feed:
    feed: Feed = request.state.feed
    return feed


def _headers(state: State, **more: Any) -> dict[str, str]:
    return {
        "Broadsheet-Epoch": str(state.epoch),
        "Broadsheet-Indexed-Through": f"{state.applied_seq}; {iso(state.indexed_through_ms)}",
        "Cache-Control": "no-store",
        **more,
    }
