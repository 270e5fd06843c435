"""One generation of a partition, opened.

Contract: opening checks the seals that the manifest names, and reads what every query needs; the rest is verified
when it is touched. A reader may be used by several threads at once.

Not here: what a segment holds (`segment.py`), queries (`search/`), the statistics (`statistics.py`).
"""

import threading
from pathlib import Path
from typing import Any

from orjson import JSONDecodeError
from zstandard import ZstdError

from partition import documents, format, tombstones  # noqa: A004 - the module is what the word means here
from partition.documents import DocumentCodec, read_dictionary
from partition.envelope import REBUILD, PagedFile
from partition.errors import CorruptFile
from partition.manifest import FileRecord, GenerationRecord
from partition.segment import open_segment

KINDS = {
    format.SUFFIX: (format.KIND, format.VERSIONS),
    tombstones.SUFFIX: (tombstones.KIND, tombstones.VERSIONS),
    documents.SUFFIX: (documents.KIND, documents.VERSIONS),
}
"""Kind and format versions of a generation's files, by suffix."""


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
        self.codecs: dict[str | None, DocumentCodec] = {}


class PartitionReader:
    """One generation, opened."""

    def __init__(self, folder: Path, record: GenerationRecord) -> None:
        """Open the generation in `folder`.

        Raises:
            IndexFileError: `MissingFile` when the generation is no longer kept.
        """
        self.folder = folder
        records = {file.name: file for file in record.files}
        self.segments = [open_segment(folder, name, records) for name in records if name.endswith(format.SUFFIX)]
        self._dictionaries = {
            name: read_dictionary(folder / name, seal=file.seal)
            for name, file in records.items()
            if name.endswith(documents.SUFFIX)
        }
        self._own = _Own()

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
        if dictionary is not None and dictionary not in self._dictionaries:
            raise CorruptFile(path, f"its dictionary {dictionary!r} is not there", REBUILD)
        try:
            stored = self._codec(dictionary).read(chosen.frame(docnum))
        except (ZstdError, JSONDecodeError) as error:
            raise CorruptFile(path, f"stored article {docnum} cannot be read ({error})", REBUILD) from error
        if not isinstance(stored, dict):
            raise CorruptFile(path, f"stored article {docnum} is no article", REBUILD)
        return stored

    def _codec(self, dictionary: str | None) -> DocumentCodec:
        codecs = self._own.codecs
        if dictionary not in codecs:
            codecs[dictionary] = DocumentCodec(self._dictionaries[dictionary] if dictionary else b"")
        return codecs[dictionary]

    def find(self, article_id: str) -> tuple[int, int] | None:
        """Segment ordinal and docnum of the live article with this id."""
        for ordinal, segment in enumerate(self.segments):
            docnum = segment.find(article_id)
            if docnum is not None:
                return ordinal, docnum
        return None
