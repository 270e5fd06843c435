"""Stories over a real socket: copies of an article, one of each story on every page, and facets that count them.

Not here: which articles are copies (`tests/indexer/test_stories.py`), many layouts (`test_layouts.py`).
"""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from indexer.log import EventLog, log_path
from indexer.routing import partition_of
from search.shapes import ArticleAnswer, SearchAnswer
from tests.api_server import ApiServer, eventually, problem_of
from tests.archive import PARTITIONS, Archive, copied, publish
from tests.search.faults import list_of, rot, segment_file
from tests.small_index import article, withdraw
from tests.trees import naive_stories

ASKED = ("id", "title", "published_at", "story_id", "copies")


@pytest.fixture(scope="module")
def stories(archive: Archive) -> dict[str, list[str]]:
    """The ids of each article's story, in order of their coming, by its own; as the plain way finds them."""
    plain = naive_stories()
    by_story: dict[int, list[str]] = {}
    labels = {}
    for seq, one in enumerate(archive.articles, start=1):
        labels[one.id] = plain.put(msgspec.to_builtins(one), seq).story
        by_story.setdefault(labels[one.id], []).append(one.id)
    assert sum(len(ids) > 2 for ids in by_story.values()) > 5
    return {id_: by_story[story] for id_, story in labels.items()}


