"""Counting: how many live articles hold each term, by partition and over all of them.

A partition's share has the form of a statistics file (`statistics.py`), so that shares made in several processes add
up to the statistics of the archive.

Contract: exact, whatever is deleted and however articles are spread over segments and partitions.

Not here: when it happens (`indexer/projection.py`).
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from partition.analysis import LANGUAGES
from partition.kernels.postings import FIRST_WORD
from partition.kernels.reading import count_live
from partition.kernels.terms import group_keys
from partition.reader import PartitionReader
from partition.schema import TEXT_FIELDS
from partition.segment import Segment
from partition.statistics import Statistics, TermCounts, write_statistics


def count_partition(reader: PartitionReader, path: Path, *, through_seq: int) -> None:
    """Write one partition's share of a statistics epoch."""
    segments = reader.segments
    write_statistics(
        path,
        languages=_languages_of(segments),
        through_seq=through_seq,
        total_lengths={
            name: sum(int(segment.length(name)[segment.live].sum()) for segment in segments) for name in TEXT_FIELDS
        },
        counts={name: added_up([_counts_of(segment, name) for segment in segments]) for name in TEXT_FIELDS},
    )


def _languages_of(segments: Sequence[Segment]) -> dict[str, int]:
    counts = np.zeros(len(LANGUAGES), np.int64)
    for segment in segments:
        counts += np.bincount(segment.column("language")[segment.live], minlength=len(LANGUAGES))
    return dict(zip(LANGUAGES, counts.tolist(), strict=True))


def _counts_of(segment: Segment, field: str) -> TermCounts:
    first, last = segment.fields[field]["terms"]
    start = int(segment.key_ends[first - 1]) if first else 0
    stop = int(segment.key_ends[last - 1]) if last else 0
    ends = segment.key_ends[first:last].astype(np.int64) - start
    dfs = segment.dfs[first:last].astype(np.int64)
    if len(segment.dead):
        areas = (segment.areas[first:last] & FIRST_WORD).astype(np.int64)
        if len(areas):
            after = int(segment.areas[last] & FIRST_WORD) if last < len(segment.areas) else len(segment.words)
            segment.file.verify_words(int(areas[0]), after)
        count_live(segment.words, areas, segment.size, segment.live_words, dfs)
    return TermCounts(segment.keys[start:stop], ends, dfs)


def merge_counts(path: Path, *, shares: list[Path], through_seq: int) -> str:
    """Add up the shares of disjoint partitions, each a statistics file, into one at `path`; returns its seal."""
    parts = [Statistics(share) for share in shares]
    return write_statistics(
        path,
        languages=sum((Counter(part.languages) for part in parts), Counter()),
        through_seq=through_seq,
        total_lengths={name: sum(part.total_lengths[name] for part in parts) for name in TEXT_FIELDS},
        counts={name: added_up([part.counts(name) for part in parts]) for name in TEXT_FIELDS},
    )


def added_up(counts: Sequence[TermCounts]) -> TermCounts:
    """The counts of disjoint sets of articles together; terms without any article are left out."""
    keys = np.concatenate([np.zeros(0, np.uint8), *(part.keys for part in counts)])
    bases = np.cumsum([0, *(len(part.keys) for part in counts)])
    none = np.zeros(0, np.int64)
    ends = np.concatenate([none, *(part.ends + base for part, base in zip(counts, bases, strict=False))])
    starts = np.concatenate([np.zeros(min(1, len(ends)), np.int64), ends[:-1]])
    dfs = np.concatenate([none, *(part.dfs for part in counts)])
    sources = np.cumsum([0, *(len(part.dfs) for part in counts)])
    groups, firsts = np.zeros(len(ends), np.int64), np.zeros(len(ends), np.int64)
    distinct = group_keys(keys, starts, ends, sources.astype(np.int64), groups, firsts)
    summed = np.bincount(groups, weights=dfs, minlength=distinct).astype(np.int64)
    kept = np.flatnonzero(summed)
    chosen = firsts[:distinct][kept]
    sizes = ends[chosen] - starts[chosen]
    to = np.cumsum(sizes)
    # The bytes of the chosen keys, one after the other.
    take = np.arange(int(to[-1]) if len(to) else 0) + np.repeat(starts[chosen] - (to - sizes), sizes)
    return TermCounts(keys[take], to, summed[kept])


def forget_terms(path: Path, older: Statistics, newest: Statistics) -> str:
    """Write `older` statistics again, without words that stood in one article only and stand in none now.

    A word that is not there counts as in one article: so nothing is scored otherwise. Returns the seal.
    """
    counts = {}
    for name in TEXT_FIELDS:
        terms, now = older.counts(name), newest.counts(name)
        present = set(_keys_of(now))
        kept = np.array([df > 1 or key in present for key, df in zip(_keys_of(terms), terms.dfs, strict=True)], bool)
        keys = [key for key, keep in zip(_keys_of(terms), kept, strict=True) if keep]
        ends = np.cumsum(np.fromiter(map(len, keys), np.int64, len(keys)))
        counts[name] = TermCounts(np.frombuffer(b"".join(keys), np.uint8), ends, terms.dfs[kept])
    return write_statistics(
        path,
        languages=older.languages,
        through_seq=older.through_seq,
        total_lengths=older.total_lengths,
        counts=counts,
    )


def _keys_of(counts: TermCounts) -> list[bytes]:
    content, ends = counts.keys.tobytes(), counts.ends.tolist()
    return [content[start:end] for start, end in zip([0, *ends], ends, strict=False)]
