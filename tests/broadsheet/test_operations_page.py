"""The operations page in a real browser: it shows what the service says, live, and takes nothing from elsewhere.

Not here: the figures themselves (`test_operations.py`).
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from indexer.log import log_path
from tests.api_server import ApiServer, eventually
from tests.archive import Archive, copied, made_up
from tests.browser import WIDE, check_accessible, opened
from tests.web.test_guard import MADE, write


def shown(page: Page, figure: str) -> str:
    """A figure as it stands in the page."""
    return str(page.locator(f'[data-figure="{figure}"]').first.inner_text())


def is_live(page: Page) -> None:
    """Wait until the page says so."""
    page.wait_for_selector('#state[data-state="live"]')


@pytest.fixture(scope="module")
def busy(archive: Archive, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A server on an archive of its own, of which something is to be seen."""
    root = copied(archive.root, tmp_path_factory.mktemp("busy") / "copy")
    with ApiServer(root) as server:
        for query in ("coast", "budget vote", "storm", "coast"):
            server.search({"q": query})
        server.search({"min_seq": 1 << 40, "timeout_ms": 1})
        eventually(lambda: server.client.get("/v1/operations").json()["failures"])
        yield server


@pytest.mark.parametrize(("size", "dark"), [(WIDE, False), (WIDE, True), ((320, 700), False)])
def test_everybody_can_read_the_page(browser: Browser, busy: ApiServer, size: tuple[int, int], dark: bool) -> None:
    """Light, dark and narrow: axe finds nothing, and nothing is wider than the window."""
    with opened(browser, f"{busy.url}/ops", size=size, dark=dark) as page:
        is_live(page)
        page.wait_for_selector('[data-chart="latency"] canvas')
        page.wait_for_timeout(2500)
        check_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        labels = page.eval_on_selector_all("[data-chart]", "all => all.map(one => one.getAttribute('aria-label'))")
        assert len(labels) == 8
        assert all(re.match(r"Last \d min", label) for label in labels)


def test_without_javascript_the_figures_of_the_moment_are_there(browser: Browser, busy: ApiServer) -> None:
    """The same ones, written in the same way."""
    named = (
        "epoch.articles",
        "epoch.segments",
        "epoch.size_bytes",
        "total.errors",
        "log.last_seq",
        "now.cache_entries",
    )
    with opened(browser, f"{busy.url}/ops", javascript=False) as page:
        assert "Without JavaScript" in page.inner_text("main")
        still = {one: shown(page, one) for one in named}
        rows = page.locator('[data-rows="partitions"] tbody tr').all_inner_texts()
        slow = page.locator('[data-rows="slowest"] tbody td:nth-child(2)').all_inner_texts()
        assert not page.locator("#pause").is_visible()
        assert not any(one.is_visible() for one in page.locator("[data-chart]").all()), "they would be empty"
    assert "–" not in still.values()  # noqa: RUF001 - as it is written
    assert len(rows) == 8
    assert all(any(text.startswith(query) for text in slow) for query in ("coast", "budget vote", "storm"))
    with opened(browser, f"{busy.url}/ops") as page:
        is_live(page)
        assert {one: shown(page, one) for one in named} == still
        page.click("summary")
        assert page.locator('[data-rows="partitions"] tbody tr').all_inner_texts() == rows
        assert page.locator("#multiples li").count() == len(rows)


def test_figures_move_while_articles_are_written(browser: Browser, tmp_path: Path) -> None:
    """And are right: when all is indexed, the page says what the service has."""
    with ApiServer(tmp_path, ready=False, indexer=True, builders=1) as server:
        eventually(lambda: log_path(tmp_path).exists())
        with opened(browser, f"{server.url}/ops") as page:
            is_live(page)
            seen = []
            articles = made_up(600, prefix="w")
            for begin in range(0, len(articles), 100):
                lines = b"".join(
                    b'{"id": "%s", "title": "%s"}\n' % (one.id.encode(), one.title.encode())
                    for one in articles[begin : begin + 100]
                )
                answer = server.client.post(
                    "/v1/articles:bulk?wait=searchable",
                    content=lines,
                    headers={"Content-Type": "application/x-ndjson"},
                )
                assert answer.status_code == 200, answer.text
                page.wait_for_function(
                    "wanted => document.querySelector('[data-figure=\"epoch.articles\"]').innerText === wanted",
                    arg=f"{begin + 100}",
                )
                seen.append(shown(page, "epoch.articles"))
            assert seen == ["100", "200", "300", "400", "500", "600"]
            page.wait_for_function("() => document.querySelector('[data-figure=\"log.backlog\"]').innerText === '0'")
            assert shown(page, "log.waiting_s") == "0.0 s"
            told = server.client.get("/v1/operations").json()
            assert shown(page, "epoch.epoch") == str(told["epoch"]["epoch"])
            bars = page.locator('[data-chart="epochs"] rect.bar').count()
            assert bars >= 2
            label = page.get_attribute('[data-chart="epochs"]', "aria-label") or ""
            assert int(label.split(": ")[1].split(",")[0]) <= told["epoch"]["epoch"]