def _everything(server: ApiServer, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    first = server.page({"limit": 30, "fields": ",".join(ASKED), **parameters})
    return [item for page in (first, *server.walk(first)) for item in page["data"]]


def test_each_article_tells_of_its_copies(server: ApiServer, stories: dict[str, list[str]]) -> None:
    """How many, which they are, and which of all came first; in searches and by itself."""
    items = _everything(server, {"sort": "oldest"})
    assert len(items) == len(stories)
    ids: dict[str, set[str]] = {}
    for item in items:
        every = stories[item["id"]]
        others = [one for one in every if one != item["id"]]
        assert item["copies"] == {"count": len(others), "canonical": every[0], "ids": others}
        ids.setdefault(item["story_id"], set()).add(item["id"])
    assert {frozenset(one) for one in ids.values()} == {frozenset(one) for one in stories.values()}
    for item in items[::40]:
        answer = server.client.get(f"/v1/articles/{quote(item['id'], safe='')}").json()
        msgspec.convert(answer, ArticleAnswer, strict=True)
        assert {name: answer[name] for name in ("story_id", "copies")} == {
            name: item[name] for name in ("story_id", "copies")
        }


@pytest.mark.parametrize(
    "parameters",
    [
        {"q": "budget"},
        {"q": "budget OR tariff", "recency": "high"},
        {"sort": "newest"},
        {"q": "vote", "sort": "oldest", "section": "!Sport"},
        {"q": "bud*et", "language": "en", "from": "2007-01-01"},
        {"q": '"no such words"'},
    ],
    ids=str,
)
def test_one_of_each_story(server: ApiServer, stories: dict[str, list[str]], parameters: dict[str, Any]) -> None:
    """The first that matches, on whichever page; total, pages and cursors count stories, forwards and backwards."""
    every = _everything(server, parameters)
    expected, seen = [], set()
    for item in every:
        if stories[item["id"]][0] not in seen:
            seen.add(stories[item["id"]][0])
            expected.append(item)
    collapsed = {**parameters, "collapse": "story"}
    assert _everything(server, collapsed) == expected
    first = server.page({**collapsed, "limit": 7})
    msgspec.convert(first, SearchAnswer, strict=True)
    assert first["total"] == {"value": len(expected), "relation": "eq", "unit": "story"}
    assert [item["id"] for item in first["data"]] == [item["id"] for item in expected[:7]]
    pages = [first, *server.walk(first)]
    back = [page["data"] for page in (pages[-1], *server.walk(pages[-1], "prev"))]
    assert back == [page["data"] for page in pages[::-1]]
    plain = server.page({**parameters, "collapse": "none", "limit": 1})
    assert plain["total"] == {"value": len(every), "relation": "eq", "unit": "article"}


CHOSEN: list[dict[str, Any]] = [{}, {"section": "Politics"}, {"tag": "!Health", "source": ["Wire", "The Post"]}]


@pytest.mark.parametrize("chosen", CHOSEN, ids=str)
def test_facets_count_stories(server: ApiServer, chosen: dict[str, Any]) -> None:
    """Under each value as many as there are when it is chosen."""
    asked: dict[str, Any] = {"q": "budget", "collapse": "story", "limit": 1, **chosen}
    asked["facets"] = "section,source,author,tag,language,month"
    facets = server.page(asked)["facets"]
    alone = {name: value for name, value in asked.items() if name != "facets"}
    for name in ("section", "source", "author", "tag", "language"):
        assert facets[name]["values"]
        excluded = [
            one for one in ([chosen[name]] if isinstance(chosen.get(name), str) else []) if one.startswith("!")
        ]
        for one in facets[name]["values"]:
            total = server.page({**alone, name: [one["value"], *excluded]})["total"]
            assert total == {"value": one["count"], "relation": "eq", "unit": "story"}
    for one in facets["month"]["values"]:
        bounds = {"from": f"{one['value']}-01", "to": f"{one['value']}-{28 if one['value'].endswith('-02') else 30}"}
        if one["value"][5:] in {"02", "04", "06", "09", "11"}:
            assert server.page({**alone, **bounds})["total"]["value"] == one["count"]


def test_what_stands_in_the_place_of_what(server: ApiServer, stories: dict[str, list[str]]) -> None:
    """`explain_id` names the article that is shown; the one that is has its place among stories."""
    asked = {"q": "budget", "collapse": "story", "fields": "id"}
    shown = [item["id"] for item in _everything(server, asked)]
    hidden = [id_ for id_ in stories if id_ not in shown and set(stories[id_]) & set(shown)]
    found = {item["id"] for item in _everything(server, {"q": "budget"})}
    for id_ in [one for one in hidden if one in found][:5]:
        place = server.page({**asked, "explain_id": id_})["explain"]["article"]
        assert (place["found"], place["reason"]) == (False, "collapsed")
        assert place["collapsed_into"] in set(stories[id_]) & set(shown)
    for nth in (0, 5, len(shown) - 1):
        place = server.page({**asked, "explain_id": shown[nth]})["explain"]["article"]
        assert (place["reason"], place["rank"]) == ("ranked", nth + 1)


def test_a_cursor_belongs_to_its_unit(server: ApiServer) -> None:
    """Of a walk through stories none through articles can be made, nor the other way."""
    for one, other in (("story", "none"), ("none", "story")):
        cursor = server.page({"q": "budget", "collapse": one, "limit": 5})["page"]["next"].rpartition("cursor=")[2]
        problem_of(server.search({"q": "budget", "collapse": other, "cursor": cursor}), 400, "cursor-mismatch")
    problem = problem_of(server.search({"collapse": "stories"}), 400, "parameter-invalid")
    assert problem["errors"] == [{"parameter": "collapse", "detail": "'stories' is not one of story, none"}]


def test_stories_follow_what_is_there(archive: Archive, tmp_path: Path) -> None:
    """A copy more, one less, the first withdrawn: as of each epoch; a walk stays in its own."""
    root = copied(archive.root, tmp_path / "archive")
    said = " ".join(f"word{number}" for number in range(50))
    mine = [article(f"copy/{number}", "Copies", body=said, published_ms=0) for number in range(4)]
    asked = {"q": "word7 word8", "collapse": "story", "fields": "id,copies", "sort": "newest"}
    with ApiServer(root) as server:

        def now(epoch: int) -> tuple[int, list[str], str]:
            eventually(lambda: server.epoch() == epoch)
            page = server.page(asked)
            (item,) = page["data"]
            assert page["total"] == {"value": 1, "relation": "eq", "unit": "story"}
            return item["copies"]["count"], sorted([item["id"], *item["copies"]["ids"]]), item["copies"]["canonical"]

        assert now(publish(root, mine[:1])) == (0, ["copy/0"], "copy/0")
        before = server.page({**asked, "collapse": "none", "q": "word7 OR budget", "sort": "oldest", "limit": 100})
        assert now(publish(root, mine[1:])) == (3, [f"copy/{number}" for number in range(4)], "copy/0")
        walked = [item for page in (before, *server.walk(before)) for item in page["data"]]
        assert [item["copies"]["count"] for item in walked if item["id"].startswith("copy/")] == [0]
        with EventLog(log_path(root)) as log:
            log.append(withdraw("copy/0"))
        assert now(publish(root, [])) == (2, ["copy/1", "copy/2", "copy/3"], "copy/1")
        assert server.page({**asked, "collapse": "none"})["total"]["value"] == 3


def test_without_a_partition(archive: Archive, tmp_path: Path) -> None:
    """Copies may lie in it: so how many there are is not known, and nobody is told a number."""
    root = copied(archive.root, tmp_path / "archive")
    body = " ".join(f"a{number} z{number}" for number in range(5000))
    publish(root, [article("large", f"Budget {body[:6000]}", body=body)])
    partition = partition_of("large", PARTITIONS)
    path = segment_file(root, partition)
    others = [one.id for one in archive.articles if partition_of(one.id, PARTITIONS) != partition]
    address, another = (f"/v1/articles/{quote(one, safe='')}" for one in others[:2])
    with ApiServer(root, scrub_s=0.5) as server:
        assert server.client.get(address).json()["copies"]
        rot(path, list_of(path, "text", b"budget"))
        eventually(lambda: "partition is damaged" in server.log())
        problem_of(server.search({"q": "budget", "collapse": "story"}), 503, "partial-results")
        assert server.client.get(address).json()["copies"]  # as it was told before
        for _ in range(2):
            answer = server.client.get(another)
            assert answer.status_code == 200
            assert answer.json()["copies"] is None
            assert answer.json()["story_id"]
        page = server.page({"q": "budget", "collapse": "story", "allow_partial": "true", "fields": "id,copies"})
        assert page["total"]["relation"] == "gte"
        assert page["total"]["unit"] == "story"
        assert {item["copies"] for item in page["data"]} == {None}


def test_an_archive_without_copies(tmp_path: Path) -> None:
    """Its articles are its stories."""
    root = tmp_path / "archive"
    publish(root, [article("a", "One", section="News", published_ms=0), article("b", "Two", section="News")])
    asked = {"collapse": "story", "facets": "section,month", "fields": "id,copies", "explain_id": "b"}
    with ApiServer(root) as server:
        page = server.page(asked)
        assert page["total"] == {"value": 2, "relation": "eq", "unit": "story"}
        assert page["facets"]["section"]["values"] == [{"value": "News", "count": 2}]
        assert page["facets"]["month"]["values"] == [{"value": "1970-01", "count": 1}]
        assert page["explain"]["article"]["rank"] == 2
        assert [item["copies"]["count"] for item in page["data"]] == [0, 0]
        assert server.page({**asked, "q": "nothing"})["total"]["value"] == 0
