"""Access keys: who may call, from a file that may change while servers run.

A keys file holds one JSON object a line, one for each key: `id`, `name`, `role`, `sha256`, `created_at`, and
`expires_at` if the key ends. Times are RFC 3339. A client sends `bs_<id>_<secret>`: the id is public and names the
client in logs; of the secret only the SHA-256 is kept. One fast hash is enough, since the secret has 256 random bits:
NIST SP 800-63B (revision 3, section 5.1.2.2) asks for salt and a slow hash only below 112 bits of entropy.

Contract: within `LOOK_S` seconds every process follows the file, without a restart. A file that cannot be used leaves
the keys that were read before; one that is gone leaves none. Where a keys file was ever seen, keys stay required
until the process ends. Secrets are compared in constant time, and are never logged.

Not here: what a role may do (`access.py`), changing the file (`broadsheet/key_commands.py`).
"""

import hmac
import re
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import structlog
from msgspec import Meta

Role = Literal["read", "write", "admin"]
ROLES: tuple[Role, ...] = ("read", "write", "admin")
"""Each includes those before it."""

LOOK_S = 1.0
"""How often the file is looked at, in seconds."""
MAX_FILE_BYTES = 1 << 18
"""About a thousand keys: they are read on the event loop."""
MAX_HEADER_CHARS = 128
SECRET_BYTES = 32
_BEARER = re.compile(r"(?i:bearer) +bs_(?P<id>[0-9a-f]{8})_(?P<secret>[0-9a-f]{64})", re.ASCII)

_log = structlog.get_logger()


class KeysFileError(ValueError):
    """A keys file cannot be used; the message has its path and the cure, and nothing secret."""


class Key(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One key, without its secret."""

    id: Annotated[str, Meta(pattern=r"^[0-9a-f]{8}\Z")]
    name: Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,100}\Z")]
    """Whose it is."""
    role: Role
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    """Of the secret as it is sent, in hexadecimal."""
    created_at: Annotated[datetime, Meta(tz=True)]
    expires_at: Annotated[datetime, Meta(tz=True)] | None = None
    """From then on the key is not valid; `None` is never."""

    def expired(self, now: datetime) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and now >= self.expires_at


_NOBODY = Key(
    id="", name="", role="read", sha256=sha256(b"").hexdigest(), created_at=datetime.min.replace(tzinfo=UTC)
)
"""What stands for an unknown id, so that it takes the same steps as a known one; no secret is empty."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a request comes from."""

    client: str
    """The id of the key, or `anonymous`: fit for logs."""
    role: Role


def utc_now() -> datetime:
    """The time."""
    return datetime.now(UTC)


def make_key(name: str, role: Role, *, created_at: datetime, expires_at: datetime | None = None) -> tuple[Key, str]:
    """A new key, and the text that its client sends, which is nowhere else.

    Raises:
        KeysFileError: the name is empty, longer than 100 characters, or holds control characters.
    """
    key_id, secret = secrets.token_hex(4), secrets.token_hex(SECRET_BYTES)
    key = Key(
        id=key_id,
        name=name,
        role=role,
        sha256=sha256(secret.encode()).hexdigest(),
        created_at=created_at,
        expires_at=expires_at,
    )
    try:
        msgspec.convert(msgspec.to_builtins(key), Key)
    except msgspec.ValidationError:
        raise KeysFileError(f"the name {name[:100]!r} is not 1 to 100 characters of text") from None
    return key, f"bs_{key_id}_{secret}"


def encode_keys(keys: Iterable[Key]) -> bytes:
    """The content of a keys file."""
    return msgspec.json.Encoder().encode_lines(list(keys))


def read_keys(path: Path) -> dict[str, Key]:
    """The keys of a file by id, in its order.

    Raises:
        KeysFileError: the file is not there or cannot be used.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise KeysFileError(f"{path}: cannot be read ({error.strerror}); it must belong to who runs this") from None
    if len(content) > MAX_FILE_BYTES:
        raise KeysFileError(f"{path}: more than {MAX_FILE_BYTES:,} bytes; take out keys that nobody uses")
    keys: dict[str, Key] = {}
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            key = msgspec.json.decode(line, type=Key)
        except ValueError as error:  # msgspec's own among them; none holds the line
            raise KeysFileError(f"{path}, line {number}: not a key ({error}); correct it or take it out") from None
        if key.id in keys:
            raise KeysFileError(f"{path}, line {number}: the id {key.id} is there twice; take one out")
        keys[key.id] = key
    return keys


class Keys:
    """The keys of a file, as it is now.

    Args:
        path: the file; it need not be there.
        monotonic_s: seconds, to look at the file once in `LOOK_S`.
        now: the time that keys expire by.

    Raises:
        KeysFileError: the file is there and cannot be used.
    """

    def __init__(
        self,
        path: Path,
        *,
        monotonic_s: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._path = path
        self._monotonic_s = monotonic_s
        self._now = now
        self._looked_s = monotonic_s()
        self._seen = _signature(path)
        self._keys = read_keys(path) if self._seen else {}
        self._configured = bool(self._seen)
        self._trouble = ""

    @property
    def configured(self) -> bool:
        """Whether keys are required: a file of keys, even of none, is or was there."""
        self._look()
        return self._configured

    def caller(self, authorization: str | None) -> Caller | None:
        """Who sends this `Authorization` header, if it holds a valid key."""
        self._look()
        if authorization is None or len(authorization) > MAX_HEADER_CHARS:
            return None
        match = _BEARER.fullmatch(authorization)
        if match is None:
            return None
        key = self._keys.get(match["id"], _NOBODY)
        given = sha256(match["secret"].encode()).hexdigest()
        if not hmac.compare_digest(given, key.sha256) or key.expired(self._now()):
            return None
        return Caller(key.id, key.role)

    def _look(self) -> None:
        """Read the file again if it has changed."""
        now_s = self._monotonic_s()
        if now_s - self._looked_s < LOOK_S:
            return
        self._looked_s = now_s
        seen = _signature(self._path)
        if seen == self._seen:
            return
        self._configured = True
        try:
            self._keys = read_keys(self._path) if seen else {}
        except KeysFileError as error:  # read again at the next look; said once
            if str(error) != self._trouble:
                _log.error("keys not read", error=str(error), still_valid=len(self._keys))
            self._trouble = str(error)
            return
        self._seen, self._trouble = seen, ""
        if seen:
            _log.info("keys read", keys=len(self._keys))
        else:
            _log.error("keys file is gone, no key is valid", path=str(self._path))


def _signature(path: Path) -> tuple[int, ...]:
    """What is another when the file is another; empty when there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return ()
    except OSError as error:
        return (error.errno or 0,)
    return found.st_mtime_ns, found.st_size, found.st_ino
