"""The Redis that the cache shares with other processes, if the settings name one.

Contract: it is not connected yet, so that settings can be checked without one.

Not here: backends (`cache/backends.py`).
"""

from broadsheet.settings import Settings, SettingsError
from cache.backends import CacheUrlError, FailFastRedisCache


def backend_of(settings: Settings) -> FailFastRedisCache | None:
    """The cache's backend, not yet connected; none if there is memory only.

    Raises:
        SettingsError: the address of Redis makes no sense.
    """
    try:
        return FailFastRedisCache(settings.redis_url) if settings.redis_url else None
    except CacheUrlError as error:
        raise SettingsError(str(error)) from None
