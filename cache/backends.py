"""Where entries are kept that several processes share: Redis. Only this file knows aiocache and redis.

Contract: a `Backend` maps names to bytes for a time to live. It may lose anything at any moment. `get` and `take`
answer within `2 * timeout_s`, the others within `(1 + PATIENCE) * timeout_s`, and a few last looks each; time in
which our own event loop is held up does not count, up to `HELD_UP` timeouts. Or they raise one of

    BackendError
        BackendUnavailableError   no sensible reply in time: refused, hung, closed, loading, garbage
        BackendRefusedError       an error reply: wrong type, read-only, out of memory, not permitted
        BackendBusyError          no connection was free in time; says nothing about the server

The cache of aiocache is made with `timeout=None`, since its own costs a task for each operation, and with a
serializer that leaves bytes alone: its others corrupt bytes or unpickle them. `clear` is never used on a
server that may be shared (it runs `KEYS`); `purge` is.

Not here: entries and their proof (`entry.py`), when to go without a backend (`breaker.py`, `tier.py`), what this
process keeps itself (`memory.py`).
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Protocol
from urllib.parse import urlsplit

from aiocache.backends.redis import RedisCache
from aiocache.serializers import NullSerializer
from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError, WatchError
from redis.maint_notifications import MaintNotificationsConfig

from cache.entry import ORDER_BYTES
from cache.keys import NAMESPACE

REDIS_TIMEOUT_S = 0.04
"""Longest wait for a connection, and again for a reply: 400 times a usual reply on a local network. With the last
looks it is 50 ms."""

PATIENCE = 5
"""Timeouts that an exchange may take for which nobody waits: several replies."""

HELD_UP = 20
"""Timeouts that do not count, at most, while our own event loop is held up."""

LAST_LOOKS, LAST_LOOK_S = 3, 0.003
"""How many there are when time is up, and how long each waits."""

REDIS_CONNECTIONS = 32
"""Operations under way at once in one process; more wait their turn."""

MAX_TOGETHER = 32
"""Names that are asked for in one exchange: its time is bounded, and answers may be large."""


class BackendError(Exception):
    """The backend did not do what was asked."""


class BackendUnavailableError(BackendError):
    """No sensible reply in time."""


class BackendRefusedError(BackendError):
    """An error reply: the server is there."""


class BackendBusyError(BackendError):
    """No connection was free in time."""


class CacheUrlError(ValueError):
    """The address of the Redis server makes no sense."""


class Backend(Protocol):
    """What a tier needs. Each method may raise `BackendError`."""

    async def get(self, key: str) -> object:
        """What is kept under the name, or None; on a shared server that may be anything."""
        ...

    async def put(self, key: str, value: bytes, ttl: float, *, unless: Callable[[object], bool]) -> bool:
        """Keep the value for at most `ttl` seconds, unless something there speaks against it; whether it is kept.

        `unless` is shown what is there, or its first `entry.ORDER_BYTES`.
        """
        ...

    async def take(self, name: str, token: bytes, ttl: float, key: str) -> tuple[bool, object]:
        """Be the only one with this name for at most `ttl` seconds, or be it already; whether nobody else is.

        And what was kept under the key by then.
        """
        ...

    async def release(self, name: str, token: bytes) -> None:
        """Leave the name to others, if it still is held with this token."""
        ...

    async def reconnect(self) -> None:
        """Drop idle connections: what came over one of them was not what was asked for."""
        ...

    async def purge(self) -> int:
        """Drop everything of ours; returns how much there was. It may take long where much is kept."""
        ...

    async def close(self) -> None:
        """Let go of connections. Never raises."""
        ...


def _milliseconds(ttl_s: float) -> int:
    return max(1, round(ttl_s * 1000))


class FailFastRedisCache(RedisCache):  # type: ignore[misc]  # aiocache is untyped
    """An aiocache cache on a Redis server that never waits long and never tries twice.

    Args:
        url: Where the server is.
        timeout_s: Longest wait for a connection, and again for the whole exchange with the server.
        connections: Operations under way at once.

    Raises:
        CacheUrlError: the address makes no sense.
    """

    def __init__(self, url: str, *, timeout_s: float = REDIS_TIMEOUT_S, connections: int = REDIS_CONNECTIONS) -> None:
        super().__init__(serializer=NullSerializer(encoding=None), timeout=None)
        self.client = Redis.from_pool(_pool(url, timeout_s, connections))
        self._timeout_s = timeout_s
        self._turns = asyncio.Semaphore(connections)
        self._waiting: list[tuple[str, asyncio.Future[object]]] = []
        """Names that are to be asked for, and who waits for them."""
        self._asking: asyncio.Task[None] | None = None

    async def put(self, key: str, value: bytes, ttl: float, *, unless: Callable[[object], bool]) -> bool:
        """As of `Backend`; what somebody else puts there at the same time stays."""
        async with self._exchange(PATIENCE), self.client.pipeline(transaction=True) as pipe:
            await pipe.watch(key)
            try:
                kept = await pipe.getrange(key, 0, ORDER_BYTES - 1)
            except ResponseError:  # no string: nothing of ours
                kept = None
            if kept and unless(kept):
                return False
            pipe.multi()  # type: ignore[no-untyped-call]
            pipe.set(key, value, px=_milliseconds(ttl))
            try:
                await pipe.execute()
            except WatchError:
                return False
            return True

    async def take(self, name: str, token: bytes, ttl: float, key: str) -> tuple[bool, object]:
        """As of `Backend`."""
        async with self._exchange(), self.client.pipeline(transaction=False) as pipe:
            pipe.set(name, token, px=_milliseconds(ttl), nx=True)
            pipe.mget([name, key])
            said: list[object] = await pipe.execute()
            match said:
                case [True | None, [bytes(holder), kept]] if len(holder) == len(token):
                    return holder == token, kept
                case [None, [None, kept]]:  # it was left in between
                    return False, kept
            raise BackendUnavailableError("what it says of a lease makes no sense")

    async def release(self, name: str, token: bytes) -> None:
        """As of `Backend`."""
        async with self._exchange(PATIENCE), self.client.pipeline(transaction=True) as pipe:
            await pipe.watch(name)
            if await pipe.get(name) != token:
                return
            pipe.multi()  # type: ignore[no-untyped-call]
            pipe.delete(name)
            with suppress(WatchError):  # it has lapsed, and is another's
                await pipe.execute()

    async def reconnect(self) -> None:
        """Drop idle connections; the next operations open new ones."""
        pool = self.client.connection_pool
        async with self._exchange():
            (idle, _), *_ = pool.get_connection_count()
            taken = [pool.get_available_connection() for _ in range(idle)]  # type: ignore[no-untyped-call]
            for connection in taken:
                await connection.disconnect(nowait=True)
                await pool.release(connection)

    async def purge(self) -> int:
        """Remove every name of ours; a look at a thousand names at a time, since others use the server too."""
        count, cursor = 0, 0
        while True:
            async with self._exchange():
                cursor, names = await self.client.scan(cursor, match=f"{NAMESPACE}*", count=1000)
            if names:
                async with self._exchange():
                    count += await self.client.unlink(*names)
            if not cursor:
                return count

    async def get(self, key: str, *_: object, **__: object) -> object:
        """Ask together with all who come while others are being asked for: an exchange costs more than its names.

        In place of aiocache's own, which takes as long as the share of an exchange.
        """
        reply: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._waiting.append((key, reply))
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        return await reply

    async def _ask(self) -> None:
        """Ask until nobody waits; if that fails, all who wait hear of it, since they would only wait longer."""
        asked: list[tuple[str, asyncio.Future[object]]] = []
        error: BaseException = BackendUnavailableError("closed")
        try:
            while self._waiting:
                count = 0
                while count < len(self._waiting) < MAX_TOGETHER:  # who comes with the next turn may come along
                    count = len(self._waiting)
                    await asyncio.sleep(0)
                asked, self._waiting = self._waiting[:MAX_TOGETHER], self._waiting[MAX_TOGETHER:]
                async with self._exchange():
                    values: object = await self.client.mget([name for name, _ in asked])
                if not isinstance(values, list) or len(values) != len(asked):
                    await self.reconnect()
                    raise BackendUnavailableError("what it says of several names makes no sense")
                for (_, reply), value in zip(asked, values, strict=True):
                    if not reply.done():  # else whoever asked has gone
                        reply.set_result(value)
        except BackendError as found:
            error = found
        finally:
            self._asking = None
            for _, reply in (*asked, *self._waiting):
                if not reply.done():
                    reply.set_exception(error)
            self._waiting = []

    async def _close(self, *_: object, **__: object) -> None:
        with suppress(Exception):  # a server that is gone closes nothing politely; the sockets go anyway
            await self.client.aclose()

    @asynccontextmanager
    async def _exchange(self, patience: float = 1) -> AsyncIterator[None]:
        """One turn with the server, its time bounded and its errors ours.

        Turns are taken here, not in the pool, so that many callers at once are told from a server in trouble.
        The timeouts of the client bound each read and write; the one here bounds their sum, handshake included.
        The client can lose a cancellation (it writes under `asyncio.wait_for`, which before Python 3.12 returns
        normally if the write ends at that very moment), so it is made good here: a caller whose deadline has
        passed must not go on to wait for a load.
        """
        task = asyncio.current_task()
        cancellations = task.cancelling() if task else 0
        if self._turns.locked():
            try:
                async with asyncio.timeout(self._timeout_s):
                    await self._turns.acquire()
            except TimeoutError:
                raise BackendBusyError(f"no free connection after {self._timeout_s} s") from None
        else:  # waits for nothing: a timeout would take longer than that
            await self._turns.acquire()
        try:
            async with _in_time(patience * self._timeout_s, HELD_UP * self._timeout_s):
                yield
        except ResponseError as error:
            raise BackendRefusedError(str(error)) from error
        except TimeoutError:
            raise BackendUnavailableError(f"no reply after {patience * self._timeout_s} s") from None
        except Exception as error:  # garbage on the wire ends in any error of client or parser
            raise BackendUnavailableError(str(error) or type(error).__name__) from error
        finally:
            self._turns.release()
            if task and task.cancelling() > cancellations:
                raise asyncio.CancelledError


@asynccontextmanager
async def _in_time(timeout_s: float, held_up_s: float) -> AsyncIterator[None]:
    """A timeout that does not take a busy event loop for a slow server.

    When the loop is held up, it turns seldom, and each turn begins with the timers: what has arrived meanwhile comes
    after them. So when time is up there are some last looks, which begin again whenever one is late, up to
    `held_up_s` after the beginning.

    Raises:
        TimeoutError
    """
    loop = asyncio.get_running_loop()
    last_s = loop.time() + held_up_s
    timer: asyncio.TimerHandle | None = None

    def wait(pause_s: float, looks: int) -> None:
        nonlocal timer
        timer = loop.call_later(pause_s, look, loop.time() + pause_s, looks)

    def look(due_s: float, looks: int) -> None:
        now_s = loop.time()
        left = LAST_LOOKS if now_s - due_s > LAST_LOOK_S else looks
        if not left or now_s > last_s:
            bound.reschedule(now_s)
        else:
            wait(LAST_LOOK_S, left - 1)

    async with asyncio.timeout(None) as bound:
        wait(timeout_s, LAST_LOOKS)
        try:
            yield
        finally:
            assert timer
            timer.cancel()


def _pool(url: str, timeout_s: float, connections: int) -> ConnectionPool:
    """Connections to the server at `url`; opens none."""
    try:
        parts = urlsplit(url)
        pool = ConnectionPool.from_url(
            url,
            max_connections=connections,
            # Ours come first: theirs take no last look.
            socket_timeout=(HELD_UP + 1) * timeout_s,
            socket_connect_timeout=(HELD_UP + 1) * timeout_s,
            # Nothing is said before the first question, where the address asks for no database and no password.
            protocol=2,
            driver_info=None,
            retry=Retry(NoBackoff(), 0),  # said, because clients made in other ways try ten times
            # Otherwise the server may lengthen our timeouts, and connections that still hold an unread reply are
            # used again.
            maint_notifications_config=MaintNotificationsConfig(enabled=False),
        )
        pool.make_connection()  # type: ignore[no-untyped-call]  # finds options that no connection takes
    except ValueError:  # its text may hold a piece of a password
        raise _url_error(url, "which is no address of a Redis server") from None
    except TypeError:
        raise _url_error(url, "which has an option after '?' that does not exist") from None
    if parts.scheme == "unix" and not parts.path:
        raise _url_error(url, "which has no path")
    if parts.scheme != "unix" and not (parts.hostname and re.fullmatch(r"(/\d*)?", parts.path)):
        raise _url_error(url, "which has no host, or a database that is no number")
    return pool


def _url_error(url: str, wrong: str) -> CacheUrlError:
    shown = re.sub(r"//.*@", "//***@", url).partition("?")[0]  # addresses carry passwords in two places
    return CacheUrlError(
        f"BROADSHEET_REDIS_URL is {shown!r}, {wrong}; "
        "use redis://host:port/database, rediss://host:port/database or unix:///path/to/socket"
    )
