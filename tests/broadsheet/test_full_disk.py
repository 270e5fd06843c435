"""Disks that are full, or cannot be written, under a service: it answers, refuses, and goes on by itself.

Not here: one append or one publication that fails (`tests/indexer/`).
"""

import errno
import os
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from broadsheet import indexer_process
from broadsheet.bells import LOG, Bell
from broadsheet.settings import Settings
from indexer.events import LogError
from indexer.log import EventLog, log_path
from indexer.projection import advance_statistics
from partition.manifest import Layout
from partition.writer import write_generation
from tests.api_server import ApiServer, eventually, problem_of
from tests.archive import make_archive
from tests.broadsheet.full_disk_harness import disk_of, disks, missing, unneeded
from tests.small_index import article, contents, put

_WHY = missing()
needs_disks = pytest.mark.skipif(_WHY is not None, reason=str(_WHY))


@needs_disks
def test_a_full_disk_refuses_writes_and_nothing_else() -> None:
    """`python -m tests.broadsheet.full_disk_harness --count 100` fills as many as it is told."""
    (figures,) = disks(count=1, seed=3)
    assert figures.acknowledged > 50
    assert figures.answers["503"]
    assert figures.pages["200"] > 50
    assert len(figures.healed_s) == 3


@needs_disks
def test_an_archive_that_cannot_be_written_is_searched() -> None:
    """A disk that is mounted for reading only: pages come, writes are refused, each with its problem."""
    with disk_of(20) as disk:
        make_archive(disk / "archive", 40)
        with ApiServer(disk / "archive"):
            pass  # it makes a key for cursors
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        with ApiServer(disk / "archive") as server:
            assert len(server.ids({"q": "*"})) == 40
            for refused in (
                server.client.put("/v1/articles/new", content=b'{"title": "New"}'),
                server.client.put("/v1/articles/new", content=b'{"title": "New"}', headers={"Idempotency-Key": "k"}),
                server.client.post(
                    "/v1/articles:bulk", content=b"{}", headers={"Content-Type": "application/x-ndjson"}
                ),
                server.client.get("/v1/jobs/" + 32 * "0"),
            ):
                problem_of(refused, 503, "log-unusable")
                assert int(refused.headers["Retry-After"]) >= 1


class Full:
    """What raises an error for as long as there is no space."""

    def __init__(self, work: Callable[..., Any], error: Exception, *, leaves: str = "") -> None:
        self.space = threading.Event()
        self.failed = threading.Semaphore(0)
        self._work, self._error, self._leaves = work, error, leaves

    def __call__(self, *given: Any, **named: Any) -> Any:
        """The work, or the error, and half a file."""
        if self.space.is_set():
            return self._work(*given, **named)
        if self._leaves:
            given[0].mkdir(parents=True, exist_ok=True)
            (given[0] / self._leaves).touch()
        self.failed.release()
        raise self._error


def _following(root: Path) -> "tuple[Future[None], Callable[[], None]]":
    """The indexer at work in this process, and what stops it."""
    stop, pool, bell = threading.Event(), ThreadPoolExecutor(1), Bell(root, LOG)

    def end() -> None:
        stop.set()
        bell.ring()
        pool.shutdown()
        bell.close()

    return pool.submit(indexer_process.follow, Settings(data=str(root), builders=1), stop, bell), end


@pytest.mark.parametrize(
    ("where", "error"),
    [
        ("indexer.builder.write_generation", OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))),
        ("indexer.builder.write_generation", OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))),
        ("indexer.worker.advance_statistics", LogError("database or disk is full")),
    ],
)
def test_an_indexer_waits_until_there_is_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, error: Exception
) -> None:
    """In its process; what is half made goes when it begins anew, and then everything is indexed."""
    monkeypatch.setattr(indexer_process, "AGAIN_S", 0.02)
    with EventLog(log_path(tmp_path), partitions=1) as log:
        log.append(put(*(article(f"a/{number}") for number in range(10))))
    leaves = "0000000099-000.segment" if "generation" in where else ""
    work = write_generation if leaves else advance_statistics
    full = Full(work, error, leaves=leaves)
    monkeypatch.setattr(where, full)
    running, end = _following(tmp_path)
    try:
        for _attempt in range(3):
            assert full.failed.acquire(timeout=60)
        full.space.set()
        eventually(lambda: Layout(tmp_path).newest_epoch())
    finally:
        end()
    running.result(60)
    assert len(contents(tmp_path)) == 10
    assert not [path for path in unneeded(tmp_path) if path.suffix == ".segment"]


def test_an_indexer_whose_disk_fails_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is on a disk that reports errors nobody knows: another process begins where the newest epoch ends."""
    with EventLog(log_path(tmp_path), partitions=1) as log:
        log.append(put(article("a")))
    full = Full(write_generation, OSError(errno.EIO, os.strerror(errno.EIO)))
    monkeypatch.setattr("indexer.builder.write_generation", full)
    running, end = _following(tmp_path)
    with pytest.raises(OSError, match="Input/output error"):
        running.result(60)
    end()
