"""Several segments into one, without those of their articles that nothing shows any more; nothing is analysed again.

Contract: the merged segment is, but for compressed articles, byte for byte the one that `SegmentBuilder` would have
made from the articles that are left. Every byte of the sources is verified. Memory is bounded by
`CHUNK_OCCURRENCES`, and besides by some hundred bytes for each article (its columns and its id) and for each term.

Not here: which segments (`merge_policy.py`), the loops (`kernels/merging.py`).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from partition import documents
from partition.build import (
    ListsWriter,
    average_of,
    write_articles,
    write_columns,
    write_values,
)
from partition.documents import DocumentCodec
from partition.format import SegmentWriter
from partition.inversion import FieldLists, Values, chunks_of
from partition.kernels.merging import merge_runs, unpack_lists
from partition.kernels.postings import FIRST_WORD
from partition.kernels.terms import group_keys
from partition.manifest import FileRecord
from partition.schema import COLUMNS, FORM, HEADING, KEYWORD_FIELDS, TEXT_FIELDS
from partition.scoring import norms_of
from partition.segment import Segment

CHUNK_OCCURRENCES = 16 << 20
"""Occurrences unpacked at a time, or those of one term if it has more; some forty bytes each, with the room that
sorting and encoding them takes."""


class Source:
    """A segment to be merged, and how its articles are stored."""

    def __init__(self, segment: Segment, codec: DocumentCodec) -> None:
        self.segment = segment
        self.codec = codec
        self.live = np.flatnonzero(segment.live)
        """Docnums of the articles that are left."""


def samples_of(sources: Sequence[Source]) -> list[bytes]:
    """Some of their articles, evenly spread, to learn from how they are best stored."""
    every = max(1, sum(len(source.live) for source in sources) // documents.SAMPLES)
    return [
        source.codec.decompress(source.segment.frame(docnum))
        for source in sources
        for docnum in source.live[::every].tolist()
    ]


def merge_sources(
    folder: Path, name: str, sources: Sequence[Source], stored: tuple[DocumentCodec, str | None] | None = None
) -> tuple[FileRecord, tuple[NDArray[np.int32], ...]] | None:
    """Merge segments into a new one; `None` if nothing is left of them.

    Args:
        folder: of the partition.
        name: of the new file.
        sources: what to merge.
        stored: how, and the file name of the dictionary; `None` for like the largest, which must be of this
            partition.
    """
    if not any(len(source.live) for source in sources):
        return None
    if stored is None:
        largest = max(sources, key=lambda source: len(source.live))
        stored = largest.codec, largest.segment.file.directory["dictionary"]
    record, numbers = merge_segments(folder / name, sources, *stored)
    return record, tuple(numbers)


def merge_segments(
    path: Path, sources: Sequence[Source], codec: DocumentCodec, dictionary: str | None
) -> tuple[FileRecord, list[NDArray[np.int32]]]:
    """Write the merged segment.

    Args:
        path: the new file.
        sources: what to merge, with at least one live article among them.
        codec: how the articles are to be stored.
        dictionary: file name of its dictionary, `None` for none.

    Returns:
        Its record, and for each source the new docnum of each of its articles, -1 for those that were left out.
    """
    for source in sources:
        # What is copied gets sums of its own: what became damaged since it was opened would be believed for ever.
        source.segment.file.verify_all()
    origin = np.repeat(np.arange(len(sources)), [len(source.live) for source in sources])
    docnums = np.concatenate([source.live for source in sources])
    columns = {
        name: np.concatenate([source.segment.column(name)[source.live] for source in sources]) for name in COLUMNS
    }
    order = np.lexsort((~columns["hash"], columns["published_ms"]))
    columns = {name: column[order] for name, column in columns.items()}
    origin, docnums = origin[order], docnums[order]
    numbers = [np.full(source.segment.size, -1, np.int32) for source in sources]
    for at, map_ in enumerate(numbers):
        mine = np.flatnonzero(origin == at)
        map_[docnums[mine]] = mine
    with SegmentWriter(path) as file:
        writer = ListsWriter(file, len(order))
        values: dict[str, Values] = {}
        for name in (*TEXT_FIELDS, FORM, HEADING, *KEYWORD_FIELDS):
            scored = name in TEXT_FIELDS
            lengths = columns[f"{name}_length"] if scored else np.zeros(0, np.uint32)
            average = average_of(lengths.astype(np.int64)) if scored else None
            positions = sources[0].segment.fields[name]["positions"]
            writer.begin(name, positions=positions, average=average)
            merging = _FieldMerging(name, sources, numbers, positions=positions)
            norms = norms_of(lengths, average) if average is not None else np.zeros(0)
            for lists in merging.chunks():
                writer.add(lists, norms)
            if name in KEYWORD_FIELDS:
                values[name] = merging.values(origin, docnums)
        writer.finish()
        write_values(file, values, {name: writer.fields[name]["terms"] for name in values})
        write_columns(file, columns)
        places = (origin.tolist(), docnums.tolist())
        ids = [sources[at].segment.article_id(docnum).encode() for at, docnum in zip(*places, strict=True)]
        frames = (_frame(sources[at], docnum, codec) for at, docnum in zip(*places, strict=True))
        write_articles(file, ids, frames)
        file.describe(articles=len(order), dictionary=dictionary, fields=writer.fields)
    return file.record(), numbers


def _frame(source: Source, docnum: int, codec: DocumentCodec) -> bytes:
    frame = source.segment.frame(docnum)
    if source.codec.dictionary == codec.dictionary:
        return bytes(frame)
    return codec.compress(source.codec.decompress(frame))


class _FieldMerging:
    """One field of all sources: its terms grouped by text, its lists merged chunk by chunk."""

    def __init__(
        self, name: str, sources: Sequence[Source], numbers: Sequence[NDArray[np.int32]], *, positions: bool
    ) -> None:
        self._name = name
        self._sources = sources
        self._numbers = numbers
        self._positions = positions
        keys, ends, bounds = _dictionary(name, [source.segment for source in sources])
        starts = np.concatenate([np.zeros(1, np.int64), ends[:-1]])
        self._groups = np.zeros(len(ends), np.int64)
        firsts = np.zeros(len(ends), np.int64)
        count = group_keys(keys, starts, ends, bounds, self._groups, firsts)
        self._bounds = bounds
        chosen, text = firsts[:count], keys.tobytes()
        places = zip(starts[chosen].tolist(), ends[chosen].tolist(), strict=True)
        self._keys = [text[start:end] for start, end in places]
        self._kept: list[int] = []
        """Groups that still have an article."""

    def chunks(self) -> Iterator[FieldLists]:
        """The merged lists, in the order of their keys."""
        totals = np.concatenate([self._of(source.segment, "totals") for source in self._sources]).astype(np.int64)
        per_group = np.bincount(self._groups, weights=totals, minlength=len(self._keys)).astype(np.int64)
        for first, last in chunks_of(per_group, CHUNK_OCCURRENCES):
            yield self._merge(first, last, per_group[first:last])

    def _merge(self, first: int, last: int, totals: NDArray[np.int64]) -> FieldLists:
        starts = np.cumsum(totals) - totals
        places = starts.copy()
        occurrences = np.empty(int(totals.sum()), np.uint64)
        ends = np.empty((len(self._sources), last - first), np.int64)
        for at, (source, numbers) in enumerate(zip(self._sources, self._numbers, strict=True)):
            segment = source.segment
            groups = self._groups[self._bounds[at] : self._bounds[at + 1]]
            low, high = np.searchsorted(groups, [first, last]).tolist()
            areas = (self._of(segment, "areas")[low:high] & FIRST_WORD).astype(np.int64)
            lists = np.stack([groups[low:high] - first, areas, self._of(segment, "dfs")[low:high]], axis=1)
            if len(lists):
                term = segment.fields[self._name]["terms"][0] + high
                stop = int(segment.areas[term] & FIRST_WORD) if term < len(segment.areas) else len(segment.words)
                segment.file.verify_words(int(areas[0]), stop)
                lists = np.ascontiguousarray(lists, np.int64)
                unpack_lists(segment.words, lists, segment.size, numbers, self._positions, places, occurrences)
            ends[at] = places
        merge_runs(occurrences, ends, starts)
        kept = np.flatnonzero(places > starts)
        self._kept += (kept + first).tolist()
        keys = [self._keys[first + at] for at in kept.tolist()]
        return FieldLists(self._name, keys, occurrences, starts[kept], places[kept])

    def _of(self, segment: Segment, section: str) -> NDArray[Any]:
        first, last = segment.fields[self._name]["terms"]
        return segment.file.section(section)[first:last]

    def values(self, origin: NDArray[np.int64], docnums: NDArray[np.int64]) -> Values:
        """The values of the merged articles, once all chunks are written."""
        ordinal_of = np.full(len(self._keys), -1, np.int64)
        ordinal_of[self._kept] = np.arange(len(self._kept))
        columns = [source.segment.values(self._name) for source in self._sources]
        counts = np.zeros(len(docnums), np.int64)
        parts: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
        for at, (ordinals, each) in enumerate(columns):
            mine = np.flatnonzero(origin == at)
            counts[mine] = each[docnums[mine]]
            starts = np.cumsum(each) - each
            parts.append((ordinal_of[self._groups[self._bounds[at] + ordinals]], starts))
        ends = np.cumsum(counts)
        merged = np.empty(int(ends[-1]) if len(ends) else 0, np.int64)
        for at, (ordinals, starts) in enumerate(parts):
            mine = np.flatnonzero(origin == at)
            width = counts[mine]
            nth = np.arange(int(width.sum())) - np.repeat(np.cumsum(width) - width, width)
            to = np.repeat(ends[mine] - width, width) + nth
            merged[to] = ordinals[np.repeat(starts[docnums[mine]], width) + nth]
        # A source keeps values by the order of their texts, and so does the merged segment.
        return merged, counts


def _dictionary(
    name: str, segments: Sequence[Segment]
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
    """The keys of one field in all segments: bytes, where each ends, and how many come before each segment's."""
    keys, ends = [], []
    before = 0
    bounds = [0]
    for segment in segments:
        first, last = segment.fields[name]["terms"]
        start = int(segment.key_ends[first - 1]) if first else 0
        stop = int(segment.key_ends[last - 1]) if last else 0
        keys.append(segment.keys[start:stop])
        ends.append(segment.key_ends[first:last].astype(np.int64) - start + before)
        before += stop - start
        bounds.append(bounds[-1] + last - first)
    return np.concatenate(keys), np.concatenate(ends), np.array(bounds, np.int64)
