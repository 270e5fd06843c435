"""The envelope around a body kept in a backend, which proves itself before its body is believed.

    bytes   field        meaning (big endian)
    0-3     magic        b"BSce"
    4-5     version      `keys.VERSION`
    6-13    created_ms   wall clock when the body was loaded, milliseconds since 1970-01-01 UTC
    14-21   lifetime_ms  how long the body may be served, counted from created_ms
    22-53   digest       of the key it answers (`keys.Key.digest`)
    54-61   order        of two entries of a key, the newer has more
    62-65   stamp_bytes  length of the stamp
    66-73   body_bytes   length of the body
    74-77   crc32        of all fields before it, then stamp and body
    78-     stamp        what whoever made the body needs, to say whether it still is an answer
            body

Contract: `decode` takes whatever a backend returned and gives an `Entry`, or the `Fault` that makes it a
miss. It never raises and nothing is ever unpickled. The checksum finds damage by accident, not by malice:
whoever may write to the backend may write answers.

Not here: where entries are kept, how long they should live.
"""

from dataclasses import dataclass
from enum import StrEnum
from struct import Struct
from zlib import crc32

from cache.keys import DIGEST_BYTES, VERSION

_MAGIC = b"BSce"
_FIELDS = Struct(f">4sHQQ{DIGEST_BYTES}sQIQ")
_CRC32 = Struct(">I")
_HEADER_BYTES = _FIELDS.size + _CRC32.size
ORDER_BYTES = _FIELDS.size
"""So much of an entry tells its order."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A body with the time it was loaded and the time it may live."""

    body: bytes
    created_s: float
    """Wall clock, seconds since 1970-01-01 UTC; kept to the millisecond."""
    lifetime_s: float
    stamp: bytes = b""
    """What a judge is told of it."""
    order: int = 0
    """Of two entries of a key, the newer has more."""

    def age_s(self, now_s: float) -> float:
        """Seconds since the body was loaded; 0 if the clock that wrote it is ahead of ours."""
        return max(0.0, now_s - self.created_s)

    def ttl_s(self, now_s: float) -> float:
        """Seconds the body may still be served."""
        return max(0.0, self.lifetime_s - self.age_s(now_s))


class Fault(StrEnum):
    """Why what a backend returned is no answer; the value labels the metric."""

    FOREIGN = "foreign"
    """Not bytes, or not an envelope of this or any version."""
    VERSION = "version"
    """An envelope of another version."""
    DAMAGED = "damaged"
    """Cut short, or its checksum disagrees."""
    OTHER_KEY = "other_key"
    """A sound entry that answers another key."""
    EXPIRED = "expired"
    """Past its lifetime, though the backend still had it."""


def encode(entry: Entry, digest: bytes) -> bytes:
    """The entry in its envelope, as the answer to the key with this digest."""
    fields = _FIELDS.pack(
        _MAGIC,
        VERSION,
        round(entry.created_s * 1000),
        round(entry.lifetime_s * 1000),
        digest,
        entry.order,
        len(entry.stamp),
        len(entry.body),
    )
    checksum = crc32(entry.body, crc32(entry.stamp, crc32(fields)))
    return b"".join((fields, _CRC32.pack(checksum), entry.stamp, entry.body))


def order_of(raw: object) -> int:
    """The order of what stands in a backend, of which the first `ORDER_BYTES` will do; -1 if it is none of ours."""
    if not isinstance(raw, bytes) or not raw.startswith(_MAGIC) or len(raw) < ORDER_BYTES:
        return -1
    _, version, *_, order, _, _ = _FIELDS.unpack_from(raw)
    return order if version == VERSION else -1


def decode(raw: object, digest: bytes, now_s: float) -> Entry | Fault:
    """The entry inside `raw`, if it is whole, answers the key with this digest, and may still be served."""
    if not isinstance(raw, bytes) or not raw.startswith(_MAGIC):
        return Fault.FOREIGN
    if len(raw) < _HEADER_BYTES:
        return Fault.DAMAGED
    _, version, created_ms, lifetime_ms, answers, order, stamp_bytes, body_bytes = _FIELDS.unpack_from(raw)
    if version != VERSION:
        return Fault.VERSION
    stamp, body = raw[_HEADER_BYTES : _HEADER_BYTES + stamp_bytes], raw[_HEADER_BYTES + stamp_bytes :]
    (checksum,) = _CRC32.unpack_from(raw, _FIELDS.size)
    whole = (len(stamp), len(body)) == (stamp_bytes, body_bytes)
    if not whole or crc32(body, crc32(stamp, crc32(raw[: _FIELDS.size]))) != checksum:
        return Fault.DAMAGED
    if answers != digest:
        return Fault.OTHER_KEY
    entry = Entry(body, created_ms / 1000, lifetime_ms / 1000, stamp, order)
    return entry if entry.ttl_s(now_s) > 0 else Fault.EXPIRED
