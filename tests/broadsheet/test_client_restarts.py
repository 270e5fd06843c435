"""What the client does when its server dies: killed outright in the middle of the work, and started again.

Not here: refusals and broken connections one by one (`test_client_retries.py`).
"""

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from broadsheet.client import AsyncClient, Client
from indexer.log import log_path
from tests import commands
from tests.api_server import AMPLE_MS, ApiServer, eventually, runs
from tests.archive import Archive, copied


class Dying:
    """A server that is killed with all its processes, and started again at its address."""

    def __init__(self, root: Path, **settings: Any) -> None:
        self._root, self._settings = root, settings
        self._server = ApiServer(root, ready=False, **settings)
        self.url, self._port = self._server.url, self._server.port
        self._starting: threading.Thread | None = None
        self.deaths = 0

    def die(self) -> None:
        """Kill it; a thread starts it again."""
        self.settle()
        family = [self._server.pid, *self._server.processes()]
        for process in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        eventually(lambda: not any(map(runs, family)))
        self.deaths += 1
        self._starting = threading.Thread(target=self._start)
        self._starting.start()

    def _start(self) -> None:
        self._server.close()
        self._server = ApiServer(self._root, ready=False, port=self._port, **self._settings)

    def settle(self) -> None:
        """Wait until it has been started again."""
        if self._starting:
            self._starting.join()

    def close(self) -> None:
        """Stop it."""
        self.settle()
        self._server.close()


@pytest.fixture
def dying(archive: Archive, tmp_path: Path) -> Iterator[Dying]:
    """A server on a copy of the archive."""
    server = Dying(copied(archive.root, tmp_path / "copy"))
    yield server
    server.close()


def test_a_walk_outlives_its_server(archive: Archive, dying: Dying) -> None:
    """It is killed twice between pages: no article is left out, none comes twice."""
    with Client(dying.url) as client:
        ids: list[str | None] = []
        for item in client.search_all("", limit=40, fields="id", timeout_ms=AMPLE_MS):
            ids.append(item.id)
            if len(ids) in {40, 250}:
                dying.die()
        assert dying.deaths == 2
        dying.settle()
        whole = [one.id for one in client.search_all("", fields="id", timeout_ms=AMPLE_MS)]
    assert ids == whole
    assert sorted(filter(None, ids)) == sorted(article.id for article in archive.articles)


def test_a_walk_that_is_awaited_outlives_it_too(archive: Archive, dying: Dying) -> None:
    """While other tasks of the event loop go on."""

    async def walk() -> list[str | None]:
        async with AsyncClient(dying.url) as client:
            ids: list[str | None] = []
            async for item in client.search_all("", limit=100, fields="id", timeout_ms=AMPLE_MS):
                ids.append(item.id)
                if len(ids) == 150:
                    await asyncio.to_thread(dying.die)
            return ids

    assert sorted(filter(None, asyncio.run(walk()))) == sorted(article.id for article in archive.articles)


def test_changes_are_followed_over_a_death(dying: Dying) -> None:
    """A follower that is cut off goes on after the last one that it had."""
    with Client(dying.url) as client:
        seqs = []
        for change in client.changes(follow=True):
            seqs.append(change.seq)
            if len(seqs) == 100:
                dying.die()
            if change.seq == 400:
                break
        dying.settle()
        following = client.changes(after=390, follow=True)
        assert [next(following).seq for _ in range(10)] == list(range(391, 401))
        following.close()
    assert seqs == list(range(1, 401))


def test_a_run_outlives_its_server(tmp_path: Path) -> None:
    """It is killed while articles are sent: each is logged once, and its line says that it is new."""
    root = tmp_path / "live"
    root.mkdir()
    dying = Dying(root, indexer=True, builders=1)
    try:
        eventually(lambda: log_path(root).exists())
        rows = [{"id": f"a/{n}", "title": f"Title {n}", "body": "text " * 100} for n in range(1500)]

        def given() -> Iterator[dict[str, Any]]:
            for number, row in enumerate(rows):
                if number in {400, 1000}:
                    # In the middle of the answer to the batch before, as far as that can be hit.
                    threading.Timer(0.02, dying.die).start()
                yield row

        with Client(dying.url) as client:
            results = [one for batch in client.bulk(given(), batch_bytes=60_000) for one in batch.results]
            eventually(lambda: dying.deaths == 2)
            dying.settle()
            done = client.bulk_summary([{"id": "last", "title": "Last"}], wait=True)
            assert done.statuses == {"created": 1}
            changes = [one for one in client.changes() if one.id != "last"]
        assert [one.id for one in results] == [row["id"] for row in rows]
        assert {one.status for one in results} == {"created"}
        assert [(one.id, one.kind) for one in changes] == [(row["id"], "created") for row in rows]
    finally:
        dying.close()


def test_a_long_walk_outlives_a_death(tmp_path: Path) -> None:
    """Thousands of hits: each once, in the order of the undisturbed walk."""
    root = tmp_path / "archive"
    made = commands.run("sample", "--articles", "5100", "--seed", "3")
    assert commands.run("index", "-", "--data", root, stdin=made.stdout.encode()).returncode == 0
    dying = Dying(root)
    try:
        with Client(dying.url) as client:
            asked = {"fields": "id", "sort": "newest", "timeout_ms": AMPLE_MS}
            ids = []
            for item in client.search_all("", **asked):  # type: ignore[arg-type]
                ids.append(item.id)
                if len(ids) == 2_111:
                    dying.die()
            dying.settle()
            assert len(ids) == len(set(ids)) == 5_100
            assert ids == [one.id for one in client.search_all("", **asked)]  # type: ignore[arg-type]
    finally:
        dying.close()
