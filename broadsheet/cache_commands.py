"""`broadsheet cache stats`: what the cache of a running server has done, and what its Redis says of itself.

Contract: that of `command.py`. It reads and changes nothing. A server has `TIMEOUT_S` and `MAX_BYTES` for its
metrics, which are read within as long again, a Redis `REDIS_TIMEOUT_S`. The key goes to the address given and nowhere
else: no redirect is followed and no proxy is asked. A Redis that does not answer is told of, and is no failure.

Not here: what the figures are and how they are shown (`cache_report.py`).
"""

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPSConnection, IncompleteRead
from threading import Thread
from typing import TYPE_CHECKING, Annotated, TypeVar
from urllib.parse import SplitResult, urlsplit

import orjson
import typer

from broadsheet.command import MISUSED, Config, fail, resolved
from broadsheet.listening import address
from broadsheet.settings import PREFIX, SettingsError

if TYPE_CHECKING:
    from broadsheet.cache_backend import RedisMemory
    from cache.backends import FailFastRedisCache

cache = typer.Typer(name="cache", help="The cache of a running server: stats.", no_args_is_help=True)

TIMEOUT_S = 10.0
MAX_BYTES = 8_000_000
REDIS_TIMEOUT_S = 1.0
_PORTS = {"http": 80, "https": 443}
_PRINTABLE = re.compile(r"[!-~]+")

T = TypeVar("T")


@cache.command()
def stats(
    url: Annotated[
        str | None,
        typer.Argument(
            help="Where the server is; if left out, where `serve` listens by the settings.", metavar="URL"
        ),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(help="An access key, where reading needs one.", metavar="KEY", envvar=f"{PREFIX}KEY"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    config: Config = None,
) -> None:
    """Show what the cache of a running server has done since it was started.

    If the settings name a Redis, that is asked for its memory, too.

    \b
    broadsheet cache stats
    broadsheet cache stats https://news.example:8443 --json | jq .hit_rate
    BROADSHEET_KEY=$(cat prometheus.key) broadsheet cache stats
    """
    from broadsheet.cache_backend import backend_of
    from broadsheet.cache_report import NoFiguresError, as_object, lines_of, read_figures

    settings = resolved(config).settings
    url = (url or f"http://{address(settings.host, settings.port)}").rstrip("/")
    place = _place(url)
    if key and not _PRINTABLE.fullmatch(key):
        fail("the key is none that `broadsheet keys add` makes; give one as it was printed", MISUSED)
    try:
        backend = backend_of(settings)
    except SettingsError as error:
        fail(error, MISUSED)
    text = _metrics(url, place, key)
    try:
        figures = _in_time(partial(read_figures, text), TIMEOUT_S)
    except (NoFiguresError, TimeoutError):
        fail(f"{url}: what it has at /metrics is not of a Broadsheet; check the address")
    redis = _asked(backend) if backend else None
    if as_json:
        typer.echo(orjson.dumps({"url": url} | as_object(figures, redis)))
        return
    typer.echo(f"the cache of {url}, since it was started")
    for line in lines_of(figures, redis):
        typer.echo(line)


def _place(url: str) -> SplitResult:
    """The parts of a server's address."""
    if "@" in url:  # which is not shown, since what stands before it may be a password
        fail("the address of the server holds a user name; leave out what stands before the @", MISUSED)
    try:
        parts = urlsplit(url)
        usable = parts.scheme in _PORTS and parts.hostname and parts.port != 0 and not (parts.query or parts.fragment)
    except ValueError:
        usable = False
    if not usable or not _PRINTABLE.fullmatch(url):
        fail(f"{url[:100]!r} is no address of a server; give one such as http://127.0.0.1:8000", MISUSED)
    return parts


def _metrics(url: str, place: SplitResult, key: str | None) -> str:
    """What the server has at `/metrics`, or the end of the command."""
    try:
        status, body = _in_time(partial(_get, place, key), TIMEOUT_S)
    except TimeoutError:
        fail(f"{url}: no whole answer within {TIMEOUT_S:g} s; look at the server's log")
    except (OSError, ValueError) as error:  # ValueError: a name that no host can have
        reason = str(getattr(error, "strerror", None) or error).lower()
        fail(f"{url}: cannot be reached ({reason}); start `broadsheet serve`, or check the address")
    except HTTPException:
        fail(f"{url}: what answers there breaks off, or does not speak HTTP; check the address")
    if status == 401:
        lacking = "does not know this key" if key else "needs an access key"
        fail(f"{url}: {lacking} (401); give one that `broadsheet keys add` made, with --key or {PREFIX}KEY")
    if status == 403:
        fail(f"{url}: does not let you read /metrics (403); ask whoever runs the server, or the proxy before it")
    if status != 200:
        fail(f"{url}: answers GET /metrics with {status}, as no running Broadsheet does; check the address")
    if len(body) > MAX_BYTES:
        fail(f"{url}: has more than {MAX_BYTES:,} bytes at /metrics, as no Broadsheet does; check the address")
    return body.decode(errors="replace")


def _get(place: SplitResult, key: str | None) -> tuple[int, bytes]:
    """Status and body of one answer; of a body that is too long, its beginning.

    Raises:
        OSError, HTTPException, ValueError: the connection or the server is broken.
    """
    connect = HTTPSConnection if place.scheme == "https" else HTTPConnection
    port = place.port or _PORTS[place.scheme]
    with closing(connect(place.hostname or "", port, timeout=TIMEOUT_S)) as connection:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        connection.request("GET", f"{place.path}/metrics", headers=headers)
        response = connection.getresponse()
        body = response.read(MAX_BYTES + 1)
        if response.length and len(body) <= MAX_BYTES:
            raise IncompleteRead(body, response.length)
        return response.status, body


def _asked(backend: "FailFastRedisCache") -> "RedisMemory | str":
    """What Redis says of its memory, or why it says nothing."""
    from broadsheet.cache_backend import redis_memory
    from cache.backends import BackendError

    try:
        return _in_time(lambda: asyncio.run(redis_memory(backend)), REDIS_TIMEOUT_S)
    except TimeoutError:
        return f"no answer within {REDIS_TIMEOUT_S:g} s"
    except BackendError as error:
        return str(error)


def _in_time(work: Callable[[], T], timeout_s: float) -> T:
    """What `work` returns or raises, from a thread that is left behind when its time is up.

    Timeouts of sockets begin anew with every byte, and names are looked up without any.

    Raises:
        TimeoutError: it takes longer.
    """
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except Exception as error:  # noqa: BLE001 - it is raised where somebody waits for it
            outcome.set_exception(error)

    Thread(target=run, daemon=True).start()
    return outcome.result(timeout_s)
