"""From one generation of a partition to the next: articles in, an immutable folder out.

Contract: `write_generation` never touches the base generation. It links the base's files into a new folder, writes
new segments, tombstones and merged segments there, all of them durable, and returns what the root manifest will list.
Until a manifest names it, the folder is garbage that anybody holding the indexer's lock may remove. Merging changes
no answer.

Not here: which changes belong to this partition (`indexer/projection.py`), publishing (`indexer/publisher.py`).
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from partition import documents, format, tombstones  # noqa: A004 - the module is what the word means here
from partition.build import SegmentBuilder
from partition.documents import DocumentCodec
from partition.envelope import fsync_folder, make_folder
from partition.manifest import EMPTY_GENERATION, FileRecord, GenerationRecord
from partition.merge import Source, merge_segments
from partition.merge_policy import Size, everything_to_merge, segments_to_merge
from partition.segment import Segment, open_segment
from partition.types import Article
from partition.vocabulary import Vocabulary

DEFAULT_MEMORY_MB = 1024
"""What the articles of one segment may take in memory while it is made and written."""


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
    base: tuple[Path, GenerationRecord] | None,
    changes: Iterable[Put | Withdraw],
    merge: bool = False,
    memory_mb: int = DEFAULT_MEMORY_MB,
    vocabulary: Vocabulary | None = None,
) -> GenerationRecord:
    """Write generation `number` into the new `folder`.

    Args:
        folder: must not exist; it is made.
        number: the generation's number, never used before in this partition.
        base: the generation to start from and its folder, `None` for an empty partition.
        changes: at most one for each article: the last one wins outside, not here.
        merge: merge into one segment without tombstones (more, where one would be too large), whatever the policy
            says.
        memory_mb: how much the articles of one segment may take in memory.
        vocabulary: words met before, which need not be analysed again.

    Raises:
        IndexFileError: a file of the base is damaged or missing, named where the base has it; or a segment would be
            too large.
        FileExistsError: there is such a folder.
        OSError: something cannot be written.
    """
    # An empty vocabulary is false.
    writer = _GenerationWriter(folder, number, base, Vocabulary() if vocabulary is None else vocabulary)
    for change in changes:
        writer.apply(change)
        if writer.held_bytes > memory_mb << 20:
            writer.flush()
    return writer.finish(merge=merge)


class _GenerationWriter:
    """A generation in the making: the segments it will have, by name."""

    def __init__(
        self, folder: Path, number: int, base: tuple[Path, GenerationRecord] | None, vocabulary: Vocabulary
    ) -> None:
        self._folder = folder
        self._number = number
        self._vocabulary = vocabulary
        self._written = 0
        self._records: dict[str, FileRecord] = {}
        self._segments: dict[str, Segment] = {}
        self._dead: dict[str, set[int]] = {}
        """Docnums that this generation deletes, by segment of the base."""
        self._codecs: dict[str | None, DocumentCodec] = {None: DocumentCodec()}
        self._newest: str | None = None
        """File name of the dictionary that new segments use."""
        base_folder, record = base or (folder, EMPTY_GENERATION)
        self._records.update((file.name, file) for file in record.files)
        for name, file in self._records.items():
            if name.endswith(format.SUFFIX):
                self._segments[name] = open_segment(base_folder, name, self._records)
            elif name.endswith(documents.SUFFIX):
                self._codecs[name] = DocumentCodec(documents.read_dictionary(base_folder / name, seal=file.seal))
                self._newest = name
        make_folder(folder.parent)
        folder.mkdir()
        for name in self._records:
            os.link(base_folder / name, folder / name)
        self._base = dict(self._segments)
        self._builder = self._new_builder()

    def _new_builder(self) -> SegmentBuilder:
        return SegmentBuilder(self._vocabulary, self._codecs[self._newest] if self._newest else None)

    @property
    def held_bytes(self) -> int:
        """What the articles of the segment in the making take."""
        return self._builder.size_bytes

    def apply(self, change: Put | Withdraw) -> None:
        """Take in one change."""
        article_id = change.article_id if isinstance(change, Withdraw) else change.article.id
        for name, segment in self._base.items():
            docnum = segment.find(article_id)
            if docnum is not None:
                self._dead.setdefault(name, set()).add(docnum)
        if isinstance(change, Put):
            self._builder.add(change.article, version=change.version, indexed_ms=change.indexed_ms)

    def flush(self) -> None:
        """Write what was put since the last time as a segment."""
        if not len(self._builder):
            return
        builder, name = self._builder, self._new_name()
        builder.prepare()
        assert builder.codec
        if builder.codec.dictionary and self._newest is None:
            self._newest = f"{self._number:010d}{documents.SUFFIX}"
            self._codecs[self._newest] = builder.codec
            path = self._folder / self._newest
            self._records[self._newest] = documents.write_dictionary(path, builder.codec.dictionary)
        self._records[name] = builder.write(self._folder / name, self._newest if builder.codec.dictionary else None)
        self._segments[name] = open_segment(self._folder, name, self._records)
        self._builder = self._new_builder()

    def _new_name(self) -> str:
        name = f"{self._number:010d}-{self._written:03d}{format.SUFFIX}"
        self._written += 1
        return name

    def finish(self, *, merge: bool) -> GenerationRecord:
        """Write what is left, merge, and seal the folder."""
        self.flush()
        for name, dead in self._dead.items():
            self._bury(name, dead)
        for names in self._groups(merge=merge):
            self._merge(names)
        self._drop_unused_dictionaries()
        fsync_folder(self._folder)
        fsync_folder(self._folder.parent)
        sizes = [_size(segment) for segment in self._segments.values()]
        return GenerationRecord(
            generation=self._number,
            articles=sum(size.live for size in sizes),
            tombstones=sum(size.dead for size in sizes),
            segments=len(sizes),
            files=tuple(self._records[name] for name in sorted(self._records)),
        )

    def _bury(self, name: str, dead: set[int]) -> None:
        """Replace the tombstones of one segment."""
        file_name = Path(name).with_suffix(tombstones.SUFFIX).name
        segment = self._segments[name]
        all_dead = np.union1d(segment.dead, np.array(sorted(dead), np.int64))
        (self._folder / file_name).unlink(missing_ok=True)
        self._records[file_name] = tombstones.write_tombstones(self._folder / file_name, all_dead)
        self._segments[name] = Segment(segment.file.path, all_dead, seal=self._records[name].seal)

    def _groups(self, *, merge: bool) -> list[list[str]]:
        names = sorted(self._segments)
        sizes = [_size(self._segments[name]) for name in names]
        groups = everything_to_merge(sizes) if merge else segments_to_merge(sizes)
        return [[names[at] for at in group] for group in groups]

    def _merge(self, names: list[str]) -> None:
        sources = [Source(self._segments[name], self._codec_of(self._segments[name])) for name in names]
        if any(len(source.live) for source in sources):
            merged = self._new_name()
            largest = max(sources, key=lambda source: len(source.live))
            dictionary = largest.segment.file.directory["dictionary"]
            path = self._folder / merged
            self._records[merged] = merge_segments(path, sources, self._codecs[dictionary], dictionary)
            self._segments[merged] = open_segment(self._folder, merged, self._records)
        for name in names:
            del self._segments[name]
            for file_name in (name, Path(name).with_suffix(tombstones.SUFFIX).name):
                if self._records.pop(file_name, None):
                    (self._folder / file_name).unlink()

    def _codec_of(self, segment: Segment) -> DocumentCodec:
        return self._codecs[segment.file.directory["dictionary"]]

    def _drop_unused_dictionaries(self) -> None:
        used = {segment.file.directory["dictionary"] for segment in self._segments.values()}
        for name in [name for name in self._records if name.endswith(documents.SUFFIX) and name not in used]:
            del self._records[name]
            (self._folder / name).unlink()


def _size(segment: Segment) -> Size:
    return Size(articles=segment.size, dead=len(segment.dead))
