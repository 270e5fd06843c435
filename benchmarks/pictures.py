"""The pictures of README.md, taken of a running service in a real browser.

    python -m benchmarks.pictures [--out docs/pictures] [--articles 5000]

`search.png`, `suggestions.png`, `narrow.png`, `dark.png`, `article.png`, and `operations.png`, which is taken while
articles are written and searched for.

Contract: everything that can be seen is made up by `broadsheet sample`, with one seed, so that the pictures hold no
text of others and change only with the pages. Nothing is left running.

Not here: plots of benchmarks, which these draw themselves (`--plot`).
"""

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.api_server import ApiServer, eventually
from tests.browser import opened, started_browser
from tests.commands import BROADSHEET, environment

QUERIES = ("election", "budget OR tariff", "storm coast", '"prime minister"', "harbour -budget", "league final")
WIDE, PHONE = (1200, 860), (390, 800)
_BATCH = 250


def _sample(articles: int, seed: int) -> bytes:
    command = [*BROADSHEET, "sample", "--articles", str(articles), "--seed", str(seed)]
    return subprocess.run(command, env=environment(), capture_output=True, check=True).stdout


@contextmanager
def _busy(server: ApiServer) -> Iterator[None]:
    """Articles are written and searched for until the block ends."""
    done = threading.Event()

    def write() -> None:
        lines = _sample(60 * _BATCH, seed=2).splitlines(keepends=True)
        for start in range(0, len(lines), _BATCH):
            body = b"".join(lines[start : start + _BATCH])
            server.client.post("/v1/articles:bulk", content=body, headers={"Content-Type": "application/x-ndjson"})
            if done.wait(0.5):
                return

    def search() -> None:
        number = 0
        while not done.wait(0.02):
            number += 1
            query = QUERIES[number % len(QUERIES)]
            server.search({"q": query, "limit": number // len(QUERIES) % 20 + 1})

    threads = [threading.Thread(target=act) for act in (write, search)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()


def take(browser: Browser, server: ApiServer, out: Path, *, watched_s: float) -> None:
    """Take all pictures."""

    def picture(
        name: str,
        address: str,
        size: tuple[int, int] = WIDE,
        *,
        dark: bool = False,
        act: Callable[[Page], None] | None = None,
    ) -> None:
        with opened(browser, server.url + address, size=size, dark=dark) as page:
            page.wait_for_load_state("load")
            if act:
                act(page)
            page.screenshot(path=out / f"{name}.png")

    def types(page: Page) -> None:
        page.locator("#q").press_sequentially("elec", delay=40)
        page.locator("#suggestions").wait_for()
        page.wait_for_timeout(500)

    picture("search", "/?q=election+OR+budget&section=politics")
    picture("suggestions", "/", act=types)
    picture("narrow", "/?q=election+OR+budget", PHONE)
    picture("dark", "/?q=storm+OR+flood&sort=newest", dark=True)
    found = server.page({"q": "election", "collapse": "story", "fields": "id,copies", "limit": 100})["data"]
    shown = next((item for item in found if item["copies"]["count"]), found[0])["id"]
    picture("article", f"/articles/{shown.replace('/', '%2F')}?q=election")
    with _busy(server):
        picture("operations", "/ops", act=lambda page: page.wait_for_timeout(watched_s * 1000))


def main() -> int:
    """Take them; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"))
    parser.add_argument("--articles", type=int, default=5000)
    parser.add_argument("--watched-s", type=float, default=45.0, help="how long the operations page looks on first")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        command = [*BROADSHEET, "index", "-", "--data", str(root)]
        subprocess.run(
            command, input=_sample(chosen.articles, seed=1), env=environment(), capture_output=True, check=True
        )
        with ApiServer(root, indexer=True, workers=2, builders=1) as server, started_browser() as browser:
            eventually(server.indexers)
            take(browser, server, chosen.out, watched_s=chosen.watched_s)
    print(
        f"{', '.join(sorted(path.name for path in chosen.out.glob('*.png')))} in {time.monotonic() - began_s:.0f} s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
