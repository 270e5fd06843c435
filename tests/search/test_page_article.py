"""The article page over a real socket, by a server that indexes: what it shows, and what became of an article.

Not here: differences (`test_page_differences.py`), citations (`test_citations.py`).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import lxml.html
import orjson
import pytest

from indexer.log import log_path
from tests.api_server import ApiServer, eventually

WIRE = (
    "The lighthouse keeper of the northern coast retires after forty years of storms and quiet nights, he said. " * 5
)
BODY = "First paragraph about a storm.\n\nStorms & <b>rain</b> followed.\n\nThe keeper slept."


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A server that indexes."""
    root: Path = tmp_path_factory.mktemp("articles")
    with ApiServer(root, ready=False, indexer=True, builders=1) as server:
        eventually(lambda: log_path(root).exists())
        _put(
            server, "first/1", title="Storm <hits> coast", body=BODY, authors=["Ann"], source="Wire", tags=["weather"]
        )
        yield server


def _put(server: ApiServer, article_id: str, **fields: Any) -> None:
    address = f"/v1/articles/{quote(article_id, safe='')}?wait=searchable"
    answer = server.client.put(address, content=orjson.dumps(fields))
    assert answer.status_code == 200, answer.text


def _page(server: ApiServer, article_id: str, query: str = "", status: int = 200) -> Any:
    response = server.client.get(f"/articles/{quote(article_id, safe='')}{query}")
    assert response.status_code == status, response.text
    return lxml.html.document_fromstring(response.text)


def _texts(page: Any, path: str) -> list[str]:
    return [" ".join(one.text_content().split()) for one in page.xpath(path)]


def test_the_words_that_found_it_are_marked(live: ApiServer) -> None:
    """All of them, whatever their ending; the text is text; without a query nothing is."""
    page = _page(live, "first/1", "?q=storm")
    assert _texts(page, "//article//mark") == ["Storm", "storm", "Storms"]
    assert _texts(page, "//article/p[not(@class)]") == [
        "First paragraph about a storm.",
        "Storms & <b>rain</b> followed.",
        "The keeper slept.",
    ]
    assert _texts(page, "//article/h1") == ["Storm <hits> coast"]
    assert not page.xpath("//article//b")
    assert not _page(live, "first/1").xpath("//mark")
    assert not _page(live, "first/1", "?q=" + quote("((")).xpath("//mark"), "what is no query marks nothing"
    assert _texts(page, "//dl[@class='about']//a") == ["weather"]


def test_corrections_are_told(live: ApiServer) -> None:
    """How often, when, and word by word what changed."""
    page = _page(live, "first/1")
    assert not page.xpath("//*[@class='notice'] | //ol[@class='history']")
    _put(live, "corrected", title="Ten hurt", body="Before.\nTen were hurt.\nAfter.")
    _put(live, "corrected", title="Two hurt", body="Before.\nTwo were hurt.\nAfter.", editor_note="")
    page = _page(live, "corrected")
    assert "version 2" in _texts(page, "//*[@class='notice']")[0]
    (link,) = page.xpath("//ol[@class='history']//a/@href")
    assert _texts(page, "//ol[@class='history']/li")[0].endswith(" corrected what changed")
    changed = lxml.html.document_fromstring(live.client.get(link).text)
    assert _texts(changed, "//section[@id='changed']//del")[1:] == ["Ten", "Ten"]
    assert _texts(changed, "//section[@id='changed']//ins")[1:] == ["Two", "Two"]
    assert not _page(live, "corrected", "?changed=1").xpath("//section[@id='changed']"), "there was nothing before"
    assert not _page(live, "corrected", "?changed=9").xpath("//section[@id='changed']")


def test_withdrawals_are_told_and_tell_nothing(live: ApiServer) -> None:
    """That it was, when and why; not what it said."""
    _put(live, "withdrawn", title="Secret merger", body="Nobody may know of the merger.")
    gone = live.client.delete("/v1/articles/withdrawn?wait=searchable&reason=wrong+in+every+point")
    assert gone.status_code == 200
    page = _page(live, "withdrawn", "?q=merger", 404)
    said = page.text_content()
    assert "withdrawn" in said
    assert "wrong in every point" in said
    assert "merger" not in said.lower()
    _put(live, "withdrawn", title="Merger denied", body="There is none.")
    page = _page(live, "withdrawn")
    kinds = _texts(page, "//ol[@class='history']/li/strong")
    assert kinds == ["created", "withdrawn", "created"]


def test_what_was_taken_down_is_gone(live: ApiServer) -> None:
    """With 410; of what never was nothing else is said than that it is not there."""
    _put(live, "down", title="Slander", body="Of somebody.")
    job = live.client.post("/v1/takedowns", content=orjson.dumps({"id": "down", "reason": "court order"}))
    assert job.status_code in {200, 202}, job.text
    eventually(lambda: live.client.get("/v1/articles/down").status_code == 410)
    page = _page(live, "down", status=410)
    assert "taken down" in page.text_content()
    assert "Slander" not in page.text_content()
    assert "there is no article" in _page(live, "never", status=404).text_content()


def test_copies_and_the_like(live: ApiServer) -> None:
    """Copies stand apart from articles that are only alike, of each story one."""
    for number, source in enumerate(("Wire", "Post", "Gazette")):
        _put(live, f"copy/{number}", title="Lighthouse keeper retires", body=WIRE, source=source)
    _put(
        live,
        "like",
        title="Lighthouse for sale",
        body="A lighthouse on the northern coast is for sale, with its nights.",
    )
    page = _page(live, "copy/1", "?q=lighthouse")
    assert _texts(page, "//*[@id='copies-title']") == ["2 copies"]
    assert [href.partition("?")[0] for href in page.xpath("//section[@id='copies']//li/a/@href")] == [
        "/articles/copy%2F0",
        "/articles/copy%2F2",
    ]
    alike = [href.partition("?")[0] for href in page.xpath("//section[@id='similar']//li/a/@href")]
    assert alike[0] == "/articles/like"
    assert not [address for address in alike if "copy" in address]
    assert "came first" in _page(live, "copy/0").xpath("//section[@id='copies']")[0].text_content()
    for address in page.xpath("//section//a/@href"):
        assert live.client.get(address).status_code == 200, address


def test_it_can_be_cited(live: ApiServer) -> None:
    """As the API says it."""
    page = _page(live, "first/1")
    assert _texts(page, "//details//code") == [
        " ".join(live.client.get("/v1/articles/first%2F1/bibtex").text.split())
    ]
    for address in page.xpath("//a[@download]/@href"):
        assert live.client.get(address).status_code == 200


def test_addresses_of_others_are_links_only_if_they_are_of_the_web(live: ApiServer) -> None:
    """No script hides in one."""
    _put(live, "linked", title="Linked", url="https://news.example/1")
    assert _page(live, "linked").xpath("//dl[@class='about']//a/@href") == ["https://news.example/1"]
    for url in ("javascript:alert(1)", "data:text/html,x"):
        answer = live.client.put(
            "/v1/articles/unlinked?wait=searchable", content=orjson.dumps({"title": "U", "url": url})
        )
        if answer.status_code == 200:
            assert not _page(live, "unlinked").xpath(
                "//a[starts-with(@href, 'javascript') or starts-with(@href, 'data')]"
            )
