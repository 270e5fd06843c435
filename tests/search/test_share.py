"""Lists that are looked up in all segments at once: none is believed before it was verified.

Not here: what comes of searches (`test_layouts.py`), damage under a server (`test_damage.py`).
"""

import gc
import weakref
from pathlib import Path

import numpy as np
import pytest

from partition.envelope import HEADER_BYTES, PAGE_BYTES
from partition.kernels.postings import FIRST_WORD
from partition.manifest import Layout
from partition.segment import Segment
from search.leaf import PartitionDamagedError, Slice
from search.query import Every, Filters, Query
from search.share import Share
from search.snapshot import Snapshots
from tests.leaf import leaf_query
from tests.small_index import SmallIndex, article

FIELD = "body"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An archive of two segments, none of which is verified as a whole when it is opened."""
    monkeypatch.setattr("partition.segment.VERIFIED_BYTES", 0)
    with SmallIndex(tmp_path, partitions=1) as index:
        for part in range(2):
            bodies = [" ".join(f"w{number % 50}x{at}" for at in range(70)) for number in range(400)]
            index.put(*(article(f"a/{part}/{number}", body=body) for number, body in enumerate(bodies)))
            index.publish()
    return tmp_path


def _share(root: Path) -> Share:
    (share,) = Snapshots(root).open_current(2).partitions.shares(1)
    return share


def _terms(segment: Segment) -> list[tuple[bytes, range]]:
    """The terms of a segment, and the pages of its file on which their lists lie."""
    first, last = segment.fields[FIELD]["terms"]
    areas = [*(segment.areas & FIRST_WORD).astype(np.int64).tolist(), len(segment.words)]
    found = []
    for term in range(first, last):
        stop = min(areas[term + 1] + 1, len(segment.words))  # readers of bits look one word ahead
        begins, ends = (segment.file.postings_at + 8 * at for at in (areas[term], stop))
        found.append((segment.key(term), range(begins // PAGE_BYTES, -(-ends // PAGE_BYTES))))
    return found


def test_what_is_looked_up_was_verified(root: Path) -> None:
    """The pages of a list are, in every segment; those of other lists need not be."""
    terms = _terms(_share(root).table.places[0].prepared.segment)
    assert len({pages for _key, pages in terms}) > 3
    for key, pages in terms[:: len(terms) // 40]:
        share = _share(root)
        segments = [place.prepared.segment for place in share.table.places]
        assert len(segments) == 2
        before = [segment.file.sound.copy() for segment in segments]
        share.table.rows_of(FIELD, key)
        for segment, sound in zip(segments, before, strict=True):
            now = segment.file.sound
            assert now[pages.start : pages.stop].all()
            others = np.ones(len(now), np.bool_)
            others[pages.start : pages.stop] = False
            assert (now[others] == sound[others]).all()


def test_a_list_on_a_damaged_page_is_refused_and_no_other(root: Path) -> None:
    """Each time that it is asked for; a term that is nowhere has no list."""
    segment = _share(root).table.places[1].prepared.segment
    terms = _terms(segment)
    damaged = sorted({pages.start for _key, pages in terms})[2]
    path = segment.file.path
    content = bytearray(path.read_bytes())
    content[HEADER_BYTES + damaged * PAGE_BYTES] ^= 1
    path.write_bytes(content)
    share = _share(root)
    refused = 0
    for key, pages in terms:
        if damaged in pages:
            refused += 1
            for _attempt in range(2):
                with pytest.raises(PartitionDamagedError, match=path.name):
                    share.table.rows_of(FIELD, key)
        else:
            share.table.rows_of(FIELD, key)
    assert 0 < refused < len(terms)
    assert not any(share.table.rows_of(FIELD, b"nowhere")[: 8 * 5])


def test_segments_that_nobody_has_open_are_let_go(root: Path) -> None:
    """With all that was made of them: their files may be gone from the folder long since."""
    snapshots, newest_epoch = Snapshots(root), Layout(root).newest_epoch()
    (share,) = snapshots.open_current(newest_epoch).partitions.shares(1)
    statistics = snapshots.open_current(newest_epoch).statistics
    asked = leaf_query(Query(Every(), Filters(), "newest"), statistics, Slice(1))._replace(facets=("section", "day"))
    assert share.search(asked).counts
    segments = [weakref.ref(segment) for segment in share.leaves[0].reader.segments]
    assert len(segments) == 2
    del share, asked, statistics
    with SmallIndex(root, partitions=1) as index:
        for number in range(2):
            index.put(article(f"b/{number}", body="more"))
            index.publish(merge=True)
            snapshots.open_current(Layout(root).newest_epoch())
    gc.collect()
    assert [segment() for segment in segments] == [None, None]
