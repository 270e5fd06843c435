"""Merging beside the writer: large segments, while small ones go on coming.

Contract: the base generation stays as it is; what comes out is a new file that no generation names yet, and
`write_generation` puts it in the place of its sources, with what was deleted from them meanwhile.

Not here: small ones, which the writer merges itself (`writer.py`), threads (`indexer/merging.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from partition import format  # noqa: A004 - the module is what the word means here
from partition.envelope import fsync_folder
from partition.manifest import FileRecord, GenerationRecord
from partition.merge import Source, merge_sources
from partition.merge_policy import Size, segments_to_merge
from partition.reader import OpenFiles, PartitionReader


@dataclass(frozen=True, slots=True)
class MergedSegments:
    """Segments of a generation merged beside it, to take their place in a later one."""

    sources: tuple[str, ...]
    """File names."""
    file: FileRecord | None
    """What they became; `None` if no state shows any of their articles."""
    numbers: tuple[NDArray[np.int32], ...]
    """For each source the new docnum of each of its articles, -1 for those that were left out."""


def merge_aside(
    folder: Path,
    base: GenerationRecord,
    *,
    since_seq: int,
    larger_than: int,
    opened: OpenFiles,
    writing: Callable[[Path], None],
) -> MergedSegments | None:
    """Merge the smallest group of segments of those that `write_generation` leaves, if there is one.

    Args:
        folder: of the partition.
        base: the generation that is looked at; its files must stay meanwhile.
        since_seq: the earliest state that must still be seen.
        larger_than: the `merge_up_to` of `write_generation`, -1 for all segments.
        opened: files that are open already.
        writing: told the new file before it is made.

    Raises:
        IndexFileError, OSError
    """
    reader = PartitionReader(folder, base, opened=opened)
    forgotten = [buried.until(since_seq) for buried in reader.tombstones]
    sizes = [Size(one.size, len(gone)) for one, gone in zip(reader.segments, forgotten, strict=True)]
    groups = segments_to_merge(sizes, larger_than=larger_than)
    if not groups:
        return None
    group = min(groups, key=lambda group: sum(sizes[at].articles for at in group))
    sources = [Source(reader.segments[at].without(forgotten[at]), reader.codec(at)) for at in group]
    names = tuple(source.segment.file.path.name for source in sources)
    # No other file of this partition is ever called so: each of its segments is merged once.
    name = f"{Path(names[0]).stem}-{base.generation:010d}{format.SUFFIX}"
    writing(folder / name)
    (folder / name).unlink(missing_ok=True)  # of a merge that was broken off
    written = merge_sources(folder, name, sources)
    fsync_folder(folder)
    return MergedSegments(names, written[0] if written else None, written[1] if written else ())
