"""From one generation of a partition to the next: articles in, an immutable folder out.

Contract: `write_generation` never touches the base generation. It links the base's files into a new folder,
applies the changes there with Whoosh's writer, fsyncs every file and the folder, and returns what the root
manifest will list. Until a manifest names it, the folder is garbage that anybody holding the indexer's lock may
remove. Segments are merged when tombstones or segments grow too many, or when asked; merging changes no answer.

Not here: which changes belong to this partition (`indexer/projection.py`), publishing (`indexer/publisher.py`).
"""

import hashlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from whoosh.filedb.filestore import FileStorage
from whoosh.index import FileIndex
from whoosh.writing import NO_MERGE, OPTIMIZE

from partition.envelope import fsync_file, fsync_folder
from partition.manifest import FileRecord, GenerationRecord
from partition.schema import SCHEMA, fields_of
from partition.types import Article

MAX_SEGMENTS = 8
"""A generation with more segments is merged into one."""

MAX_TOMBSTONES = 0.1
"""A generation of which a larger share is deleted articles is merged into one segment."""

_LOCK_FILE = "MAIN_WRITELOCK"


@dataclass(frozen=True, slots=True)
class Put:
    """Index `article`, in place of its older version if there is one."""

    article: Article
    version: int
    """Ordinal of this version of the article, from 1."""
    indexed_ms: int
    """When its event was logged."""


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Take the article out of this generation and of all later ones."""

    article_id: str


def write_generation(
    folder: Path,
    *,
    number: int,
    base: Path | None,
    changes: Iterable[Put | Withdraw],
    merge: bool = False,
    memory_mb: int = 128,
    progress: Callable[[int], None] = lambda _articles: None,
) -> GenerationRecord:
    """Write generation `number` into the new `folder`.

    Args:
        folder: must not exist; it is made.
        number: the generation's number, never used before in this partition.
        base: the folder of the generation to start from, `None` for an empty partition.
        changes: at most one for each article: the last one wins outside, not here.
        merge: merge into one segment without tombstones, whatever the policy says.
        memory_mb: how much postings may take before Whoosh spills them to disk.
        progress: called with the number of changes applied so far.
    """
    folder.mkdir(parents=True)
    storage = FileStorage(str(folder))
    if base is None:
        index = FileIndex.create(storage, SCHEMA)
    else:
        for path in sorted(base.iterdir()):
            os.link(path, folder / path.name)
        index = storage.open_index()
    # Deletions first: Whoosh's `update_document` would look every article up twice.
    pending = list(changes)
    writer = index.writer(limitmb=memory_mb)
    if base is not None:
        for change in pending:
            writer.delete_by_term("id", change.article_id if isinstance(change, Withdraw) else change.article.id)
    for done, change in enumerate(pending, start=1):
        if isinstance(change, Put):
            writer.add_document(**fields_of(change.article, version=change.version, indexed_ms=change.indexed_ms))
        progress(done)
    writer.commit(mergetype=NO_MERGE)
    if merge or _too_ragged(index):
        index.writer(limitmb=memory_mb).commit(mergetype=OPTIMIZE)
    return _seal(folder, number, index)


def _too_ragged(index: FileIndex) -> bool:
    live, tombstones, segments = _shape(index)
    return segments > MAX_SEGMENTS or tombstones > MAX_TOMBSTONES * (live + tombstones)


def _shape(index: FileIndex) -> tuple[int, int, int]:
    """Live articles, tombstones and segments."""
    with index.reader() as reader:
        total, live = reader.doc_count_all(), reader.doc_count()
        # An empty index has one reader without documents.
        return live, total - live, len(list(reader.leaf_readers())) if total else 0


def _seal(folder: Path, number: int, index: FileIndex) -> GenerationRecord:
    (folder / _LOCK_FILE).unlink(missing_ok=True)
    live, tombstones, segments = _shape(index)
    files = []
    for path in sorted(folder.iterdir()):
        fsync_file(path)
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        files.append(FileRecord(name=path.name, size_bytes=path.stat().st_size, sha256=sha256))
    fsync_folder(folder)
    fsync_folder(folder.parent)
    return GenerationRecord(
        generation=number, articles=live, tombstones=tombstones, segments=segments, files=tuple(files)
    )
