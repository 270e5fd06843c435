"""Walking by cursor over a real socket: nothing twice, nothing left out, and no cursor but ours.

Not here: the codec (`test_cursor.py`), walks past failed partitions (`test_faults.py`).
"""

import base64
import re
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest

from indexer.publisher import Retention
from partition.manifest import Layout
from partition.types import Article
from tests.api_server import ApiServer, eventually, problem_of
from tests.archive import ODD_IDS, Archive, copied, made_up, publish
from tests.commands import run
from tests.redis_server import RedisServer

SORTS = ("relevance", "newest", "oldest")
QUERY = "budget OR tariff"
"""Has more than a hundred hits, many of them with equal scores and equal dates."""


def cursor_of(page: dict[str, Any], direction: str = "next") -> str:
    """The cursor in a link."""
    address: str = page["page"][direction]
    return parse_qs(urlsplit(address).query)["cursor"][0]


def items(*pages: dict[str, Any]) -> list[dict[str, Any]]:
    """The articles of the pages, one after the other."""
    return [item for page in pages for item in page["data"]]


@pytest.fixture
def own_archive(archive: Archive, tmp_path: Path) -> Path:
    """A copy of the archive that a test may publish into."""
    return copied(archive.root, tmp_path / "archive")


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("limit", [1, 7, 100])
def test_pages_concatenated_are_the_whole_result(server: ApiServer, archive: Archive, sort: str, limit: int) -> None:
    """Forwards and backwards, whatever the page size; ties and missing dates included."""
    query = {"q": QUERY, "sort": sort, "limit": limit, "fields": "id,score,published_at"}
    first = server.page(query)
    forwards = [first, *server.walk(first)]
    found = items(*forwards)
    assert len(found) == len({item["id"] for item in found}) == first["total"]["value"] > 200
    words = {"budget", "tariff"}
    expected = {a.id for a in archive.articles if words & set(re.findall(r"\w+", f"{a.title} {a.body}".lower()))}
    assert {item["id"] for item in found} == expected
    assert [len(page["data"]) for page in forwards[:-1]] == [limit] * (len(forwards) - 1)
    assert forwards[-1]["data"]
    assert forwards[-1]["page"]["has_more"] is False
    assert {page["total"]["value"] for page in forwards} == {len(found)}

    backwards = [forwards[-1], *server.walk(forwards[-1], "prev")]
    # Pages are cut from the end now, so that the first one may be shorter.
    assert items(*reversed(backwards)) == found
    assert all(page["data"] for page in backwards)
    assert backwards[-1]["page"]["prev"] is None


@pytest.mark.parametrize("sort", SORTS)
def test_previous_page_is_the_one_we_came_from(server: ApiServer, sort: str) -> None:
    """Item for item: `prev` of page 2 is page 1, `next` of that is page 2."""
    first = server.page({"q": QUERY, "sort": sort, "limit": 7})
    second, third = next(server.walk(first)), next(server.walk(next(server.walk(first))))
    back = next(server.walk(third, "prev"))
    assert back["data"] == second["data"]
    assert next(server.walk(back))["data"] == third["data"]
    again = next(server.walk(back, "prev"))
    assert again["data"] == first["data"]
    assert again["page"]["prev"] is None
    assert next(server.walk(again))["data"] == second["data"]


