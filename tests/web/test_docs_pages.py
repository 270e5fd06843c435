"""The documentation pages as a server gives them: complete, linked, readable offline, by everybody.

Not here: the document that they are made from (`tests/broadsheet/test_api_document.py`).
"""

import re
from html.parser import HTMLParser

import pytest
from playwright.sync_api import Browser

from broadsheet.app import ALL_OPERATIONS
from tests.api_server import ApiServer
from tests.browser import check_accessible, opened
from web.problem_types import TYPES, type_address


class _Page(HTMLParser):
    """What a page links to, what can be linked to in it, its headings and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.levels: list[int] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note links, ids and headings."""
        given = dict(attrs)
        assert tag != "script"
        if tag in {"a", "link"} and (address := given.get("href")):
            self.links.append(address)
        if name := given.get("id"):
            self.ids.append(name)
        if re.fullmatch(r"h[1-6]", tag):
            self.levels.append(int(tag[1]))

    def handle_data(self, data: str) -> None:
        """Note the text."""
        self.text += data


def _page(server: ApiServer, address: str) -> _Page:
    answer = server.client.get(address)
    assert answer.status_code == 200
    return _Page(answer.text)


def test_every_operation_is_on_the_page(server: ApiServer) -> None:
    """With its parameters, headers, a line of curl, an answer, and its problems."""
    page = _page(server, "/docs")
    text = page.text.replace("\u200b", "")
    for operation in ALL_OPERATIONS:
        taken = [one.name for one in operation.parameters] + [one.name for one in operation.headers]
        assert f"{operation.method.upper()} {operation.path}" in text
        assert all(name in text for name in taken)
    assert text.count("curl ") == len(ALL_OPERATIONS)
    assert {type_address(slug) for slug in TYPES} <= set(page.links)


def test_every_link_leads_somewhere(server: ApiServer) -> None:
    """On the page, and on those of problems; headings go down one step at a time, and ids are given once."""
    pages = {address: _page(server, address) for address in ("/docs", *map(type_address, TYPES))}
    found = {link.partition("#")[0] or "/docs" for page in pages.values() for link in page.links}
    for path in found - {"data:,"}:
        assert server.client.get(path).status_code == 200, path
    for address, page in pages.items():
        for link in page.links:
            path, _, anchor = link.partition("#")
            if anchor:
                assert anchor in pages[path or address].ids, link
        assert page.levels[0] == 1
        assert page.levels.count(1) == 1
        assert all(after <= before + 1 for before, after in zip(page.levels, page.levels[1:], strict=False))
        assert len(set(page.ids)) == len(page.ids)


@pytest.mark.parametrize("slug", TYPES)
def test_a_page_of_a_problem_says_what_to_do(server: ApiServer, slug: str) -> None:
    """What it means, when it happens, what to do, how it looks, and who answers it."""
    text, kind = _page(server, type_address(slug)).text, TYPES[slug]
    for told in (kind.meaning, kind.occurs, kind.cure):
        assert told.replace("`", "") in text
    assert f'"type": "{type_address(slug)}"' in text
    assert "Who answers it" in text


@pytest.mark.parametrize(
    ("address", "width", "dark"),
    [
        ("/docs", 320, True),
        ("/docs", 1280, False),
        ("/docs/problems/cursor-expired", 320, False),
        ("/docs/problems/cursor-expired", 1280, True),
    ],
)
def test_the_pages_are_for_everybody(
    server: ApiServer, browser: Browser, address: str, width: int, dark: bool
) -> None:
    """Accessible; nothing sticks out; the first thing that Tab reaches leads to the content."""
    with opened(browser, server.url + address, size=(width, 800), dark=dark) as page:
        check_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
