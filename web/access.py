"""Access: what a caller may do, by the key of the request.

Keys travel in `Authorization: Bearer` (RFC 6750), never in an address: what stands there ends up in logs and
histories. Who reads with a browser may also send one as the password of `Authorization: Basic` (RFC 7617, whatever
the name), for which browsers ask by themselves when a page is refused.

Without a keys file everybody who reaches the server may do everything, so it listens on loopback only. There the
danger is a web page in the user's own browser: it can make the browser send requests to any address (CSRF), also
under a name of its own that leads to 127.0.0.1 (DNS rebinding). What could change something must therefore be
addressed to this machine by its own name, and must not come from a page of another origin. No page can choose the
headers that say so: `Host`, `Origin` and `Sec-Fetch-Site` are the browser's (Fetch standard, forbidden
request-headers). With keys none of this is needed: what a browser adds by itself, a password, lets it read and no
more, and what it has read no page of another origin gets to see.

Contract: `require` answers who calls, or raises the `Problem` that says why not. A role includes those before it in
`ROLES`. Where there are keys, a bad one is refused even if none is needed.

Not here: keys themselves (`keys.py`), which requests are looked at (`guard.py`).
"""

import base64
import binascii
import re

from starlette.requests import Request

from web.keys import ROLES, Caller, Keys, Role
from web.problems import Problem

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110, section 9.2.1)."""
ANONYMOUS = "anonymous"
_LOCAL = Caller(ANONYMOUS, "admin")
_STRANGER = Caller(ANONYMOUS, "read")
_CHALLENGE = 'Bearer realm="broadsheet"'
_CHALLENGE_TO_PEOPLE = 'Basic realm="Broadsheet: any name, and an access key as the password", charset="UTF-8"'
"""Alone, since browsers do not look for it behind another one."""
_MAX_BASIC_CHARS = 512
_THIS_MACHINE = re.compile(r"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?", re.ASCII | re.IGNORECASE)
_NO_OTHER_SITE = frozenset({"same-origin", "none"})
"""Values of `Sec-Fetch-Site`: a page of this server, or the user directly."""


class Access:
    """Who may do what.

    Args:
        keys: those that are valid.
        public_reads: whether reading needs no key where there are keys.
        loopback: whether the server can be reached from this machine only.
    """

    def __init__(self, keys: Keys, *, public_reads: bool, loopback: bool) -> None:
        self._keys = keys
        self._public_reads = public_reads
        self._loopback = loopback

    @property
    def is_open(self) -> bool:
        """Whether everybody who reaches the server may read."""
        return self._loopback and not self._keys.configured

    @property
    def reads_need_a_key(self) -> bool:
        """Whether answers are for those with a key only, and must not be kept for others."""
        return self._keys.configured and not self._public_reads

    def require(self, request: Request, role: Role) -> Caller:
        """Who sends the request, who has this role.

        Raises:
            Problem: `unauthorized` or `forbidden`.
        """
        safe = request.method in SAFE_METHODS
        if self.is_open:
            if role != "read" or not safe:
                _refuse_other_sites(request)
            return _LOCAL
        # Several headers of this name are one that holds no valid key.
        offered = ", ".join(request.headers.getlist("authorization"))
        reads = role == "read" and safe
        for_people = reads and _is_for_people(request)
        if reads:
            offered = _password_as_bearer(offered)
        if offered.partition(" ")[0].lower() != "bearer":
            if reads and self._public_reads:
                return _STRANGER
            raise Problem(
                "unauthorized",
                f"this needs a key with role {role}; send it as `Authorization: Bearer bs_...`",
                headers={"WWW-Authenticate": _CHALLENGE_TO_PEOPLE if for_people else _CHALLENGE},
            )
        caller = self._keys.caller(offered)
        if caller is None:
            again = _CHALLENGE_TO_PEOPLE if for_people else f'{_CHALLENGE}, error="invalid_token"'
            raise Problem(
                "unauthorized",
                "the key is not known here, has expired or was revoked",
                headers={"WWW-Authenticate": again},
            )
        if ROLES.index(caller.role) < ROLES.index(role):
            raise Problem(
                "forbidden",
                f"the key {caller.client} has role {caller.role}; this needs {role}",
                headers={"WWW-Authenticate": f'{_CHALLENGE}, error="insufficient_scope", scope="{role}"'},
            )
        return caller

    def may_read(self, request: Request) -> bool:
        """Whether the sender may read."""
        try:
            self.require(request, "read")
        except Problem:
            return False
        return True

    def knows(self, request: Request) -> bool:
        """Whether the sender may learn what others do here.

        That is one with a key; or where there are no keys the user of this machine, rather than some web page in the
        user's browser.
        """
        try:
            if self.is_open:
                _refuse_other_sites(request)
            return self.require(request, "read") is not _STRANGER
        except Problem:
            return False


def _is_for_people(request: Request) -> bool:
    """Whether a browser asks for a page, rather than a page or a program for data."""
    return "text/html" in request.headers.get("accept", "").lower()


def _password_as_bearer(offered: str) -> str:
    """What was offered as a password, as a program would have offered it; else what was offered.

    A password that is no key may be that of a proxy on the way.
    """
    scheme, _, credentials = offered.partition(" ")
    if scheme.lower() != "basic" or len(offered) > _MAX_BASIC_CHARS:
        return offered
    try:
        _name, _, password = base64.b64decode(credentials.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return offered
    return f"Bearer {password}" if password.startswith("bs_") else offered


def _refuse_other_sites(request: Request) -> None:
    """Refuse what a page of another site may have made the user's browser send."""
    hosts = request.headers.getlist("host")
    if len(hosts) != 1 or not _THIS_MACHINE.fullmatch(hosts[0]):
        raise Problem(
            "forbidden",
            "without keys this must be addressed to localhost, 127.0.0.1 or [::1]; or make one: broadsheet keys add",
        )
    ours = {f"{scheme}://{hosts[0].lower()}" for scheme in ("http", "https")}
    origins = {origin.lower() for origin in request.headers.getlist("origin")}
    if origins - ours or set(request.headers.getlist("sec-fetch-site")) - _NO_OTHER_SITE:
        raise Problem("forbidden", "without keys this is not accepted from a web page of another site")
