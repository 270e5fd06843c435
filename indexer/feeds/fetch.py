"""One bounded GET of a feed, which cannot be led into a private network.

Contract: every address, also that of each redirect, is parsed (`addresses.py`), resolved once, checked, and connected
to as the number that was checked (`connecting.py`), while SNI, certificate and `Host` go by the name. At most
`MAX_REDIRECTS` redirects are followed, never from https to http. The whole fetch, with name, handshakes, redirects
and body, ends at its deadline however slowly the server drips; a body has at most `max_bytes`, before and after
unpacking (`unpacking.py`). Proxies, cookies and netrc files are not looked at. Sources: RFC 9110 (HTTP; conditional
requests in 13, `Retry-After` in 10.2.3), RFC 9111 (`max-age`).

Not here: what the body means (`formats.py`), when to ask again (`following.py`).
"""

import http.client
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import cast
from urllib.parse import urljoin

from indexer.feeds.addresses import Address, Resolver, parse_address
from indexer.feeds.connecting import Deadline, TimedSocket, connect
from indexer.feeds.errors import AddressRefusedError, FetchFailedError
from indexer.feeds.unpacking import ENCODINGS, unpacked_body

DEADLINE_S = 10.0
MAX_BODY_BYTES = 10_000_000
MAX_REDIRECTS = 3

