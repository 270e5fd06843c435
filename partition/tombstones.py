"""Tombstones: which articles of a segment were deleted, and since when.

File format (`envelope.py`, kind `DEAD`), little endian: n times u32, the docnums, ascending, padded with zeros to
eight bytes; then n times i64, the log sequence that deleted each. Sequence 0 stands for an article that was taken
down: it is deleted in every state. The file of the segment `X.segment` is `X.GENERATION.dead`, after the generation
that wrote it; a segment without deleted articles has none.

Version ledger: 1: docnums. 2: with sequences.

Contract: a newer generation's file says all that the older one's said; the segment itself never changes.

Not here: when articles are deleted (`writer.py`), what a state sees (`reader.py`).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from partition.envelope import read_payload, write_file
from partition.format import SUFFIX as SEGMENT_SUFFIX
from partition.manifest import FileRecord

KIND = b"DEAD"
VERSIONS = range(2, 3)
SUFFIX = ".dead"

ERASED = 0
"""The sequence of an article that was taken down."""


class Tombstones(NamedTuple):
    """Deleted articles of one segment."""

    docnums: NDArray[np.int64]
    """Shape (n,), ascending."""
    seqs: NDArray[np.int64]
    """Shape (n,), the log sequence that deleted each."""

    def seq_of(self, docnum: int) -> int | None:
        """The sequence that deleted an article; `None` if none has."""
        at = int(np.searchsorted(self.docnums, docnum))
        return int(self.seqs[at]) if at < len(self.docnums) and self.docnums[at] == docnum else None

    def with_more(self, more: Mapping[int, int]) -> "Tombstones":
        """These and those of a mapping from docnums to sequences, which says more of those that are in both."""
        docnums, seqs = (np.fromiter(column, np.int64, len(more)) for column in (more.keys(), more.values()))
        kept = ~np.isin(self.docnums, docnums)
        return in_order(np.concatenate([self.docnums[kept], docnums]), np.concatenate([self.seqs[kept], seqs]))

    def until(self, seq: int) -> NDArray[np.int64]:
        """Docnums of the articles that were deleted by then."""
        return self.docnums[self.seqs <= seq]


def in_order(docnums: NDArray[np.int64], seqs: NDArray[np.int64]) -> Tombstones:
    """Tombstones of docnums in any order, each once."""
    order = np.argsort(docnums)
    return Tombstones(docnums[order], seqs[order])


NONE = Tombstones(np.empty(0, np.int64), np.empty(0, np.int64))


def file_name(segment: str, generation: int) -> str:
    """What the tombstones of the segment with this file name are called, if `generation` writes them."""
    return f"{Path(segment).stem}.{generation:010d}{SUFFIX}"


def segment_of(name: str) -> str:
    """The file name of the segment that tombstones of this name belong to."""
    return name.split(".", 1)[0] + SEGMENT_SUFFIX


def write_tombstones(path: Path, tombstones: Tombstones) -> FileRecord:
    """Write the file."""
    docnums = tombstones.docnums.astype("<u4").tobytes()
    content = docnums + b"\0" * (-len(docnums) % 8) + tombstones.seqs.astype("<i8").tobytes()
    seal = write_file(path, KIND, VERSIONS.stop - 1, content)
    return FileRecord(path.name, path.stat().st_size, seal)


def read_tombstones(path: Path, *, seal: str | None = None) -> Tombstones:
    """Read the file.

    Raises:
        IndexFileError
    """
    content = read_payload(path, KIND, VERSIONS, seal=seal)
    count = len(content) // 12  # what is added to the docnums is less than one entry
    docnums = np.frombuffer(content, "<u4", count).astype(np.int64)
    return Tombstones(docnums, np.frombuffer(content, "<i8", count, len(content) - 8 * count).astype(np.int64))
