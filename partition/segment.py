"""One segment, opened: its dictionary, its posting lists, its columns, its articles.

Contract: what is returned was verified on the way and must not be written to. Docnums run over [0, size), deleted
articles included; `live` says which are not. A segment may be used by several threads at once, but for its stored
articles, which each thread reads through a `DocumentCodec` of its own.

Not here: queries (`search/`), the bytes (`format.py`).
"""

import copy
import threading
from collections.abc import Iterator
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from partition.format import SegmentFile
from partition.kernels.postings import BOUND_STEPS, FIRST_WORD, NORMS
from partition.kernels.ranking import WINDOW
from partition.kernels.reading import fill_row, last_live, read_list, read_positions
from partition.kernels.spelling import near_keys
from partition.kernels.terms import lower_bound
from partition.schema import TEXT_FIELDS
from partition.types import hash64
from partition.wildcards import terms_like

VERIFIED_BYTES = 1 << 20
"""A file up to this size is verified as a whole when it is opened, in less time than its lists take one by one."""
MAX_REMEMBERED_TERMS = 10_000
"""About half a kilobyte each."""
MAX_REMEMBERED_WORDS = 256
"""That others are spelled like."""


class TermList(NamedTuple):
    """Where a term's list is, and what is known of it without reading it."""

    row: tuple[int, ...]
    """Shape (8,), for kernels (`kernels/postings.py`)."""
    packed: bytes
    """The same as 64-bit integers."""
    df: int
    """Articles on it, deleted ones included."""
    bound: float
    """The largest tf / (tf + norm), rounded up, under the segment's own average length."""


class Postings(NamedTuple):
    """The live articles of one segment that hold a term."""

    docnums: NDArray[np.int64]
    """Shape (n,), ascending."""
    tf: NDArray[np.float64]
    """Shape (n,), how often each holds it."""


@lru_cache(maxsize=64)
def codes_of(word: str) -> NDArray[np.int64]:
    """The code points, for each of many segments."""
    return np.array(list(map(ord, word)), np.int64)


_NO_POSTINGS = Postings(np.empty(0, np.int64), np.empty(0, np.float64))


