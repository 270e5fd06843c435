"""The Redis that the cache shares with other processes, if the settings name one.

Contract: it is not connected yet, so that settings can be checked without one. What it says of its memory comes
within the bounds of the backend, or not at all.

Not here: backends (`cache/backends.py`).
"""

from dataclasses import dataclass

from broadsheet.settings import Settings, SettingsError
from cache.backends import BackendUnavailableError, CacheUrlError, FailFastRedisCache


@dataclass(frozen=True, slots=True)
class RedisMemory:
    """What a Redis says of its memory, all of it, whoever else may use it."""

    used_bytes: int
    max_bytes: int
    """0 where there is no bound."""
    policy: str
    """What it gives up when the bound is reached."""
    evicted_keys: int
    """Since it was started."""


def backend_of(settings: Settings) -> FailFastRedisCache | None:
    """The cache's backend, not yet connected; none if there is memory only.

    Raises:
        SettingsError: the address of Redis makes no sense.
    """
    try:
        return FailFastRedisCache(settings.redis_url) if settings.redis_url else None
    except CacheUrlError as error:
        raise SettingsError(str(error)) from None


async def redis_memory(backend: FailFastRedisCache) -> RedisMemory:
    """What Redis says of its memory; the backend is closed afterwards.

    Raises:
        BackendUnavailableError: it does not say it.
    """
    try:
        told = await backend.client.info()
        return RedisMemory(
            int(told["used_memory"]), int(told["maxmemory"]), str(told["maxmemory_policy"]), int(told["evicted_keys"])
        )
    except Exception as error:  # garbage on the wire ends in any error of client or parser
        raise BackendUnavailableError(str(error) or type(error).__name__) from error
    finally:
        await backend.close()
