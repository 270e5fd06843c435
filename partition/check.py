"""The check of an epoch: every byte, article and posting, and every number that the manifest states of its files.

Contract: reads everything and changes nothing; raises the first thing that is wrong as `IndexFileError`. What has
passed answers as the lists say: pruning loses no article, a position is one of its article, filters and facets count
what is listed.

Not here: mending (an index is built again from its log), how lists are read (`lists.py`).
"""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from partition.analysis import language_of
from partition.build import average_of
from partition.envelope import MEND, REBUILD
from partition.errors import CorruptFile
from partition.kernels.postings import BOUND_STEPS
from partition.lists import Lists, lists_of
from partition.manifest import EMPTY_GENERATION, FileRecord, GenerationRecord, Layout, RootManifest
from partition.reader import PartitionReader, verify_file
from partition.schema import (
    COLUMNS,
    FORM,
    HEADING,
    KEYWORD_FIELDS,
    NO_DATE_MS,
    PARTS,
    POSITION_FIELDS,
    SCHEMA_VERSION,
    TEXT_FIELDS,
    number_of,
)
from partition.scoring import norms_of
from partition.segment import Segment
from partition.statistics import Statistics
from partition.tombstones import ERASED, Tombstones


def check_epoch(
    layout: Layout,
    manifest: RootManifest,
    partition_of: Callable[[str, int], int],
    checked: Callable[[int, GenerationRecord], None],
) -> None:
    """Verify one epoch.

    Args:
        layout: where the archive lies.
        manifest: the epoch.
        partition_of: the routing that the articles must obey.
        checked: told each partition that was found sound.

    Raises:
        IndexFileError: what is wrong, where, and what to do.
    """
    path = layout.manifest(manifest.epoch)
    if manifest.schema_version != SCHEMA_VERSION:
        raise CorruptFile(path, f"schema version {manifest.schema_version} instead of {SCHEMA_VERSION}", REBUILD)
    for frozen in manifest.statistics:
        Statistics(layout.statistics / frozen.file.name, seal=frozen.file.seal)
        _check_size(path, layout.statistics, frozen.file)
    for partition, record in enumerate(manifest.partitions):
        if record.generation:
            folder = layout.partition(partition)
            for file in record.files:
                verify_file(folder, file)
                _check_size(path, folder, file)
            _check_partition(folder, record, manifest, partition, partition_of)
        elif record != EMPTY_GENERATION:
            raise CorruptFile(path, f"partition {partition} is of generation 0 and yet not empty", MEND)
        checked(partition, record)


def _check_size(manifest: Path, folder: Path, file: FileRecord) -> None:
    size_bytes = (folder / file.name).stat().st_size
    if size_bytes != file.size_bytes:
        problem = f"says that {folder / file.name} has {file.size_bytes:,} bytes instead of {size_bytes:,}"
        raise CorruptFile(manifest, problem, MEND)


def _check_partition(
    folder: Path,
    record: GenerationRecord,
    manifest: RootManifest,
    partition: int,
    partition_of: Callable[[str, int], int],
) -> None:
    reader = PartitionReader(folder, record)
    seen: set[str] = set()
    for ordinal, segment in enumerate(reader.segments):
        _check_tombstones(folder, segment, reader.tombstones[ordinal], manifest.applied_seq)
        check_lists(segment)
        columns = {name: segment.column(name) for name in _AS_STORED}
        for docnum in segment.live.nonzero()[0].tolist():
            article_id = segment.article_id(docnum)
            stored = reader.stored(ordinal, docnum)
            if stored.get("id") != article_id or article_id in seen:
                raise CorruptFile(folder, f"article {article_id!r} is there twice or mixed up", MEND)
            for name, column in columns.items():
                if column[docnum] != _AS_STORED[name](stored):
                    raise CorruptFile(folder, f"article {article_id!r} has another {name} than its column", MEND)
            if partition_of(article_id, len(manifest.partitions)) != partition:
                raise CorruptFile(folder, f"article {article_id!r} belongs to another partition", MEND)
            if segment.find(article_id) != docnum:
                raise CorruptFile(folder, f"article {article_id!r} cannot be found by its id", MEND)
            seen.add(article_id)
    dead = sum(len(segment.dead) for segment in reader.segments)
    for found, stated, what in (
        (len(seen), record.articles, "articles"),
        (dead, record.tombstones, "tombstones"),
        (len(reader.segments), record.segments, "segments"),
    ):
        if found != stated:
            raise CorruptFile(folder, f"{found} {what} instead of {stated}", MEND)


