"""The statistics epoch: the numbers that scores are computed from, frozen and shared by all partitions.

File format (`envelope.py`, kind `STAT`), all little endian, the content 8-byte aligned:

    u32 n            bytes of the header; then n bytes of JSON, padded with spaces so that what follows is aligned:
                     {"languages": {"en": n, ...}, "through_seq": s, "total_lengths": {"title": .., ...},
                      "fields": {"title": [first, last + 1], ...}}
    f64 idf[t]       inverse document frequency of each term, computed once, here, so that no reader's `log` decides
    u32 df[t]        live articles that hold the term
    u32 end[t]       where each term's key ends
    bytes            the keys: terms in UTF-8, field after field, ascending within each

Version ledger: 1: keys with field names, Whoosh's idf. 2: ranges of fields, the idf below. 3: languages.
Measured: 4.4 MB for the 188,608 terms of 72,631 press releases.

Contract: `N`, lengths and df count live articles at one log sequence. N is that of the term's language, so that in an
archive of several languages a word is rare or common among the articles that could hold it; pairs of ideographs and
names are of no language, and for them N is all. A term that is not in the file counts as df = 1. Looking a term up is
a binary search over the mapped file; opening parses only the header.

Source of the formula: S. Robertson and H. Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009,
with the idf that cannot be negative, as in Lucene: ln(1 + (N - df + 0.5) / (df + 0.5)); that of a function word, but
in names, is taken times `analysis.FUNCTION_WORD_WEIGHT`.

Not here: the score (`scoring.py`), counting (`counting.py`), when statistics advance (`indexer/projection.py`).
"""

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partition.analysis import FUNCTION_WORD_WEIGHT, LANGUAGES, OF, function_terms, ideographic, parted
from partition.envelope import read_payload, write_file
from partition.kernels.terms import lower_bound
from partition.kernels.tokens import FIRST_IDEOGRAPH
from partition.schema import NAME_FIELDS
from partition.wildcards import terms_like

KIND = b"STAT"
VERSIONS = range(3, 4)
MAX_REMEMBERED_TERMS = 100_000


def inverse_document_frequency(articles: int, df: int) -> float:
    """The idf of a term that `df` of `articles` hold; positive."""
    return math.log(1.0 + (max(articles, df) - df + 0.5) / (df + 0.5))


@dataclass(frozen=True, slots=True)
class TermCounts:
    """How many live articles hold each term of one field."""

    keys: NDArray[np.uint8]
    """The terms, ascending, one after the other."""
    ends: NDArray[np.int64]
    """Shape (terms,), where each ends."""
    dfs: NDArray[np.int64]
    """Shape (terms,)."""


def articles_of(field: str, term: str, languages: Mapping[str, int]) -> int:
    """How many articles could hold a term: those of its language, or all.

    Args:
        field: where it stands.
        term: as analysis made it.
        languages: articles by language.
    """
    if field in NAME_FIELDS or ideographic(term):
        return sum(languages.values())
    return languages.get(parted(term)[1], 0)


def write_statistics(
    path: Path,
    *,
    languages: Mapping[str, int],
    through_seq: int,
    total_lengths: Mapping[str, int],
    counts: Mapping[str, TermCounts],
) -> str:
    """Write a statistics file durably and return its seal; `languages` counts articles, `counts` are by field."""
    fields, at = {}, 0
    for name, field in counts.items():
        fields[name] = [at, at + len(field.dfs)]
        at += len(field.dfs)
    header = {
        "languages": {language: languages[language] for language in LANGUAGES if languages.get(language)},
        "through_seq": through_seq,
        "total_lengths": dict(total_lengths),
        "fields": fields,
    }
    text = json.dumps(header).encode()
    text += b" " * (-(len(text) + 4) % 8)
    dfs = np.concatenate([np.zeros(0, np.int64), *(field.dfs for field in counts.values())])
    sizes = [np.diff(field.ends, prepend=0) for field in counts.values()]
    idf = np.concatenate([np.zeros(0), *(_idf_of(name, field, languages) for name, field in counts.items())])
    parts = [
        struct.pack("<I", len(text)),
        text,
        idf.astype("<f8").tobytes(),
        dfs.astype("<u4").tobytes(),
        np.cumsum(np.concatenate([np.zeros(0, np.int64), *sizes])).astype("<u4").tobytes(),
        *(field.keys.tobytes() for field in counts.values()),
    ]
    return write_file(path, KIND, VERSIONS.stop - 1, b"".join(parts))


