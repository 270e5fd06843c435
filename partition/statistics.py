"""The statistics epoch: the numbers that scores are computed from, frozen and shared by all partitions.

File format (`envelope.py`, kind `STAT`), all little endian, the payload 8-byte aligned:

    u32 n            bytes of the header; then n bytes of JSON, padded with spaces so that what follows is aligned:
                     {"articles": N, "through_seq": s, "total_lengths": {"title": .., ...}, "terms": t,
                      "unseen_idf": idf(N, 1)}
    f64 idf[t]       inverse document frequency of each term, computed once, here, so that no reader's `log` decides
    u32 df[t]        live articles that hold the term
    u32 start[t+1]   half-open byte ranges of the keys
    bytes            the keys, sorted: field, NUL, term, in UTF-8

Version ledger: 1 first.
Measured: 2.9 MB for the 103,209 terms of 72,631 press releases.

Contract: `N`, lengths and df count live articles at one log sequence. A term that is not in the file counts as
df = 1. Looking a term up is a binary search over the mapped file; opening parses only the header.

Source of the formula: S. Robertson and H. Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond",
2009, with the idf of Whoosh (`whoosh.scoring`): ln(N / (df + 1)) + 1.

Not here: the score itself (`scoring.py`), when statistics advance (`indexer/projection.py`).
"""

import json
import math
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from partition.envelope import read_payload, write_file
from partition.schema import TEXT_FIELDS

KIND = b"STAT"
VERSIONS = range(1, 2)


def inverse_document_frequency(articles: int, df: int) -> float:
    """Whoosh's idf for `df` of `articles`; positive, since df <= max(articles, 1)."""
    return math.log(max(articles, 1) / (df + 1)) + 1.0


def key_of(field: str, term: str) -> bytes:
    """The key of a term: bytes that sort by field, then by term."""
    return field.encode() + b"\0" + term.encode()


def write_statistics(
    path: Path, *, articles: int, through_seq: int, total_lengths: Mapping[str, int], df: Mapping[bytes, int]
) -> None:
    """Write a statistics file durably; `df` is by `key_of`."""
    keys = sorted(df)
    header = {
        "articles": articles,
        "through_seq": through_seq,
        "total_lengths": dict(total_lengths),
        "terms": len(keys),
        "unseen_idf": inverse_document_frequency(articles, 1),
    }
    text = json.dumps(header).encode()
    text += b" " * (-(len(text) + 4) % 8)
    counts = [df[key] for key in keys]
    idf_of = {count: inverse_document_frequency(articles, count) for count in set(counts)}
    starts = np.zeros(len(keys) + 1, dtype="<u4")
    np.cumsum([len(key) for key in keys], out=starts[1:])
    parts = [
        struct.pack("<I", len(text)),
        text,
        np.array([idf_of[count] for count in counts], dtype="<f8").tobytes(),
        np.array(counts, dtype="<u4").tobytes(),
        starts.tobytes(),
        b"".join(keys),
    ]
    write_file(path, KIND, VERSIONS.stop - 1, b"".join(parts))


class Statistics:
    """One statistics file, opened."""

    def __init__(self, path: Path) -> None:
        """Map and verify `path`.

        Raises:
            IndexFileError: as `errors.py` says.
        """
        payload = read_payload(path, KIND, VERSIONS)
        (size,) = struct.unpack_from("<I", payload)
        header = json.loads(bytes(payload[4 : 4 + size]))
        self.articles: int = header["articles"]
        self.through_seq: int = header["through_seq"]
        self.total_lengths: dict[str, int] = header["total_lengths"]
        self._unseen_idf: float = header["unseen_idf"]
        terms, at = header["terms"], 4 + size
        self._idf: NDArray[np.float64] = np.frombuffer(payload, "<f8", terms, at)
        self._df: NDArray[np.uint32] = np.frombuffer(payload, "<u4", terms, at + 8 * terms)
        self._start: NDArray[np.uint32] = np.frombuffer(payload, "<u4", terms + 1, at + 12 * terms)
        self._keys = payload[at + 12 * terms + 4 * (terms + 1) :]

    def __len__(self) -> int:
        return len(self._df)

    def average_length(self, field: str) -> float:
        """Mean number of words of `field` over all live articles; 1.0 when it was always empty."""
        total = self.total_lengths[field]
        return total / self.articles if total else 1.0

    def df(self, field: str, term: str) -> int:
        """Live articles that hold the term; 1 for a term that was not there when the statistics were frozen."""
        at = self._find(key_of(field, term))
        return 1 if at is None else int(self._df[at])

    def idf(self, field: str, term: str) -> float:
        """Inverse document frequency of the term."""
        at = self._find(key_of(field, term))
        return self._unseen_idf if at is None else float(self._idf[at])

    def prefix_size(self, field: str, prefix: str) -> int:
        """How many terms of `field` begin with `prefix`."""
        first = self._lower_bound(key_of(field, prefix))
        # U+10FFFF sorts after every other character, in UTF-8 too, and is not a word character.
        return self._lower_bound(key_of(field, prefix + "\U0010ffff")) - first

    def items(self) -> Iterator[tuple[bytes, int]]:
        """Every key with its df, in order."""
        for at, df in enumerate(self._df.tolist()):
            yield self._key(at), df

    def _key(self, at: int) -> bytes:
        return bytes(self._keys[self._start[at] : self._start[at + 1]])

    def _lower_bound(self, key: bytes) -> int:
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self._key(middle) < key:
                low = middle + 1
            else:
                high = middle
        return low

    def _find(self, key: bytes) -> int | None:
        at = self._lower_bound(key)
        return at if at < len(self) and self._key(at) == key else None


def merge_statistics(path: Path, *, counts: list[Path], through_seq: int) -> None:
    """Add up the counts of disjoint partitions, each a statistics file, into one at `path`."""
    articles, lengths = 0, dict.fromkeys(TEXT_FIELDS, 0)
    df: dict[bytes, int] = {}
    for source in counts:
        part = Statistics(source)
        articles += part.articles
        for field in TEXT_FIELDS:
            lengths[field] += part.total_lengths[field]
        for key, count in part.items():
            df[key] = df.get(key, 0) + count
    write_statistics(path, articles=articles, through_seq=through_seq, total_lengths=lengths, df=df)
