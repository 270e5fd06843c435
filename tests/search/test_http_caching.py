"""Caches on the way and in browsers: tags, what is not modified, and what writes do to that.

Not here: the cache itself (`tests/cache/`), how kept answers are judged (`test_dependence.py`).
"""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from indexer.builder import InlineBuilder
from indexer.events import Submission
from indexer.log import EventLog, log_path
from indexer.projection import Projector
from indexer.publisher import IndexerLock, Retention
from partition.types import Article
from tests.api_server import ApiServer, eventually
from tests.archive import PARTITIONS, publish

ARTICLES = [
    Article(id=f"a/{n}", title=f"{word} of {n}", body=f"{word} and {n}", section=section, published_ms=n * 86_400_000)
    for n, (word, section) in enumerate([("budget", "Politics"), ("storm", "Weather"), ("vote", "Politics")] * 4)
]
SEARCHES = (
    "/v1/search?q=budget&limit=2&facets=section",
    "/v1/search?q=budget&sort=newest&fields=id,title,copies",
    "/v1/search?to=1970-01-06",
    "/v1/articles/a%2F0",
    "/v1/articles/a%2F0/similar?section=politics",
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An archive for a test to write."""
    publish(tmp_path / "archive", ARTICLES)
    return tmp_path / "archive"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A server on an archive that nobody writes."""
    root = tmp_path_factory.mktemp("caching") / "archive"
    publish(root, ARTICLES)
    with ApiServer(root) as opened:
        yield opened


@pytest.fixture
def server(root: Path) -> Iterator[ApiServer]:
    """A server on it."""
    with ApiServer(root) as opened:
        yield opened


def again(server: ApiServer, address: str, tag: str) -> httpx2.Response:
    """Asked by somebody who has the answer with this tag."""
    return server.client.get(address, headers={"If-None-Match": tag})


def written(server: ApiServer, root: Path, *articles: Article) -> None:
    """Publish, and wait until that is what is answered from."""
    before = server.epoch()
    publish(root, list(articles))
    eventually(lambda: server.epoch() > before)


def logged(server: ApiServer, root: Path, *submissions: Submission) -> None:
    """The same for whatever can be logged."""
    before = server.epoch()
    with IndexerLock(root), EventLog(log_path(root), partitions=PARTITIONS) as log:
        log.append(list(submissions))
        Projector(root, log, InlineBuilder(), retention=Retention()).project()
    eventually(lambda: server.epoch() > before)


@pytest.mark.parametrize("address", SEARCHES)
def test_who_has_it_is_told_so(served: ApiServer, address: str) -> None:
    """304, with the headers that it would have had, and nothing else; one of several tags is enough."""
    first = served.client.get(address)
    tag = first.headers["ETag"]
    assert tag.startswith('W/"')
    for offered in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
        response = again(served, address, offered)
        assert (response.status_code, response.content) == (304, b"")
        assert response.headers["ETag"] == tag
        for name in ("Cache-Control", "Broadsheet-Epoch", "Broadsheet-Indexed-Through"):
            assert response.headers[name] == first.headers[name]
        assert "Content-Type" not in response.headers
    other = "1" if tag[-2] == "0" else "0"
    for offered in ('"other"', f'{tag[:-2]}{other}"', tag.replace("-", "+"), "W/", 'W/"-"', f'W/"g{tag[3:]}'):
        assert again(served, address, offered).content == first.content


@pytest.mark.parametrize("address", SEARCHES)
def test_head_says_what_get_does(served: ApiServer, address: str) -> None:
    """The same headers, and no body."""
    whole, head = served.client.get(address), served.client.head(address)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("ETag", "Content-Length", "Content-Type", "Cache-Control"):
        assert head.headers[name] == whole.headers[name]
    assert served.client.head(address, headers={"If-None-Match": whole.headers["ETag"]}).status_code == 304


def test_writes_that_do_not_concern_it(server: ApiServer, root: Path) -> None:
    """The answer is kept, and who has it is told so; it is of the state then, and says that of now in its headers."""
    before = {address: server.client.get(address) for address in SEARCHES}
    written(server, root, Article(id="b", title="Sport", section="Sport", published_ms=30 * 86_400_000))
    for address, first in before.items():
        response = server.client.get(address)
        assert response.content == first.content, address
        assert response.headers["Cache-Status"].startswith("broadsheet; hit"), address
        assert response.headers["Broadsheet-Epoch"] == str(server.epoch())
        assert again(server, address, first.headers["ETag"]).status_code == 304


def test_who_has_an_equal_one_keeps_it(server: ApiServer, root: Path) -> None:
    """Also where it had to be made again: other links and another moment make no other answer."""
    address = SEARCHES[0]
    first = server.client.get(address)
    written(server, root, Article(id="b", title="budget", section="Weather", published_ms=30 * 86_400_000))
    other = again(server, address, first.headers["ETag"])
    assert (other.status_code, other.headers["ETag"] != first.headers["ETag"]) == (200, True)
    logged(server, root, Submission("b", None, b"", "withdraw"))
    response = again(server, address, first.headers["ETag"])
    assert (response.status_code, response.headers["ETag"]) == (304, first.headers["ETag"])
    assert "fwd=miss" in response.headers["Cache-Status"]
    third = server.client.get(address)
    assert third.json()["data"] == first.json()["data"]
    assert third.json()["page"] != first.json()["page"]
    later = f'W/"ffffff-{first.headers["ETag"].partition("-")[2]}'
    assert again(server, address, later).status_code == 200, "nobody can have what is not there yet"


def test_nobody_keeps_what_leads_nowhere(server: ApiServer, root: Path) -> None:
    """An equal answer of a state that cursors may not point into any more is sent anew, with links that do."""
    address = SEARCHES[0]
    first = server.client.get(address)
    before = server.epoch()
    unrelated = Article(id="b", title="Sport", section="Sport", published_ms=30 * 86_400_000)
    publish(root, [unrelated], retention=Retention(seconds=0))
    eventually(lambda: server.epoch() > before)
    response = again(server, address, first.headers["ETag"])
    assert response.status_code == 200
    assert response.json()["data"] == first.json()["data"]
    assert next(server.walk(response.json()))["data"]


def test_a_takedown_is_another_answer(server: ApiServer, root: Path) -> None:
    """Nobody is told to keep what shows an article that was taken down, or served it."""
    before = {address: server.client.get(address) for address in SEARCHES[:3]}
    page = server.client.get(before[SEARCHES[0]].json()["page"]["next"])
    logged(server, root, Submission("a/3", None, b"", "takedown"), Submission("a/0", None, b"", "takedown"))
    for address, first in before.items():
        response = again(server, address, first.headers["ETag"])
        assert response.status_code == 200
        assert not {"a/0", "a/3"} & {item["id"] for item in response.json()["data"]}
    following = again(server, before[SEARCHES[0]].json()["page"]["next"], page.headers["ETag"])
    assert following.status_code == 200
    assert not {"a/0", "a/3"} & {item["id"] for item in following.json()["data"]}


def test_writes_that_concern_it(server: ApiServer, root: Path) -> None:
    """Another answer with another tag: for words, values, dates, articles and their stories."""
    before = {
        address: server.client.get(address) for address in ("/v1/search?q=budget&facets=section", *SEARCHES[1:])
    }
    more = [Article(id="a/0", title="budget of the house", section="Politics", published_ms=0)]
    written(server, root, *more)
    for address, first in before.items():
        response = again(server, address, first.headers["ETag"])
        assert response.status_code == 200, address
        assert response.headers["ETag"] != first.headers["ETag"]
        assert "fwd=miss" in response.headers["Cache-Status"]


def test_pages_of_a_walk_stay(server: ApiServer, root: Path) -> None:
    """What a cursor leads to is about its own state, whatever is written."""
    first = server.page({"q": "budget", "limit": 2})
    second = server.client.get(first["page"]["next"])
    written(server, root, Article(id="a/3", title="budget budget budget", published_ms=0))
    response = server.client.get(first["page"]["next"])
    assert response.content == second.content
    assert response.headers["Cache-Status"].startswith("broadsheet; hit")
    assert again(server, first["page"]["next"], second.headers["ETag"]).status_code == 304


@pytest.fixture
def lenient(root: Path) -> Iterator[ApiServer]:
    """A server that may give older answers, and lets caches on the way do so."""
    with ApiServer(root, max_age_s=5, stale_while_revalidate_s=600, stale_if_error_s=60) as opened:
        yield opened


def test_an_older_answer_while_a_newer_one_is_computed(lenient: ApiServer, root: Path) -> None:
    """It says of which state it tells, and that it is none any more; the next has the newer one."""
    address = "/v1/search?q=budget"
    first = lenient.client.get(address)
    assert first.headers["Cache-Control"] == "public, max-age=5, stale-while-revalidate=600, stale-if-error=60"
    written(lenient, root, Article(id="new", title="budget", body="budget", published_ms=0))
    older = lenient.client.get(address)
    assert older.content == first.content
    assert older.headers["Cache-Control"] == "public, max-age=0, must-revalidate"
    assert int(older.headers["Cache-Status"].removeprefix("broadsheet; hit; ttl=")) <= 0
    for name in ("Broadsheet-Epoch", "Broadsheet-Indexed-Through", "ETag"):
        assert older.headers[name] == first.headers[name]

    def newer() -> httpx2.Response | None:
        found = lenient.client.get(address)
        return found if found.content != first.content else None

    assert eventually(newer).json()["total"]["value"] == first.json()["total"]["value"] + 1


def test_own_writes_and_takedowns_are_waited_for(lenient: ApiServer, root: Path) -> None:
    """Whoever names a sequence gets an answer that knows it, and nobody gets what was taken down."""
    address = "/v1/search?q=storm&limit=100"
    before = lenient.client.get(address).json()
    written(lenient, root, Article(id="new", title="storm", body="storm", published_ms=0))
    seq = lenient.client.get("/v1/partitions").json()["applied_seq"]
    after = lenient.client.get(f"{address}&min_seq={seq}").json()
    assert after["total"]["value"] == before["total"]["value"] + 1
    taken = before["data"][0]["id"]
    logged(lenient, root, Submission(taken, None, b"", "takedown"))
    assert taken not in {item["id"] for item in lenient.client.get(address).json()["data"]}
