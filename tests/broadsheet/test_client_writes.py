"""The client's writes, to a real server that indexes: one, many, exports, and what became of them."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from broadsheet.client import (
    AsyncClient,
    ChecksumError,
    Client,
    ConflictError,
    InvalidError,
    JobFailedError,
    JobUnfinishedError,
    NotFoundError,
    TakenDownError,
)
from broadsheet.client.bulk import BATCH_LINES
from indexer.log import log_path
from tests.api_server import ApiServer, eventually
from tests.archive import ODD_IDS


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an archive."""
    return tmp_path_factory.mktemp("written")


@pytest.fixture(scope="module")
def live(root: Path) -> Iterator[ApiServer]:
    """A server that indexes it, begun with nothing."""
    with ApiServer(root, ready=False, indexer=True, builders=1) as server:
        eventually(lambda: log_path(root).exists())
        with Client(server.url) as client:
            client.put_article("first", {"title": "First"}, wait=True)
        yield server


@pytest.fixture
def client(live: ApiServer) -> Iterator[Client]:
    """A client of it."""
    with Client(live.url) as asking:
        yield asking


def _rows(prefix: str, count: int) -> list[dict[str, Any]]:
    return [
        {"id": f"{prefix}/{n}", "title": f"{prefix} {n}", "body": f"the {prefix} of day {n}"} for n in range(count)
    ]


def _created(client: Client, prefix: str) -> list[str]:
    """Ids under a prefix, one for each time that one was changed."""
    return [one.id for one in client.changes() if one.id.startswith(f"{prefix}/")]


@pytest.mark.parametrize("article_id", ODD_IDS)
def test_the_life_of_an_article(client: Client, article_id: str) -> None:
    """Put, corrected, as it was; withdrawn and put again: under ids of any kind, each version as it was shown."""
    when = datetime(2024, 2, 29, 12, 30, tzinfo=UTC)
    job = client.put_article(article_id, {"title": "One", "published_at": when}, version=0, wait=True)
    assert (job.kind, job.status, job.ended) == ("put", "succeeded", True)
    found = client.article(article_id, min_seq=job.min_seq)
    assert (found.title, found.version, found.published_at) == ("One", 1, "2024-02-29T12:30:00Z")
    with pytest.raises(ConflictError):
        client.put_article(article_id, {"title": "Two"}, version=0)
    client.put_article(article_id, {"title": "Two"}, version=1, wait=True)
    assert client.put_article(article_id, {"title": "Two"}, wait=True).status == "succeeded"
    client.retry_article(article_id, wait=True)
    client.delete_article(article_id, reason="in error", version=client.article(article_id).version, wait=True)
    with pytest.raises(NotFoundError):
        client.article(article_id)
    client.put_article(article_id, {"title": "Three"}, wait=True)
    versions = list(client.versions(article_id))
    assert next(one.article.title for one in versions if one.article) == "Three"
    assert [one.reason for one in versions if one.kind == "withdrawn"] == ["in error"]
    assert [one.version for one in versions] == sorted((one.version for one in versions), reverse=True)


def test_what_is_no_article(client: Client) -> None:
    """Refused with the reason; nothing is there afterwards."""
    with pytest.raises(InvalidError, match="title is missing or empty") as refused:
        client.put_article("nothing", {"body": "text"})
    assert refused.value.slug == "article-invalid"
    with pytest.raises(NotFoundError):
        client.delete_article("nothing")


def test_takedowns(client: Client) -> None:
    """Gone at once and for good; the job tells of each step."""
    client.put_article("gone/1", {"title": "Gone"}, wait=True)
    job = client.take_down("gone/1", "court order 17")
    assert client.take_down("gone/1", "court order 17").id == job.id
    eventually(lambda: _is_gone(client, "gone/1"), timeout_s=30)
    with pytest.raises(TakenDownError):
        client.put_article("gone/1", {"title": "Back"})
    assert "log" in {one.step for one in client.job(job.id).receipts}
    with pytest.raises(ConflictError) as refused:
        client.cancel_job(job.id)
    assert refused.value.slug == "job-not-cancelable"


def _is_gone(client: Client, article_id: str) -> bool:
    try:
        client.article(article_id)
    except TakenDownError:
        return True
    return False


