"""Hints by Redis: what bells are on one machine, between machines that share a data folder and a Redis.

Contract: a hint that an epoch was published, by publish and subscribe, on one channel for all archives of the Redis:
it costs whoever it does not concern a look at a folder. Hints may be lost, as with bells; so whoever listens looks by
itself, too. Sending waits `TIMEOUT_S` at most, and after a failure not at all for `PAUSE_S`. Listening goes on when
Redis is there again.

Not here: one machine (`bells.py`), the cache (`cache/`).
"""

import asyncio
import time
from collections.abc import Callable

import structlog
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from cache.keys import NAMESPACE

CHANNEL = f"{NAMESPACE}epoch"
TIMEOUT_S = 0.05
PAUSE_S = 2.0
_log = structlog.get_logger()


class Sender:
    """Tells that an epoch was published; belongs to one thread."""

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(
            url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S, retry=Retry(NoBackoff(), 0)
        )
        self._silent_until_s = 0.0

    def send(self) -> None:
        """Never raises, and never waits long."""
        if time.monotonic() < self._silent_until_s:
            return
        try:
            self._redis.publish(CHANNEL, b"1")
        except (RedisError, OSError):
            self._silent_until_s = time.monotonic() + PAUSE_S

    def close(self) -> None:
        """Let go of the connection."""
        self._redis.close()


async def listen(url: str, heard: Callable[[], None]) -> None:
    """Call `heard` whenever an epoch was published, and when listening begins (again), until cancelled."""
    told = False
    while True:
        try:
            async with AsyncRedis.from_url(url, socket_connect_timeout=1.0) as client, client.pubsub() as channel:
                await channel.subscribe(CHANNEL)
                told = False
                async for _message in channel.listen():  # the first says that the subscription holds
                    heard()
        except (RedisError, OSError) as error:
            if not told:
                _log.warning("hints by redis are lost until it is there again", reason=str(error))
                told = True
        await asyncio.sleep(PAUSE_S)
