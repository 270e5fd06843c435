"""Cursors: a signed position in a result, in fewer than 512 bytes, with no state on the server.

Layout before base64url (RFC 4648, without padding), big endian:

    u8 version (4) | u8 key id | u8 flags (1: backwards) | 8 bytes, the archive's id
    u64 epoch | u64 log sequence | i64 when it was published | i64 when that sequence was logged, both in ms
    8 bytes of the query's digest | i64 origin in ms, -2^63 for none | i64 sort key | u64 hash64
    u8 n, then n u16 partitions that were missing
    u16 m, then m bytes of the article id
    16 bytes: HMAC-SHA256 (RFC 2104), truncated, over all before it

Contract: `decode` accepts only what `encode` made under one of the keys; every number is bounded by its width. The
digest covers what decides membership and order, so that a cursor cannot be used with another query. The origin
(`dates.py`) is that of the walk's first page, if the query depends on it. Of an article id only the first
`MAX_ID_BYTES` bytes travel: they decide only between articles whose 64-bit hashes are equal.

Not here: what a position means (`order.py`), whether the epoch is still there (`service.py`).
"""

import base64
import binascii
import hmac
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

from partition.manifest import State
from search.order import Position
from search.query import Query

VERSION = 4
MAX_ID_BYTES = 216
MAX_MISSING = 32
MAX_CHARS = 512
_HEAD = struct.Struct(">BBB8sQQqq8sqqQB")
_STATE = ("epoch", "applied_seq", "published_ms", "indexed_through_ms")
_SIGNATURE_BYTES = 16
_BACKWARDS = 1
_NO_ORIGIN = -(2**63)


class CursorInvalidError(ValueError):
    """The cursor was not made by this service, or was damaged."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """A position in the result of one query in one state."""

    archive: str
    """The archive's id: another has the same numbers."""
    state: State
    query_digest: bytes
    position: Position
    backwards: bool
    origin_ms: int | None = None
    """What the query counts from, if it does."""
    missing: tuple[int, ...] = ()
    """Partitions whose articles before the position the walk has not seen."""


def digest_of(query: Query) -> bytes:
    """Eight bytes that stand for what decides membership and order.

    Args:
        query: with the tree as it was written, which does not depend on the languages of the archive.
    """
    return blake2b(query.canonical(), digest_size=8).digest()


class CursorCodec:
    """Encodes with the newest key, decodes with any."""

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        """Args: secrets by key id in [0, 255]; the highest id signs."""
        self._keys = dict(keys)
        self._signing = max(self._keys)

    def encode(self, cursor: Cursor) -> str:
        """The cursor as text."""
        missing = cursor.missing[:MAX_MISSING]
        article_id = _shortened(cursor.position.article_id, backwards=cursor.backwards)
        payload = b"".join(
            (
                _HEAD.pack(
                    VERSION,
                    self._signing,
                    _BACKWARDS if cursor.backwards else 0,
                    bytes.fromhex(cursor.archive),
                    cursor.state.epoch,
                    cursor.state.applied_seq,
                    cursor.state.published_ms,
                    cursor.state.indexed_through_ms,
                    cursor.query_digest,
                    _NO_ORIGIN if cursor.origin_ms is None else cursor.origin_ms,
                    cursor.position.key,
                    cursor.position.hash,
                    len(missing),
                ),
                struct.pack(f">{len(missing)}H", *missing),
                struct.pack(">H", len(article_id)),
                article_id,
            )
        )
        signed = payload + self._sign(self._signing, payload)
        return base64.urlsafe_b64encode(signed).rstrip(b"=").decode()

    def decode(self, text: str) -> Cursor:
        """The cursor, if it is one of ours; whether it belongs to the query its digest says.

        Raises:
            CursorInvalidError
        """
        invalid = CursorInvalidError("the cursor was not made here or is damaged; leave it out to start again")
        if len(text) > MAX_CHARS or not text.isascii():
            raise invalid
        try:
            signed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except binascii.Error:
            raise invalid from None
        payload, signature = signed[:-_SIGNATURE_BYTES], signed[-_SIGNATURE_BYTES:]
        # base64 ignores the last bits of an incomplete group: only the one spelling that we make is accepted.
        if len(payload) < _HEAD.size + 2 or base64.urlsafe_b64encode(signed).rstrip(b"=") != text.encode():
            raise invalid
        version, key_id, flags, archive, *state, digest, origin_ms, key, hash_, count = _HEAD.unpack_from(payload)
        if version != VERSION or key_id not in self._keys:
            raise invalid
        if not hmac.compare_digest(signature, self._sign(key_id, payload)):
            raise invalid
        missing = struct.unpack_from(f">{count}H", payload, _HEAD.size)
        article_id = payload[_HEAD.size + 2 * count + 2 :].decode(errors="ignore")
        position = Position(key, hash_, article_id)
        of = State(**dict(zip(_STATE, state, strict=True)))
        origin = None if origin_ms == _NO_ORIGIN else origin_ms
        return Cursor(archive.hex(), of, digest, position, bool(flags & _BACKWARDS), origin, missing)

    def _sign(self, key_id: int, payload: bytes) -> bytes:
        return hmac.digest(self._keys[key_id], payload, "sha256")[:_SIGNATURE_BYTES]


def _shortened(article_id: str, *, backwards: bool) -> bytes:
    """The id, or a short text that no id with the same beginning lies beyond in the cursor's direction."""
    encoded = article_id.encode()
    if len(encoded) <= MAX_ID_BYTES:
        return encoded
    beginning = encoded[:MAX_ID_BYTES].decode(errors="ignore")
    return (beginning if backwards else beginning + "\U0010ffff").encode()
