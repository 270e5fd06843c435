"""What can change from one generation of a partition to the next.

Contract: plain frozen values.

Not here: what becomes of them (`writer.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from partition.reader import PartitionReader
from partition.types import Article

Hashes = Callable[[NDArray[np.uint64]], NDArray[np.bool_]]
"""Tells which of some hashes are meant."""


@dataclass(frozen=True, slots=True)
class Put:
    """Index `article`, in place of its older version if there is one."""

    article: Article
    version: int
    """Ordinal of this version of the article, from 1."""
    indexed_ms: int
    """When its event was logged."""
    seq: int
    """Under which log sequence."""
    story: int = 0
    """To which story it belongs, 0 if that is not known."""
    joined: int = 0
    """With which sequence it came to that; of all articles of a story, the one with the least is the first."""


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Take the article out of this generation and of all later ones."""

    article_id: str
    seq: int
    """The log sequence that says so."""
    erase: bool = False
    """Also out of every earlier state: a takedown."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """Articles that move here from another partition, with all their states."""

    reader: PartitionReader
    """Where they were."""
    moves: Hashes
    """Which they are."""
