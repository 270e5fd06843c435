"""Services under load: only on loopback, and gone at the end, whatever happens."""

import os
import select
import socket
import sys
import tempfile
from pathlib import Path

import pytest

from loadtests.services import Cores, LoadTestError, corpus, free_port, process, redis, require_loopback, server

PYTHON = Path(sys.executable)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8000",
        "http://localhost:8000",
        "http://[::1]:8000",
        "redis://127.3.2.1",
        "unix:///run/redis.sock",
    ],
)
def test_loopback_is_let_through(url: str) -> None:
    """All of 127/8, ::1, `localhost`, and Unix sockets."""
    require_loopback(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://203.0.113.9",
        "http://example.org",
        "http://127.0.0.1.example.org",
        "http://0.0.0.0",
        "redis://redis",
        "",
        None,
    ],
)
def test_any_other_host_is_refused(url: str | None) -> None:
    """A load test that is pointed at another machine by mistake is an attack on it."""
    with pytest.raises(LoadTestError, match="not a loopback address"):
        require_loopback(url)


def test_a_process_and_all_it_started_are_gone_at_the_end(tmp_path: Path) -> None:
    """Also a child of it that ignores SIGTERM, and also when the body fails: nobody holds the pipe any more."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    child = (
        "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "pipe = open(sys.argv[1], 'w'); pipe.write('up'); pipe.flush(); time.sleep(600)"
    )
    parent = "import subprocess, sys; subprocess.run([sys.executable, '-c', *sys.argv[1:]])"
    command = [sys.executable, "-c", parent, child, str(pipe)]
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reading, True)

    def fail_while_it_runs() -> None:
        with process(command, log=tmp_path / "log", cores=None, environment=os.environ):
            select.select([reading], [], [], 60)
            assert os.read(reading, 2) == b"up"
            raise RuntimeError("the body fails")

    with pytest.raises(RuntimeError, match="the body fails"):
        fail_while_it_runs()
    assert os.read(reading, 1) == b""
    os.close(reading)


def test_a_command_that_is_not_there_is_an_error_with_its_name(tmp_path: Path) -> None:
    """Not a traceback."""
    with (
        pytest.raises(LoadTestError, match="cannot start /nowhere/broadsheet"),
        process(["/nowhere/broadsheet"], log=tmp_path / "log", cores=None, environment=os.environ),
    ):
        pass


@pytest.mark.skipif(Cores.shared_out().server is None, reason="fewer than two cores, or a system without pinning")
def test_a_process_runs_on_the_cores_it_is_given(tmp_path: Path) -> None:
    """From its first instruction; this process keeps its own."""
    before = os.sched_getaffinity(0)
    cores = Cores.shared_out()
    assert cores.server is not None
    assert cores.generator is not None
    assert cores.server.isdisjoint(cores.generator)
    command = [sys.executable, "-c", "import os; print(*os.sched_getaffinity(0))"]
    with process(command, log=tmp_path / "log", cores=cores.server, environment=os.environ) as child:
        child.wait(60)
    assert {int(core) for core in (tmp_path / "log").read_text().split()} == cores.server
    assert os.sched_getaffinity(0) == before


def test_a_redis_of_our_own_answers_and_is_gone_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a Unix socket, empty; the context yields only when it answers."""
    monkeypatch.delenv("REDIS_URL", raising=False)
    with tempfile.TemporaryDirectory() as name:  # `tmp_path` may be too long for a Unix socket
        folder = Path(name)
        with redis(folder, python=PYTHON, cores=None, log=folder / "log") as url:
            path = url.removeprefix("unix://")
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(path)
                connection.sendall(b"DBSIZE\r\n")
                assert connection.recv(16) == b":0\r\n"
        with socket.socket(socket.AF_UNIX) as connection, pytest.raises(OSError, match=r"No such file|refused"):
            connection.connect(path)


def test_a_redis_that_is_given_is_taken_if_it_is_local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """REDIS_URL goes first, but never to another machine."""
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:6390/1")
    with redis(tmp_path, python=PYTHON, cores=None, log=tmp_path / "log") as url:
        assert url == "redis://127.0.0.1:6390/1"
    monkeypatch.setenv("REDIS_URL", "redis://cache.example.org")
    with (
        pytest.raises(LoadTestError, match=r"cache\.example\.org"),
        redis(tmp_path, python=PYTHON, cores=None, log=tmp_path / "log"),
    ):
        pass


SERVER = """
import http.server, json, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    asked = 0
    def do_GET(self):
        Handler.asked += 1
        self.send_response(200 if Handler.asked > 2 else 503)
        self.end_headers()
        redis = os.environ["BROADSHEET_REDIS_URL"]
        self.wfile.write(json.dumps({"data": [{"articles": 3}, {"articles": 4}], "redis": redis}).encode())
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def test_a_server_is_there_once_it_is_ready(tmp_path: Path) -> None:
    """A 503 of /readyz is waited out; the server knows its Redis, and says how many articles it has."""
    port = free_port()
    command = [sys.executable, "-c", SERVER, str(port)]
    with server(command, port=port, redis_url="unix:///r", cores=None, log=tmp_path / "log") as url:
        articles, partitions = corpus(url)
    assert articles == 7
    assert partitions["redis"] == "unix:///r"
    with pytest.raises(LoadTestError, match=r"does not say data\[\]\.articles"):
        corpus(url)


def test_a_server_that_ends_early_is_an_error_with_the_end_of_its_log(tmp_path: Path) -> None:
    """What it said last is what is needed to mend it."""
    command = [sys.executable, "-c", "import sys; print('no index in build/x'); sys.exit(3)"]
    with (
        pytest.raises(LoadTestError, match=r"(?s)ended with status 3.*no index in build/x"),
        server(command, port=free_port(), redis_url="unix:///r", cores=None, log=tmp_path / "log"),
    ):
        pass
