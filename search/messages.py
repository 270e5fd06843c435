"""What the API process and its Whoosh processes say to each other: MessagePack frames over a socket.

    frame    u32 length, little endian, then so many bytes of MessagePack
    request  a `MatchRequest`; answered by one `Reply`. A process that has started says `Ready` first

Contract: plain data only, decoded against these types; nothing is ever pickled.

Not here: who sends what when (`pool.py`, `whoosh_process.py`).
"""

import struct

import msgspec

from search.query import Wildcard

FRAME = struct.Struct("<I")


class MatchRequest(msgspec.Struct, frozen=True, tag="match"):
    """Which live articles of a state match each of these?"""

    epoch: int
    """Whose files show it."""
    seq: int
    """The log sequence after which it is seen."""
    nodes: tuple[Wildcard, ...]
    deadline_s: float
    """When the reply is worth nothing any more, on the monotonic clock, which all processes share."""


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """Requests are answered from now on."""


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """The query cannot be executed."""

    detail: str
    position: int | None


class SegmentSet(msgspec.Struct, frozen=True, array_like=True):
    """Articles of one segment."""

    partition: int
    segment: int
    bits: bytes
    """A bit for each docnum, the lowest of a byte first."""


class Damaged(msgspec.Struct, frozen=True, array_like=True):
    """A partition with a file that cannot be used, as `errors.IndexFileError` says."""

    partition: int
    path: str
    problem: str
    cure: str


class Matched(msgspec.Struct, frozen=True, tag="matched"):
    """For each node asked, the articles that match, by segment."""

    sets: tuple[tuple[SegmentSet, ...], ...]
    damaged: tuple["Damaged", ...] = ()
    """What could not be looked into."""


class EpochGone(msgspec.Struct, frozen=True, tag="gone"):
    """The epoch is no longer kept."""


class Broken(msgspec.Struct, frozen=True, tag="broken"):
    """The request failed for a reason that is not the caller's: `timeout`, `died`, `damaged` or `failed`."""

    reason: str


Reply = Ready | Refused | Matched | EpochGone | Broken


def encode(message: MatchRequest | Reply) -> bytes:
    """The message as a frame."""
    content = msgspec.msgpack.encode(message)
    return FRAME.pack(len(content)) + content


decode_request = msgspec.msgpack.Decoder(MatchRequest).decode
decode_reply = msgspec.msgpack.Decoder(Reply).decode
