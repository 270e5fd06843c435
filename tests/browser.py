"""A real Chromium for tests of pages.

Contract: a page that is opened here is watched until it is closed: an error in its console, a script that fails, a
request that fails or goes to another host, or a violation of its Content-Security-Policy fails the test. Nothing of
the developer's profile is used. Where there is no Chromium, tests skip, and say how to get one.

Not here: what the pages show (`tests/broadsheet/test_page_*.py`).
"""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_QUIETLY = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
)
"""It runs in containers, and asks for nothing by itself."""
_AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
_RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
WIDE, NARROW = (1280, 1000), (360, 740)


@contextlib.contextmanager
def started_browser() -> Iterator[Browser]:
    """A browser; skips where there is none."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium: as root, apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_QUIETLY)
        yield browser
        browser.close()


@contextlib.contextmanager
def opened(
    browser: Browser,
    address: str,
    *,
    size: tuple[int, int] = WIDE,
    dark: bool = False,
    javascript: bool = True,
    statuses: frozenset[int] = frozenset(),
    cut_off: bool = False,
    **options: Any,
) -> Iterator[Page]:
    """A page in a context of its own, which must be found without fault when the block ends.

    Args:
        browser: of `started_browser`.
        address: of the page, absolute; all that it asks for must come from there.
        size: of the window.
        dark: whether the user prefers dark colours.
        javascript: whether scripts run.
        statuses: of answers that are no fault, though they are errors.
        cut_off: whether connections may fail.
        options: of `Browser.new_context`.
    """
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if dark else "light",
        java_script_enabled=javascript,
        **options,
    )
    faults: list[str] = []
    forgiven = [f"status of {status} " for status in statuses] + ["net::ERR_"] * cut_off
    host = urlsplit(address).netloc
    page = context.new_page()

    def said(message: Any) -> None:
        if message.type in {"error", "warning"} and not any(text in message.text for text in forgiven):
            faults.append(f"console: {message.text}")

    def asks(request: Any) -> None:
        if not request.url.startswith("data:") and urlsplit(request.url).netloc != host:
            faults.append(f"asks for {request.url}")

    def told(response: Any) -> None:
        if response.status >= 400 and response.status not in statuses:
            faults.append(f"{response.status} of {response.url}")

    page.on("console", said)
    page.on("pageerror", lambda error: faults.append(f"script: {error}"))
    page.on("request", asks)
    page.on("response", told)
    page.set_default_timeout(30_000)
    page.goto(address)
    try:
        yield page
    finally:
        context.close()
    assert faults == []


def check_accessible(page: Page) -> None:
    """What axe finds in the page as it is now (WCAG 2.2 AA and good practice): nothing."""
    page.evaluate(_AXE)
    found = page.evaluate("tags => axe.run(document, {runOnly: {type: 'tag', values: tags}})", list(_RULES))
    assert found["passes"], "it looked at nothing"
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found["violations"]] == []
