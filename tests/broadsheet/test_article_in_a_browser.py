"""The article page in a real browser: for everybody, with all that can stand on it, on paper, and behind a key.

Not here: what it shows (`tests/search/test_page_article.py`), the search page (`test_page_in_a_browser.py`).
"""

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from playwright.sync_api import Browser, expect

from indexer.log import log_path
from tests.api_server import ApiServer, eventually
from tests.browser import NARROW, WIDE, check_accessible, opened
from tests.commands import run

BODY = "The keeper of the lighthouse saw ten ships.\nIt was a clear night.\n" + "A long quiet paragraph. " * 40


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an archive."""
    return tmp_path_factory.mktemp("read")


@pytest.fixture(scope="module")
def live(root: Path) -> Iterator[ApiServer]:
    """A server on an article that was corrected and has a copy, one that is like it, and one that was withdrawn."""
    ten, two = "saw ten ships", "saw two ships"
    with ApiServer(root, ready=False, indexer=True, builders=1) as server:
        eventually(lambda: log_path(root).exists())
        for address, fields in (
            (
                "seen%2F1",
                {"title": "Ten ships", "body": BODY, "source": "Wire", "tags": ["sea"], "url": "https://x.example/"},
            ),
            ("seen%2F1", {"title": "Two ships", "body": BODY.replace(ten, two), "source": "Wire", "tags": ["sea"]}),
            ("copy", {"title": "Two ships", "body": BODY.replace(ten, two), "source": "Post"}),
            ("like", {"title": "Keeper sleeps", "body": "The keeper of a lighthouse was seen asleep by two ships."}),
            ("gone", {"title": "Gone", "body": "Gone."}),
        ):
            answer = server.client.put(f"/v1/articles/{address}?wait=searchable", content=orjson.dumps(fields))
            assert answer.status_code == 200, answer.text
        server.client.delete("/v1/articles/gone?wait=searchable&reason=a+mistake")
        yield server


@pytest.mark.parametrize(("size", "dark"), [(WIDE, False), (NARROW, True)])
@pytest.mark.parametrize(
    "address", ["/articles/seen%2F1?q=lighthouse&changed=2", "/articles/gone", "/articles/never"]
)
def test_for_everybody(live: ApiServer, browser: Browser, address: str, size: tuple[int, int], dark: bool) -> None:
    """Accessible, and nothing sticks out at the side."""
    with opened(browser, live.url + address, size=size, dark=dark, statuses=frozenset({404})) as page:
        for details in page.locator("summary").all():
            details.click()
        check_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


def test_from_the_search_to_what_changed_and_back(live: ApiServer, browser: Browser) -> None:
    """The words of the search are marked; the difference is at an address of its own."""
    with opened(browser, f"{live.url}/?q=ships&source=Wire") as page:
        page.locator("a.hit", has_text="Two ships").click()
        expect(page.locator("article mark").first).to_have_text("ships")
        page.get_by_role("link", name="what changed").click()
        expect(page.locator("#changed dd del").first).to_have_text("Ten")
        page.go_back()
        page.go_back()
        expect(page.locator("#q")).to_have_value("ships")


def test_printed(live: ApiServer, browser: Browser) -> None:
    """The text, and what became of it."""
    with opened(browser, f"{live.url}/articles/seen%2F1") as page:
        page.emulate_media(media="print")
        expect(page.locator("article h1")).to_be_visible()
        expect(page.locator(".history")).to_be_visible()
        expect(page.locator("#similar")).to_be_hidden()


@pytest.mark.usefixtures("live")
def test_behind_a_key(root: Path, browser: Browser) -> None:
    """The browser asks for it as a password; suggestions and results need no second one."""
    made = run("keys", "add", "reader", "--data", root)
    key = made.stdout.split()[-1]
    assert key.startswith("bs_")
    credentials = {"username": "anybody", "password": key}
    with ApiServer(root, public_reads=False, ready=False) as server:
        eventually(lambda: server.client.get("/", headers={"Authorization": f"Bearer {key}"}).status_code == 200)
        assert "Basic" in server.client.get("/", headers={"Accept": "text/html"}).headers["WWW-Authenticate"]
        with opened(browser, f"{server.url}/", statuses=frozenset({401}), http_credentials=credentials) as page:
            page.locator("#q").press_sequentially("keepe", delay=20)
            expect(page.locator("#suggestions")).to_be_visible()
            page.wait_for_url("**/?q=keepe*")
            expect(page.locator("a.hit").first).to_be_visible()