def test_no_empty_last_page(server: ApiServer, archive: Archive) -> None:
    """A result that fills its pages exactly ends with the last full one."""
    total = len(archive.articles)
    page = server.page({"limit": total // 4, "fields": "id"})
    pages = [page, *server.walk(page)]
    assert [len(page["data"]) for page in pages] == [100] * 4
    assert server.page({"q": "nowhere"})["page"] == {"next": None, "prev": None, "limit": 20, "has_more": False}


def test_limit_and_fields_may_change_midway(server: ApiServer) -> None:
    """The cursor is a position, not a page number."""
    whole = items(server.page({"q": QUERY, "limit": 100}))
    at, cursor, limits = 0, None, [1, 10, 3, 50, 36]
    for limit in limits:
        fields = {"fields": "id,title", "total": "none"} if limit % 2 else {"allow_partial": "true"}
        page = server.page({"q": QUERY, "limit": limit, **fields, **({"cursor": cursor} if cursor else {})})
        assert [item["id"] for item in page["data"]] == [item["id"] for item in whole[at : at + limit]]
        at, cursor = at + limit, cursor_of(page)


def test_spelling_of_the_query_may_change_midway(server: ApiServer) -> None:
    """What decides is what the query means."""
    cursor = cursor_of(server.page({"q": QUERY, "section": "Sport", "sort": "relevance"}))
    spelled = {"q": "  (TARIFF)   OR budget ", "section": [" sport ", "Sport"], "cursor": cursor}
    assert server.page(spelled)["data"]


@pytest.mark.parametrize(
    "other",
    [
        {"q": "budget"},
        {"q": ""},
        {"q": f"{QUERY} OR storm"},
        {"q": "budget tariff"},
        {"sort": "newest"},
        {"section": "Sport"},
        {"from": "2007-01-01"},
        {"tag": "!health"},
    ],
    ids=str,
)
def test_cursor_of_another_query(server: ApiServer, other: dict[str, Any]) -> None:
    """400 that says so, in either direction."""
    second = next(server.walk(server.page({"q": QUERY, "limit": 5})))
    for direction in ("next", "prev"):
        response = server.search({"q": QUERY, **other, "cursor": cursor_of(second, direction)})
        assert problem_of(response, 400, "cursor-mismatch")["errors"][0]["parameter"] == "cursor"


def test_forged_cursors(server: ApiServer) -> None:
    """Each bit of one flipped, and each of its beginnings: never accepted, and never an error of ours."""
    text = cursor_of(server.page({"q": QUERY, "limit": 5}))
    signed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    forged = [text[:length] for length in range(1, len(text))] + [text + "A", text + "=", "A" + text, text * 5]
    for bit in range(len(signed) * 8):
        flipped = bytearray(signed)
        flipped[bit // 8] ^= 1 << bit % 8
        forged.append(base64.urlsafe_b64encode(flipped).rstrip(b"=").decode())
    for cursor in forged:
        problem_of(server.client.get("/v1/search", params={"q": QUERY, "cursor": cursor}), 400, "cursor-invalid")


def test_cursors_with_the_longest_ids(server: ApiServer) -> None:
    """They stay under 512 bytes, and lead on."""
    for page in server.walk(server.page({"limit": 1, "sort": "oldest", "fields": "id"})):
        if page["data"][0]["id"] in ODD_IDS[-2:]:
            for direction in ("next", "prev"):
                assert len(cursor_of(page, direction)) < 512
    ids = server.ids({"limit": 1})
    assert set(ODD_IDS) < set(ids)
    assert len(ids) == len(set(ids)) == 400


def test_rotated_keys(archive: Archive, server: ApiServer) -> None:
    """A server with a newer key honours the cursors of the older one, which knows nothing of the newer."""
    old_key = (archive.root / "cursor.key").read_text().strip()
    query = {"q": QUERY, "limit": 10, "fields": "id"}
    with ApiServer(archive.root, cursor_keys=f"{old_key},9:{'c0ffee' * 8}") as rotated:
        old, new = server.page(query), rotated.page(query)
        assert cursor_of(old) != cursor_of(new)
        assert rotated.client.get(old["page"]["next"]).json()["data"] == next(rotated.walk(new))["data"]
        problem_of(server.client.get(new["page"]["next"]), 400, "cursor-invalid")


def test_walks_while_another_process_publishes(own_archive: Path, tmp_path: Path) -> None:
    """Each walk stays in its epoch: articles that would come first neither repeat nor displace any other."""
    words = "budget tariff budget"
    # In both languages of the archive, so that the words are as common in one as in the other.
    lines = [
        {"id": f"late{n}", "title": words, "body": words, "published": "2007-06-20", "language": ("en", "de")[n % 2]}
        for n in range(600)
    ]
    (tmp_path / "late.jsonl").write_bytes(b"\n".join(map(orjson.dumps, lines)))
    with ApiServer(own_archive) as server, ThreadPoolExecutor(1) as pool:
        query = {"q": QUERY, "limit": 50, "fields": "id,score"}
        expected = items(*[early := server.page(query), *server.walk(early)])
        command = partial(
            run, "index", tmp_path / "late.jsonl", "--data", own_archive, round_articles=100, builders=1
        )
        indexing = pool.submit(command)
        epochs: set[str] = set()
        while not indexing.done() or len(epochs) < 2:
            assert not indexing.done() or indexing.result().returncode == 0
            response = server.search({**query, "limit": 100})
            pages = [response.json(), *server.walk(response.json())]
            epochs.add(response.headers["Broadsheet-Epoch"])
            ids = [item["id"] for item in items(*pages)]
            assert len(ids) == len(set(ids)) == pages[0]["total"]["value"]
            assert len({page["as_of"] for page in pages}) == 1
        assert server.page(query)["data"][0]["id"].startswith("late")
        assert items(early, *server.walk(early)) == expected


def test_expired_cursor_leads_back_to_its_place(own_archive: Path) -> None:
    """410 once its epoch is gone, with a link that goes on from the same place in the newest one."""
    with ApiServer(own_archive) as server:
        query = {"q": QUERY, "limit": 30, "fields": "id"}
        first = server.page(query)
        second = next(server.walk(first))
        third = next(server.walk(second))
        for number in range(6):  # more than stay open
            epoch = publish(own_archive, [Article(id=f"late{number}", title="Other")], retention=Retention(0))
            eventually(partial(lambda epoch: server.epoch() == epoch, epoch))
        for direction, page in (("next", third), ("prev", first)):
            expired = server.search({**query, "total": "none", "cursor": cursor_of(second, direction)})
            body = problem_of(expired, 410, "cursor-expired")
            assert body["errors"][0]["parameter"] == "cursor"
            resumed = server.client.get(body["links"]["resume"])
            assert resumed.status_code == 200
            assert resumed.headers["Broadsheet-Epoch"] == str(epoch)
            assert resumed.json()["data"] == page["data"]
        problem_of(server.search({"q": "storm", "cursor": cursor_of(second)}), 400, "cursor-mismatch")


def test_walk_goes_on_after_a_restart(own_archive: Path) -> None:
    """Cursors need nothing of the server that made them."""
    query = {"q": QUERY, "limit": 90, "fields": "id"}
    with ApiServer(own_archive) as before:
        pages = [first := before.page(query), *before.walk(first)]
    publish(own_archive, made_up(50, seed=2, prefix="m"))
    with ApiServer(own_archive) as after:
        assert [first, *after.walk(first)] == pages
        assert after.page(query)["total"]["value"] > first["total"]["value"]


def test_an_epoch_number_that_is_used_again(own_archive: Path) -> None:
    """After its manifest was removed: nothing cached of the first is answered, and walks go on where they were."""
    query = {"q": QUERY, "limit": 30, "fields": "id"}
    publish(own_archive, [Article(id="other", title="Other")])
    redis = RedisServer()
    try:
        with ApiServer(own_archive, redis_url=redis.url) as server:
            before = server.page(query)
            following = next(server.walk(before))
            epoch = server.epoch()
        Layout(own_archive).manifest(epoch).unlink()
        publish(own_archive, [Article(id="late", title="Budget budget budget budget")])
        with ApiServer(own_archive, redis_url=redis.url) as server:
            assert server.epoch() == epoch
            after = server.page(query)
            assert after["total"]["value"] == before["total"]["value"] + 1
            assert next(server.walk(before)) == following
    finally:
        redis.close()