def _time(name: str) -> Callable[[dict[str, Any]], int]:
    return lambda stored: NO_DATE_MS if stored[name] is None else int(stored[name])


_AS_STORED: dict[str, Callable[[dict[str, Any]], int]] = {
    "published_ms": _time("published_ms"),
    "modified_ms": _time("modified_ms"),
    "indexed_ms": _time("indexed_ms"),
    "language": lambda stored: number_of(language_of(stored["language"])),
}
"""Column to what a stored article says of it."""


def _check_tombstones(folder: Path, segment: Segment, buried: Tombstones, applied_seq: int) -> None:
    dead, seqs = buried
    came = segment.column("seq")
    if len(came) and not 0 < came.min() <= came.max() <= applied_seq:
        _refuse(segment, "it holds articles that the log had not brought yet")
    story, joined = segment.column("story"), segment.column("joined")
    if not ((story >= 0) & (story <= joined) & (joined <= came)).all():
        _refuse(segment, "it holds articles that came to a story before it began")
    name = f"the tombstones of {segment.file.path.name}"
    if len(dead) and not (bool((dead[1:] > dead[:-1]).all()) and dead[-1] < segment.size):
        raise CorruptFile(folder, f"{name} delete articles that are not there", MEND)
    sound = (seqs == ERASED) | ((seqs > came[dead]) & (seqs <= applied_seq))
    if not sound.all():
        raise CorruptFile(folder, f"{name} delete articles at an impossible time", MEND)


def check_lists(segment: Segment) -> None:
    """Read all of a segment but its stored articles, and compare each part with the others.

    Raises:
        CorruptFile
    """
    _check_directory(segment)
    published_ms, hashes = segment.published_ms, segment.hashes
    same = published_ms[1:] == published_ms[:-1]
    if not ((published_ms[1:] > published_ms[:-1]) | (same & (hashes[1:] <= hashes[:-1]))).all():
        _refuse(segment, "its articles are out of order")
    for field in segment.fields:
        first, last = segment.fields[field]["terms"]
        for before, key in pairwise(map(segment.key, range(first, last))):
            if before >= key:
                _refuse(segment, f"the list of {key!r} in {field} makes no sense")
        if field in TEXT_FIELDS:
            _check_text(segment, field)
            continue
        if segment.fields[field]["average"] is not None:
            _refuse(segment, f"{field} has an average, and is not scored")
        if field == FORM:
            _check_forms(segment)
        elif field == HEADING:
            _check_heading(segment)
        else:
            _check_keywords(segment, field)


def _refuse(segment: Segment, problem: str) -> NoReturn:
    raise CorruptFile(segment.file.path, problem, MEND)


def _check_directory(segment: Segment) -> None:
    """Fields, their terms, and how long each section is, as `format.py` and the schema have them."""
    reached = 0
    for field, about in segment.fields.items():
        first, last = about["terms"]
        if first != reached or last < first or about["positions"] != (field in {*POSITION_FIELDS, HEADING}):
            _refuse(segment, f"the directory is wrong about {field}")
        reached = last
    if set(segment.fields) != {*TEXT_FIELDS, FORM, HEADING, *KEYWORD_FIELDS}:
        _refuse(segment, "its fields are not those of the schema")
    by_term = dict.fromkeys(("areas", "dfs", "totals", "key_ends"), reached)
    columns = [f"column/{name}" for name in COLUMNS]
    by_article = dict.fromkeys(("id_ends", "by_hash", "stored_ends", *columns), segment.size)
    for name, entries in (by_term | by_article).items():
        if len(segment.file.section(name)) != entries:
            _refuse(segment, f"{name} has not {entries} entries")
    for name in ("key", "id", "stored"):
        ends = segment.file.section(f"{name}_ends")
        content = segment.file.section(name if name == "stored" else f"{name}s")
        if (ends[1:] < ends[:-1]).any() or (ends[-1] if len(ends) else 0) != len(content):
            _refuse(segment, f"{name}_ends makes no sense")


