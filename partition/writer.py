"""From one generation of a partition to the next: articles in, new immutable files out.

Contract: `write_generation` never touches a file of the base generation. It writes new segments, tombstones and
merged segments beside them, all of them durable, and returns what the root manifest will list. Until a manifest names
them, they are garbage that anybody holding the indexer's lock may remove. A generation shows every state from
`since_seq` on (`reader.py`); merging forgets older ones and changes no answer.

Not here: which changes belong to this partition (`indexer/projection.py`), publishing (`indexer/publisher.py`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from partition import documents, format, tombstones  # noqa: A004 - the module is what the word means here
from partition.build import SegmentBuilder
from partition.documents import DocumentCodec
from partition.envelope import fsync_folder, make_folder
from partition.format import MAX_ARTICLES
from partition.manifest import EMPTY_GENERATION, FileRecord, GenerationRecord
from partition.merge import Source, merge_sources
from partition.merge_aside import MergedSegments
from partition.merge_policy import Size, everything_to_merge, segments_to_merge
from partition.reader import OpenFiles, by_segment
from partition.segment import Segment
from partition.tombstones import ERASED, Tombstones
from partition.types import Article, hash64
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
    seq: int
    """Under which log sequence."""


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Take the article out of this generation and of all later ones."""

    article_id: str
    seq: int
    """The log sequence that says so."""
    erase: bool = False
    """Also out of every earlier state: a takedown."""


def write_generation(
    folder: Path,
    *,
    number: int,
    base: GenerationRecord | None,
    changes: Iterable[Put | Withdraw],
    since_seq: int,
    merge: bool = False,
    merge_at_most: int = MAX_ARTICLES,
    merged: Sequence[MergedSegments] = (),
    memory_mb: int = DEFAULT_MEMORY_MB,
    vocabulary: Vocabulary | None = None,
    opened: OpenFiles | None = None,
) -> GenerationRecord:
    """Write generation `number` of the partition in `folder`.

    Args:
        folder: of the partition; made if it is not there.
        number: the generation's number, never used before in this partition.
        base: the generation to start from, `None` for an empty partition.
        changes: at most one for each article: the last one wins outside, not here.
        since_seq: the earliest state that must still be seen.
        merge: merge into one segment without what can be forgotten (more, where one would be too large), whatever
            the policy says.
        merge_at_most: groups of segments with more articles than this are left for `merge_aside`.
        merged: what it has done since the base.
        memory_mb: how much the articles of one segment may take in memory.
        vocabulary: words met before, which need not be analysed again.
        opened: files that are open already.

    Raises:
        IndexFileError: a file of the base is damaged or missing; or a segment would be too large.
        FileExistsError: a file of this generation is there already.
        OSError: something cannot be written.
    """
    # An empty vocabulary is false.
    known = Vocabulary() if vocabulary is None else vocabulary
    writer = _GenerationWriter(folder, number, base or EMPTY_GENERATION, since_seq, known, opened or OpenFiles())
    for one in merged:
        writer.replace(one)
    for change in changes:
        writer.apply(change)
        if writer.held_bytes > memory_mb << 20:
            writer.flush()
    return writer.finish(merge=merge, merge_at_most=merge_at_most)