_PIECE_BYTES = 1 << 16
_MAX_HEADER_CHARS = 1000
_MAX_HINT_S = 366 * 86_400
_PERMANENT = (301, 308)
_REDIRECTS = (*_PERMANENT, 302, 303, 307)
_MAX_AGE = re.compile(r'(?:^|[\s,])max-age="?([0-9]{1,12})', re.IGNORECASE)
_CHARSET = re.compile(r""";\s*charset\s*=\s*["']?([A-Za-z0-9._:-]{1,40})""", re.IGNORECASE)
_HEADERS = {
    "User-Agent": "Broadsheet/0.1 (feed reader)",
    "Accept": "application/atom+xml, application/rss+xml, application/feed+json, application/json, */*;q=0.5",
    "Accept-Encoding": ", ".join(ENCODINGS),
    "Connection": "close",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NotModified:
    """The server says (304) that nothing has changed since the validators that were sent."""

    url: str
    """Where the answer came from."""
    permanent_url: str
    """Where the source wants to be asked from now on (301, 308); the URL asked for, where it says nothing."""
    etag: str | None
    """To be sent as `If-None-Match` next time."""
    last_modified: str | None
    """To be sent as `If-Modified-Since` next time."""
    retry_after_s: int | None
    max_age_s: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched(NotModified):
    """A body, and everything that `NotModified` tells as well."""

    body: bytes
    """Unpacked."""
    content_type: str
    """Media type in lower case, without parameters; empty where there is none."""
    charset: str | None
    """As the header spells it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """One fetch: what it asks for, and how."""

    etag: str | None
    last_modified: str | None
    validated_url: str
    max_bytes: int
    connect: Callable[[Address], TimedSocket]


def fetch(
    url: str,
    *,
    etag: str | None = None,
    last_modified: str | None = None,
    validated_url: str | None = None,
    allow_private: bool = False,
    deadline_s: float = DEADLINE_S,
    max_bytes: int = MAX_BODY_BYTES,
    resolver: Resolver | None = None,
    clock: Callable[[], float] = time.monotonic,
    tls: ssl.SSLContext | None = None,
) -> Fetched | NotModified:
    """Get a URL, or learn that it has not changed.

    Args:
        url: http or https.
        etag: that of the version already held.
        last_modified: that of the version already held, as the server spelled it.
        validated_url: where that version came from, `url` by default; no other address is told of it, since another
            one's version may go by the same name.
        allow_private: connect to addresses that are not public, too.
        deadline_s: for everything together.
        max_bytes: of the body, before and after unpacking.
        resolver: asked for names; the system's by default.
        clock: monotonic seconds.
        tls: whom to trust; the system's certificates by default.

    Raises:
        AddressRefusedError: this address, or one that it redirects to, may not be asked.
        FetchFailedError: no answer in time, or one without a body to read.
        BodyRefusedError: the body is too large, a bomb or packed as nobody asked for.
    """
    address = parse_address(url)
    asked = _Asked(
        etag=_sendable(etag),
        last_modified=_sendable(last_modified),
        validated_url=validated_url or address.url,
        max_bytes=max_bytes,
        connect=partial(
            connect,
            deadline=Deadline(clock() + deadline_s, clock),
            resolver=resolver,
            allow_private=allow_private,
            tls=tls,
        ),
    )
    permanent_url, all_permanent = url, True
    for _ in range(1 + MAX_REDIRECTS):
        try:
            answer = _get(address, asked)
        except TimeoutError:
            raise FetchFailedError(
                address.url, f"no whole answer within {deadline_s:g} seconds", "try again later"
            ) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = str(error) or type(error).__name__
            raise FetchFailedError(
                address.url, f"cannot be fetched ({reason[:200]})", "check the address and the network"
            ) from None
        if not isinstance(answer, _Redirect):
            return replace(answer, permanent_url=permanent_url)
        target = _redirected(address, answer)
        all_permanent = all_permanent and answer.permanent
        if all_permanent:
            permanent_url = target.url
        address = target
    raise FetchFailedError(url, f"redirects more than {MAX_REDIRECTS} times", "follow the address it leads to")


@dataclass(frozen=True, slots=True)
class _Redirect:
    location: str
    permanent: bool


def _redirected(address: Address, answer: _Redirect) -> Address:
    try:
        joined = urljoin(address.url, answer.location)
    except ValueError as error:
        raise AddressRefusedError(address.url, f"redirects to no address ({error})", "tell its publisher") from None
    target = parse_address(joined)
    if (address.scheme, target.scheme) == ("https", "http"):
        raise AddressRefusedError(
            address.url,
            f"redirects to {target.url[:200]}, which gives up encryption",
            "follow that address if you trust it",
        )
    return target


def _get(address: Address, asked: _Asked) -> Fetched | NotModified | _Redirect:
    """One request and its answer.

    Raises:
        OSError, HTTPException, ValueError: the connection or the server is broken.
    """
    with asked.connect(address) as connection:
        http_connection = http.client.HTTPConnection(address.host, address.port)
        http_connection.default_port = 443 if address.scheme == "https" else 80
        http_connection.sock = cast("socket.socket", connection)
        headers = dict(_HEADERS)
        if address.url != asked.validated_url:
            asked = replace(asked, etag=None, last_modified=None)
        if asked.etag:
            headers["If-None-Match"] = asked.etag
        if asked.last_modified:
            headers["If-Modified-Since"] = asked.last_modified
        http_connection.request("GET", address.target, headers=headers)
        with closing(http_connection.getresponse()) as response:
            return _answer(address, asked, response)


def _answer(address: Address, asked: _Asked, response: http.client.HTTPResponse) -> Fetched | NotModified | _Redirect:
    status = response.status
    location = response.headers.get("Location")
    if status in _REDIRECTS and location:
        return _Redirect(location.strip(), status in _PERMANENT)
    retry_after_s = _retry_after_s(response.headers.get("Retry-After"))
    max_age = _MAX_AGE.search(", ".join(response.headers.get_all("Cache-Control", [])))
    told = NotModified(
        url=address.url,
        permanent_url=address.url,
        etag=_sendable(response.headers.get("ETag")),
        last_modified=_sendable(response.headers.get("Last-Modified")),
        retry_after_s=retry_after_s,
        max_age_s=min(int(max_age[1]), _MAX_HINT_S) if max_age else None,
    )
    if status == 304 and (asked.etag or asked.last_modified):
        return replace(told, etag=told.etag or asked.etag, last_modified=told.last_modified or asked.last_modified)
    if status != 200:
        raise FetchFailedError(
            address.url,
            f"the server answers {status} {response.reason[:100]}".rstrip(),
            "remove this source" if status == 410 else "check the address in a browser",
            status=status,
            retry_after_s=retry_after_s,
        )
    content_type = response.headers.get("Content-Type", "")
    charset = _CHARSET.search(content_type)
    body = unpacked_body(
        address.url,
        _pieces(response),
        ", ".join(response.headers.get_all("Content-Encoding", [])),
        max_bytes=asked.max_bytes,
    )
    return Fetched(
        url=told.url,
        permanent_url=told.permanent_url,
        etag=told.etag,
        last_modified=told.last_modified,
        retry_after_s=told.retry_after_s,
        max_age_s=told.max_age_s,
        body=body,
        content_type=content_type.partition(";")[0].strip().lower(),
        charset=charset[1] if charset else None,
    )


def _pieces(response: http.client.HTTPResponse) -> Iterator[bytes]:
    while piece := response.read1(_PIECE_BYTES):
        yield piece
    if response.length:
        raise http.client.IncompleteRead(b"", response.length)


def _sendable(value: str | None) -> str | None:
    """A validator on one line, or None for what cannot be a header of ours."""
    line = " ".join((value or "").split())
    sendable = (
        line and len(line) <= _MAX_HEADER_CHARS and all(" " <= char <= "\xff" and char != "\x7f" for char in line)
    )
    return line if sendable else None


def _retry_after_s(value: str | None) -> int | None:
    """Seconds from now; the header holds seconds or a date."""
    text = (value or "").strip()
    if text.isascii() and text.isdecimal() and len(text) <= 12:
        return min(int(text), _MAX_HINT_S)
    try:
        moment = parsedate_to_datetime(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return min(max(0, int((moment - datetime.now(UTC)).total_seconds())), _MAX_HINT_S)
    except (ValueError, OverflowError):
        return None
