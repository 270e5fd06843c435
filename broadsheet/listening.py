"""The sockets that the service listens on: made once, inherited by every API process.

Contract: a connection that nobody has accepted yet belongs to the sockets and not to a process, so that none is
refused or lost while processes come and go. A name with several addresses gets a socket for each that is here.

Not here: who accepts (`api_process.py`).
"""

import errno
import socket
from typing import Any

BACKLOG = 2048
"""Connections that may wait to be accepted."""


class ListenError(Exception):
    """Nobody can listen there."""


def listen(host: str, port: int) -> list[socket.socket]:
    """Sockets that listen on every address of `host`, IPv4 and IPv6.

    Raises:
        ListenError: there is no such address on this machine, or the port is taken or not permitted.
    """
    place = address(host, port)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise ListenError(f"cannot listen on {place}: {host!r} is no address: {_reason(error)}") from None
    except UnicodeError:
        raise ListenError(f"cannot listen on {place}: {host!r} is no address") from None
    sockets: list[socket.socket] = []
    lacking: OSError | None = None
    for family, kind, protocol, _name, where in dict.fromkeys(found):
        one = socket.socket(family, kind, protocol)
        try:
            _bind(one, where)
        except OSError as error:
            one.close()
            if error.errno != errno.EADDRNOTAVAIL:  # else perhaps a family that this machine goes without
                for other in sockets:
                    other.close()
                raise ListenError(f"cannot listen on {place}: {_reason(error)}; choose another --port") from None
            lacking = error
        else:
            sockets.append(one)
    if lacking and not sockets:
        raise ListenError(f"cannot listen on {place}: {_reason(lacking)}; choose another --host")
    return sockets


def address(host: str, port: int) -> str:
    """Host and port as addresses on the web have them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _bind(one: socket.socket, where: tuple[Any, ...]) -> None:
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if one.family == socket.AF_INET6:
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # IPv4 has sockets of its own
    one.bind(where)
    one.listen(BACKLOG)


def _reason(error: OSError) -> str:
    return str(error.strerror or error).lower()
