"""Erasures: the ids of articles that were taken down, so that it can be said of them that they were.

File format (`envelope.py`, kind `GONE`), little endian: n times u64, the `hash64` of an id, ascending, then n times
16 bytes, the BLAKE2b-128 of the same id. The file is `GENERATION.gone`, after the generation that wrote it; a
partition from which nothing was taken down has none.

Version ledger: 1 first.

Contract: ids are told, and routed to another partition, without being kept. A newer generation's file says all that
the older one's said.

Not here: taking down (`writer.py`), what is answered for such an id (`search/`).
"""

from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path

import numpy as np

from partition.envelope import read_payload, write_file
from partition.manifest import FileRecord
from partition.types import hash64

KIND = b"GONE"
VERSIONS = range(1, 2)
SUFFIX = ".gone"
_DIGEST_BYTES = 16

Erasure = tuple[int, bytes]
"""`hash64` and BLAKE2b-128 of an id."""


def erasure_of(article_id: str) -> Erasure:
    """What is kept of an id."""
    return hash64(article_id), blake2b(article_id.encode(), digest_size=_DIGEST_BYTES).digest()


def write_erasures(path: Path, erasures: Iterable[Erasure]) -> FileRecord:
    """Write the file."""
    ordered = sorted(erasures)
    hashes = np.array([hash_ for hash_, _digest in ordered], "<u8").tobytes()
    seal = write_file(path, KIND, VERSIONS.stop - 1, hashes + b"".join(digest for _hash, digest in ordered))
    return FileRecord(path.name, path.stat().st_size, seal)


def read_erasures(path: Path, *, seal: str | None = None) -> frozenset[Erasure]:
    """Read the file.

    Raises:
        IndexFileError
    """
    content = bytes(read_payload(path, KIND, VERSIONS, seal=seal))
    count = len(content) // (8 + _DIGEST_BYTES)
    hashes = np.frombuffer(content, "<u8", count).tolist()
    digests = (content[at : at + _DIGEST_BYTES] for at in range(8 * count, len(content), _DIGEST_BYTES))
    return frozenset(zip(hashes, digests, strict=True))
