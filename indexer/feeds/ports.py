"""What following needs of whoever takes the entries, and what it tells of each request.

Contract: a `Sink` is called by one thread, with one source's entries after the other's, each time ended by `flush`.

Not here: the loop (`following.py`), the sink that fills the log (`sink.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from indexer.feeds.errors import FeedError
from indexer.feeds.sources import Source
from indexer.feeds.states import SourceState
from indexer.rejects import Reject


class Sink(Protocol):
    """Where entries go."""

    def take(self, fields: Mapping[str, Any], *, origin: str) -> bool:
        """Take one entry, or list it as a reject and say False.

        Args:
            fields: the entry, by the names that `entries.py` lists.
            origin: the source, as it was given, wherever it has moved since.
        """

    def reject(self, reject: Reject) -> None:
        """Take note of an entry that is no article."""

    def flush(self) -> None:
        """Make durable whatever was taken.

        Raises:
            Stopped: it cannot be done now, and somebody wants to stop.
        """


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of asking one source once."""

    source: Source
    kind: Literal["read", "unchanged", "failed"]
    taken: int
    rejected: int
    error: FeedError | None
    state: SourceState
    """As it was saved: when it is due again, and whether it stopped."""