def test_many_articles(client: Client) -> None:
    """In batches of bounded size, in order, each line with what became of it; rejected ones with the reason."""
    rows = _rows("many", 30)
    rows[4] = {"id": "many/none"}
    rows[7] = rows[3]
    batches = list(client.bulk(rows, batch_bytes=600))
    lines = [one for batch in batches for one in batch.results]
    assert [one.line for one in lines] == list(range(1, 31))
    assert [one.id for one in lines] == [row["id"] for row in rows]
    assert [one.number for one in batches] == list(range(1, len(batches) + 1))
    assert len(batches) > 3
    assert [(one.status, one.error) for one in lines][2:8] == [
        *[("created", None)] * 2,
        ("rejected", "title is missing or empty"),
        *[("created", None)] * 2,
        ("unchanged", None),
    ]
    done = client.wait_for(batches[-1].job)
    assert client.search("many", min_seq=done.min_seq, timeout_ms=20_000).total.value == 28  # type: ignore[union-attr]
    assert [one.line for one in client.job_results(batches[0].job.id)] == [one.line for one in batches[0].results]
    assert list(client.bulk([])) == []


def test_many_in_short(client: Client) -> None:
    """Added up: how many of each status, and the rejected ones; what has waited can be found."""
    rows = [*_rows("short", 9), {"id": "short/none"}]
    summary = client.bulk_summary(iter(rows), wait=True, batch_bytes=200)
    assert (summary.lines, summary.statuses) == (10, {"created": 9, "rejected": 1})
    assert [(one.line, one.id, one.error) for one in summary.rejected] == [
        (10, "short/none", "title is missing or empty")
    ]
    assert summary.job
    assert summary.job.status == "succeeded"
    assert len(list(client.search_all("short"))) == 9
    assert client.bulk_summary([]) == (0, {}, [], None)


def test_lines_of_a_batch_are_bounded(client: Client) -> None:
    """However short they are."""
    count = BATCH_LINES + 5
    batches = client.bulk({"id": f"tiny/{n}", "status": "canceled"} for n in range(count))
    assert [len(one.results) for one in batches] == [BATCH_LINES, 5]


def test_a_run_that_is_repeated(client: Client) -> None:
    """With its key: the same batches are the same jobs with the same results; one that was changed is sent."""
    rows = _rows("run", 30)
    first = list(client.bulk(rows, key="monday", batch_bytes=600))
    again = list(client.bulk(rows, key="monday", batch_bytes=600))
    assert [(one.job.id, one.results) for one in again] == [(one.job.id, one.results) for one in first]
    rows[29] = {**rows[29], "body": "corrected"}
    changed = list(client.bulk(rows, key="monday", batch_bytes=600))
    assert [one.job.id for one in changed[:-1]] == [one.job.id for one in first[:-1]]
    assert changed[-1].job.id != first[-1].job.id
    assert changed[-1].results[-1].status == "corrected"
    other = list(client.bulk(rows[:9], key="tuesday", batch_bytes=600))
    assert {one.status for batch in other for one in batch.results} == {"unchanged"}
    client.wait_for(changed[-1].job)
    assert sorted(_created(client, "run")) == sorted([*(row["id"] for row in rows), "run/29"])


def test_an_article_that_is_as_it_was(client: Client) -> None:
    """Equal batches of a run are not one: what goes there and back is there and back, also when repeated."""
    rows = [{"id": "back", "title": title} for title in ("One", "Two", "One")]
    for _ in range(2):
        batches = list(client.bulk(rows, key="back", batch_bytes=1))
        assert [one.status for batch in batches for one in batch.results] == ["created", "corrected", "corrected"]
        client.wait_for(batches[-1].job)
        assert (client.article("back").title, client.article("back").version) == ("One", 3)


def test_a_run_that_was_broken_off(client: Client) -> None:
    """By whoever ran it: the next one with its key goes on, and nothing is logged twice."""
    rows = _rows("broken", 40)
    broken = client.bulk(rows, key="broken", batch_bytes=600)
    before = [next(broken), next(broken)]
    broken.close()

    def failing() -> Iterator[dict[str, Any]]:
        yield from rows[:25]
        raise RuntimeError("the disk is gone")

    with pytest.raises(RuntimeError, match="the disk is gone"):
        list(client.bulk(failing(), key="broken", batch_bytes=600))
    whole = list(client.bulk(rows, key="broken", batch_bytes=600))
    assert [one.job.id for one in whole[:2]] == [one.job.id for one in before]
    assert {one.status for batch in whole for one in batch.results} == {"created"}
    client.wait_for(whole[-1].job)
    assert sorted(_created(client, "broken")) == sorted(row["id"] for row in rows)


