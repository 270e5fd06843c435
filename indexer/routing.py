"""Routing: which partition an article lives in, by consistent hashing of its id.

Contract: a pure function of the id and the number of partitions. Going from P to P + 1 partitions moves an article
only to the new partition, and about 1/(P + 1) of them. `ROUTING_VERSION` is recorded in every root manifest: an
index routed in another way must not be extended.

Source: J. Lamping and E. Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm", 2014 (jump consistent hash).

Not here: which machine serves a partition.
"""

from partition.types import hash64

ROUTING_VERSION = 1
"""1: jump consistent hash of `hash64(article_id)`."""

MAX_PARTITIONS = 1024


def jump_hash(key: int, buckets: int) -> int:
    """The bucket in [0, buckets) of a 64-bit `key`."""
    bucket, after = -1, 0
    while after < buckets:
        bucket = after
        key = (key * 2862933555777941757 + 1) & 0xFFFF_FFFF_FFFF_FFFF
        after = int((bucket + 1) * (2**31 / ((key >> 33) + 1)))
    return bucket


def partition_of(article_id: str, partitions: int) -> int:
    """The partition of an article among `partitions`."""
    return jump_hash(hash64(article_id), partitions)
