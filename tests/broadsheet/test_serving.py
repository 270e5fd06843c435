"""The service's processes under load: deaths, restarts and stops, as those who ask see them."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from broadsheet.listening import ListenError, address, listen
from broadsheet.telemetry import MULTIPROCESS_FOLDER
from tests.api_server import ApiServer, eventually, runs
from tests.archive import Archive
from tests.broadsheet.rolling_harness import failures, load, restarts
from tests.commands import environment

RESTARTS = 1
"""The harness itself does as many as it is told: `python -m tests.broadsheet.rolling_harness --restarts 10`."""


@pytest.mark.parametrize("workers", [2, 1])
def test_a_rolling_restart_fails_no_request(archive: Archive, workers: int) -> None:
    """Over old connections and new ones, with any number of API processes."""
    *each, whole = restarts(archive.root, count=RESTARTS, workers=workers)
    assert len(each) == RESTARTS
    assert whole.endswith(" requests, 0 failed")


def test_an_api_process_that_is_killed_is_replaced_under_load(archive: Archive) -> None:
    """Only requests that it had taken are lost, at most one of each client; others go on, and it is back."""
    with ApiServer(archive.root, workers=2) as server:
        eventually(lambda: len(server.api_processes()) == 2)
        victim, other = server.api_processes()
        with load(server.port) as clients:
            eventually(lambda: "histogram" in _metrics_kept(other, victim))  # it has answered somebody
            os.kill(victim, signal.SIGKILL)
            (new,) = eventually(lambda: set(server.api_processes()) - {victim, other})
            eventually(lambda: f'"pid": {new}, "event": "process ready"' in server.log())
            assert set(server.api_processes()) == {other, new}
            asked = [client.asked for client in clients]
            eventually(lambda: all(client.asked > before + 1 for client, before in zip(clients, asked, strict=True)))
        assert all(len(client.failures) <= 1 for client in clients), failures(clients)
        answered = sum(client.asked for client in clients) - len(failures(clients))

        def counted() -> float:
            lines = server.client.get("/metrics").text.splitlines()
            (line,) = (line for line in lines if line.startswith(_ANSWERED))
            return float(line.removeprefix(_ANSWERED))

        # What the dead one had counted still counts, but for what it had not told yet.
        eventually(lambda: counted() >= answered - _UNTOLD)
        assert _metrics_kept(other, victim) == {"counter", "histogram"}, "what it measured is forgotten"


_UNTOLD = 150
"""More than a process answers in `web.tallies.TELL_S`."""
_ANSWERED = 'broadsheet_http_requests_total{method="GET",route="/v1/search",status="200"} '


def _metrics_kept(process: int, of: int) -> set[str]:
    """The kinds of metrics that this process finds of another one."""
    variables = Path(f"/proc/{process}/environ").read_text().split("\0")
    (folder,) = (line.partition("=")[2] for line in variables if line.startswith(MULTIPROCESS_FOLDER))
    return {path.name.split("_")[0] for path in Path(folder).glob(f"*_{of}.db")}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_under_way_is_answered_when_the_service_stops(tmp_path: Path, number: signal.Signals) -> None:
    """No connection is accepted any more, and then, when it is answered, everything ends with status 0."""
    with _slow_service(tmp_path) as (process, port):
        with _asking(port, "/slow") as slow:
            eventually((tmp_path / "asked").exists)
            process.send_signal(number)
            eventually(lambda: not _accepts(port))
            (tmp_path / "go").touch()
            assert _answered(slow)
        assert process.wait(60) == 0


def test_a_request_under_way_is_answered_when_its_process_is_renewed(tmp_path: Path) -> None:
    """Meanwhile the replacement answers others."""
    with _slow_service(tmp_path) as (process, port), _asking(port, "/slow") as slow:
        eventually((tmp_path / "asked").exists)
        old = _who_answers(port)
        process.send_signal(signal.SIGHUP)
        eventually(lambda: _who_answers(port) != old)
        (tmp_path / "go").touch()
        assert _answered(slow) == old
        eventually(lambda: not runs(old))


def test_kept_connections_are_taken_leave_of(tmp_path: Path) -> None:
    """The first answer after the process was told to stop says `Connection: close`, on new connections too."""
    with (
        _slow_service(tmp_path) as (process, port),
        _asking(port) as kept,
        socket.create_connection(("127.0.0.1", port), 30) as fresh,
        _asking(port, "/slow") as holding,  # accepted after `fresh` was
    ):
        old = _answered(kept)
        eventually((tmp_path / "asked").exists)
        process.send_signal(signal.SIGHUP)
        eventually(lambda: _last_answer(kept, old))
        fresh.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        heard = b"".join(iter(lambda: fresh.recv(1 << 16), b""))
        assert b"\r\nconnection: close\r\n" in heard
        assert heard.endswith(b"%d" % old)
        (tmp_path / "go").touch()
        assert _answered(holding) == old


def test_idle_connections_are_closed_after_a_while(tmp_path: Path) -> None:
    """So that nobody who is silent keeps an old process, and none of them is reset."""
    with _slow_service(tmp_path) as (process, port), _asking(port) as silent:
        old = _answered(silent)
        process.send_signal(signal.SIGTERM)
        assert silent.sock.recv(1) == b""
        assert process.wait(60) == 0
        assert not runs(old)


def test_processes_and_port_are_free_when_the_supervisor_was_killed(archive: Archive) -> None:
    """By SIGKILL, which nobody can prepare for: API processes, and the port."""
    with ApiServer(archive.root, workers=2) as server:
        eventually(lambda: len(server.api_processes()) == 2)
        family = server.api_processes()
        os.kill(server.pid, signal.SIGKILL)
        eventually(lambda: not any(map(runs, family)))
        for one in listen("127.0.0.1", server.port):
            one.close()


@pytest.mark.parametrize(
    ("host", "message"),
    [
        (
            "no.such.name.invalid",
            r"cannot listen on no\.such\.name\.invalid:8000: 'no\.such\.name\.invalid' is no addr",
        ),
        ("a" * 64, "is no address$"),
        ("192.0.2.1", r"cannot listen on 192\.0\.2\.1:8000: cannot assign requested address; choose another --host"),
    ],
)
def test_an_address_that_makes_no_sense_is_said(host: str, message: str) -> None:
    """And why."""
    with pytest.raises(ListenError, match=message):
        listen(host, 8000)


def test_a_port_that_is_taken_is_said() -> None:
    """With the cure."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ListenError, match=rf"127\.0\.0\.1:{port}: address already in use; choose another --port"):
            listen("127.0.0.1", port)


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_both_families_are_listened_on() -> None:
    """A name with two addresses, or an address of the newer one."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (one,) = listen("::1", port)
    with one, socket.create_connection(("::1", port), 30):
        assert one.family == socket.AF_INET6
    assert address("::1", 8000) == "[::1]:8000"
    assert address("localhost", 8000) == "localhost:8000"


@contextmanager
def _slow_service(folder: Path) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """The supervisor of a slow service with one API process, and its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-P", "-m", "tests.broadsheet.slow_service", str(port), "1", str(folder)]
    with subprocess.Popen(command, env=environment()) as process:
        try:
            eventually(lambda: _accepts(port))
            _who_answers(port)
            yield process, port
        finally:
            process.kill()


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 30).close()
    except ConnectionError:
        return False
    return True


@contextmanager
def _asking(port: int, path: str = "/") -> Iterator[HTTPConnection]:
    """A connection over which a request was sent."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("GET", path)
        yield connection


def _answered(connection: HTTPConnection) -> int:
    """The id of the process that answered."""
    with connection.getresponse() as response:
        assert response.status == 200
        return int(response.read())


def _last_answer(connection: HTTPConnection, process: int) -> bool:
    """Whether the answer to another request, by this process, is the last."""
    connection.request("GET", "/")
    with connection.getresponse() as response:
        assert (response.status, int(response.read())) == (200, process)
        return response.will_close


def _who_answers(port: int) -> int:
    """The same, over a new connection."""
    with _asking(port) as connection:
        return _answered(connection)
