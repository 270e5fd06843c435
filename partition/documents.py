"""Stored articles: JSON, each compressed by itself with a dictionary made from its own kind.

File format of a dictionary (`envelope.py`, kind `DICT`): the bytes of a Zstandard dictionary (RFC 8878, section 5),
trained once for a partition and shared by its segments.

Version ledger: 1 first.

Contract: an article is read back at the cost of its own bytes. Articles of one dictionary can be copied from one
segment to another as they are.

Not here: where the frames lie (`format.py`).
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson
import zstandard

from partition.envelope import read_payload, write_file
from partition.manifest import FileRecord
from partition.types import Article

KIND = b"DICT"
VERSIONS = range(1, 2)
SUFFIX = ".dictionary"
LEVEL = 1
DICTIONARY_BYTES = 112_640
SAMPLES = 1000
"""Articles that a dictionary is trained on."""


def encode_article(article: Article, *, version: int, indexed_ms: int) -> bytes:
    """The stored form before compression: the fields of `Article`, `version` and `indexed_ms`."""
    return orjson.dumps(article)[:-1] + b',"version":%d,"indexed_ms":%d}' % (version, indexed_ms)


class DocumentCodec:
    """Compresses and decompresses articles. Belongs to one thread."""

    def __init__(self, dictionary: bytes = b"") -> None:
        """Args: the dictionary; without one, frames stand for themselves."""
        self.dictionary = dictionary
        # Raw content would be accepted too; what was trained is not that.
        type_ = zstandard.DICT_TYPE_FULLDICT if dictionary else zstandard.DICT_TYPE_RAWCONTENT
        self._shared = zstandard.ZstdCompressionDict(dictionary, dict_type=type_)
        self._decompressor = zstandard.ZstdDecompressor(dict_data=self._shared)

    @cached_property
    def _compressor(self) -> zstandard.ZstdCompressor:
        if self.dictionary:
            self._shared.precompute_compress(level=LEVEL)
        return zstandard.ZstdCompressor(
            level=LEVEL, dict_data=self._shared, write_checksum=False, write_dict_id=False
        )

    def compress(self, raw: bytes) -> bytes:
        """One frame."""
        return self._compressor.compress(raw)

    def decompress(self, frame: bytes | memoryview) -> bytes:
        """What was compressed."""
        return self._decompressor.decompress(frame)

    def read(self, frame: bytes | memoryview) -> dict[str, Any]:
        """A stored article: the fields of `Article`, `version` and `indexed_ms`."""
        stored: dict[str, Any] = orjson.loads(self.decompress(frame))
        return stored


def train(samples: Sequence[bytes]) -> bytes:
    """A dictionary for articles like these; empty when they are too few or too small to learn from."""
    if len(samples) < SAMPLES or sum(map(len, samples)) < 4 * DICTIONARY_BYTES:
        return b""
    return zstandard.train_dictionary(DICTIONARY_BYTES, list(samples), level=LEVEL).as_bytes()


def write_dictionary(path: Path, dictionary: bytes) -> FileRecord:
    """Write a dictionary's file."""
    seal = write_file(path, KIND, VERSIONS.stop - 1, dictionary)
    return FileRecord(path.name, path.stat().st_size, seal)


def read_dictionary(path: Path, *, seal: str | None = None) -> bytes:
    """The dictionary in a file.

    Raises:
        IndexFileError
    """
    return bytes(read_payload(path, KIND, VERSIONS, seal=seal))
