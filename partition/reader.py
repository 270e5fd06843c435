"""One generation of a partition, opened for reading: postings, positions and columns as arrays.

Contract: a reader is opened on an immutable folder and never changes it; everything it returns concerns live
articles only, is ordered by docnum, and must not be written to. Decoded postings are kept in an LRU bounded in
bytes, shared by the segments of one process. A reader belongs to one thread.

Not here: scoring (`scoring.py`), queries (`search/exhaustive.py`), verification of the files' bytes
(`manifest.FileRecord.verify`; Whoosh's files must not be opened before).
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from whoosh.filedb.filestore import FileStorage
from whoosh.index import EmptyIndexError
from whoosh.reading import SegmentReader

from partition.errors import MissingFile
from partition.schema import SCHEMA, TEXT_FIELDS, read_stored
from partition.statistics import key_of, write_statistics


@dataclass(frozen=True, slots=True)
class Postings:
    """The live articles of one segment that hold a term."""

    docnums: NDArray[np.int64]
    """Shape (n,), ascending."""
    tf: NDArray[np.float64]
    """Shape (n,), how often each holds it."""

    @property
    def size_bytes(self) -> int:
        """Bytes of both arrays, and of the entry around them."""
        return self.docnums.nbytes + self.tf.nbytes + 200


_serials = count()
_NO_POSTINGS = Postings(np.empty(0, np.int64), np.empty(0, np.float64))


class PostingsCache:
    """Decoded postings, least recently used out first, bounded in bytes."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._size_bytes = 0
        self._entries: OrderedDict[object, Postings] = OrderedDict()

    def get(self, key: object) -> Postings | None:
        """The postings kept under `key`, if any."""
        found = self._entries.get(key)
        if found is not None:
            self._entries.move_to_end(key)
        return found

    def put(self, key: object, postings: Postings) -> None:
        """Keep `postings`, and forget others while the bound is exceeded."""
        self._entries[key] = postings
        self._size_bytes += postings.size_bytes
        while self._size_bytes > self._limit_bytes:
            self._size_bytes -= self._entries.popitem(last=False)[1].size_bytes


class Segment:
    """One Whoosh segment as arrays; docnums run over [0, size), deleted articles included."""

    def __init__(self, reader: SegmentReader, cache: PostingsCache) -> None:
        self._reader = reader
        self._cache = cache
        self._serial = next(_serials)
        self.size: int = reader.doc_count_all()

    @cached_property
    def live(self) -> NDArray[np.bool_]:
        """Shape (size,): which articles are not deleted."""
        mask = np.ones(self.size, dtype=np.bool_)
        mask[[docnum for docnum in range(self.size) if self._reader.is_deleted(docnum)]] = False
        return mask

    @cached_property
    def hashes(self) -> NDArray[np.uint64]:
        """Shape (size,): `types.hash64` of each article's id."""
        return np.array(list(self._reader.column_reader("hash")), dtype=np.uint64)

    @cached_property
    def published_ms(self) -> NDArray[np.int64]:
        """Shape (size,): publication times, `schema.NO_DATE_MS` where unknown."""
        return np.array(list(self._reader.column_reader("published_ms")), dtype=np.int64)

    @cached_property
    def lengths(self) -> dict[str, NDArray[np.float64]]:
        """Shape (size,) by text field: exact numbers of words."""
        columns = {field: self._reader.column_reader(f"{field}_length") for field in TEXT_FIELDS}
        return {field: np.array(list(column), dtype=np.float64) for field, column in columns.items()}

    @cached_property
    def _ids(self) -> Any:
        return self._reader.column_reader("article_id")

    @cached_property
    def _stored(self) -> Any:
        return self._reader.column_reader("stored")

    def article_id(self, docnum: int) -> str:
        """The id of one article."""
        return bytes(self._ids[docnum]).decode()

    def stored(self, docnum: int) -> dict[str, Any]:
        """The stored fields of one article (`schema.read_stored`)."""
        return read_stored(self._stored[docnum])

    def postings(self, field: str, term: str) -> Postings:
        """The live articles that hold `term` in `field`."""
        key = (self._serial, field, term)
        found = self._cache.get(key)
        if found is None:
            found = self._decode(field, term)
            self._cache.put(key, found)
        return found

    def _decode(self, field: str, term: str) -> Postings:
        if (field, term) not in self._reader:
            return _NO_POSTINGS
        matcher = self._reader.postings(field, term)
        docnums, weights = [], []
        while matcher.is_active():
            docnums.append(matcher.id())
            weights.append(matcher.weight())
            matcher.next()
        return Postings(np.array(docnums, dtype=np.int64), np.array(weights, dtype=np.float64))

    def positions(self, field: str, term: str, docnums: list[int]) -> Iterator[list[int]]:
        """The ascending positions of `term` in each of `docnums`, which ascend and all hold it."""
        matcher = self._reader.postings(field, term)
        for docnum in docnums:
            matcher.skip_to(docnum)
            yield matcher.value_as("positions")

    def terms_with_prefix(self, field: str, prefix: str) -> Iterator[str]:
        """The terms of `field` that begin with `prefix`, in order."""
        for term in self._reader.expand_prefix(field, prefix):
            yield term.decode()

    def term_counts(self) -> Iterator[tuple[str, str, int]]:
        """Field, term and number of articles, of the text fields' terms; exact only without tombstones."""
        for field, term in self._reader.all_terms():
            if field in TEXT_FIELDS:
                yield field, term.decode(), self._reader.doc_frequency(field, term)


class PartitionReader:
    """One generation, opened."""

    def __init__(self, folder: Path, cache: PostingsCache) -> None:
        """Open the generation in `folder`, whose files were verified before.

        Raises:
            MissingFile: the generation is no longer kept.
        """
        try:
            self._index = FileStorage(str(folder)).open_index(schema=SCHEMA)
            reader = self._index.reader()
        except (FileNotFoundError, EmptyIndexError):  # gone, or going file by file
            raise MissingFile(folder, "the generation is not kept", "ask for the newest epoch") from None
        leaves = [leaf for leaf, _offset in reader.leaf_readers()] if reader.doc_count_all() else []
        self.segments = [Segment(leaf, cache) for leaf in leaves]

    def warm(self) -> None:
        """Read the columns now rather than in the first query."""
        for segment in self.segments:
            _ = (segment.live, segment.hashes, segment.published_ms, segment.lengths)

    def find(self, article_id: str) -> tuple[int, int] | None:
        """Segment ordinal and docnum of the live article with this id."""
        for ordinal, segment in enumerate(self.segments):
            docnums = segment.postings("id", article_id).docnums
            if len(docnums):
                return ordinal, int(docnums[0])
        return None


def count_terms(reader: PartitionReader, path: Path, *, through_seq: int) -> None:
    """Write this partition's share of a statistics epoch; the generation must hold no tombstones."""
    df: dict[bytes, int] = {}
    lengths = dict.fromkeys(TEXT_FIELDS, 0)
    articles = 0
    for segment in reader.segments:
        articles += segment.size
        for field in TEXT_FIELDS:
            lengths[field] += int(segment.lengths[field].sum())
        for field, term, holders in segment.term_counts():
            key = key_of(field, term)
            df[key] = df.get(key, 0) + holders
    write_statistics(path, articles=articles, through_seq=through_seq, total_lengths=lengths, df=df)
