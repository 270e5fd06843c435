"""The backend of the cache that the settings choose: Redis, or memory.

Contract: it is not connected yet, so that settings can be checked without one.

Not here: backends (`cache/backends.py`).
"""

from broadsheet.settings import Settings, SettingsError
from cache.backends import Backend, CacheUrlError, open_backend


def backend_of(settings: Settings) -> Backend:
    """The cache's backend, not yet connected.

    Raises:
        SettingsError: the address of Redis makes no sense.
    """
    try:
        return open_backend(settings.redis_url or None, settings.cache_bytes)
    except CacheUrlError as error:
        raise SettingsError(str(error)) from None
