"""Walks by cursor while epochs are published, and proves that each stays in its state as long as was promised.

    python -m tests.search.walk_harness --walks 1000 --clients 20 --every-s 5 --seed 1 [--mutant cursors-follow]

Contract: an epoch is published every so often, with articles that are new, corrected and withdrawn at all places of
the order, and sometimes merges. Clients walk meanwhile, some so slowly that their state is no longer kept. What a
walk has met is what its state holds, all of it, in order, and nothing twice; a state that was replaced less than
`RETAIN_S` ago is walked on in; of one that is gone, the answer is 410 with an address that goes on. Files that nobody
needs any more are gone in the end. The first thing that is not so raises `AssertionError`. With the mutant it must.

Not here: cursors one by one (`test_http_cursors.py`), walks while a service writes (`benchmarks.live`).
"""

import argparse
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import httpx2

from indexer.publisher import Retention
from partition.types import Article, hash64
from tests.api_server import ApiServer
from tests.broadsheet.changed_service import command
from tests.commands import BROADSHEET
from tests.small_index import Clock, SmallIndex, named, tree

ARTICLES = 400
PARTITIONS = 3
RETAIN_S = 8
_CHANGES = 12
"""Articles that an epoch adds, corrects or takes away."""
_DAY_MS = 86_400_000
MUTANTS = ("cursors-follow",)


@dataclass
class Figures:
    """What happened."""

    walks: int = 0
    hits: int = 0
    pages: int = 0
    epochs: int = 0
    overtaken: int = 0
    """Walks whose state was replaced before they ended."""
    gone: int = 0

    def line(self) -> str:
        """All of it."""
        return (
            f"{self.walks:,} walks of {self.hits:,} hits on {self.pages:,} pages while {self.epochs:,} epochs were "
            f"published, {self.overtaken:,} of them overtaken by some: nothing twice, nothing left out; "
            f"{self.gone:,} went on after 410"
        )


class Publisher:
    """Publishes epochs, and knows what each state holds."""

    def __init__(self, root: Path, seed: int, every_s: float) -> None:
        self._root, self._every_s = root, every_s
        self._random = Random(seed)
        self._dates: dict[str, int] = {}
        self._made = 0
        self.held: dict[int, list[str]] = {}
        """Ids of each state, by log sequence, the newest first."""
        self.replaced_s: dict[int, float] = {}
        """When it was replaced."""
        self._last = 0
        with self._index() as index:
            self._publish(index, [self._new() for _ in range(ARTICLES)], [])

    def _index(self) -> SmallIndex:
        return SmallIndex(self._root, partitions=PARTITIONS, retention=Retention(RETAIN_S), clock=_Now())

    def _new(self) -> str:
        self._made += 1
        return f"a/{self._made}"

    def _publish(self, index: SmallIndex, put: list[str], gone: list[str]) -> None:
        for article_id in put:
            self._dates[article_id] = self._random.randint(1, 200) * _DAY_MS
        for article_id in gone:
            del self._dates[article_id]
        index.put(*(self._article(article_id) for article_id in put))
        index.withdraw(*gone)
        ordered = sorted(self._dates, key=lambda one: (-self._dates[one], hash64(one), one))
        seq = index.log.last_seq()
        self.held[seq] = ordered  # before anybody can see it
        index.publish(merge=self._random.random() < 0.2)
        self.replaced_s[self._last], self._last = time.monotonic(), seq

    def _article(self, article_id: str) -> Article:
        words = self._random.choice(("storm", "storm storm flood", "flood and a storm"))
        return Article(id=article_id, title=f"Storm {words}", published_ms=self._dates[article_id])

    def run(self, stop: threading.Event) -> int:
        """Publish until told to stop; how many epochs."""
        epochs = 0
        with self._index() as index:
            while not stop.wait(self._every_s):
                known = self._random.sample(sorted(self._dates), 2 * _CHANGES)
                put = [self._new() for _ in range(_CHANGES)] + known[:_CHANGES]
                self._publish(index, put, known[_CHANGES:])
                epochs += 1
        return epochs