class Segment:
    """One segment of one generation."""

    def __init__(self, path: Path, dead: NDArray[np.int64], *, seal: str | None = None) -> None:
        """Open the file and verify what every query needs.

        Args:
            path: of the segment.
            dead: docnums of the articles that are not to be seen, ascending.
            seal: what the manifest says of the file.

        Raises:
            IndexFileError
        """
        self.file = SegmentFile(path, seal=seal)
        if self.file.size_bytes <= VERIFIED_BYTES:
            self.file.verify_whole()
        self.dead = dead
        self.origin: Segment | None = None
        """What this is `without` something; kept, so that it stays open for other states."""
        self.size = self.file.articles
        self.fields: dict[str, dict[str, Any]] = self.file.directory["fields"]
        self.words: NDArray[np.uint64] = self.file.section("postings")
        """Every list; only what `term_list` has returned may be read."""
        self.keys: NDArray[np.uint8] = self.file.section("keys")
        self.key_ends: NDArray[np.uint32] = self.file.section("key_ends")
        self.areas: NDArray[np.uint64] = self.file.section("areas")
        self.dfs: NDArray[np.uint32] = self.file.section("dfs")
        self.ids: NDArray[np.uint8] = self.file.section("ids")
        self.id_ends: NDArray[np.uint32] = self.file.section("id_ends")
        self.hashes = self.column("hash")
        """Shape (size,): `types.hash64` of each article's id."""
        # Single entries are read through memory views, ten times as fast as through arrays.
        self.hash_of, self._id_ends, self._ids = self.hashes.data, self.id_ends.data, self.ids.data
        self.published_ms = self.column("published_ms")
        """Shape (size,): publication times, ascending, `schema.NO_DATE_MS` where unknown."""
        self._lists: dict[tuple[str, bytes], TermList | None] = {}
        self._near: dict[tuple[str, str, int], tuple[NDArray[np.int64], NDArray[np.int64]]] = {}
        self.deriving = threading.Lock()
        self.derived: dict[str, Any] = {}
        """What `occurring.py` has made of the file, by field; shared by all that are `without` something."""
        self.derived_of_live: dict[str, Any] = {}
        """What it has made of the live articles, by field."""

    def without(self, dead: NDArray[np.int64]) -> "Segment":
        """The same segment with other articles deleted; all that was opened and remembered is shared."""
        other = copy.copy(self)
        other.dead = dead
        other.origin = self
        other.derived_of_live = {}
        for name in ("live", "live_words"):
            other.__dict__.pop(name, None)
        return other

    def column(self, name: str) -> NDArray[Any]:
        """Shape (size,): one of `schema.COLUMNS`."""
        return self.file.section(f"column/{name}")

    def times(self, clock: str) -> NDArray[np.int64]:
        """Shape (size,): when articles were `published`, `modified` or `indexed`; `schema.NO_DATE_MS` if unknown."""
        return self.column(f"{clock}_ms")

    @cached_property
    def live_words(self) -> NDArray[np.uint64]:
        """A bit for each docnum, set for those that are not deleted, and zeros up to a whole window of kernels."""
        bits = np.zeros(-(-self.size // WINDOW) * WINDOW, np.bool_)
        bits[: self.size] = True
        bits[self.dead] = False
        return np.packbits(bits, bitorder="little").view(np.uint64)

    @cached_property
    def live(self) -> NDArray[np.bool_]:
        """Shape (size,): which articles are not deleted."""
        mask = np.ones(self.size, np.bool_)
        mask[self.dead] = False
        return mask

    def values(self, field: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The values of a keyword field: ordinals of its terms, article after article, and how many each has."""
        ordinals, ends = self.value_ordinals(field)
        if ends is not None:
            ends = ends.astype(np.int64)
            return ordinals.astype(np.int64), np.diff(ends, prepend=0)
        has = ordinals != np.iinfo(ordinals.dtype).max
        return ordinals[has].astype(np.int64), has.astype(np.int64)

    def value_ordinals(self, field: str) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """The sections `value/FIELD` and `value_ends/FIELD` (`format.py`)."""
        ends = f"value_ends/{field}"
        return self.file.section(f"value/{field}"), self.file.section(ends) if ends in self.file else None

    def length(self, field: str) -> NDArray[np.uint32]:
        """Shape (size,): words of a text field."""
        return self.column(f"{field}_length")

    def article_id(self, docnum: int) -> str:
        """The id of one article."""
        start = self._id_ends[docnum - 1] if docnum else 0
        return str(self._ids[start : self._id_ends[docnum]], "utf-8")

    @cached_property
    def last_seq(self) -> int:
        """The last log sequence that brought an article of this segment."""
        return int(self.column("seq").max(initial=0))

    def find(self, article_id: str) -> int | None:
        """The docnum of the live article with this id."""
        return next((docnum for docnum in self.versions(article_id) if self.live[docnum]), None)

    def versions(self, article_id: str) -> list[int]:
        """The docnums of all articles with this id, deleted ones included."""
        wanted = np.array([hash64(article_id)], np.uint64)
        return [docnum for _at, docnum in self.with_hashes(wanted) if self.article_id(docnum) == article_id]

    def with_hashes(self, hashes: NDArray[np.uint64]) -> Iterator[tuple[int, int]]:
        """Index into `hashes`, and docnum, of each article with one of these, deleted ones included."""
        low, high = (np.searchsorted(self._sorted_hashes, hashes, side) for side in ("left", "right"))
        for at in np.flatnonzero(low < high).tolist():
            for place in range(low[at], high[at]):
                yield at, int(self._by_hash[place])

    @cached_property
    def _sorted_hashes(self) -> NDArray[np.uint64]:
        return self.origin._sorted_hashes if self.origin else self.hashes[self._by_hash]  # noqa: SLF001 - its class

    @cached_property
    def _by_hash(self) -> NDArray[np.uint32]:
        return self.file.section("by_hash")

    @cached_property
    def _stored_ends(self) -> NDArray[np.uint64]:
        return self.file.section("stored_ends")

    def frame(self, docnum: int) -> memoryview:
        """The stored article, compressed."""
        start = int(self._stored_ends[docnum - 1]) if docnum else 0
        return self.file.stored(start, int(self._stored_ends[docnum]))

    def term_list(self, field: str, key: bytes) -> TermList | None:
        """The list of a term, verified; `None` if no article holds it."""
        try:
            return self._lists[field, key]
        except KeyError:
            found = self._find_list(field, key)
            if len(self._lists) >= MAX_REMEMBERED_TERMS:
                self._lists.clear()
            self._lists[field, key] = found
            return found

    def _find_list(self, field: str, key: bytes) -> TermList | None:
        first, last = self.fields[field]["terms"]
        term = lower_bound(self.keys, self.key_ends, first, last, np.frombuffer(key, np.uint8))
        if term == last or self.key(term) != key:
            return None
        return self.list_at(term, norms=TEXT_FIELDS.index(field) if field in TEXT_FIELDS else 0)

    def list_at(self, term: int, *, norms: int = 0) -> TermList:
        """The list of the term with this ordinal in the whole dictionary, verified.

        Args:
            term: its ordinal.
            norms: the row of the field's norms that scores are computed with (`kernels/views.py`).
        """
        self.verify_list(term)
        row = np.zeros((1, 8), np.int64)
        df = int(self.dfs[term])
        fill_row(int(self.areas[term] & FIRST_WORD), df, self.size, row)
        row[0, NORMS] = norms
        return TermList(tuple(row[0].tolist()), row.tobytes(), df, (int(self.areas[term]) >> 48) / BOUND_STEPS)

    def verify_list(self, term: int) -> None:
        """Make sure that the list of the term with this ordinal in the whole dictionary may be read.

        Raises:
            CorruptFile
        """
        area = int(self.areas[term] & FIRST_WORD)
        stop = int(self.areas[term + 1] & FIRST_WORD) if term + 1 < len(self.areas) else len(self.words)
        # Readers of bits look one word ahead.
        self.file.verify_words(area, min(stop + 1, len(self.words)))

    def key(self, term: int) -> bytes:
        """The text of the term with this ordinal in the whole dictionary."""
        start = int(self.key_ends[term - 1]) if term else 0
        return self.keys[start : int(self.key_ends[term])].tobytes()

    def terms_with_prefix(self, field: str, prefix: str) -> range:
        """Ordinals of the terms of `field` that begin with `prefix`."""
        first, last = self.fields[field]["terms"]
        key = prefix.encode()
        start = lower_bound(self.keys, self.key_ends, first, last, np.frombuffer(key, np.uint8))
        # No byte of UTF-8 is 0xFF.
        return range(
            start, lower_bound(self.keys, self.key_ends, start, last, np.frombuffer(key + b"\xff", np.uint8))
        )

    def terms_like(self, field: str, wildcard: str) -> NDArray[np.int64]:
        """Ordinals of the terms of `field` that a wildcard stands for (`wildcards.py`)."""
        first, last = self.fields[field]["terms"]
        return terms_like(self.keys, self.key_ends, first, last, wildcard)

    def near(self, field: str, word: str, edits: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Ordinals of the terms of `field` that are within some edits of a word, and how many edits each is away.

        Args:
            field: whose terms.
            word: of at most `analysis.MAX_WORD_CHARS` letters.
            edits: how many at most.
        """
        asked = field, word, edits
        known = self._near.get(asked)
        if known is None:
            codes = codes_of(word)
            first, last = self.fields[field]["terms"]
            found, distances = np.empty((2, last - first), np.int64)
            count = near_keys(self.keys, self.key_ends, first, last, codes, edits, False, found, distances)
            known = found[:count].copy(), distances[:count].copy()
            if len(self._near) >= MAX_REMEMBERED_WORDS:
                self._near.clear()
            self._near[asked] = known
        return known

    def live_articles(self, term: int) -> int:
        """How many live articles are on the list of the term with this ordinal in the whole dictionary."""
        if not len(self.dead):
            return int(self.dfs[term])
        docs, _tfs = self.read(self.list_at(term))
        return int(np.count_nonzero(self.live[docs]))

    def read(self, found: TermList) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """All docnums and frequencies of a list, deleted articles included."""
        docs, tfs = np.empty(found.df, np.int32), np.empty(found.df, np.int32)
        read_list(self.words, np.array([found.row], np.int64), docs, tfs)
        return docs, tfs

    def postings(self, field: str, term: str) -> Postings:
        """The live articles that hold `term` in `field`."""
        found = self.term_list(field, term.encode())
        if found is None:
            return _NO_POSTINGS
        docs, tfs = self.read(found)
        alive = self.live[docs]
        return Postings(docs[alive].astype(np.int64), tfs[alive].astype(np.float64))

    def newest(self, field: str, term: str) -> int | None:
        """The live article that holds `term` in `field` and comes first when the newest do, undated ones last."""
        found = self.term_list(field, term.encode())
        if found is None:
            return None
        row = np.frombuffer(found.packed, np.int64).reshape(1, 8)
        docnum = last_live(self.words, row, self.live_words)
        if docnum < 0:
            return None
        # Docnums say what times and hashes do; where both are equal, the id decides.
        first, time_ms, hash_ = docnum, self.published_ms[docnum], self.hashes[docnum]
        while first and self.published_ms[first - 1] == time_ms and self.hashes[first - 1] == hash_:
            first -= 1
        if first == docnum:
            return docnum
        tied = self.postings(field, term).docnums
        return int(min(tied[tied >= first].tolist(), key=self.article_id))

    def positions(self, field: str, term: str, docnums: list[int]) -> list[list[int]]:
        """The ascending positions of `term` in each of `docnums`, which ascend and all hold it."""
        found = self.term_list(field, term.encode())
        assert found, "the articles hold it"
        rows = np.array([found.row], np.int64)
        docs, ends = np.array(docnums, np.int64), np.zeros(len(docnums), np.int64)
        room = np.empty(0, np.int64)
        while (needed := read_positions(self.words, rows, docs, ends, room)) > len(room):
            room = np.empty(needed, np.int64)
        return [part.tolist() for part in np.split(room[:needed], ends[:-1])] if docnums else []
