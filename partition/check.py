"""The check of an epoch: every byte, every article, every number the manifest states.

Contract: reads everything and changes nothing; raises the first thing that is wrong as `IndexFileError`.

Not here: mending (an index is built again from its log).
"""

from collections.abc import Callable
from pathlib import Path

from partition.errors import CorruptFile
from partition.manifest import GenerationRecord, Layout, RootManifest
from partition.reader import PartitionReader, PostingsCache
from partition.schema import TEXT_FIELDS
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
    manifest.statistics_file.verify(layout.statistics)
    Statistics(layout.statistics / manifest.statistics_file.name)
    for partition, record in enumerate(manifest.partitions):
        if record.generation:
            folder = layout.generation(partition, record.generation)
            for file in record.files:
                file.verify(folder)
            _check_articles(folder, record, partition, partition_of, len(manifest.partitions))
        checked(partition, record)


def _check_articles(
    folder: Path,
    record: GenerationRecord,
    partition: int,
    partition_of: Callable[[str, int], int],
    partitions: int,
) -> None:
    reader = PartitionReader(folder, PostingsCache(0))
    seen: set[str] = set()
    for segment in reader.segments:
        for docnum in segment.live.nonzero()[0].tolist():
            article_id = segment.article_id(docnum)
            stored = segment.stored(docnum)
            if stored["id"] != article_id or article_id in seen:
                raise CorruptFile(folder, f"article {article_id!r} is there twice or mixed up", _CURE)
            if partition_of(article_id, partitions) != partition:
                raise CorruptFile(folder, f"article {article_id!r} belongs to another partition", _CURE)
            if segment.postings("id", article_id).docnums.tolist() != [docnum]:
                raise CorruptFile(folder, f"article {article_id!r} cannot be found by its id", _CURE)
            seen.add(article_id)
        for field in TEXT_FIELDS:
            if len(segment.lengths[field]) != segment.size:
                raise CorruptFile(folder, f"the lengths of {field} are incomplete", _CURE)
    if len(seen) != record.articles:
        raise CorruptFile(folder, f"{len(seen)} articles instead of {record.articles}", _CURE)
