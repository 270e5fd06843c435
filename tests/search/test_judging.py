"""Judging at sight: what was judged once is not judged again, and not all of it is remembered."""

import asyncio
from types import SimpleNamespace
from typing import cast

from partition.manifest import RootManifest
from search.dependence import Dependence, Spelling
from search.judging import MAX_JUDGED, MAX_JUDGED_BYTES, SightJudge

MANIFEST = cast(
    "RootManifest",
    SimpleNamespace(
        archive="a",
        lineage=0,
        epoch=7,
        identity=b"i",
        partitions=(None, None),
        erased_seq=3,
        since_seq=5,
        applied_seq=9,
        statistics_epoch=1,
    ),
)


def stamp(seq: int = 9, erased_seq: int = 3, *, pinned: bool = False, written: str = "") -> bytes:
    """Of an answer."""
    spellings = (Spelling("section", "a", written),) if written else ()
    one = Dependence("a", 0, 2, erased_seq, seq, 1, pinned=pinned, spellings=spellings)
    return one.stamp()


def test_what_is_said_again_is_the_same() -> None:
    """Whatever it was."""
    judge = SightJudge(MANIFEST)
    cases = {
        stamp(): None,
        stamp(8, pinned=True): None,
        stamp(8): "unknown",
        stamp(10): "newer",
        stamp(4): "old",
        stamp(erased_seq=2): "redaction",
        b"none of ours": "unreadable",
    }
    for _ in range(3):
        for one, objection in cases.items():
            assert asyncio.run(judge.objection(one)) == objection


def test_what_is_remembered_is_bounded() -> None:
    """In number and in bytes; nothing is judged otherwise for that."""

    async def judged() -> None:
        judge = SightJudge(MANIFEST)
        for number in range(2 * MAX_JUDGED):
            assert await judge.objection(stamp(written=str(number))) is None
            assert len(judge._judged) <= MAX_JUDGED
        long = stamp(written="x" * MAX_JUDGED_BYTES)
        assert await judge.objection(long) is None
        assert long not in judge._judged

    asyncio.run(judged())
