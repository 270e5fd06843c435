"""Parking: which events of a batch cannot be applied, whatever is tried.

Contract: an event that fails by itself is found, with the reason, so that all others can be applied without it. What
is no event's fault (a full disk, a damaged file) is raised as it is.

Not here: applying (`builder.py`), where parked events are told (the manifest of the epoch).
"""

import tempfile
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from indexer.events import LogError
from partition.changes import Put
from partition.errors import IndexFileError
from partition.writer import write_generation

_BATCH = 64
MAX_REASON_CHARS = 300

NOBODYS_FAULT = (IndexFileError, LogError, OSError, MemoryError)
"""Errors that say nothing about an article."""


class Unfit(NamedTuple):
    """An event that cannot be applied."""

    seq: int
    article_id: str
    reason: str


def unfit(puts: Iterable[Put]) -> list[Unfit]:
    """Those that cannot be indexed; each batch is tried aside, and halved where it fails."""
    rest = iter(puts)
    found: list[Unfit] = []
    while batch := list(islice(rest, _BATCH)):
        found += _tried(batch)
    return found


def _tried(puts: Sequence[Put]) -> list[Unfit]:
    try:
        with tempfile.TemporaryDirectory(prefix="broadsheet-") as aside:
            write_generation(Path(aside), number=1, base=None, changes=puts, since_seq=0)
    except NOBODYS_FAULT:
        raise
    except Exception as error:  # noqa: BLE001 - whatever an article sets off is what is looked for
        if len(puts) > 1:
            middle = len(puts) // 2
            return _tried(puts[:middle]) + _tried(puts[middle:])
        return [Unfit(puts[0].seq, puts[0].article.id, reason_of(error))]
    return []


def reason_of(error: Exception) -> str:
    """What is told of an error."""
    return f"{type(error).__name__}: {error}"[:MAX_REASON_CHARS]
