"""The check of an epoch: every byte, every article, every number the manifest states.

Contract: reads everything and changes nothing; raises the first thing that is wrong as `IndexFileError`.

Not here: mending (an index is built again from its log).
"""

from collections.abc import Callable
from pathlib import Path

from partition.errors import CorruptFile
from partition.manifest import GenerationRecord, Layout, RootManifest
from partition.reader import PartitionReader, verify_file
from partition.schema import TEXT_FIELDS
from partition.segment import Segment
from partition.statistics import Statistics

_CURE = "build the index again from its articles"


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
    frozen = manifest.statistics_file
    Statistics(layout.statistics / frozen.name, seal=frozen.seal)
    for partition, record in enumerate(manifest.partitions):
        if record.generation:
            folder = layout.generation(partition, record.generation)
            for file in record.files:
                verify_file(folder, file)
            _check_articles(folder, record, partition, partition_of, len(manifest.partitions))
        checked(partition, record)


def _check_articles(
    folder: Path,
    record: GenerationRecord,
    partition: int,
    partition_of: Callable[[str, int], int],
    partitions: int,
) -> None:
    reader = PartitionReader(folder, record)
    seen: set[str] = set()
    for ordinal, segment in enumerate(reader.segments):
        for docnum in segment.live.nonzero()[0].tolist():
            article_id = segment.article_id(docnum)
            stored = reader.stored(ordinal, docnum)
            if stored["id"] != article_id or article_id in seen:
                raise CorruptFile(folder, f"article {article_id!r} is there twice or mixed up", _CURE)
            if partition_of(article_id, partitions) != partition:
                raise CorruptFile(folder, f"article {article_id!r} belongs to another partition", _CURE)
            if segment.find(article_id) != docnum:
                raise CorruptFile(folder, f"article {article_id!r} cannot be found by its id", _CURE)
            seen.add(article_id)
        check_lists(segment)
    if len(seen) != record.articles:
        raise CorruptFile(folder, f"{len(seen)} articles instead of {record.articles}", _CURE)


def check_lists(segment: Segment) -> None:
    """Read every posting list of a segment and compare it with what is said of it.

    Raises:
        CorruptFile
    """
    totals = segment.file.section("totals")
    for field, about in segment.fields.items():
        first, last = about["terms"]
        lengths = segment.length(field) if field in TEXT_FIELDS else None
        words = 0
        before = b""
        for term in range(first, last):
            key = segment.key(term)
            docs, tfs = segment.read(segment.list_at(term))
            sound = (
                (term == first or before < key)
                and len(docs) > 0
                and docs[0] >= 0
                and docs[-1] < segment.size
                and bool((docs[1:] > docs[:-1]).all())
                and bool((tfs > 0).all())
                and int(tfs.sum()) == totals[term]
            )
            if not sound:
                raise CorruptFile(segment.file.path, f"the list of {key!r} in {field} makes no sense", _CURE)
            words += int(totals[term])
            before = key
        if lengths is not None and words != int(lengths.sum(dtype="i8")):
            raise CorruptFile(segment.file.path, f"the lengths of {field} do not add up", _CURE)
