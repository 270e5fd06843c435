"""In the end: whether all that was acknowledged is there, once, and nothing else.

What is there is read from the files of the newest epoch; some articles are also asked for over HTTP.

Contract: `ended` tells the figures, and what is wrong with them.

Not here: what was acknowledged (`feed.py`).
"""

import random
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx2
import orjson

from benchmarks.live.feed import Feed
from benchmarks.live.wire import Client
from benchmarks.live.writing import address_of
from partition.manifest import Layout, read_manifest
from partition.reader import PartitionReader

LOOKED_UP = 200
"""Articles that are asked for one by one."""


async def ended(
    root: Path, client: Client, feed: Feed, partial: Iterable[tuple[str, list[str]]], jobs: httpx2.Client
) -> tuple[dict[str, Any], list[str]]:
    """What is there and what is not.

    Args:
        root: the archive, when everything was indexed.
        client: asks for articles.
        feed: what should be there.
        partial: of bodies of which only some lines were taken: the address of their results, and their ids.
        jobs: asks for results.
    """
    for address, ids in partial:
        rows = [orjson.loads(line) for line in jobs.get(address).text.splitlines()]
        feed.settled(ids, [row["id"] for row in rows if row["status"] in {"created", "corrected"}])
    layout = Layout(root)
    manifest = read_manifest(layout, layout.newest_epoch())
    held: Counter[str] = Counter()
    for partition, record in enumerate(manifest.partitions):
        for segment in PartitionReader(layout.partition(partition), record).segments:
            held.update(map(segment.article_id, segment.live.nonzero()[0].tolist()))
    certain = feed.expected - feed.uncertain
    sample = random.Random(1).sample(sorted(certain), min(LOOKED_UP, len(certain)))
    statuses = Counter([(await client.get(address_of(article_id))).status for article_id in sample])
    wrong = {
        "missing": certain - held.keys(),
        "strangers": held.keys() - feed.expected - feed.uncertain,
        "twice": {article_id for article_id, count in held.items() if count > 1},
    }
    complaints = [f"end: {len(ids)} articles {name}, such as {min(ids)}" for name, ids in wrong.items() if ids]
    if set(statuses) - {200}:
        complaints.append(f"end: articles looked up: {dict(statuses)}")
    return {
        "expected": len(feed.expected),
        "held": held.total(),
        **{name: len(ids) for name, ids in wrong.items()},
        "uncertain": len(feed.uncertain),
        "parked": len(manifest.parked),
        "looked_up": dict(statuses),
    }, complaints