def test_exports(client: Client, root: Path) -> None:
    """All that is found, whole, each once; the parts are removed afterwards, unless the export has a key."""
    client.bulk_summary(_rows("export", 120), wait=True)
    articles = list(client.export("export", sort="oldest"))
    assert sorted(str(one.id) for one in articles) == sorted(row["id"] for row in _rows("export", 120))
    whole = client.article(str(articles[0].id))
    shared = [name for name in whole.__struct_fields__ if name not in {"status", "story_id", "copies"}]
    assert [getattr(articles[0], name) for name in shared] == [getattr(whole, name) for name in shared]
    exports = root / "exports"
    eventually(lambda: not list(exports.glob("*/part*")))
    kept = list(client.export("export", key="kept"))
    assert len(kept) == 120
    job = client.start_export("export", key="kept")
    assert job.status == "succeeded"
    (part,) = client.export_parts(job)
    lines = list(client.part_lines(part))
    assert (len(lines), sum(map(len, lines)) + 120) == (part.articles, part.bytes)
    assert list(client.export_parts(job, after=1)) == []
    (file,) = exports.glob("*/part-*")
    content = file.read_bytes()
    file.write_bytes(content.replace(b"day 7", b"day 8", 1))
    with pytest.raises(ChecksumError, match=r"part 1 comes to [0-9a-f]{64}, not to "):
        list(client.export("export", key="kept"))
    file.write_bytes(content)
    assert len(list(client.export("export", key="kept"))) == 120
    client.cancel_job(job.id)
    eventually(lambda: not list(exports.glob("*/part*")))
    with pytest.raises(InvalidError):
        client.start_export("x" * 600)


def test_an_export_that_was_canceled(client: Client) -> None:
    """Whoever waits for it is told."""
    job = client.start_export("export")
    client.cancel_job(job.id)
    with pytest.raises(JobFailedError) as failed:
        client.wait_for(client.job(job.id))
    assert failed.value.job.status == "canceled"


def test_what_is_not_searchable_in_time(client: Client, live: ApiServer) -> None:
    """Waiting ends when it was said to; the job goes on."""
    job = client.put_article("late", {"title": "Late"})
    waiting = client.job(job.id)
    ticks = iter(range(1000))
    with Client(live.url, clock=lambda: next(ticks)) as hasty:
        if not waiting.ended:
            with pytest.raises(JobUnfinishedError):
                hasty.wait_for(waiting, timeout_s=0)
    assert client.wait_for(job, timeout_s=60).status == "succeeded"


def test_all_of_it_awaited(live: ApiServer) -> None:
    """Articles that come one by one, batches, results, exports and changes, in an event loop."""

    async def arriving() -> AsyncIterator[dict[str, Any]]:
        for row in _rows("awaited", 12):
            await asyncio.sleep(0)
            yield row

    async def work() -> None:
        async with AsyncClient(live.url) as client:
            batches = [one async for one in client.bulk(arriving(), key="awaited", batch_bytes=300)]
            summary = await client.bulk_summary(_rows("awaited", 12), key="awaited", batch_bytes=300, wait=True)
            assert summary.statuses == {"created": 12}
            assert summary.job
            assert summary.job.id == batches[-1].job.id
            results = [one async for one in client.job_results(batches[0].job.id)]
            assert results == batches[0].results
            await client.put_article("awaited/0", {"title": "awaited 0, corrected"}, wait=True)
            await client.delete_article("awaited/1", wait=True)
            await client.retry_article("awaited/2", wait=True)
            articles = [one async for one in client.export("awaited")]
            assert len(articles) == 11
            job = await client.wait_for(await client.start_export("awaited", key="a"))
            parts = [one async for one in client.export_parts(job)]
            lines = [line async for line in client.part_lines(parts[0])]
            assert len(lines) == 11
            await client.cancel_job(job.id)
            assert (await client.job(job.id)).id == job.id
            await client.take_down("awaited/0")
            versions = [one async for one in client.versions("awaited/1")]
            assert [one.kind for one in versions] == ["withdrawn", "created"]
            assert [one async for one in client.parked()] == []

    asyncio.run(work())
