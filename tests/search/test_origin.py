"""The moment that an answer is counted from: the hour of the first page, for all pages of a walk.

Contract: a service in this process, whose clock is put by the test.

Not here: what relative dates come to (`test_dates.py`), which articles that is (`test_http_time.py`).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlsplit

import orjson
import pytest

from broadsheet.app import Running, running_service
from broadsheet.settings import resolve
from indexer.publisher import Retention
from partition.scoring import ONE
from partition.types import Article
from search.dates import HOUR_MS
from search.parameters import parse_search
from tests.api_server import AMPLE_MS
from tests.archive import publish
from tests.reference.naive import decay
from web.edge import Timings
from web.problems import Problem
from web.times import iso

HOUR_S = 3600
NOW_S = 1_711_897_200 + 59 * 60
"""15:59 on 31 March 2024."""
HOURS = 400
"""So many articles, one an hour, the newest two hours old."""


class Served:
    """A running service, and its clock."""

    def __init__(self, running: Running, clock: list[float]) -> None:
        self.running = running
        self._clock = clock

    def pass_s(self, seconds: float) -> None:
        """Let time pass."""
        self._clock[0] += seconds

    async def answer(self, address: str) -> tuple[bytes, str]:
        """The bytes of an answer, and how it came out of the cache."""
        asked = dict(parse_qsl(urlsplit(address).query))
        given = [*{"timeout_ms": str(AMPLE_MS), **asked}.items()]
        served = await self.running.service.search(parse_search(given), Timings())
        return served.answer.body, served.cached.outcome

    async def page(self, address: str) -> dict[str, Any]:
        """The page at an address."""
        page: dict[str, Any] = orjson.loads((await self.answer(address))[0])
        return page

    async def walk(self, page: dict[str, Any], *, each: Callable[[], Awaitable[None]] | None = None) -> list[Any]:
        """The articles of a page and of those after it; before each something may happen."""
        found = list(page["data"])
        while page["page"]["next"]:
            if each:
                await each()
            page = await self.page(page["page"]["next"])
            found += page["data"]
        return found


@asynccontextmanager
async def serving(root: Path, now_s: float = NOW_S) -> AsyncIterator[Served]:
    """A service on an archive, that long after 1970."""
    clock = [now_s]
    async with running_service(resolve({"data": str(root)}).settings, lambda: clock[0]) as running:
        await running.epochs.refresh()
        yield Served(running, clock)


@pytest.fixture(scope="module")
def archive_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive that no test changes."""
    root = tmp_path_factory.mktemp("hours") / "archive"
    publish(root, articles(HOURS))
    return root


