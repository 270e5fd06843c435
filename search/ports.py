"""What the service hands to the cache and gets back, and what it asks of others, as this room sees them.

Contract: this room knows no cache and no log; whatever offers `Cache` and `WasWithdrawn` will do. What is kept is
bytes: an `Answer`, encoded.

Not here: the service (`service.py`), any cache (`cache/`), the log (`indexer/changes.py`).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import msgspec

from partition.manifest import RootManifest, State

ANSWER_VERSION = 15
"""Part of every cache key: advanced when the same query would be answered with other bytes."""


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """One page, as it is sent and cached."""

    body: bytes
    digest: str
    """What tells the body from others; when it was made, and where its links lead, does not count."""
    state: State
    """That it was made from."""
    next: str | None
    prev: str | None
    complete: bool


class _Body(msgspec.Struct, frozen=True, array_like=True):
    """The beginning of an `Answer`."""

    body: bytes


decoded = msgspec.msgpack.Decoder(Answer).decode
"""What was encoded."""
_read_body = msgspec.msgpack.Decoder(_Body).decode


def body_of(kept: bytes) -> bytes:
    """The body alone, in a third of the time."""
    return _read_body(kept).body


def archive_key(manifest: RootManifest) -> str:
    """The part of a cache key that says which archive is asked, and by which version of this room.

    Also whether the archive went back, or was built anew, since orders count from there.
    """
    return f"{ANSWER_VERSION}:{manifest.archive}:{manifest.lineage}"


def state_key(manifest: RootManifest) -> str:
    """The same for answers that depend on how the files of an epoch lie."""
    return f"{archive_key(manifest)}:{manifest.epoch}:{manifest.identity.hex()}"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What is handed to the cache."""

    body: bytes
    keep: bool
    stamp: bytes
    """What it was made of (`dependence.py`)."""
    order: int
    """The log sequence of the state: of two answers to the same, the newer has more."""


class Objector(Protocol):
    """Says of an answer that was kept whether it still is one."""

    @property
    def state(self) -> str:
        """By what it judges: answers that are loaded under another are another's."""

    async def objection(self, stamp: bytes) -> str | None:
        """What speaks against it; `None` if it is what a fresh one would be."""


class Judge(Objector, Protocol):
    """Says what may be given all the same."""

    def bears(self, objection: str, order: int) -> bool:
        """Whether it may be given all the same while there is no better one, if the owner wants that."""

    def excuses(self, error: Exception) -> bool:
        """Whether it is better than this error of a load."""


class Cached(Protocol):
    """What comes back from the cache."""

    @property
    def name(self) -> str:
        """Under which it may be asked for again."""

    @property
    def body(self) -> bytes:
        """The bytes that were loaded."""

    @property
    def outcome(self) -> str:
        """`hit`, `miss` or `shared`."""

    @property
    def where(self) -> str | None:
        """In which tier a hit was found."""

    @property
    def age_s(self) -> float:
        """Seconds since it was loaded."""

    @property
    def ttl_s(self) -> float:
        """Seconds it may still be kept."""

    @property
    def stale_s(self) -> float | None:
        """Seconds since it was last known to be the answer; `None` if it is."""


@dataclass(frozen=True, slots=True)
class PastCache:
    """What was loaded without a cache."""

    body: bytes
    name: str = ""
    outcome: str = "miss"
    where: str | None = None
    age_s: float = 0.0
    ttl_s: float = 0.0
    stale_s: float | None = None


WasWithdrawn = Callable[[RootManifest, int, str], bool]
"""Whether the feed of changes tells, as of an epoch and a log sequence, that the article with this id was withdrawn.

Raises:
    Problem: `log-unusable`.
"""


class Cache(Protocol):
    """The cache as this room sees it."""

    async def get_or_load(
        self, key: str, load: Callable[[], Awaitable[Loaded]], judge: Judge, patience_s: float
    ) -> Cached:
        """The bytes under `key`, loaded if they are not there or there is an objection to them.

        Another process that loads them already may be waited for so long.
        """

    def again(self, name: str, state: str) -> Cached | None:
        """What was got before, if it is at hand and passed a judge of this state."""

    async def fetch(self, name: str, judge: Objector) -> Cached | None:
        """What was got before, from farther away, if there is no objection to it."""


def served(kept: Cached, state: State, since_seq: int) -> "Served":
    """What was got from the cache by a request that was to be answered from a state."""
    answer = decoded(kept.body)
    return Served(answer, state if kept.stale_s is None else answer.state, kept, since_seq)


@dataclass(frozen=True, slots=True)
class Served:
    """An answer with what travels in headers."""

    answer: Answer
    state: State
    """That it is true of."""
    cached: Cached
    since_seq: int
    """The earliest state that cursors may still point into."""