def test_it_says_when_it_is_cut_off_and_comes_again(browser: Browser, archive: Archive, tmp_path: Path) -> None:
    """When the server ends, and when it is back; a page that is paused, or out of sight, asks nothing."""
    root = copied(archive.root, tmp_path / "copy")
    with ApiServer(root) as server:
        port = server.port
        with opened(browser, f"{server.url}/ops", cut_off=True) as page:
            is_live(page)
            page.click("#pause")
            assert page.inner_text("#state") == "Paused"
            asked: list[str] = []
            page.on("request", lambda request: asked.append(request.url))
            at = shown(page, "at")
            page.wait_for_timeout(1500)
            assert (asked, shown(page, "at")) == ([], at)
            page.click("#pause")
            is_live(page)
            page.wait_for_function(f"() => document.querySelector('[data-figure=\"at\"]').innerText !== '{at}'")
            server._process.terminate()
            page.wait_for_selector('#state[data-state="cut"]')
            assert "trying again in" in page.inner_text("#state")
            server._process.wait(30)
            with ApiServer(root, port=port):
                is_live(page)


def test_it_asks_for_a_key(browser: Browser, archive: Archive, tmp_path: Path) -> None:
    """Where one is needed; sends it as a header, and shows the figures; a wrong one is asked for again."""
    root = copied(archive.root, tmp_path / "copy")
    write(root, *(key for key, _ in MADE.values()))
    with (
        ApiServer(root, public_reads=False) as server,
        opened(browser, f"{server.url}/ops", statuses=frozenset({401})) as page,
    ):
        page.wait_for_selector("#key:not([hidden])")
        check_accessible(page)
        page.fill("#key-text", "bs_bad")
        page.press("#key-text", "Enter")
        page.wait_for_function("() => document.querySelector('#state').innerText.includes('not valid')")
        addresses: list[str] = []
        page.on("request", lambda request: addresses.append(request.url))
        page.fill("#key-text", MADE["read"][1])
        page.press("#key-text", "Enter")
        is_live(page)
        assert shown(page, "epoch.articles") == f"{len(archive.articles):,}"
        assert not page.is_visible("#key")
        assert addresses == [f"{server.url}/v1/operations"]
        page.reload()
        is_live(page)


def test_it_asks_for_a_key_that_shows_more(browser: Browser, archive: Archive, tmp_path: Path) -> None:
    """Where reading is open to all, what people searched for is not."""
    root = copied(archive.root, tmp_path / "copy")
    write(root, *(key for key, _ in MADE.values()))
    with ApiServer(root) as server, opened(browser, f"{server.url}/ops") as page:
        server.search({"q": "coast"})
        page.wait_for_function(
            "() => document.querySelector('[data-rows=slowest] tbody').innerText.includes('hidden')"
        )
        page.click("#ask-key")
        page.keyboard.type(MADE["read"][1])
        page.keyboard.press("Enter")
        page.wait_for_function(
            "() => document.querySelector('[data-rows=slowest] tbody').innerText.includes('coast')"
        )
        assert not page.is_visible("#discreet")


def test_what_others_saw_is_there_when_the_page_is_opened(browser: Browser, busy: ApiServer) -> None:
    """The minutes before, as far as somebody watched."""
    with opened(browser, f"{busy.url}/ops") as page:
        is_live(page)
        page.wait_for_timeout(2500)
    with opened(browser, f"{busy.url}/ops") as page:
        is_live(page)
        assert "nothing known" not in (page.get_attribute('[data-chart="requests"]', "aria-label") or "")
