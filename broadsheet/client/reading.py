"""Reads: searches, walks, articles, suggestions, changes; each an operation (`steps.py`).

Contract: a walk asks again at the same cursor, so that a server that is restarted costs time and no article. A page
is handed on when all of it is here. Links are followed only where they are relative, and lead to the API.

Not here: what is asked again (`asking.py`), writes (`writing.py`), exports (`exporting.py`).
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from broadsheet.client.answers import (
    ArticleAnswer,
    Item,
    PartitionsAnswer,
    SearchAnswer,
    SimilarAnswer,
    SuggestAnswer,
)
from broadsheet.client.asking import Asker
from broadsheet.client.errors import AnswerError, CursorExpiredError
from broadsheet.client.job_answers import Change, ChangesAnswer, Parked, ParkedAnswer, Version, VersionsAnswer
from broadsheet.client.parameters import article_path, pairs_of, target
from broadsheet.client.steps import Emit, Operation, Request, Stream

WALK_LIMIT = 100
"""Articles that a walk asks for at a time: as many as a page may have."""
CHANGES_LIMIT = 1000
_API = "/v1/"

T = TypeVar("T")

Options = Mapping[str, object]


def _value(asker: Asker, address: str, kind: type[T], timeout_s: float = 0) -> Operation[T]:
    return asker.value(Request("GET", address, timeout_s=timeout_s), kind)


def followed(asker: Asker, link: str | None) -> str | None:
    """A link of an answer, which is followed with the key.

    Raises:
        AnswerError: it leads away from the API.
    """
    if link is not None and not link.startswith(_API):
        raise AnswerError(f"{asker.url}: an answer links to {link[:100]!r}, which is not followed")
    return link


def get(asker: Asker, path: str, pairs: Sequence[tuple[str, str]]) -> Operation[bytes]:
    """The body at any path."""
    if not path.startswith("/"):
        raise ValueError(f"{path!r} is no path; begin it with /")
    answer = yield from asker.ask(Request("GET", target(path, pairs)))
    return answer.body


def search(asker: Asker, q: str, options: Options) -> Operation[SearchAnswer]:
    """One page."""
    return _value(asker, _searched(q, options), SearchAnswer)


def pages(asker: Asker, q: str, options: Options, *, resume: bool) -> Stream[SearchAnswer]:
    """All pages, from the first or from a cursor on."""
    address: str | None = _searched(q, options)
    while address:
        page = yield from _page(asker, address, resume=resume)
        yield Emit(page)
        address = followed(asker, page.page.next)


def search_all(asker: Asker, q: str, options: Options, *, resume: bool) -> Stream[Item]:
    """All articles, page by page."""
    if options.get("allow_partial"):
        raise ValueError("allow_partial: which articles are missing is told page by page; walk by pages")
    address: str | None = _searched(q, {"limit": WALK_LIMIT, "total": "none", **options})
    while address:
        page = yield from _page(asker, address, resume=resume)
        for item in page.data:
            yield Emit(item)
        address = followed(asker, page.page.next)


def _page(asker: Asker, address: str, *, resume: bool) -> Operation[SearchAnswer]:
    patience = asker.patience()
    while True:
        try:
            return (yield from _value(asker, address, SearchAnswer))
        except CursorExpiredError as expired:
            following = followed(asker, expired.resume)
            if not resume or following is None:
                raise
            address = following
            patience.count(expired)


def _searched(q: str, options: Options) -> str:
    return target("/v1/search", [*([("q", q)] if q else []), *pairs_of(options)])


def article(asker: Asker, article_id: str, min_seq: int) -> Operation[ArticleAnswer]:
    """One article."""
    pairs = [("min_seq", str(min_seq))] if min_seq else []
    return _value(asker, target(article_path(article_id), pairs), ArticleAnswer)


def similar(asker: Asker, article_id: str, options: Options) -> Operation[SimilarAnswer]:
    """The articles that are most like one."""
    return _value(asker, target(article_path(article_id, "/similar"), pairs_of(options)), SimilarAnswer)


def suggest(asker: Asker, q: str, options: Options) -> Operation[SuggestAnswer]:
    """What a beginning may become."""
    return _value(asker, target("/v1/suggest", [("q", q), *pairs_of(options)]), SuggestAnswer)


def partitions(asker: Asker) -> Operation[PartitionsAnswer]:
    """The current epoch."""
    return _value(asker, "/v1/partitions", PartitionsAnswer)


def versions(asker: Asker, article_id: str) -> Stream[Version]:
    """The versions of an article, the newest first."""
    address: str | None = article_path(article_id, "/versions")
    while address:
        page = yield from _value(asker, address, VersionsAnswer)
        for one in page.data:
            yield Emit(one)
        address = followed(asker, page.links.next)


def parked(asker: Asker) -> Stream[Parked]:
    """What could not be indexed."""
    address: str | None = target("/v1/parked", [("limit", str(CHANGES_LIMIT))])
    while address:
        page = yield from _value(asker, address, ParkedAnswer)
        for one in page.data:
            yield Emit(one)
        address = followed(asker, page.links.next)


def changes(asker: Asker, after: int, *, follow: bool, wait_s: int, timeout_s: float) -> Stream[Change]:
    """What became of articles; with `follow` without an end, by long polls."""
    pairs = [("after", after), ("limit", CHANGES_LIMIT), *([("wait_s", wait_s)] if follow else [])]
    address = target("/v1/changes", [(name, str(value)) for name, value in pairs])
    while True:
        page = yield from _value(asker, address, ChangesAnswer, timeout_s + wait_s if follow else 0)
        for one in page.data:
            yield Emit(one)
        if not (page.has_more or follow):
            return
        address = followed(asker, page.links.next) or address