class _Now(Clock):
    """The clocks of the machine."""

    def __call__(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds that have passed."""
        return time.monotonic()


class Walker:
    """Walks, one after the other."""

    def __init__(self, server: ApiServer, publisher: Publisher, figures: Figures, telling: threading.Lock) -> None:
        self._server, self._publisher, self._figures, self._telling = server, publisher, figures, telling

    def walk(self, seed: int) -> None:
        """One."""
        random = Random(seed)
        slow = random.random() < 0.1
        pause_s = random.choice((0.0, 0.02, 0.2))
        sort = random.choice(("newest", "relevance"))
        with httpx2.Client(base_url=self._server.url, timeout=60) as client:
            target: str | None = f"/v1/search?q=storm&sort={sort}&limit={random.randint(7, 100)}&fields=id"
            ids: list[str] = []
            seq = pages = 0
            while target:
                answer = client.get(target)
                if answer.status_code == 410:
                    self._gone(client, answer, seq)
                    return
                assert answer.status_code == 200, answer.text
                page = answer.json()
                pages += 1
                ids += [one["id"] for one in page["data"]]
                seq = seq or int(answer.headers["Broadsheet-Indexed-Through"].partition(";")[0])
                target = page["page"]["next"]
                time.sleep(RETAIN_S * random.uniform(0.5, 1) if slow and pages % 4 == 0 else pause_s)
        due = self._publisher.held[seq]
        if sort == "newest":
            assert ids == due, f"a walk in the state {seq} met {_difference(ids, due)}"
        else:
            assert sorted(ids) == sorted(due), f"a walk in the state {seq} met {_difference(ids, due)}"
        with self._telling:
            self._figures.walks += 1
            self._figures.hits += len(ids)
            self._figures.pages += pages
            self._figures.overtaken += seq in self._publisher.replaced_s

    def _gone(self, client: httpx2.Client, answer: httpx2.Response, seq: int) -> None:
        kept_s = time.monotonic() - self._publisher.replaced_s.get(seq, time.monotonic())
        assert kept_s >= RETAIN_S - 1, f"the state {seq} was gone {kept_s:.1f} s after it was replaced"
        body: dict[str, Any] = answer.json()
        assert client.get(body["links"]["resume"]).status_code == 200
        with self._telling:
            self._figures.walks += 1
            self._figures.gone += 1


def _difference(ids: list[str], due: list[str]) -> str:
    twice = len(ids) - len(set(ids))
    return f"{twice} twice, {len(set(due) - set(ids))} not at all, {len(set(ids) - set(due))} of another state"


def walks(root: Path, *, count: int, clients: int, every_s: float, seed: int, mutant: str = "") -> Figures:
    """So many of them.

    Raises:
        AssertionError: one met something else than its state.
    """
    figures, telling, stop = Figures(), threading.Lock(), threading.Event()
    publisher = Publisher(root, seed, every_s)
    taken = command([mutant]) if mutant else BROADSHEET
    with (
        ApiServer(root, command=taken, threads=2, working=4, queued=200) as server,
        ThreadPoolExecutor(1) as beside,
        ThreadPoolExecutor(clients) as pool,
    ):
        publishing = beside.submit(publisher.run, stop)
        try:
            walker = Walker(server, publisher, figures, telling)
            for _ in pool.map(walker.walk, range(seed * 1_000_003, seed * 1_000_003 + count)):
                pass
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)
        figures.epochs = publishing.result()
    left = {name for name in tree(root) - named(root) if name.startswith(("partitions", "statistics", "epochs"))}
    assert not left, f"files that nobody needs are still there: {sorted(left)[:5]}"
    return figures


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Walk by cursor while epochs are published.")
    parser.add_argument("--walks", type=int, default=200)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--every-s", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mutant", choices=MUTANTS, default="")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="walks-") as folder:
        figures = walks(
            Path(folder) / "archive",
            count=given.walks,
            clients=given.clients,
            every_s=given.every_s,
            seed=given.seed,
            mutant=given.mutant,
        )
    sys.stdout.write(f"seed {given.seed}: {figures.line()}\n")


if __name__ == "__main__":
    main()
