"""The operations page while articles arrive: whether its figures move, and whether they are right.

    python -m benchmarks.operations --data DIR [--rate 500] [--seconds 60] [--json OUT]

Sample articles are sent to a server of its own, on a copy of the archive, while the page is open in a real browser
and somebody searches. Every number of articles that the page shows is held against what `GET /v1/partitions` says of
the same epoch, and the last one against what was there before and what was acknowledged since.

Contract: nothing is written into the archive that is given. The exit status is 1 where a figure was wrong.

Not here: what the page looks like (`tests/broadsheet/test_operations_page.py`), how soon articles can be found
(`live/`).
"""

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.pictures import QUERIES
from indexer.sample import generate
from tests.api_server import ApiServer, eventually
from tests.archive import copied
from tests.browser import opened, started_browser

EVERY_S = 0.2
"""How often articles are sent."""
SEED = 77
"""Of sample articles that are not in an archive of samples."""
_WATCH = """() => {
  const shown = name => document.querySelector(`[data-figure="${name}"]`).innerText.replaceAll(",", "");
  window.seen = [];
  new MutationObserver(() => window.seen.push({
    at_ms: performance.now(), epoch: +shown("epoch.epoch"), articles: +shown("epoch.articles"),
    events_per_s: parseFloat(shown("span.events_per_s")),
  })).observe(document.querySelector('[data-figure="at"]'), { characterData: true, childList: true, subtree: true });
}"""


class _Truth:
    """What the API tells of each epoch, and what was sent."""

    def __init__(self, server: ApiServer) -> None:
        self.sent = 0
        self.articles: dict[int, int] = {}
        self._server = server

    def look(self) -> int:
        """The number of articles now."""
        told = self._server.client.get("/v1/partitions").json()
        self.articles[told["epoch"]] = told["articles"]
        return int(told["articles"])

    def send(self, rate: int, seconds: float) -> None:
        """Send sample articles at this rate."""
        number = round(rate * EVERY_S)
        records = generate(rate * (int(seconds) + 1), SEED)
        began_s = time.monotonic()
        for batch in range(round(seconds / EVERY_S)):
            lines = (json.dumps({**next(records), "id": f"watched/{self.sent + one}"}) for one in range(number))
            answer = self._server.client.post(
                "/v1/articles:bulk",
                content="\n".join(lines),
                headers={"Content-Type": "application/x-ndjson"},
            )
            answer.raise_for_status()
            self.sent += number
            # At the rate that was asked for, however long a request takes.
            time.sleep(max(0.0, began_s + (batch + 1) * EVERY_S - time.monotonic()))


def measure(root: Path, rate: int, seconds: float) -> dict[str, Any]:
    """Everything."""
    with tempfile.TemporaryDirectory() as folder, started_browser() as browser:
        archive = copied(root, Path(folder) / "archive")
        with ApiServer(archive, indexer=True) as server, opened(browser, f"{server.url}/ops") as page:
            eventually(server.indexers)
            truth = _Truth(server)
            before = truth.look()
            page.evaluate(_WATCH)
            over = threading.Event()

            def look() -> None:
                while not over.wait(0.02):
                    truth.look()

            def search() -> None:
                number = 0
                while not over.wait(0.05):
                    number += 1
                    server.search({"q": QUERIES[number % len(QUERIES)], "limit": number // len(QUERIES) % 50 + 1})

            threads = [threading.Thread(target=act) for act in (look, search)]
            sending = threading.Thread(target=truth.send, args=(rate, seconds))
            began_s = time.monotonic()
            for thread in (*threads, sending):
                thread.start()
            while sending.is_alive():
                page.wait_for_timeout(100)
            sent_s = time.monotonic() - began_s
            while truth.look() < before + truth.sent and time.monotonic() < began_s + sent_s + 30:
                page.wait_for_timeout(100)
            page.wait_for_timeout(3000)
            over.set()
            for thread in threads:
                thread.join()
            seen = page.evaluate("window.seen")
    return _figures(seen, truth, before, sent_s)


def _figures(seen: list[dict[str, Any]], truth: _Truth, before: int, sent_s: float) -> dict[str, Any]:
    """What the page showed beside what was so."""
    meanwhile = [one for one in seen if one["at_ms"] - seen[0]["at_ms"] <= sent_s * 1000]
    known = [one for one in seen if one["epoch"] in truth.articles]
    return {
        "before": before,
        "sent": truth.sent,
        "sent_per_s": round(truth.sent / sent_s, 1),
        "shown": seen[-1]["articles"],
        "right": before + truth.sent,
        "looks": len(seen),
        "looks_compared": len(known),
        "looks_wrong": sum(one["articles"] != truth.articles[one["epoch"]] for one in known),
        "numbers_of_articles_shown": len({one["articles"] for one in meanwhile}),
        "longest_between_looks_s": round(
            max(later["at_ms"] - one["at_ms"] for one, later in pairwise(meanwhile)) / 1000, 2
        ),
        "events_per_s_shown": statistics.median(one["events_per_s"] for one in meanwhile[len(meanwhile) // 2 :]),
    }


def main() -> int:
    """Measure, print, and write; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rate", type=int, default=500, help="articles a second")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    figures = measure(chosen.data, chosen.rate, chosen.seconds)
    for name, told in figures.items():
        print(f"{name:>26}  {told:,}")
    if chosen.json:
        chosen.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return int(figures["shown"] != figures["right"] or figures["looks_wrong"] > 0)


if __name__ == "__main__":
    sys.exit(main())