def _check_text(segment: Segment, field: str) -> None:
    """Lists against lengths, and how much a block can add."""
    lengths, average = segment.length(field).astype(np.int64), segment.fields[field]["average"]
    if not isinstance(average, float) or not average > 0.0:
        _refuse(segment, f"{field} has no average")
    norms = norms_of(lengths, average)

    def needed(lists: Lists) -> NDArray[np.int64]:
        most = np.maximum.reduceat(lists.tfs / (lists.tfs + norms[lists.docs]), lists.blocks)
        needed: NDArray[np.int64] = np.ceil(most * BOUND_STEPS).astype(np.int64)
        return needed

    _check_words(segment, field, lengths, needed)
    if average != average_of(lengths):
        _refuse(segment, f"the average of {field} is not that of its lengths")


def _check_words(
    segment: Segment, field: str, lengths: NDArray[np.int64], needed: Callable[[Lists], NDArray[np.int64]]
) -> None:
    """Lists against lengths: what stands in each article, and where; `needed` are the bounds of blocks."""
    words, places = np.zeros(segment.size, np.int64), np.zeros(segment.size, np.int64)
    for lists in lists_of(segment, field):
        _check_bounds(segment, field, lists, needed(lists))
        np.add.at(words, lists.docs, lists.tfs)
        if segment.fields[field]["positions"]:
            docs = np.repeat(lists.docs, lists.tfs)
            if not (lists.positions < lengths[docs]).all():
                _refuse(segment, f"a position in {field} lies outside its article")
            np.add.at(places, docs, lists.positions)
    if not np.array_equal(words, lengths):
        _refuse(segment, f"the lengths of {field} do not add up")
    # Every word stands somewhere else: the positions of an article are 0, 1, 2 and so on, whose sum is known.
    if segment.fields[field]["positions"] and not np.array_equal(places, lengths * (lengths - 1) // 2):
        _refuse(segment, f"the positions of {field} do not add up")


def _check_heading(segment: Segment) -> None:
    """It has as many words as the title."""
    _check_words(segment, HEADING, segment.length("title").astype(np.int64), _unscored)


def _unscored(lists: Lists) -> NDArray[np.int64]:
    """The bounds of blocks of a field that is not scored."""
    return np.full(len(lists.bounds), BOUND_STEPS)


def _check_forms(segment: Segment) -> None:
    """Words as they are written are words of the title or the body."""
    words = np.zeros(segment.size, np.int64)
    for lists in lists_of(segment, FORM):
        _check_bounds(segment, FORM, lists, _unscored(lists))
        np.add.at(words, lists.docs, lists.tfs)
    if (words > sum(segment.length(part).astype(np.int64) for part in PARTS)).any():
        _refuse(segment, f"{FORM} has more words than title and body")


def _check_bounds(segment: Segment, field: str, lists: Lists, needed: NDArray[np.int64]) -> None:
    """A bound that is higher than needed costs time; one that is lower costs articles."""
    firsts = np.searchsorted(lists.blocks, lists.starts)
    stated = (segment.areas[lists.terms.start : lists.terms.stop] >> np.uint64(48)).astype(np.int64)
    sound = np.logical_and.reduceat(needed <= lists.bounds, firsts)
    sound &= stated == np.maximum.reduceat(lists.bounds, firsts)
    if not sound.all():
        key = segment.key(lists.terms[int(sound.argmin())])
        _refuse(segment, f"the bounds of {key!r} in {field} are not those of its postings")


def _check_keywords(segment: Segment, field: str) -> None:
    """Lists against values, which filters and facets are answered from."""
    first, last = segment.fields[field]["terms"]
    docs = [np.empty(0, np.int32)]
    for lists in lists_of(segment, field):
        _check_bounds(segment, field, lists, _unscored(lists))
        docs.append(lists.docs)
    docnums = np.concatenate(docs)
    ordinals = np.repeat(np.arange(last - first, dtype=np.int32), segment.dfs[first:last])
    listed = ordinals[np.argsort(docnums, kind="stable")]
    values, counts = segment.values(field)
    held = np.bincount(docnums, minlength=segment.size)
    if not (np.array_equal(values, listed) and np.array_equal(counts, held)):
        _refuse(segment, f"the values of {field} are not those of its lists")
