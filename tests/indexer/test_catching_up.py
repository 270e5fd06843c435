"""An archive is brought up to its log by whoever may, and whoever does so knows when to look again."""

import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from indexer.catching_up import BUSY_S, catch_up
from indexer.events import Submission
from indexer.log import EventLog, log_path
from indexer.publisher import IndexerLock
from partition.manifest import Layout
from tests.small_index import article, put, titles

SETTINGS = SimpleNamespace(builders=1, memory_mb=512, retain_seconds=60)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An archive with an empty log."""
    EventLog(log_path(tmp_path), partitions=2).close()
    return tmp_path


def _hold(root: Path, article_id: str, until_s: float) -> None:
    with EventLog(log_path(root)) as log:
        one = article(article_id, article_id)
        log.append([Submission(article_id, one, b"x", embargoed_until_ms=round(until_s * 1000))])


def test_what_is_logged_is_published_and_the_next_embargo_told(root: Path) -> None:
    """What waits is published by the one that is called when it has told."""
    assert catch_up(root, SETTINGS) is None
    assert Layout(root).newest_epoch() == 0
    with EventLog(log_path(root)) as log:
        log.append(put(article("a", "a")))
    assert catch_up(root, SETTINGS) is None
    until_s = time.time() + 2
    _hold(root, "soon", until_s)
    _hold(root, "late", until_s + 3600)
    again_s = catch_up(root, SETTINGS)
    assert again_s is not None
    assert again_s == pytest.approx(until_s - time.time(), abs=0.5)
    assert titles(root).keys() == {"a"}
    time.sleep(max(0.0, until_s - time.time()))
    again_s = catch_up(root, SETTINGS)
    assert titles(root).keys() == {"a", "soon"}
    assert again_s
    assert 3500 < again_s <= 3600


def test_whoever_else_is_indexing_lifts(root: Path) -> None:
    """But if it ends before it has, somebody looks again."""
    _hold(root, "soon", time.time() + 0.1)
    time.sleep(0.2)
    with IndexerLock(root):
        assert catch_up(root, SETTINGS) == BUSY_S
        assert Layout(root).newest_epoch() == 0
    assert catch_up(root, SETTINGS) is None
    assert titles(root).keys() == {"soon"}
