"""What the API process and its leaf processes say to each other: MessagePack frames over a socket.

    frame    u32 length, little endian, then so many bytes of MessagePack
    request  one of `Request`; answered by one closing `Reply`, before which a search gives one `Answered` or
             `Failed` for each partition

Contract: plain data only, decoded against these types; nothing is ever pickled.

Not here: who sends what when (`pool.py`, `leaf_process.py`).
"""

import struct
from typing import Any

import msgspec

from partition.types import DocAddress
from search.leaf import LeafAnswer, Slice
from search.query import Node, Query

FRAME = struct.Struct("<I")


class OpenRequest(msgspec.Struct, frozen=True, tag="open"):
    """Open these partitions of an epoch, so that the first query need not."""

    epoch: int
    partitions: tuple[int, ...]


class ParseRequest(msgspec.Struct, frozen=True, tag="parse"):
    """Parse the text of a query."""

    epoch: int
    text: str


class SearchRequest(msgspec.Struct, frozen=True, tag="search"):
    """Search these partitions; each is answered by an `Answered` or `Failed` before the closing `Done`."""

    epoch: int
    partitions: tuple[int, ...]
    query: Query
    part: Slice
    deadline_s: float
    """When to give up, on the monotonic clock, which is the same for all processes of a machine."""


class DocumentsRequest(msgspec.Struct, frozen=True, tag="documents"):
    """These stored fields, `snippet` among them, of the articles at these addresses."""

    epoch: int
    addresses: tuple[DocAddress, ...]
    fields: frozenset[str]
    words: frozenset[str]
    """What a snippet marks."""


class FindRequest(msgspec.Struct, frozen=True, tag="find"):
    """The stored fields of the article with this id, in this partition."""

    epoch: int
    partition: int
    article_id: str


Request = OpenRequest | ParseRequest | SearchRequest | DocumentsRequest | FindRequest


class Answered(msgspec.Struct, frozen=True, tag="answered"):
    """One partition's answer to a search."""

    partition: int
    answer: LeafAnswer


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """One partition did not answer a search."""

    partition: int
    reason: str


class Done(msgspec.Struct, frozen=True, tag="done"):
    """The request is finished."""


class Parsed(msgspec.Struct, frozen=True, tag="parsed"):
    """The tree of a query text."""

    node: Node


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """The query text cannot be executed."""

    detail: str
    position: int | None


class Documents(msgspec.Struct, frozen=True, tag="found"):
    """Stored fields, in the order asked for."""

    documents: list[dict[str, Any]]


class EpochGone(msgspec.Struct, frozen=True, tag="gone"):
    """The epoch is no longer kept."""


class Broken(msgspec.Struct, frozen=True, tag="broken"):
    """The request failed for a reason that is not the caller's."""

    detail: str


Reply = Answered | Failed | Done | Parsed | Refused | Documents | EpochGone | Broken


def encode(message: Request | Reply) -> bytes:
    """The message as a frame."""
    content = msgspec.msgpack.encode(message)
    return FRAME.pack(len(content)) + content


decode_request = msgspec.msgpack.Decoder(Request).decode
decode_reply = msgspec.msgpack.Decoder(Reply).decode
