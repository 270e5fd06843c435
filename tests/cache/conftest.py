"""Fixtures of the cache's tests.

Not here: servers (`tests/conftest.py`), stand-ins (`doubles.py`).
"""

from collections.abc import AsyncIterator

import pytest

from cache.backends import Backend, FailFastRedisCache, MemoryCache
from tests.cache.doubles import PATIENCE_S, Clock


@pytest.fixture(params=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Asynchronous tests run on both event loops: uvloop serves, asyncio is what others may bring."""
    return "asyncio", {"use_uvloop": request.param == "uvloop"}


@pytest.fixture(params=["memory", "redis"])
async def backend(request: pytest.FixtureRequest, redis_url: str) -> AsyncIterator[Backend]:
    """Each backend in turn."""
    opened: Backend
    if request.param == "memory":
        opened = MemoryCache(1 << 20)
    else:
        opened = FailFastRedisCache(redis_url, timeout_s=PATIENCE_S)
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> Clock:
    """A clock that moves when told to."""
    return Clock()
