"""Statistics epochs in files: frozen, and rid of words that are no more.

Contract: a file has a name of its own, and is durable when its record is there. What was left of an attempt that
failed is overwritten.

Not here: when statistics are frozen (`projection.py`), what is counted (`partition/counting.py`).
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from partition.counting import forget_terms, merge_counts
from partition.manifest import FileRecord, Layout, RootManifest, StatisticsRecord
from partition.schema import TEXT_FIELDS
from partition.statistics import Statistics, write_statistics


def no_statistics(layout: Layout, number: int) -> StatisticsRecord:
    """Those of an archive without articles."""
    path = _path(layout, number)
    lengths = dict.fromkeys(TEXT_FIELDS, 0)
    seal = write_statistics(path, languages={}, through_seq=0, total_lengths=lengths, counts={})
    return StatisticsRecord(number, 0, _record(path, seal))


def freeze(layout: Layout, manifest: RootManifest, shares: Sequence[Path]) -> RootManifest:
    """The state with statistics of its own, added up from the shares of its partitions, which go."""
    number = manifest.statistics_epoch + 1
    path = _path(layout, number)
    counts = [share for share in shares if share.exists()]
    seal = merge_counts(path, shares=counts, through_seq=manifest.applied_seq)
    for share in counts:
        share.unlink()
    frozen = StatisticsRecord(number, manifest.applied_seq, _record(path, seal))
    return replace(manifest, statistics=(*manifest.statistics, frozen))


def forget_words(layout: Layout, manifest: RootManifest) -> RootManifest:
    """The state with earlier statistics that know no words which only articles that are no more have held."""
    *earlier, newest = manifest.statistics
    now = Statistics(layout.statistics / newest.file.name, seal=newest.file.seal)
    forgotten = []
    for one in earlier:
        path = layout.statistics / f"{one.number:012d}.{manifest.applied_seq:012d}.stat"
        path.unlink(missing_ok=True)
        older = Statistics(layout.statistics / one.file.name, seal=one.file.seal)
        forgotten.append(replace(one, file=_record(path, forget_terms(path, older, now))))
    return replace(manifest, statistics=(*forgotten, newest))


def _path(layout: Layout, number: int) -> Path:
    path = layout.statistics / f"{number:012d}.stat"
    path.unlink(missing_ok=True)
    return path


def _record(path: Path, seal: str) -> FileRecord:
    return FileRecord(path.name, path.stat().st_size, seal)
