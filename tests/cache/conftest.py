"""Fixtures of the cache's tests.

Not here: servers (`tests/conftest.py`), stand-ins (`doubles.py`).
"""

from collections.abc import AsyncIterator

import pytest

from cache.backends import FailFastRedisCache
from tests.cache.doubles import PATIENCE_S, Clock, Tiers


@pytest.fixture(params=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Asynchronous tests run on both event loops: uvloop serves, asyncio is what others may bring."""
    return "asyncio", {"use_uvloop": request.param == "uvloop"}


@pytest.fixture(params=["memory", "redis", "both"])
async def tiers(request: pytest.FixtureRequest, redis_url: str) -> AsyncIterator[Tiers]:
    """Each of the tiers alone, and both."""
    memory_bytes = 0 if request.param == "redis" else 1 << 22
    redis = None if request.param == "memory" else FailFastRedisCache(redis_url, timeout_s=PATIENCE_S)
    made = Tiers(memory_bytes, redis)
    yield made
    await made.close()


@pytest.fixture
def clock() -> Clock:
    """A clock that moves when told to."""
    return Clock()
