"""Fixtures of more than one room.

Not here: fixtures of one room, which stand in its folder.
"""

import os
import signal
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.api_server import ApiServer
from tests.archive import Archive, make_archive
from tests.browser import started_browser
from tests.commands import REPOSITORY
from tests.redis_server import RedisServer


def pytest_xdist_auto_num_workers() -> int:
    """Test processes for `-n auto`: one more than there are cores, since many tests wait for others."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture(scope="session", autouse=True)
def _interrupts_are_heard() -> None:
    """By the processes of tests, too, where a shell has started them in the background, which ignores SIGINT."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _processes_find_the_rooms() -> Iterator[None]:
    """Every process that a test starts imports this checkout, whether the package is installed or not."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTHONPATH", str(REPOSITORY))
        yield


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """Address of a Redis server that tests share, so keys must be unique: `REDIS_URL`, else one of our own."""
    if url := os.environ.get("REDIS_URL"):
        yield url
        return
    server = RedisServer()
    yield server.url
    server.close()


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    """A Redis server for one test, which may do to it what it likes."""
    server = RedisServer()
    yield server
    server.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real browser, which the tests of a module share; they skip where there is none.

    As long as it runs, so does an event loop in this thread: tests that have one of their own go elsewhere.
    """
    with started_browser() as started:
        yield started


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """An archive of 400 articles that no test changes."""
    return make_archive(tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="session")
def server(archive: Archive) -> Iterator[ApiServer]:
    """A server on `archive` that no test disturbs."""
    with ApiServer(archive.root) as running:
        yield running
