"""Who can reach a server, and what they may do there.

Contract: without a keys file a server listens on loopback only, under whatever name; another address is an error that
names the cure. Both the command that starts servers and every process of theirs hold it.

Not here: what is checked for each request (`web/access.py`), how keys are made (`key_commands.py`).
"""

import ipaddress
import socket

from broadsheet.settings import Settings, SettingsError
from web.access import Access
from web.keys import Keys, KeysFileError

KEYS_FILE = "keys"
"""Name of the keys file in the data folder."""


def access_of(settings: Settings) -> Access:
    """The access rules of these settings.

    Raises:
        SettingsError: the keys file cannot be used, or there is none and others could reach the server.
    """
    try:
        keys = Keys(settings.root / KEYS_FILE)
    except KeysFileError as error:
        raise SettingsError(str(error)) from None
    loopback = is_loopback(settings.host)
    if not keys.configured and not loopback:
        raise SettingsError(
            f"host {settings.host[:60]!r} is not loopback, and there are no keys that say who may do what; "
            f"make one with `broadsheet keys add NAME --role admin --data {settings.data}`, or leave --host out"
        )
    return Access(keys, public_reads=settings.public_reads, loopback=loopback)


def is_loopback(host: str) -> bool:
    """Whether all addresses of a host are this machine's loopback; one that has none is no such host."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, ValueError):
        return False
    return all(ipaddress.ip_address(address[0]).is_loopback for *_, address in found)
