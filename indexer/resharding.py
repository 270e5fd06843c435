"""Resharding: the same articles, spread over another number of partitions.

Contract: only what consistent hashing moves is moved: with more partitions articles go to the new ones only, with
fewer those of the partitions that go are spread over the others. What is moved keeps all states that must be seen,
and what searches have open stays as it is. Nothing is analysed again.

Not here: when it happens (`projection.py`), what somebody asked for (`reshard_saga.py`).
"""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from partition.changes import Arrival
from partition.manifest import EMPTY_GENERATION, GenerationRecord, Layout
from partition.reader import OpenFiles, PartitionReader
from partition.writer import write_generation


def spread(
    layout: Layout, before: tuple[GenerationRecord, ...], partitions: int, *, since_seq: int, opened: OpenFiles
) -> tuple[GenerationRecord, ...]:
    """The generations of `partitions` partitions that hold what `before` holds.

    Raises:
        IndexFileError, OSError
    """
    number = 1 + max((record.generation for record in before), default=0)
    readers = {
        at: PartitionReader(layout.partition(at), record, opened=opened)
        for at, record in enumerate(before)
        if record.generation
    }
    goes_to = {at: _destinations(reader, partitions) for at, reader in readers.items()}
    after = []
    for at in range(partitions):
        base = before[at] if at < len(before) else EMPTY_GENERATION
        belongs = partial(_belongs, partitions=partitions, to=at)
        arriving = [Arrival(readers[one], belongs) for one in readers if one != at and at in goes_to[one]]
        if not arriving and goes_to.get(at, set()) <= {at}:
            after.append(base)
            continue
        folder = layout.partition(at)
        for left in folder.glob(f"*{number:010d}*"):
            left.unlink()  # of an attempt that failed: no epoch names this generation yet
        record = write_generation(
            folder,
            number=number,
            base=base if base.generation else None,
            changes=(),
            since_seq=since_seq,
            stays=belongs,
            arriving=arriving,
            opened=opened,
        )
        after.append(record)
    return tuple(after)


def _belongs(hashes: NDArray[np.uint64], *, partitions: int, to: int) -> NDArray[np.bool_]:
    return np.equal(partitions_of(hashes, partitions), to)


def _destinations(reader: PartitionReader, partitions: int) -> set[int]:
    """The partitions to which something of this one belongs."""
    erased = np.array([hash_ for hash_, _digest in reader.erased], np.uint64)
    hashes = [segment.hashes for segment in reader.segments]
    return set(partitions_of(np.concatenate([*hashes, erased]), partitions).tolist())


def partitions_of(hashes: NDArray[np.uint64], partitions: int) -> NDArray[np.int64]:
    """Shape (n,): the partitions of articles by the hashes of their ids; `routing.partition_of` of each."""
    buckets = np.zeros(len(hashes), np.int64)
    keys, at = hashes.copy(), np.arange(len(hashes))
    after = np.zeros(len(hashes), np.int64)
    while len(at):
        buckets[at] = after
        keys = keys * np.uint64(2862933555777941757) + np.uint64(1)
        divisor = ((keys >> np.uint64(33)) + np.uint64(1)).astype(np.float64)
        after = ((after + 1) * (float(2**31) / divisor)).astype(np.int64)
        going = after < partitions
        keys, at, after = keys[going], at[going], after[going]
    return buckets
