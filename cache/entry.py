"""The envelope around a body kept in a backend, which proves itself before its body is believed.

    bytes   field        meaning (big endian)
    0-3     magic        b"BSce"
    4-5     version      `keys.VERSION`
    6-13    created_ms   wall clock when the body was loaded, milliseconds since 1970-01-01 UTC
    14-21   lifetime_ms  how long the body may be served, counted from created_ms
    22-53   digest       of the key it answers (`keys.Key.digest`)
    54-61   order        of two entries of a key, the newer has more
    62-65   stamp_bytes  length of the stamp
    66-69   body_bytes   length of the body
    70      packed       1 if what follows is one Zstandard frame, 0 if not
    71-74   crc32        of all fields before it, then what follows
    75-     stamp        what whoever made the body needs, to say whether it still is an answer
            body

Contract: `decode` takes whatever a backend returned and gives an `Entry`, or the `Fault` that makes it a
miss. It never raises, nothing is ever unpickled, and no frame becomes larger than its envelope says. The checksum
finds damage by accident, not by malice: whoever may write to the backend may write answers.

Not here: where entries are kept, how long they should live.
"""

from dataclasses import dataclass
from enum import StrEnum
from struct import Struct
from zlib import crc32

from zstandard import ZstdCompressor, ZstdDecompressor, ZstdError, frame_content_size

from cache.keys import DIGEST_BYTES, VERSION

_MAGIC = b"BSce"
_FIELDS = Struct(f">4sHQQ{DIGEST_BYTES}sQII?")
_CRC32 = Struct(">I")
_HEADER_BYTES = _FIELDS.size + _CRC32.size
ORDER_BYTES = _FIELDS.size
"""So much of an entry tells its order."""
MAX_BYTES = 1 << 26
"""Of stamp and body together; whoever says that there are more is not believed."""
PACKED_FROM_BYTES = 512
"""Of answers to 600 queries of a web log, those below come out a quarter smaller, those above a half to two thirds;
it takes 16 microseconds to pack one and 8 to unpack it."""
_compress = ZstdCompressor(level=1).compress
_decompress = ZstdDecompressor().decompress


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
    content = entry.stamp + entry.body
    packed = len(content) >= PACKED_FROM_BYTES
    if packed:
        content = _compress(content)
    fields = _FIELDS.pack(
        _MAGIC,
        VERSION,
        round(entry.created_s * 1000),
        round(entry.lifetime_s * 1000),
        digest,
        entry.order,
        len(entry.stamp),
        len(entry.body),
        packed,
    )
    return b"".join((fields, _CRC32.pack(crc32(content, crc32(fields))), content))


def order_of(raw: object) -> int:
    """The order of what stands in a backend, of which the first `ORDER_BYTES` will do; -1 if it is none of ours."""
    if not isinstance(raw, bytes) or not raw.startswith(_MAGIC) or len(raw) < ORDER_BYTES:
        return -1
    _, version, _, _, _, order, *_ = _FIELDS.unpack_from(raw)
    return order if version == VERSION else -1


def decode(raw: object, digest: bytes, now_s: float) -> Entry | Fault:
    """The entry inside `raw`, if it is whole, answers the key with this digest, and may still be served."""
    if not isinstance(raw, bytes) or not raw.startswith(_MAGIC):
        return Fault.FOREIGN
    if len(raw) < _HEADER_BYTES:
        return Fault.DAMAGED
    _, version, created_ms, lifetime_ms, answers, order, stamp_bytes, body_bytes, packed = _FIELDS.unpack_from(raw)
    if version != VERSION:
        return Fault.VERSION
    content = raw[_HEADER_BYTES:]
    (checksum,) = _CRC32.unpack_from(raw, _FIELDS.size)
    if crc32(content, crc32(raw[: _FIELDS.size])) != checksum:
        return Fault.DAMAGED
    if answers != digest:
        return Fault.OTHER_KEY
    whole = _unpacked(content, stamp_bytes + body_bytes) if packed else content
    if whole is None or len(whole) != stamp_bytes + body_bytes:
        return Fault.DAMAGED
    entry = Entry(whole[stamp_bytes:], created_ms / 1000, lifetime_ms / 1000, whole[:stamp_bytes], order)
    return entry if entry.ttl_s(now_s) > 0 else Fault.EXPIRED


def _unpacked(frame: bytes, size_bytes: int) -> bytes | None:
    """What is in a frame, if it is so many bytes; the decompressor itself believes what a frame says of its size."""
    try:
        if size_bytes > MAX_BYTES or frame_content_size(frame) != size_bytes:
            return None
        return _decompress(frame)
    except ZstdError:
        return None
