"""One generation of a partition, opened, as it is or as an earlier state saw it.

A segment holds versions of articles, each with the log sequence that brought it, and its tombstones those that
deleted some. So a generation that has not forgotten them yet shows every earlier state: what had come by then, and
was not deleted yet (P. Bernstein and N. Goodman, "Multiversion Concurrency Control", 1983).

Contract: opening checks the seals that the manifest names, and reads what every query needs; the rest is verified
when it is touched. A reader may be used by several threads at once.

Not here: what a segment holds (`segment.py`), which states can still be seen (`manifest.py`), queries (`search/`).
"""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray
from orjson import JSONDecodeError
from zstandard import ZstdError

from partition import documents, erasures, format, tombstones  # noqa: A004 - the module is what the word means here
from partition.documents import DocumentCodec, read_dictionary
from partition.envelope import MEND, PagedFile
from partition.erasures import Erasure, erasure_of, read_erasures
from partition.errors import CorruptFile
from partition.manifest import FileRecord, GenerationRecord
from partition.segment import Segment
from partition.tombstones import Tombstones, read_tombstones, segment_of

KINDS = {
    format.SUFFIX: (format.KIND, format.VERSIONS),
    tombstones.SUFFIX: (tombstones.KIND, tombstones.VERSIONS),
    documents.SUFFIX: (documents.KIND, documents.VERSIONS),
    erasures.SUFFIX: (erasures.KIND, erasures.VERSIONS),
}
"""Kind and format versions of a generation's files, by suffix."""

MAX_REMEMBERED_TOMBSTONES = 4096
MAX_DICTIONARIES = 128
MAX_REMEMBERED_ERASURES = 2048


def verify_file(folder: Path, record: FileRecord) -> None:
    """Check every byte of one file of a generation.

    Raises:
        IndexFileError
    """
    kind, versions = KINDS[Path(record.name).suffix]
    PagedFile(folder / record.name, kind, versions, seal=record.seal).verify_all()


class _Own(threading.local):
    """What each thread has for itself."""

    def __init__(self) -> None:
        self.codecs: dict[bytes, DocumentCodec] = {}


class OpenFiles:
    """The files that are open: generations and states that have one in common share what was read of it."""

    def __init__(self) -> None:
        self._segments: WeakValueDictionary[tuple[str, str, str, bytes], Segment] = WeakValueDictionary()
        self._tombstones: dict[tuple[str, str], tuple[str, Tombstones]] = {}
        """By segment, the seal and the content of the file that was read last: it says all that those before said."""
        self._dictionaries: dict[tuple[str, str, str], bytes] = {}
        self._erased: dict[tuple[str, str, str], frozenset[Erasure]] = {}
        self._own = _Own()

    def dictionary(self, folder: Path, record: FileRecord) -> bytes:
        """The dictionary in a file.

        Raises:
            IndexFileError
        """
        key = str(folder), record.name, record.seal
        known = self._dictionaries.get(key)
        if known is None:
            known = read_dictionary(folder / record.name, seal=record.seal)
            if len(self._dictionaries) >= MAX_DICTIONARIES:
                self._dictionaries.clear()
            self._dictionaries[key] = known
        return known

    def erased(self, folder: Path, record: FileRecord) -> frozenset[Erasure]:
        """The ids in a file.

        Raises:
            IndexFileError
        """
        key = str(folder), record.name, record.seal
        known = self._erased.get(key)
        if known is None:
            # One for each partition, and those of the generation before.
            if len(self._erased) >= MAX_REMEMBERED_ERASURES:
                self._erased.clear()
            known = self._erased[key] = read_erasures(folder / record.name, seal=record.seal)
        return known

    def codec(self, dictionary: bytes) -> DocumentCodec:
        """How articles are stored with a dictionary; this thread's own."""
        codecs = self._own.codecs
        known = codecs.get(dictionary)
        if known is None:
            if len(codecs) >= MAX_DICTIONARIES:
                codecs.clear()
            known = codecs[dictionary] = DocumentCodec(dictionary)
        return known

    def segment(
        self, folder: Path, name: str, records: Mapping[str, FileRecord], seq: int | None = None
    ) -> tuple[Segment, Tombstones]:
        """A segment as the state after `seq` sees it (`None`: the newest), and all its tombstones.

        Args:
            folder: where it lies.
            name: of its file.
            records: of its generation; by the names of segments also those of their tombstones (`by_segment`).
            seq: a log sequence.

        Raises:
            IndexFileError
        """
        stem = name.removesuffix(format.SUFFIX)
        buried = self._buried(folder, stem, records.get(stem))
        seal = records[name].seal
        whole = self._kept(folder, name, seal, tombstones.NONE.docnums)
        dead = buried.docnums
        if seq is not None:
            dead = buried.until(seq)
            if whole.last_seq > seq:
                dead = np.union1d(dead, np.flatnonzero(whole.column("seq") > seq))
        return (self._kept(folder, name, seal, dead, whole) if len(dead) else whole), buried

    def _kept(
        self, folder: Path, name: str, seal: str, dead: NDArray[np.int64], whole: Segment | None = None
    ) -> Segment:
        key = str(folder), name, seal, dead.tobytes()
        found = self._segments.get(key)
        if found is None:
            found = whole.without(dead) if whole else Segment(folder / name, dead, seal=seal)
            self._segments[key] = found
        return found

    def _buried(self, folder: Path, stem: str, record: FileRecord | None) -> Tombstones:
        if record is None:
            return tombstones.NONE
        key = str(folder), stem
        seal, known = self._tombstones.get(key, ("", tombstones.NONE))
        if seal != record.seal:
            known = read_tombstones(folder / record.name, seal=record.seal)
            if len(self._tombstones) >= MAX_REMEMBERED_TOMBSTONES:
                self._tombstones.clear()
            self._tombstones[key] = record.seal, known
        return known


