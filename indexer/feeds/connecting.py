"""Connections to addresses that were checked, with one deadline over everything.

Contract: a host is resolved once, and the connection goes to one of the numeric addresses that `public_addresses`
let pass. TLS verifies the host's name. No step lasts longer than what is left until the deadline, and at the deadline
`TimeoutError` is raised, however little a server sends at a time.

Not here: which addresses are refused (`addresses.py`), HTTP (`fetch.py`).
"""

import io
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from indexer.feeds.addresses import Address, Resolver, public_addresses

_BUFFER_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment of a clock."""

    end_s: float
    clock: Callable[[], float]
    """Monotonic seconds."""

    def left_s(self) -> float:
        """Seconds until then.

        Raises:
            TimeoutError: there are none.
        """
        left = self.end_s - self.clock()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        return left


class TimedSocket:
    """As much of a socket as `http.client` uses, with what is left until the deadline as the timeout of each step.

    A timeout of the socket's own would begin anew with every byte that a server drips. A context manager, whose end
    closes the connection.
    """

    def __init__(self, connection: socket.socket, deadline: Deadline) -> None:
        self._connection = connection
        self._deadline = deadline

    def sendall(self, octets: bytes) -> None:
        """Send everything, or raise `OSError`."""
        self._connection.settimeout(self._deadline.left_s())
        self._connection.sendall(octets)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """What the other side sends."""
        return io.BufferedReader(_TimedReader(self._connection, self._deadline), _BUFFER_BYTES)

    def close(self) -> None:
        """Nothing: `http.client` calls this while the answer is still to be read."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()


class _TimedReader(io.RawIOBase):
    def __init__(self, connection: socket.socket, deadline: Deadline) -> None:
        self._connection = connection
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        self._connection.settimeout(self._deadline.left_s())
        return self._connection.recv_into(buffer)


def connect(
    address: Address,
    *,
    deadline: Deadline,
    resolver: Resolver | None,
    allow_private: bool,
    tls: ssl.SSLContext | None,
) -> TimedSocket:
    """A connection to the first of a host's addresses that answers.

    Args:
        address: whose host and port.
        deadline: for the name and the handshakes, and for all that the connection is used for.
        resolver: asked for names; the system's by default.
        allow_private: connect to addresses that are not public, too.
        tls: whom to trust; the system's certificates by default.

    Raises:
        AddressRefusedError: an address is not public.
        OSError: the name is unknown, nobody answers, the certificate is wrong, or (TimeoutError) it takes too long.
    """
    problem: OSError = OSError("no address answers")
    numbers = _resolved(address, deadline, resolver, allow_private=allow_private)
    for at, number in enumerate(numbers):
        # One that swallows packets, as where IPv6 leads nowhere, leaves time for those after it.
        share_s = deadline.left_s() / (len(numbers) - at)
        try:
            connection = socket.create_connection((number, address.port), timeout=share_s)
        except OSError as error:
            problem = error
            continue
        try:
            if address.scheme == "https":
                connection.settimeout(deadline.left_s())
                context = tls or ssl.create_default_context()
                connection = context.wrap_socket(connection, server_hostname=address.host)
        except BaseException:
            connection.close()
            raise
        return TimedSocket(connection, deadline)
    raise problem


def _resolved(
    address: Address, deadline: Deadline, resolver: Resolver | None, *, allow_private: bool
) -> Sequence[str]:
    """The checked addresses, by the deadline: the system's resolver, which knows none, is asked in a thread."""
    found: list[str] = []
    failed: list[Exception] = []

    def ask() -> None:
        try:
            found.extend(public_addresses(address, resolver=resolver, allow_private=allow_private))
        except Exception as error:  # noqa: BLE001 - it is raised where somebody waits for it
            failed.append(error)

    thread = threading.Thread(target=ask, name="resolver", daemon=True)
    thread.start()
    thread.join(deadline.left_s())
    if failed:
        raise failed[0]
    if not found:
        raise TimeoutError("the name is not resolved in time")
    return found
