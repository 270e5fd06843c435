"""The client's reads, of a real server: searches, walks, articles, and all that has no end of its own."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import msgspec
import orjson
import pytest

from broadsheet.client import AsyncClient, Client, CursorExpiredError, SearchAnswer
from broadsheet.client.parameters import Searching, pairs_of
from indexer.publisher import Retention
from partition.types import Article
from tests.api_server import AMPLE_MS, ApiServer, eventually
from tests.archive import ODD_IDS, Archive, copied, publish

T = TypeVar("T")

EVERYTHING: Searching = {
    "strict": True,
    "date_field": "modified",
    "from_": date(1990, 1, 1),
    "to": datetime(2030, 1, 1, tzinfo=UTC),
    "sort": "relevance",
    "half_life": "100y",
    "collapse": "story",
    "section": ["Politics", "Sport"],
    "source": "!Nobody",
    "author": ["!Nobody", "!Nobody else"],
    "tag": "veterans",
    "language": ["en", "de-at"],
    "limit": 3,
    "fields": ["id", "title", "copies", "score", "snippet"],
    "highlight": True,
    "facets": ["section", "year"],
    "facet_limit": 5,
    "total": "exact",
    "allow_partial": True,
    "timeout_ms": AMPLE_MS,
    "min_seq": 1,
    "explain": True,
    "explain_id": "two words",
}


@pytest.fixture
def client(server: ApiServer) -> Any:
    """A client of the server that no test disturbs."""
    with Client(server.url) as asking:
        yield asking


def _awaited(server: ApiServer, work: Callable[[AsyncClient], Awaitable[T]]) -> T:
    async def run() -> T:
        async with AsyncClient(server.url) as client:
            return await work(client)

    return asyncio.run(run())


def test_a_search_with_everything(server: ApiServer, client: Client) -> None:
    """All parameters at once: the answer has every member that the server sent, as typed values."""
    assert set(EVERYTHING) == set(Searching.__annotations__) - {"cursor", "recency"}  # which others stand in for
    answer = client.search("budget OR tariff", **EVERYTHING)
    told = server.client.get("/v1/search", params=[("q", "budget OR tariff"), *pairs_of(EVERYTHING)])
    assert told.status_code == 200
    assert answer == msgspec.json.decode(told.content, type=SearchAnswer)
    assert answer.total
    assert answer.total.value > 3
    item = answer.data[0]
    assert item.highlights
    assert item.explanation
    assert item.copies
    assert item.url is None
    assert answer.explain
    assert answer.explain.article
    assert set(answer.facets) == {"section", "year"}
    assert answer == _awaited(server, lambda one: one.search("budget OR tariff", **EVERYTHING))
    further: Searching = {**EVERYTHING, "cursor": str(httpx2.URL(answer.page.next or "").params["cursor"])}
    following = client.search("budget OR tariff", **further)
    assert following.page.prev


def test_how_values_are_written() -> None:
    """Days, instants of any zone, words, numbers, and several of them; a time without a zone is refused."""
    noon = datetime(2007, 4, 10, 12, 0, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    given = {
        "from_": noon,
        "to": date(2007, 4, 11),
        "strict": False,
        "limit": 7,
        "tag": ["a", "b"],
        "fields": ("id", "url"),
    }
    assert pairs_of(given) == [
        ("from", "2007-04-10T10:00:00.123Z"),
        ("to", "2007-04-11"),
        ("strict", "false"),
        ("limit", "7"),
        ("tag", "a"),
        ("tag", "b"),
        ("fields", "id,url"),
    ]
    with pytest.raises(ValueError, match="from_: 2007-04-10 12:00:00 has no time zone"):
        pairs_of({"from_": datetime(2007, 4, 10, 12)})  # noqa: DTZ001 - that is what is refused


@pytest.mark.parametrize(("q", "limit"), [("", 100), ("budget OR storm", 7), ("tariff", 1), ("nothingatall", 10)])
def test_a_walk_is_the_whole_result(server: ApiServer, client: Client, q: str, limit: int) -> None:
    """Every article that the pages have, each once, in their order; both clients alike."""
    expected = server.ids({"q": q})
    asked: Searching = {"limit": limit, "fields": "id", "timeout_ms": AMPLE_MS}
    assert [one.id for one in client.search_all(q, **asked)] == expected
    pages = list(client.pages(q, **asked))
    assert [one.id for page in pages for one in page.data] == expected
    assert all(len(page.data) == limit for page in pages[:-1])
    assert pages[0].total
    assert pages[0].total.value == len(expected)

    async def walk(client: AsyncClient) -> list[str | None]:
        return [one.id async for one in client.search_all(q, **asked)]

    assert _awaited(server, walk) == expected


def test_a_walk_that_is_broken_off(server: ApiServer, client: Client) -> None:
    """It asks no more than was looked at, and what it was made with goes on."""
    walk = client.pages("budget", limit=2, timeout_ms=AMPLE_MS)
    first = next(walk)
    walk.close()
    assert client.search("budget", limit=2, timeout_ms=AMPLE_MS) == first

    async def some(client: AsyncClient) -> list[Any]:
        async with aclosing(client.pages("budget", limit=2, timeout_ms=AMPLE_MS)) as pages:
            return [await anext(pages), await client.search("budget", limit=2, timeout_ms=AMPLE_MS)]

    assert _awaited(server, some) == [first, first]


def test_a_walk_that_took_too_long(archive: Archive, tmp_path: Path) -> None:
    """Its state is gone: that is raised; or with `resume` it goes on from the same place in the newest state."""
    root = copied(archive.root, tmp_path / "own")
    with ApiServer(root) as server, Client(server.url) as client:
        asked: Searching = {"limit": 30, "fields": "id", "timeout_ms": AMPLE_MS}
        expected = [one.id for one in client.search_all("budget OR tariff", **asked)]
        walks = [client.search_all("budget OR tariff", resume=resume, **asked) for resume in (True, False)]
        seen = [[next(walk).id for _ in range(30)] for walk in walks]
        for number in range(6):  # more than stay open
            epoch = publish(root, [Article(id=f"late{number}", title="Other")], retention=Retention(0))
            eventually(lambda epoch=epoch: server.epoch() == epoch)  # type: ignore[misc]
        assert seen[0] + [one.id for one in walks[0]] == expected
        with pytest.raises(CursorExpiredError) as expired:
            next(walks[1])
        assert (expired.value.resume or "").startswith("/v1/search?")


@pytest.mark.parametrize("article_id", ODD_IDS)
def test_ids_are_of_any_kind(archive: Archive, server: ApiServer, client: Client, article_id: str) -> None:
    """Slashes, dots, spaces, other scripts, 512 bytes; what is like an article can be asked in the same way."""
    (article,) = [one for one in archive.articles if one.id == article_id]
    found = client.article(article_id, min_seq=1)
    assert (found.id, found.title, found.body) == (article_id, article.title, article.body)
    assert found == _awaited(server, lambda one: one.article(article_id))
    like = client.similar(article_id, limit=3, fields="id", timeout_ms=AMPLE_MS)
    assert len(like.data) == 3
    assert like.terms
    assert article_id not in {one.id for one in like.data}
    (version,) = client.versions(article_id)
    assert version.article
    assert version.article.title == article.title


def test_other_reads(server: ApiServer, client: Client) -> None:
    """Suggestions, partitions, what is parked, what became of articles, and anything as it is."""
    suggested = client.suggest("bud", limit=2, timeout_ms=AMPLE_MS)
    assert "budget" in suggested.phrases[0].text.lower()
    state = client.partitions()
    assert (state.articles, len(state.data)) == (400, 8)
    assert list(client.parked()) == []
    changes = list(client.changes())
    assert [one.seq for one in changes] == list(range(1, 401))
    assert list(client.changes(after=398)) == changes[398:]
    assert client.get("/livez") == b"live\n"
    asked = [("q", "budget"), ("timeout_ms", str(AMPLE_MS))]
    assert orjson.loads(client.get("/v1/search", asked)) == server.page({"q": "budget"})

    async def rest(client: AsyncClient) -> list[Any]:
        told = [one async for one in client.changes(after=398)]
        return [await client.suggest("bud", limit=2), await client.partitions(), told, await client.get("/livez")]

    assert _awaited(server, rest) == [suggested, state, changes[398:], b"live\n"]


def test_many_at_once(server: ApiServer, client: Client) -> None:
    """Threads use one client together, and tasks of one event loop do."""
    expected = server.ids({"q": "tariff"})

    def walk(limit: int) -> list[str | None]:
        return [one.id for one in client.search_all("tariff", limit=limit, fields="id", timeout_ms=AMPLE_MS)]

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(walk, range(10, 26))) == [expected] * 16

    async def all_of_them(client: AsyncClient) -> list[SearchAnswer]:
        return await asyncio.gather(
            *(client.search("budget", limit=1 + n % 5, timeout_ms=AMPLE_MS) for n in range(40))
        )

    found = _awaited(server, all_of_them)
    assert [len(one.data) for one in found] == [1 + n % 5 for n in range(40)]
