"""From one generation of a partition to the next: articles in, new immutable files out.

Contract: `write_generation` never touches a file of the base generation. It writes new segments, tombstones and
merged segments beside them, all of them durable, and returns what the root manifest will list. Until a manifest names
them, they are garbage that anybody holding the indexer's lock may remove. A generation shows every state from
`since_seq` on (`reader.py`); merging forgets older ones and changes no answer.

Not here: how a generation comes about (`generation.py`), which changes belong to this partition
(`indexer/projection.py`), publishing (`indexer/publisher.py`).
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from partition.changes import Arrival, Hashes, Put, Withdraw
from partition.format import MAX_ARTICLES
from partition.generation import GenerationWriter
from partition.manifest import EMPTY_GENERATION, GenerationRecord
from partition.merge_aside import MergedSegments
from partition.reader import OpenFiles
from partition.vocabulary import Vocabulary

DEFAULT_MEMORY_MB = 1024
"""What the articles of one segment may take in memory while it is made and written."""


def write_generation(
    folder: Path,
    *,
    number: int,
    base: GenerationRecord | None,
    changes: Iterable[Put | Withdraw],
    since_seq: int,
    merge: bool = False,
    merge_up_to: int = MAX_ARTICLES,
    merged: Sequence[MergedSegments] = (),
    purge: bool = False,
    stays: Hashes | None = None,
    arriving: Sequence[Arrival] = (),
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
        merge_up_to: segments of more articles than this are left for `merge_aside`, but for `merge` and `purge`.
        merged: what it has done since the base.
        purge: write everything anew, with another dictionary, so that nothing is left of articles that were taken
            down, once older files are gone.
        stays: tells by hashes of ids (`hash64`) which articles of the base still belong here; `None` for all.
        arriving: articles of other partitions that belong here now.
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
    writer = GenerationWriter(folder, number, base or EMPTY_GENERATION, since_seq, known, opened or OpenFiles())
    for one in merged:
        writer.replace(one)
    if stays:
        writer.send_away(stays)
    for arrival in arriving:
        writer.receive(arrival)
    for change in changes:
        writer.apply(change)
        if writer.held_bytes > memory_mb << 20:
            writer.flush()
    return writer.finish(merge=merge, merge_up_to=merge_up_to, purge=purge)