class _GenerationWriter:
    """A generation in the making: the segments it will have, by name."""

    def __init__(
        self,
        folder: Path,
        number: int,
        base: GenerationRecord,
        since_seq: int,
        vocabulary: Vocabulary,
        opened: OpenFiles,
    ) -> None:
        self._folder = folder
        self._number = number
        self._since_seq = since_seq
        self._vocabulary = vocabulary
        self._opened = opened
        self._written = 0
        self._records = {file.name: file for file in base.files}
        self._segments: dict[str, Segment] = {}
        self._buried: dict[str, Tombstones] = {}
        """By segment."""
        self._changed: set[str] = set()
        """Segments with other tombstones than before."""
        self._codecs: dict[str | None, DocumentCodec] = {None: DocumentCodec()}
        self._newest: str | None = None
        """File name of the dictionary that new segments use."""
        make_folder(folder)
        records = by_segment(base)
        for file in base.files:
            if file.name.endswith(format.SUFFIX):
                self._segments[file.name], self._buried[file.name] = opened.segment(folder, file.name, records)
            elif file.name.endswith(documents.SUFFIX):
                self._codecs[file.name] = opened.codec(opened.dictionary(folder, file))
                self._newest = file.name
        self._base = tuple(self._segments.items())
        self._changes: list[tuple[str, int, bool]] = []
        """Article ids, log sequences, and whether it is erased."""
        self._builder = self._new_builder()

    def _new_builder(self) -> SegmentBuilder:
        return SegmentBuilder(self._vocabulary, self._codecs[self._newest] if self._newest else None)

    @property
    def held_bytes(self) -> int:
        """What the articles of the segment in the making take."""
        return self._builder.size_bytes

    def apply(self, change: Put | Withdraw) -> None:
        """Take in one change."""
        if isinstance(change, Put):
            article, version, indexed_ms = change.article, change.version, change.indexed_ms
            self._changes.append((article.id, change.seq, False))
            self._builder.add(article, version=version, indexed_ms=indexed_ms, seq=change.seq)
        else:
            self._changes.append((change.article_id, change.seq, change.erase))

    def _bury(self) -> None:
        """Delete what has changed from the segments of the base."""
        hashes = np.array([hash64(article_id) for article_id, _seq, _erase in self._changes], np.uint64)
        for name, segment in self._base:
            buried, more = self._buried[name], dict[int, int]()
            for at, docnum in segment.with_hashes(hashes):
                article_id, seq, erase = self._changes[at]
                if segment.article_id(docnum) != article_id:
                    continue
                before = buried.seq_of(docnum)
                if before is None or (erase and before != ERASED):
                    more[docnum] = ERASED if erase else seq
            if more:
                self._buried[name] = buried.with_more(more)
                self._changed.add(name)

    def replace(self, merged: MergedSegments) -> None:
        """Put what segments of the base became in their place, with what was deleted from them meanwhile."""
        if not all(name in self._segments for name in merged.sources):
            return  # one of them was merged into something else meanwhile
        if merged.file:
            buried = self._carried(merged.sources, merged.numbers)
            self._take(merged.file.name, merged.file, buried)
        self._drop(merged.sources)
        self._base = tuple(self._segments.items())

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
        record = builder.write(self._folder / name, self._newest if builder.codec.dictionary else None)
        self._take(name, record, tombstones.NONE)
        self._builder = self._new_builder()

    def _new_name(self) -> str:
        name = f"{self._number:010d}-{self._written:03d}{format.SUFFIX}"
        self._written += 1
        return name

    def _take(self, name: str, record: FileRecord, buried: Tombstones) -> None:
        """A segment that was just written becomes one of this generation."""
        self._records[name] = record
        self._segments[name], _ = self._opened.segment(self._folder, name, {name: record})
        self._buried[name] = buried
        if len(buried.docnums):
            self._changed.add(name)

    def finish(self, *, merge: bool, merge_at_most: int) -> GenerationRecord:
        """Write what is left, merge, and make all of it durable."""
        self.flush()
        self._bury()
        for names in self._groups(merge=merge):
            if sum(self._segments[name].size for name in names) <= merge_at_most:
                self._merge(names)
        for name in self._changed:
            self._write_tombstones(name)
        self._drop_unused_dictionaries()
        fsync_folder(self._folder)
        dead = sum(len(buried.docnums) for buried in self._buried.values())
        return GenerationRecord(
            generation=self._number,
            articles=sum(segment.size for segment in self._segments.values()) - dead,
            tombstones=dead,
            segments=len(self._segments),
            files=tuple(self._records[name] for name in sorted(self._records)),
        )

    def _write_tombstones(self, name: str) -> None:
        self._forget_tombstones(name)
        file_name = tombstones.file_name(name, self._number)
        self._records[file_name] = tombstones.write_tombstones(self._folder / file_name, self._buried[name])

    def _forget_tombstones(self, name: str) -> None:
        for file_name in list(self._records):
            if file_name.endswith(tombstones.SUFFIX) and tombstones.segment_of(file_name) == name:
                del self._records[file_name]

    def _groups(self, *, merge: bool) -> list[list[str]]:
        names = sorted(self._segments)
        sizes = [Size(self._segments[name].size, len(self._forgotten(name))) for name in names]
        groups = everything_to_merge(sizes) if merge else segments_to_merge(sizes)
        return [[names[at] for at in group] for group in groups]

    def _forgotten(self, name: str) -> NDArray[np.int64]:
        """The docnums of a segment that no state shows any more."""
        return self._buried[name].until(self._since_seq)

    def _merge(self, names: list[str]) -> None:
        sources = []
        for name in names:
            shown = self._segments[name].without(self._forgotten(name))
            sources.append(Source(shown, self._codecs[shown.file.directory["dictionary"]]))
        written = merge_sources(self._folder, self._new_name(), sources)
        if written:
            record, numbers = written
            self._take(record.name, record, self._carried(names, numbers))
        self._drop(names)
        for name in names:
            if name.startswith(f"{self._number:010d}-"):
                (self._folder / name).unlink()  # nobody else will ever know it

    def _carried(self, names: Sequence[str], numbers: Sequence[NDArray[np.int32]]) -> Tombstones:
        """The tombstones of merged segments, by new docnums."""
        buried = [self._buried[name] for name in names]
        docnums = np.concatenate([map_[one.docnums] for one, map_ in zip(buried, numbers, strict=True)])
        seqs = np.concatenate([one.seqs for one in buried])
        left = docnums >= 0
        return tombstones.in_order(docnums[left].astype(np.int64), seqs[left])

    def _drop(self, names: Sequence[str]) -> None:
        for name in names:
            self._changed.discard(name)
            self._forget_tombstones(name)
            del self._segments[name], self._buried[name], self._records[name]

    def _drop_unused_dictionaries(self) -> None:
        used = {segment.file.directory["dictionary"] for segment in self._segments.values()}
        for name in [name for name in self._records if name.endswith(documents.SUFFIX) and name not in used]:
            del self._records[name]
