"""Fixtures of more than one room.

Not here: fixtures of one room, which stand in its folder.
"""

import os
from collections.abc import Iterator

import pytest

from tests.redis_server import RedisServer


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
