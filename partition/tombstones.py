"""Tombstones: which articles of a segment a generation has deleted.

File format (`envelope.py`, kind `DEAD`): the docnums, u32, little endian, ascending. The file of `X.segment` is
`X.dead`; a segment without deleted articles has none.

Version ledger: 1 first.

Contract: a generation's file replaces that of the generation before; the segment itself never changes.

Not here: when articles are deleted (`writer.py`).
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from partition.envelope import read_payload, write_file
from partition.manifest import FileRecord

KIND = b"DEAD"
VERSIONS = range(1, 2)
SUFFIX = ".dead"


def write_tombstones(path: Path, docnums: NDArray[np.int64]) -> FileRecord:
    """Write the file; `docnums` ascend."""
    seal = write_file(path, KIND, VERSIONS.stop - 1, docnums.astype("<u4").tobytes())
    return FileRecord(path.name, path.stat().st_size, seal)


def read_tombstones(path: Path, *, seal: str | None = None) -> NDArray[np.int64]:
    """The deleted docnums, ascending.

    Raises:
        IndexFileError
    """
    return np.frombuffer(read_payload(path, KIND, VERSIONS, seal=seal), "<u4").astype(np.int64)