def by_segment(record: GenerationRecord) -> dict[str, FileRecord]:
    """The files of a generation by name, and tombstones also by the stem of their segment's."""
    records = {file.name: file for file in record.files}
    for file in record.files:
        if file.name.endswith(tombstones.SUFFIX):
            records[segment_of(file.name).removesuffix(format.SUFFIX)] = file
    return records


class PartitionReader:
    """One generation, opened."""

    def __init__(
        self, folder: Path, record: GenerationRecord, *, seq: int | None = None, opened: OpenFiles | None = None
    ) -> None:
        """Open a generation.

        Args:
            folder: of the partition.
            record: the generation.
            seq: the log sequence after which it is to be seen; `None` for the newest.
            opened: files that are open already, and where those that are not will be.

        Raises:
            IndexFileError: `MissingFile` when the generation is no longer kept.
        """
        self.folder = folder
        self.record = record
        self._opened, records = opened or OpenFiles(), by_segment(record)
        names = [file.name for file in record.files if file.name.endswith(format.SUFFIX)]
        pairs = [self._opened.segment(folder, name, records, seq) for name in names]
        self.segments = [segment for segment, _ in pairs]
        self.tombstones = [buried for _, buried in pairs]
        """Of each segment, all there are."""
        self._dictionaries: dict[str | None, bytes] = {None: b""} | {
            file.name: self._opened.dictionary(folder, file)
            for file in record.files
            if file.name.endswith(documents.SUFFIX)
        }
        self.erased = frozenset[Erasure]().union(
            *(self._opened.erased(folder, file) for file in record.files if file.name.endswith(erasures.SUFFIX))
        )
        """Ids of articles that were taken down."""

    def verify(self) -> None:
        """Check every byte of every segment again.

        Raises:
            CorruptFile
        """
        for segment in self.segments:
            segment.file.verify_all()

    def stored(self, segment: int, docnum: int) -> dict[str, Any]:
        """A stored article: the fields of `Article`, `version` and `indexed_ms`.

        Raises:
            CorruptFile: also when the bytes are those that were written, and yet no article.
        """
        chosen = self.segments[segment]
        path, dictionary = chosen.file.path, chosen.file.directory["dictionary"]
        if dictionary not in self._dictionaries:
            raise CorruptFile(path, f"its dictionary {dictionary!r} is not there", MEND)
        try:
            stored = self.codec(segment).read(chosen.frame(docnum))
        except (ZstdError, JSONDecodeError) as error:
            raise CorruptFile(path, f"stored article {docnum} cannot be read ({error})", MEND) from error
        if not isinstance(stored, dict):
            raise CorruptFile(path, f"stored article {docnum} is no article", MEND)
        return stored

    def codec(self, segment: int) -> DocumentCodec:
        """How a segment's articles are stored; this thread's own."""
        return self._opened.codec(self._dictionaries[self.segments[segment].file.directory["dictionary"]])

    def find(self, article_id: str) -> tuple[int, int] | None:
        """Segment ordinal and docnum of the live article with this id."""
        for ordinal, segment in enumerate(self.segments):
            docnum = segment.find(article_id)
            if docnum is not None:
                return ordinal, docnum
        return None

    def was_taken_down(self, article_id: str) -> bool:
        """Whether the article with this id was taken down."""
        return bool(self.erased) and erasure_of(article_id) in self.erased
