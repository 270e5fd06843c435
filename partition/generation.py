"""A generation in the making: the segments it will have, what is deleted from them, how their articles are stored.

Contract: as of `writer.py`, which says in which order the methods are called.

Not here: what a segment is made of (`build.py`), merging (`merge.py`), which segments are merged (`merge_policy.py`).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from partition import documents, erasures, format, tombstones  # noqa: A004 - the module is what the word means here
from partition.build import SegmentBuilder
from partition.changes import Arrival, Hashes, Put, Withdraw
from partition.documents import DocumentCodec
from partition.envelope import fsync_folder, make_folder
from partition.erasures import Erasure
from partition.manifest import FileRecord, GenerationRecord
from partition.merge import Source, merge_sources, samples_of
from partition.merge_aside import MergedSegments
from partition.merge_policy import Size, everything_to_merge, segments_to_merge
from partition.reader import OpenFiles, by_segment
from partition.segment import Segment
from partition.tombstones import ERASED, Tombstones
from partition.types import hash64
from partition.vocabulary import Vocabulary


class GenerationWriter:
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
        self._written = self._dictionaries = 0
        self._records = {file.name: file for file in base.files}
        self._segments: dict[str, Segment] = {}
        self._buried: dict[str, Tombstones] = {}
        """By segment."""
        self._changed: set[str] = set()
        """Segments with other tombstones than before."""
        self._codecs: dict[str | None, DocumentCodec] = {None: DocumentCodec()}
        self._newest: str | None = None
        """File name of the dictionary that new segments use."""
        self._erased: frozenset[Erasure] = frozenset()
        make_folder(folder)
        records = by_segment(base)
        for file in base.files:
            if file.name.endswith(format.SUFFIX):
                self._segments[file.name], self._buried[file.name] = opened.segment(folder, file.name, records)
            elif file.name.endswith(documents.SUFFIX):
                self._codecs[file.name] = opened.codec(opened.dictionary(folder, file))
                self._newest = file.name
            elif file.name.endswith(erasures.SUFFIX):
                self._erased = erasures.read_erasures(folder / file.name, seal=file.seal)
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
            self._changes.append((change.article.id, change.seq, False))
            self._builder.add(change)
        else:
            self._changes.append((change.article_id, change.seq, change.erase))
            if change.erase:
                self._erase(self._erased | {erasures.erasure_of(change.article_id)})

    def _erase(self, erased: frozenset[Erasure]) -> None:
        """Remember that articles were taken down."""
        if erased != self._erased:
            self._erased = erased
            for name in [name for name in self._records if name.endswith(erasures.SUFFIX)]:
                del self._records[name]

    def send_away(self, stays: Hashes) -> None:
        """Articles that belong to other partitions now are in no state of this one."""
        for name, segment in self._base:
            self._bury_more(name, dict.fromkeys(np.flatnonzero(~stays(segment.hashes)).tolist(), ERASED))
        self._erase(frozenset(one for one in self._erased if stays(np.array([one[0]], np.uint64))[0]))

    def receive(self, arrival: Arrival) -> None:
        """Articles of another partition, with all the states that must be seen of them."""
        reader = arrival.reader
        sources, moved = [], []
        for ordinal, segment in enumerate(reader.segments):
            buried = reader.tombstones[ordinal]
            leaving = ~arrival.moves(segment.hashes)
            leaving[buried.until(self._since_seq)] = True
            if not leaving.all():
                sources.append(Source(segment.without(np.flatnonzero(leaving)), reader.codec(ordinal)))
                moved.append(buried)
        if sources:
            newest = self._newest or self._train(sources)
            written = merge_sources(self._folder, self._new_name(), sources, (self._codecs[newest], newest))
            assert written
            record, numbers = written
            self._take(record.name, record, _carried(moved, numbers))
        self._erase(self._erased | {one for one in reader.erased if arrival.moves(np.array([one[0]], np.uint64))[0]})

    def _bury(self) -> None:
        """Delete what has changed from the segments of the base."""
        hashes = np.array([hash64(article_id) for article_id, _seq, _erase in self._changes], np.uint64)
        for name, segment in self._base:
            more: dict[int, int] = {}
            for at, docnum in segment.with_hashes(hashes):
                article_id, seq, erase = self._changes[at]
                if segment.article_id(docnum) != article_id:
                    continue
                before = more.get(docnum, self._buried[name].seq_of(docnum))
                if before is None or (erase and before != ERASED):
                    more[docnum] = ERASED if erase else seq
            self._bury_more(name, more)

    def _bury_more(self, name: str, more: Mapping[int, int]) -> None:
        if more:
            self._buried[name] = self._buried[name].with_more(more)
            self._changed.add(name)

    def replace(self, merged: MergedSegments) -> None:
        """Put what segments of the base became in their place, with what was deleted from them meanwhile."""
        if not all(name in self._segments for name in merged.sources):
            return  # one of them was merged into something else meanwhile
        if merged.file:
            buried = _carried([self._buried[name] for name in merged.sources], merged.numbers)
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
            self._add_codec(builder.codec)
        record = builder.write(self._folder / name, self._newest if builder.codec.dictionary else None)
        self._take(name, record, tombstones.NONE)
        self._builder = self._new_builder()

    def _add_codec(self, codec: DocumentCodec) -> None:
        """From now on new segments are stored so."""
        self._newest = f"{self._number:010d}-{self._dictionaries:03d}{documents.SUFFIX}"
        self._dictionaries += 1
        self._codecs[self._newest] = codec
        path = self._folder / self._newest
        self._records[self._newest] = documents.write_dictionary(path, codec.dictionary)

    def _train(self, sources: Sequence[Source]) -> str | None:
        """File name of a new dictionary for articles like these, `None` if they are too few for one."""
        dictionary = documents.train(samples_of(sources))
        self._newest = None
        if dictionary:
            self._add_codec(DocumentCodec(dictionary))
        return self._newest

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

    def finish(self, *, merge: bool, merge_up_to: int, purge: bool) -> GenerationRecord:
        """Write what is left, merge, and make all of it durable."""
        self.flush()
        self._bury()
        if purge:
            self._train([self._source(name) for name in self._segments])
        for names in self._groups(merge=merge, merge_up_to=merge_up_to, anew=purge):
            self._merge(names, anew=purge)
        for name in self._changed:
            self._write_tombstones(name)
        if self._erased and not any(name.endswith(erasures.SUFFIX) for name in self._records):
            file_name = f"{self._number:010d}{erasures.SUFFIX}"
            self._records[file_name] = erasures.write_erasures(self._folder / file_name, self._erased)
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

    def _groups(self, *, merge: bool, merge_up_to: int, anew: bool) -> list[list[str]]:
        names = sorted(self._segments)
        sizes = [Size(self._segments[name].size, len(self._forgotten(name))) for name in names]
        if merge or anew:
            groups = everything_to_merge(sizes, anew=anew)
        else:
            groups = segments_to_merge(sizes, up_to=merge_up_to)
        return [[names[at] for at in group] for group in groups]

    def _forgotten(self, name: str) -> NDArray[np.int64]:
        """The docnums of a segment that no state shows any more."""
        return self._buried[name].until(self._since_seq)

    def _source(self, name: str) -> Source:
        shown = self._segments[name].without(self._forgotten(name))
        return Source(shown, self._codecs[shown.file.directory["dictionary"]])

    def _merge(self, names: list[str], *, anew: bool) -> None:
        sources = [self._source(name) for name in names]
        stored = (self._codecs[self._newest], self._newest) if anew else None
        written = merge_sources(self._folder, self._new_name(), sources, stored)
        if written:
            record, numbers = written
            self._take(record.name, record, _carried([self._buried[name] for name in names], numbers))
        self._drop(names)
        for name in names:
            if name.startswith(f"{self._number:010d}-"):
                (self._folder / name).unlink()  # nobody else will ever know it

    def _drop(self, names: Sequence[str]) -> None:
        for name in names:
            self._changed.discard(name)
            self._forget_tombstones(name)
            del self._segments[name], self._buried[name], self._records[name]

    def _drop_unused_dictionaries(self) -> None:
        used = {segment.file.directory["dictionary"] for segment in self._segments.values()}
        for name in [name for name in self._records if name.endswith(documents.SUFFIX) and name not in used]:
            del self._records[name]


def _carried(buried: Sequence[Tombstones], numbers: Sequence[NDArray[np.int32]]) -> Tombstones:
    """The tombstones of merged segments, by new docnums."""
    docnums = np.concatenate([map_[one.docnums] for one, map_ in zip(buried, numbers, strict=True)])
    seqs = np.concatenate([one.seqs for one in buried])
    left = docnums >= 0
    return tombstones.in_order(docnums[left].astype(np.int64), seqs[left])