def _idf_of(name: str, field: TermCounts, languages: Mapping[str, int]) -> NDArray[np.float64]:
    """The idf of each term of a field."""
    articles = np.full(len(field.dfs), articles_of(name, "", languages))
    starts, content = field.ends - np.diff(field.ends, prepend=0), field.keys.tobytes()
    # Most archives are in one language: only terms that say so, or begin like ideographs, are looked at.
    marked = np.searchsorted(field.ends, np.flatnonzero(field.keys == ord(OF)), side="right")
    foreign = np.flatnonzero(field.keys[starts] >= FIRST_IDEOGRAPH) if len(starts) else marked
    for at in np.union1d(marked, foreign).tolist():
        articles[at] = articles_of(name, content[starts[at] : field.ends[at]].decode(), languages)
    both, which = np.unique(np.stack([articles, field.dfs]), axis=1, return_inverse=True)
    idf = np.array([inverse_document_frequency(*pair) for pair in both.T.tolist()], np.float64)[which.reshape(-1)]
    if name not in NAME_FIELDS:
        ends32 = field.ends.astype(np.uint32)
        for term in (term for language in languages for term in function_terms(language)):
            ordinal = _ordinal(field.keys, ends32, 0, len(field.ends), term.encode())
            if ordinal is not None:
                idf[ordinal] *= FUNCTION_WORD_WEIGHT
    return idf


class Statistics:
    """One statistics file, opened. May be used by several threads."""

    def __init__(self, path: Path, *, seal: str | None = None) -> None:
        """Map and verify `path`.

        Raises:
            IndexFileError: as `errors.py` says.
        """
        payload = read_payload(path, KIND, VERSIONS, seal=seal)
        (size,) = struct.unpack_from("<I", payload)
        header = json.loads(bytes(payload[4 : 4 + size]))
        self.languages: dict[str, int] = header["languages"]
        """Articles by language (`analysis.LANGUAGES`)."""
        self.articles = sum(self.languages.values())
        self.through_seq: int = header["through_seq"]
        self.total_lengths: dict[str, int] = header["total_lengths"]
        self._fields: dict[str, list[int]] = header["fields"]
        self._known: dict[tuple[str, str], tuple[float, int]] = {}
        terms = max((last for _first, last in self._fields.values()), default=0)
        at = 4 + size
        self._idf: NDArray[np.float64] = np.frombuffer(payload, "<f8", terms, at)
        self._df: NDArray[np.uint32] = np.frombuffer(payload, "<u4", terms, at + 8 * terms)
        self._ends: NDArray[np.uint32] = np.frombuffer(payload, "<u4", terms, at + 12 * terms)
        self._keys: NDArray[np.uint8] = np.frombuffer(payload, np.uint8, -1, at + 16 * terms)

    def __len__(self) -> int:
        return len(self._df)

    def average_length(self, field: str) -> float:
        """Mean number of words of `field` over all live articles; 1.0 when it was always empty."""
        total = self.total_lengths[field]
        return total / self.articles if total else 1.0

    def df(self, field: str, term: str) -> int:
        """Live articles that hold the term; 1 for a term that was not there when the statistics were frozen."""
        return self.idf_and_df(field, term)[1]

    def idf(self, field: str, term: str) -> float:
        """Inverse document frequency of the term."""
        return self.idf_and_df(field, term)[0]

    def idf_and_df(self, field: str, term: str) -> tuple[float, int]:
        """Both at once."""
        known = self._known.get((field, term))
        if known is None:
            at = self._find(field, term)
            known = (self._unseen(field, term), 1) if at is None else (float(self._idf[at]), int(self._df[at]))
            if len(self._known) >= MAX_REMEMBERED_TERMS:
                self._known.clear()
            self._known[field, term] = known
        return known

    def _unseen(self, field: str, term: str) -> float:
        """The idf of a term that is not in the file: what it would be if one article held it."""
        idf = inverse_document_frequency(articles_of(field, term, self.languages), 1)
        functional = field not in NAME_FIELDS and term in function_terms(parted(term)[1])
        return idf * FUNCTION_WORD_WEIGHT if functional else idf

    def prefix_size(self, field: str, prefix: str) -> int:
        """How many terms of `field` begin with `prefix`."""
        key = prefix.encode()
        # No byte of UTF-8 is 0xFF.
        return self._lower_bound(field, key + b"\xff") - self._lower_bound(field, key)

    def wildcard_size(self, field: str, wildcard: str) -> int:
        """How many terms of `field` a wildcard stands for (`wildcards.py`)."""
        first, last = self._fields.get(field, (0, 0))
        return len(terms_like(self._keys, self._ends, first, last, wildcard))

    def counts(self, field: str) -> TermCounts:
        """All terms of a field."""
        first, last = self._fields.get(field, (0, 0))
        start = int(self._ends[first - 1]) if first else 0
        ends = self._ends[first:last].astype(np.int64) - start
        stop = start + int(ends[-1]) if len(ends) else start
        return TermCounts(self._keys[start:stop], ends, self._df[first:last].astype(np.int64))

    def _lower_bound(self, field: str, key: bytes) -> int:
        first, last = self._fields.get(field, (0, 0))
        return int(lower_bound(self._keys, self._ends, first, last, np.frombuffer(key, np.uint8)))

    def _find(self, field: str, term: str) -> int | None:
        first, last = self._fields.get(field, (0, 0))
        return _ordinal(self._keys, self._ends, first, last, term.encode())


def _ordinal(keys: NDArray[np.uint8], ends: NDArray[Any], first: int, last: int, key: bytes) -> int | None:
    at = int(lower_bound(keys, ends, first, last, np.frombuffer(key, np.uint8)))
    if at == last:
        return None
    start = int(ends[at - 1]) if at else 0
    return at if keys[start : int(ends[at])].tobytes() == key else None
