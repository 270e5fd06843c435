"""The search page in a real browser: what it weighs, and how soon there is something to see.

    python -m benchmarks.page --data DIR [--rounds 5] [--json OUT]

Contract: a server of its own on the archive, with one API process and an empty cache; each visit is a browser without
anything kept, each typed query a new one. Times are the browser's own (Navigation Timing, level 2; Paint Timing), and
from the last key pressed to the first result in the page.

Not here: whether the page is right (`tests/broadsheet/test_page_in_a_browser.py`).
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from tests.api_server import ApiServer
from tests.browser import opened, started_browser

QUERIES = (
    "health care",
    "budget OR tariff",
    '"climate change"',
    "iraq -war",
    "hurricane katrina relief",
    "veterans*",
)
_VISIT = """() => {
  const [page] = performance.getEntriesByType("navigation");
  const all = [page, ...performance.getEntriesByType("resource")];
  const paint = performance.getEntriesByType("paint").find(one => one.name === "first-contentful-paint");
  return { requests: all.length, bytes: all.reduce((sum, one) => sum + one.transferSize, 0),
    html_bytes: page.transferSize, first_byte_ms: page.responseStart, painted_ms: paint?.startTime ?? null,
    loaded_ms: page.loadEventEnd };
}"""


def visit(browser: Browser, address: str) -> dict[str, Any]:
    """What one visit costs."""
    with opened(browser, address) as page:
        page.wait_for_load_state("networkidle")
        page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length")
        told: dict[str, Any] = page.evaluate(_VISIT)
        return told


def typed(page: Page, query: str) -> float:
    """Milliseconds from the last key of a query until its results are there."""
    page.locator("#q").fill("")
    page.wait_for_timeout(600)
    page.locator("#q").press_sequentially(query[:-1], delay=60)
    page.evaluate(
        """() => {
          const begin = { at: 0 };
          addEventListener("input", () => { begin.at = performance.now(); }, { capture: true, once: true });
          window.shown = new Promise(resolve => new MutationObserver((_, observer) => {
            if (!begin.at) return;
            observer.disconnect();
            resolve(performance.now() - begin.at);
          }).observe(document.querySelector("main"), { childList: true }));
        }"""
    )
    page.keyboard.press(query[-1])
    return float(page.evaluate("window.shown"))


def measure(root: Path, rounds: int) -> dict[str, Any]:
    """Everything."""
    with ApiServer(root, workers=1) as server, started_browser() as browser:
        addresses = [str(server.client.build_request("GET", "/", params={"q": query}).url) for query in QUERIES]
        visits = [visit(browser, address) for _round in range(rounds) for address in [f"{server.url}/", *addresses]]
        with opened(browser, f"{server.url}/") as page:
            page.wait_for_timeout(500)
            keys = [typed(page, query) for query in QUERIES[:4]]
        articles = server.client.get("/v1/partitions").json()["articles"]
    figures: dict[str, Any] = {"articles": articles, "visits": len(visits)}
    for name in ("requests", "bytes", "html_bytes", "first_byte_ms", "painted_ms", "loaded_ms"):
        values = sorted(one[name] for one in visits)
        figures[name] = {
            "p50": statistics.median(values),
            "p95": values[int(len(values) * 0.95)],
            "most": values[-1],
        }
    figures["typed_ms"] = {"p50": statistics.median(keys), "most": max(keys)}
    return figures


def main() -> int:
    """Measure, print, and write; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    began_s = time.monotonic()
    figures = measure(chosen.data, chosen.rounds)
    for name, told in figures.items():
        print(
            f"{name:>14}  "
            + (
                "  ".join(f"{label} {value:,.1f}" for label, value in told.items())
                if isinstance(told, dict)
                else f"{told:,}"
            )
        )
    print(f"in {time.monotonic() - began_s:.0f} s", file=sys.stderr)
    if chosen.json:
        chosen.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
