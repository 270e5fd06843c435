"""What both drivers share: the address of a server, its key, and answers of bounded size.

Contract: the key goes to the address given and nowhere else: no redirect is followed, and neither proxies nor
passwords are taken from the environment. It stands in no `repr` and in no message. The environment may say whom to
trust over https (`SSL_CERT_FILE`, `SSL_CERT_DIR`). A body that is not a stream has `MAX_BODY_BYTES`, and its time.

Not here: sending and receiving (`blocking.py`, `awaiting.py`).
"""

import re
import ssl
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx2

from broadsheet import __version__
from broadsheet.client.errors import AnswerError
from broadsheet.client.steps import Answer, Interrupted, Request

TIMEOUT_S = 45.0
"""More than the longest search may take."""
MAX_BODY_BYTES = 256 << 20
"""A page may hold a hundred whole articles."""
_PRINTABLE = re.compile(r"[!-~]+")


class Address:
    """Where a server is, and what it is asked with."""

    def __init__(self, url: str, key: str | None, timeout_s: float, tls: ssl.SSLContext | None = None) -> None:
        """Args: as of `Client`.

        Raises:
            ValueError: the address or the key cannot be used; neither is told where it may hold a secret.
        """
        if "@" in url:
            raise ValueError("the address of the server holds a user name; leave out what stands before the @")
        try:
            parts = urlsplit(url)
            plain = bool(_PRINTABLE.fullmatch(url)) and not (parts.query or parts.fragment)
            usable = plain and parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            raise ValueError(f"{url[:100]!r} is no address of a server; give one such as http://127.0.0.1:8000")
        if key is not None and not _PRINTABLE.fullmatch(key):
            raise ValueError("the key is none that `broadsheet keys add` makes; give it as it was printed")
        if timeout_s <= 0:
            raise ValueError(f"timeout_s is {timeout_s}; it is above 0")
        self.url = url.rstrip("/")
        self._key, self._timeout_s, self._tls = key, timeout_s, tls

    def settings(self) -> dict[str, Any]:
        """How a client of httpx2 is made."""
        headers = {"User-Agent": f"broadsheet-client/{__version__}", "Accept": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        settings = {"headers": headers, "follow_redirects": False, "trust_env": False}
        if self.url.startswith("https:"):
            # Whom to trust is asked of the environment, other than where to send what.
            settings["verify"] = self._tls or httpx2.create_ssl_context()
        return settings

    def sent(self, request: Request) -> dict[str, Any]:
        """The arguments of `stream`, which sends it."""
        return {
            "method": request.method,
            "url": self.url + request.target,
            "headers": request.headers,
            "content": request.body or None,
            "timeout": httpx2.Timeout(self.timeout_of(request)),
        }

    def timeout_of(self, request: Request) -> float:
        """In seconds."""
        return request.timeout_s or self._timeout_s


class Collected:
    """A body that is collected."""

    def __init__(self, timeout_s: float, clock: Callable[[], float]) -> None:
        self._clock, self._end_s = clock, clock() + timeout_s
        self._pieces: list[bytes] = []
        self._size = 0

    def add(self, piece: bytes) -> None:
        """One more piece.

        Raises:
            Interrupted: it takes too long.
            AnswerError: it is too large.
        """
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > MAX_BODY_BYTES:
            raise AnswerError(f"an answer of more than {MAX_BODY_BYTES:,} bytes is not read; ask for less at a time")
        if self._clock() > self._end_s:
            raise Interrupted("the answer did not come to its end in time")

    @property
    def body(self) -> bytes:
        """All of it."""
        return b"".join(self._pieces)


def answer_of(response: httpx2.Response, body: bytes) -> Answer:
    """What operations are told."""
    return Answer(response.status_code, {name.lower(): text for name, text in response.headers.items()}, body)


def interrupted(error: httpx2.HTTPError) -> Interrupted:
    """What operations are told where the connection could not be made, or broke."""
    return Interrupted(f"{type(error).__name__}: {error}".rstrip(": "))
