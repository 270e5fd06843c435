"""The search page as people use it, in a real browser over a real server.

Not here: what an address shows (`tests/search/test_page_results.py`), articles (`test_article_in_a_browser.py`).
"""

import re
from collections.abc import Iterator
from pathlib import Path
from random import Random
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from indexer.article import validate
from partition.types import Article
from tests.api_server import ApiServer
from tests.archive import publish
from tests.browser import NARROW, WIDE, check_accessible, opened

WORDS = ("council", "bridges", "roads", "ships", "cranes", "light", "water", "votes", "next", "year", "old", "new")
SECTIONS = ("Politics", "Sport", "World")
SOURCES = ("Harbour Post", "The Wire")


def _article(**fields: str) -> Article:
    return validate(fields, now_ms=1_750_000_000_000).article


@pytest.fixture(scope="module")
def newsroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A server on 120 articles of two years, one of which stands in three newspapers."""
    root: Path = tmp_path_factory.mktemp("newsroom")
    random = Random(7)
    texts = [
        _article(
            id=f"news/{number:03}",
            title=f"Harbour budget report {number}",
            body=" ".join(random.choices(WORDS, k=60)) + ", says the budget.",
            section=SECTIONS[number % 3],
            source=SOURCES[number // 12 % 2],
            published_at=f"{2022 + number // 60}-{number % 12 + 1:02}-{number % 28 + 1:02}",
        )
        for number in range(120)
    ]
    wire = "Lighthouse keeper retires after forty years of storms on the northern coast of the island, he said. " * 4
    texts += [
        _article(
            id=f"copy/{number}",
            title="Lighthouse keeper retires",
            body=wire,
            source=source,
            published_at="2023-05-05",
        )
        for number, source in enumerate(("The Wire", "Harbour Post", "Island Gazette"))
    ]
    publish(root, texts)
    with ApiServer(root) as server:
        yield server


def _asked(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def _titles(page: Page) -> list[str]:
    return page.locator("a.hit").all_inner_texts()


def test_results_come_while_somebody_types(newsroom: ApiServer, browser: Browser) -> None:
    """A last word that is being written is a beginning; what is typed is in the address, and Back leaves it."""
    with opened(browser, f"{newsroom.url}/") as page:
        page.locator("#q").press_sequentially("lighth", delay=20)
        expect(page.locator("#count")).to_contain_text("1 story")
        expect(page.locator("a.hit")).to_have_text("Lighthouse keeper retires")
        assert _asked(page) == {"q": ["lighth*"]}, "what is shown can be shared"
        page.locator("#q").press_sequentially("ouse", delay=20)
        page.wait_for_url("**/?q=lighthouse")
        expect(page.locator(".hits mark").first).to_have_text("Lighthouse")
        page.go_back()
        page.wait_for_url(f"{newsroom.url}/")
        expect(page.locator("#q")).to_have_value("")
        expect(page.locator("#count")).to_contain_text("121 stories")


def test_suggestions_are_taken_by_keyboard_and_mouse(newsroom: ApiServer, browser: Browser) -> None:
    """As WAI-ARIA wants a combobox: the focus stays in the field, which says what is chosen."""
    with opened(browser, f"{newsroom.url}/") as page:
        field = page.get_by_role("combobox", name="Words to search for")
        field.press_sequentially("lighthouse ke", delay=20)
        expect(page.get_by_role("listbox", name="Suggestions")).to_be_visible()
        check_accessible(page)
        field.press("ArrowDown")
        chosen = page.locator(f"#{field.get_attribute('aria-activedescendant')}")
        expect(chosen).to_have_attribute("aria-selected", "true")
        phrase = chosen.get_attribute("data-phrase")
        assert phrase
        field.press("Enter")
        expect(field).to_have_value(phrase)
        expect(field).to_have_attribute("aria-expanded", "false")
        expect(page.locator("a.hit")).to_have_count(1)
        assert _asked(page)["q"] == [phrase]

        field.fill("")
        field.press_sequentially("island ga", delay=20)
        page.get_by_role("option", name=re.compile("Island Gazette")).click()
        page.wait_for_url("**source=Island+Gazette**")
        expect(page.get_by_role("link", name="Remove: Source Island Gazette")).to_be_visible()

        field.press_sequentially("budg", delay=20)
        expect(page.locator("#suggestions")).to_be_visible()
        field.press("Escape")
        expect(page.locator("#suggestions")).to_be_hidden()


def test_filters_narrow_and_are_taken_back(newsroom: ApiServer, browser: Browser) -> None:
    """Their counts are what is found with them."""
    with opened(browser, f"{newsroom.url}/?q=budget") as page:
        value = page.locator("aside.filters li", has_text="Politics").locator("a").first
        number = value.locator(".number").inner_text()
        value.click()
        page.wait_for_url("**section=Politics**")
        expect(page.locator("#count")).to_contain_text(f"{number} stories")
        page.get_by_role("link", name="Leave out Harbour Post").click()
        expect(page.locator("#count")).to_contain_text("20 stories")
        assert _asked(page) == {"q": ["budget"], "section": ["Politics"], "source": ["!Harbour Post"]}
        check_accessible(page)
        page.get_by_role("link", name="Remove: Section Politics").click()
        page.get_by_role("link", name="Remove: Source not Harbour Post").click()
        expect(page.locator("#count")).to_contain_text("120 stories")
        page.go_back()
        page.go_back()
        expect(page.locator("#count")).to_contain_text("20 stories")


def test_the_timeline_is_brushed(newsroom: ApiServer, browser: Browser) -> None:
    """From the first bar of a range to its last, by dragging; a click on one bar is that bar."""
    with opened(browser, f"{newsroom.url}/?q=budget") as page:
        bars = page.locator("#timeline a")
        expect(bars).to_have_count(24)
        first, last = bars.nth(3).bounding_box(), bars.nth(8).bounding_box()
        assert first
        assert last
        within = sum(int(bars.nth(at).get_attribute("data-count") or "") for at in range(3, 9))
        page.mouse.move(first["x"] + first["width"] / 2, first["y"] + 40)
        page.mouse.down()
        page.mouse.move(last["x"] + last["width"] / 2, last["y"] + 20, steps=6)
        expect(page.locator("#brushed")).to_have_text(f"Apr 2022 to Sept 2022: {within}")
        page.mouse.up()
        page.wait_for_url("**from=2022-04-01&to=2022-09-30")
        expect(page.locator("#count")).to_contain_text(f"{within} stories")
        page.locator("#timeline a").nth(1).click()
        page.wait_for_url("**from=2022-05-01&to=2022-05-31")
        expect(page.locator("#timeline a")).to_have_count(31)
        page.get_by_role("link", name="2022", exact=True).click()
        page.wait_for_url("**from=2022-01-01&to=2022-12-31")
        page.get_by_role("link", name="All dates").click()
        expect(page.locator("#count")).to_contain_text("120 stories")


def test_pages_are_walked_and_shared(newsroom: ApiServer, browser: Browser) -> None:
    """Forwards, back by the browser's own button and by the page's; somebody else sees the same at the address."""
    with opened(browser, f"{newsroom.url}/?q=budget&sort=newest") as page:
        first = _titles(page)
        page.get_by_role("link", name="More →").click()
        page.wait_for_url("**cursor=**")
        second = _titles(page)
        assert not set(first) & set(second)
        page.get_by_role("link", name="More →").click()
        expect(page.get_by_role("link", name="First page")).to_be_visible()
        page.go_back()
        assert _titles(page) == second
        shared = page.url
        page.get_by_role("link", name="← Back").click()
        page.wait_for_function("first => document.querySelector('a.hit').textContent === first", arg=first[0])
        assert _titles(page) == first
    with opened(browser, shared) as page:
        assert _titles(page) == second


def test_everything_by_keyboard(newsroom: ApiServer, browser: Browser) -> None:
    """Search, walk through hits and pages, brush the timeline, and turn the keys off."""
    with opened(browser, f"{newsroom.url}/") as page:
        page.keyboard.press("Tab")
        page.keyboard.press("/")
        page.keyboard.type("budget")
        page.keyboard.press("Enter")
        page.wait_for_url("**/?q=budget")
        page.keyboard.press("j")
        page.keyboard.press("j")
        expect(page.locator("a.hit").nth(1)).to_be_focused()
        page.keyboard.press("k")
        expect(page.locator("a.hit").first).to_be_focused()
        page.keyboard.press("n")
        page.wait_for_url("**cursor=**")
        page.keyboard.press("p")
        page.wait_for_function("!document.querySelector('a[rel=prev]')")

        page.locator("#timeline a[tabindex='0']").focus()
        page.keyboard.press("Home")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Shift+ArrowRight")
        page.keyboard.press("Shift+ArrowRight")
        expect(page.locator("#timeline a.brushed")).to_have_count(3)
        page.keyboard.press("Enter")
        page.wait_for_url("**from=2022-02-01&to=2022-04-30")

        page.keyboard.press("?")
        expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
        check_accessible(page)
        page.get_by_label("These keys work").uncheck()
        page.keyboard.press("Escape")
        page.keyboard.press("/")
        expect(page.locator("#q")).not_to_be_focused()
        page.reload()
        page.keyboard.press("/")
        expect(page.locator("#q")).not_to_be_focused()


def test_copies_are_shown_in_place(newsroom: ApiServer, browser: Browser) -> None:
    """Where there is a script; else a link leads to them."""
    with opened(browser, f"{newsroom.url}/?q=lighthouse") as page:
        page.get_by_role("link", name="2 copies").click()
        expect(page.locator(".hits .short li")).to_have_count(2)
        check_accessible(page)
        page.locator("a.copies").click()
        expect(page.locator(".hits .short")).to_be_hidden()
        page.locator("select[name=collapse]").select_option("none")
        page.wait_for_url("**collapse=none**")
        expect(page.locator("a.hit")).to_have_count(3)
    with opened(browser, f"{newsroom.url}/?q=lighthouse", javascript=False) as page:
        page.get_by_role("link", name="2 copies").click()
        expect(page.locator("#copies li")).to_have_count(2)


def test_without_a_script(newsroom: ApiServer, browser: Browser) -> None:
    """Everything is there, a page at a time."""
    with opened(browser, f"{newsroom.url}/", javascript=False) as page:
        page.get_by_label("Words to search for").fill("budget")
        page.get_by_label("Order").select_option("newest")
        page.get_by_role("button", name="Search").click()
        expect(page.locator("#count")).to_contain_text("120 stories")
        page.locator("#timeline a").nth(2).click()
        expect(page.locator("#count")).to_contain_text("5 stories")
        page.locator("aside.filters a", has_text="The Wire").first.click()
        assert {"q", "sort", "from", "to", "source"} <= _asked(page).keys()
        page.locator("a.hit").first.click()
        expect(page.locator("article h1 mark")).to_have_text("budget")
        page.go_back()
        page.get_by_role("link", name="Remove all").click()
        page.get_by_role("link", name="More →").click()
        expect(page.locator("a.hit")).to_have_count(20)


def test_links_within_a_page_stay_in_it(newsroom: ApiServer, browser: Browser) -> None:
    """They load nothing."""
    with opened(browser, f"{newsroom.url}/?q=budget", size=NARROW) as page:
        page.evaluate("document.body.dataset.kept = 'yes'")
        page.get_by_role("link", name="Filters").click()
        page.wait_for_timeout(300)
        page.go_back()
        page.wait_for_timeout(300)
        assert page.evaluate("document.body.dataset.kept") == "yes"


@pytest.mark.parametrize(("size", "dark"), [(WIDE, True), (NARROW, False)])
@pytest.mark.parametrize("address", ["/", "/?q=budget&section=Politics&tag=none", "/?q=nothingatall", "/?limit=0"])
def test_for_everybody(
    newsroom: ApiServer, browser: Browser, address: str, size: tuple[int, int], dark: bool
) -> None:
    """Accessible, and nothing sticks out at the side."""
    with opened(browser, newsroom.url + address, size=size, dark=dark, statuses=frozenset({400})) as page:
        check_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, re.findall(r"\d+", paper)[:3])) < 384) == dark


def test_it_is_light_and_asks_once(newsroom: ApiServer, browser: Browser) -> None:
    """Under 100 KB in all, in three requests."""
    with opened(browser, f"{newsroom.url}/?q=budget") as page:
        page.wait_for_load_state("networkidle")
        asked = page.evaluate(
            "['navigation', 'resource'].flatMap(kind => performance.getEntriesByType(kind))"
            ".map(one => [one.name, one.transferSize])"
        )
        assert len(asked) == 3, asked
        assert all(size for _url, size in asked)
        assert sum(size for _url, size in asked) < 100_000


def test_printed(newsroom: ApiServer, browser: Browser) -> None:
    """What was found is on paper; what is there to be clicked is not."""
    with opened(browser, f"{newsroom.url}/?q=budget") as page:
        page.emulate_media(media="print")
        expect(page.locator("a.hit").first).to_be_visible()
        for gone in (".search", ".filters", ".pages", ".masthead nav", ".timeline"):
            expect(page.locator(gone)).to_be_hidden()