def articles(count: int, *, words: str = "storm", prefix: str = "a") -> list[Article]:
    """One an hour, each on the hour, and the same news at each place."""
    newest_ms = (int(NOW_S) // HOUR_S - 1) * HOUR_S * 1000
    return [
        Article(
            id=f"{prefix}/{at}", title=f"{words} {'flood ' * (at % 3)}", published_ms=newest_ms - at * HOUR_S * 1000
        )
        for at in range(count)
    ]


def test_answers_of_one_hour_are_equal_and_cached(archive_root: Path) -> None:
    """The next hour has another answer, which says what it was counted from."""

    async def check() -> None:
        async with serving(archive_root, NOW_S - 58 * 60) as served:
            address = "?from=-24h&fields=id&limit=100"
            first, outcome = await served.answer(address)
            assert outcome == "miss"
            served.pass_s(58 * 60)
            assert await served.answer(address) == (first, "hit")
            served.pass_s(60)
            second, outcome = await served.answer(address)
            assert outcome == "miss"
            pages = orjson.loads(first), orjson.loads(second)
            assert [page["origin"] for page in pages] == ["2024-03-31T15:00:00Z", "2024-03-31T16:00:00Z"]
            assert [page["total"]["value"] for page in pages] == [24, 23]

    asyncio.run(check())


@pytest.mark.parametrize("asked", ["q=storm", "from=2024-03-01", "q=storm&sort=oldest&facets=day"])
def test_what_depends_on_no_moment_is_the_same_at_any(archive_root: Path, asked: str) -> None:
    """Byte for byte, cursors too; it says that it was counted from nothing."""

    async def check() -> None:
        async with serving(archive_root) as served:
            first, _outcome = await served.answer(f"?limit=5&{asked}")
            assert orjson.loads(first)["origin"] is None
            served.pass_s(1000 * HOUR_S)
            assert await served.answer(f"?limit=5&{asked}") == (first, "hit")

    asyncio.run(check())


@pytest.mark.parametrize(
    "asked",
    [
        *("from=-90h", "from=-3d&to=yesterday&sort=oldest", "q=storm&to=-1d&date_field=published", "to=now&q=flood"),
        *(
            "q=storm&recency=high",
            "q=storm+OR+flood&half_life=6h",
            "q=flood&recency=low&from=-9d",
            "q=flo*&half_life=1d",
        ),
    ],
)
def test_a_walk_counts_from_its_first_page(archive_root: Path, asked: str) -> None:
    """However long it takes: its pages are the one big page of the hour in which it began, both ways."""

    async def check() -> None:
        async with serving(archive_root) as served:
            big = await served.page(f"?limit=100&{asked}")
            expected = await served.walk(big)
            assert len(expected) > 20

            async def later() -> None:
                served.pass_s(7 * HOUR_S)

            first = await served.page(f"?limit=7&{asked}")
            assert await served.walk(first, each=later) == expected
            second = await served.page(first["page"]["next"])
            served.pass_s(1000 * HOUR_S)
            back = await served.page(second["page"]["prev"])
            assert back["data"] == first["data"]
            assert back["origin"] == second["origin"] == iso(int(NOW_S) // HOUR_S * HOUR_S * 1000)

    asyncio.run(check())


def test_days_before_the_origin_are_whole(archive_root: Path) -> None:
    """At either end, and hours are not."""

    async def check() -> None:
        async with serving(archive_root) as served:
            for asked, total in (
                *(("from=-3d&to=yesterday", 3 * 24), ("from=yesterday&to=yesterday", 24), ("from=today", 15)),
                *(("from=-5h&to=-2h", 3), ("from=-5h&to=now", 5), ("from=now", 0), ("from=-1m&to=-1m", 0)),
            ):
                assert (await served.page(f"?{asked}"))["total"]["value"] == total, asked

    asyncio.run(check())


@pytest.mark.parametrize(
    ("asked", "half_life_ms"),
    [("recency=low", 180 * 24 * HOUR_MS), ("recency=high", 14 * 24 * HOUR_MS), ("half_life=5h", 5 * HOUR_MS)],
)
@pytest.mark.parametrize("text", ["storm", "storm OR flood", "flo*"])
def test_scores_decay_with_the_hours(archive_root: Path, text: str, asked: str, half_life_ms: int) -> None:
    """Each score is the one without recency, times what is left of it at that hour."""

    async def check() -> None:
        async with serving(archive_root) as served:
            address = f"?q={quote_plus(text)}&fields=id,score,published_at&limit=100"
            plain = await served.walk(await served.page(address))
            for hours in (0, 1, 30, 1000):
                served.pass_s(hours * HOUR_S)
                page = await served.page(f"{address}&{asked}")
                expected = {
                    one["id"]: round(one["score"] * ONE * decay(_ms(one), half_life_ms, _ms(page, "origin"))) / ONE
                    for one in plain
                }
                found = {one["id"]: one["score"] for one in await served.walk(page)}
                assert found == expected
                assert list(found.values()) == sorted(expected.values(), reverse=True)

    asyncio.run(check())


def _ms(holder: dict[str, Any], name: str = "published_at") -> int:
    return int(datetime.fromisoformat(holder[name]).timestamp() * 1000)


@pytest.mark.parametrize("asked", ["recency=high", "half_life=3h"])
def test_a_walk_by_recency_stays_in_its_state_and_hour(tmp_path: Path, asked: str) -> None:
    """While newer articles that would come first are published, and hours pass."""
    root = tmp_path / "archive"
    publish(root, articles(60))

    async def check() -> None:
        async with serving(root) as served:
            address = f"?q=storm+OR+flood&fields=id,score&{asked}"
            expected = (await served.page(f"{address}&limit=100"))["data"]
            made = 0

            async def publishing() -> None:
                nonlocal made
                made += 1
                publish(root, articles(20, words="storm storm flood", prefix=f"late{made}"))
                await served.running.epochs.refresh()
                served.pass_s(5 * HOUR_S)

            first = await served.page(f"{address}&limit=9")
            assert await served.walk(first, each=publishing) == expected
            assert made > 5
            assert (await served.page(address))["data"] != expected[:20]

    asyncio.run(check())


def test_a_cursor_that_expired_goes_on_counting_from_its_hour(tmp_path: Path) -> None:
    """In the newest epoch, from the same place, within the same bounds."""
    root = tmp_path / "archive"
    publish(root, articles(50))

    async def check() -> None:
        async with serving(root) as served:
            first = await served.page("?from=-24h&limit=10&fields=id")
            second = await served.page(first["page"]["next"])
            served.pass_s(5 * HOUR_S)
            for number in range(3):
                publish(root, [Article(id=f"other{number}", title="Other")], retention=Retention(0))
            await served.running.epochs.refresh()
            with pytest.raises(Problem) as expired:
                await served.page(first["page"]["next"])
            assert expired.value.slug == "cursor-expired"
            resumed = await served.page(expired.value.members["links"]["resume"])
            assert (resumed["data"], resumed["origin"]) == (second["data"], second["origin"])

    asyncio.run(check())
