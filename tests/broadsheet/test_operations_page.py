"""The operations page in a real browser: it shows what the service says, live, and takes nothing from elsewhere.

Not here: the figures themselves (`test_operations.py`).
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from indexer.log import log_path
from tests.api_server import ApiServer, eventually
from tests.archive import Archive, copied, made_up
from tests.web.test_guard import MADE, write

playwright = pytest.importorskip("playwright.sync_api")

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
PATIENCE_MS = 60_000
pytestmark = [
    pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no Chromium"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A browser."""
    with playwright.sync_playwright() as running:
        started = running.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
        yield started
        started.close()


@contextmanager
def opened(browser: Any, address: str, *, tidy: bool = True, **options: Any) -> Iterator[Any]:
    """A page, which must be without errors, and ask no other host."""
    context = browser.new_context(**options)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    said: list[str] = []
    hosts: set[str] = set()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: hosts.add(re.sub(r"^(\w+://[^/]*).*$", r"\1", request.url)))
    page.goto(address)
    yield page
    assert hosts <= {re.sub(r"/ops$", "", address), "data:,"}
    context.close()
    assert said == [] or not tidy


def shown(page: Any, figure: str) -> str:
    """A figure as it stands in the page."""
    return str(page.locator(f'[data-figure="{figure}"]').first.inner_text())


def is_live(page: Any) -> None:
    """Wait until the page says so."""
    page.wait_for_selector('#state[data-state="live"]')


def violations(page: Any) -> list[str]:
    """What axe has against the page, WCAG 2.2 AA and its best practices."""
    page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate("axe.run()")["violations"]
    return [f"{one['id']}: {node['target']} {node['failureSummary']}" for one in found for node in one["nodes"]]


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


LOOKS: dict[str, dict[str, Any]] = {
    "wide": {"viewport": {"width": 1280, "height": 900}},
    "dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    "narrow": {"viewport": {"width": 320, "height": 700}},
}


@pytest.mark.parametrize("look", LOOKS)
def test_everybody_can_read_the_page(browser: Any, busy: ApiServer, look: str) -> None:
    """Light, dark and narrow: axe finds nothing, and nothing is wider than the window."""
    with opened(browser, f"{busy.url}/ops", **LOOKS[look]) as page:
        is_live(page)
        page.wait_for_selector('[data-chart="latency"] canvas')
        page.wait_for_timeout(2500)
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        labels = page.eval_on_selector_all("[data-chart]", "all => all.map(one => one.getAttribute('aria-label'))")
        assert len(labels) == 8
        assert all(re.match(r"Last \d min", label) for label in labels)


def test_without_javascript_the_figures_of_the_moment_are_there(browser: Any, busy: ApiServer) -> None:
    """The same ones, written in the same way."""
    named = (
        "epoch.articles",
        "epoch.segments",
        "epoch.size_bytes",
        "total.errors",
        "log.last_seq",
        "now.cache_entries",
    )
    with opened(browser, f"{busy.url}/ops", java_script_enabled=False) as page:
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


def test_figures_move_while_articles_are_written(browser: Any, tmp_path: Path) -> None:
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
            label = page.get_attribute('[data-chart="epochs"]', "aria-label")
            assert int(label.split(": ")[1].split(",")[0]) <= told["epoch"]["epoch"]


def test_it_says_when_it_is_cut_off_and_comes_again(browser: Any, archive: Archive, tmp_path: Path) -> None:
    """When the server ends, and when it is back; a page that is paused, or out of sight, asks nothing."""
    root = copied(archive.root, tmp_path / "copy")
    with ApiServer(root) as server:
        port = server.port
        with opened(browser, f"{server.url}/ops", tidy=False) as page:
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


def test_it_asks_for_a_key(browser: Any, archive: Archive, tmp_path: Path) -> None:
    """Where one is needed; sends it as a header, and shows the figures; a wrong one is asked for again."""
    root = copied(archive.root, tmp_path / "copy")
    write(root, *(key for key, _ in MADE.values()))
    with ApiServer(root, public_reads=False) as server, opened(browser, f"{server.url}/ops", tidy=False) as page:
        page.wait_for_selector("#key:not([hidden])")
        assert violations(page) == []
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


def test_it_asks_for_a_key_that_shows_more(browser: Any, archive: Archive, tmp_path: Path) -> None:
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


def test_what_others_saw_is_there_when_the_page_is_opened(browser: Any, busy: ApiServer) -> None:
    """The minutes before, as far as somebody watched."""
    with opened(browser, f"{busy.url}/ops") as page:
        is_live(page)
        page.wait_for_timeout(2500)
    with opened(browser, f"{busy.url}/ops") as page:
        is_live(page)
        assert "nothing known" not in page.get_attribute('[data-chart="requests"]', "aria-label")
