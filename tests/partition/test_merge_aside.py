"""Merging beside the writer: whatever happens between its beginning and the epoch that takes it, no state changes."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from partition.changes import Put, Withdraw
from partition.manifest import GenerationRecord
from partition.merge_aside import MergedSegments, merge_aside
from partition.reader import OpenFiles, PartitionReader
from tests.partition.generations import Chain, Change, expected, found, generations
from tests.small_index import article


def _aside(chain: Chain, since_seq: int, larger_than: int = -1) -> MergedSegments | None:
    written: list[Path] = []
    assert chain.record
    merged = merge_aside(
        chain.root,
        chain.record,
        since_seq=since_seq,
        larger_than=larger_than,
        opened=OpenFiles(),
        writing=written.append,
    )
    if merged and merged.file:
        assert written == [chain.root / merged.file.name]
    return merged


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=generations, since=st.integers(0, 5), waits=st.lists(st.integers(1, 3), min_size=5, max_size=5))
def test_no_state_changes(steps: list[list[Change]], since: int, waits: list[int]) -> None:
    """Each merge is taken some generations later; what was deleted meanwhile is deleted in what it became."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        patched.setattr("partition.merge_policy.FACTOR", 2)
        chain, merging = Chain(Path(folder)), None
        due = 0
        for number, changes in enumerate(steps):
            since_seq = min(since, number)
            taken = (merging,) if merging and number >= due else ()
            chain.write(changes, since_seq=since_seq, merge_up_to=0, merged=taken)
            if taken:
                event("taken")
                merging = None
            if merging is None:
                merging, due = _aside(chain, since_seq), number + waits[number]
        assert chain.record
        for seq in range(min(since, len(steps)), len(steps) + 1):
            reader = PartitionReader(chain.root, chain.record, seq=seq)
            assert found(reader) == {one: expected(put) for one, put in chain.models[seq].items()}


def test_large_segments_are_left_for_it(tmp_path: Path) -> None:
    """The writer merges small ones, also meanwhile."""
    chain = Chain(tmp_path)

    def write(articles: int) -> GenerationRecord:
        for number in range(4):
            ids = (f"{articles}/{number}/{at}" for at in range(articles))
            record = chain.write([Put(article(one), 1, 0, seq=1) for one in ids], merge_up_to=29)
        return record

    assert write(30).segments == 4
    assert _aside(chain, 0, larger_than=30) is None
    merged = _aside(chain, 0, larger_than=29)
    assert merged
    assert len(merged.sources) == 4
    record = write(5)
    assert (record.segments, record.articles) == (5, 140)
    record = chain.write([Withdraw("30/0/0", seq=1)], merge_up_to=29, since_seq=0, merged=(merged,))
    assert (record.segments, record.articles, record.tombstones) == (2, 139, 1)


def test_what_was_merged_otherwise_meanwhile_is_not_taken(tmp_path: Path) -> None:
    """Then its file is named by nobody, and no article is there twice."""
    chain = Chain(tmp_path)
    for number in range(4):
        chain.write([Put(article(f"{number}"), 1, 0, seq=1)], merge_up_to=0)
    merged = _aside(chain, 0)
    assert merged
    assert merged.file
    chain.write([Put(article("more"), 1, 0, seq=1)], merge=True)
    record = chain.write([Put(article("most"), 1, 0, seq=1)], merged=(merged,))
    assert record.articles == 6
    assert merged.file.name not in {file.name for file in record.files}


def test_nothing_may_be_left(tmp_path: Path) -> None:
    """Of segments that no state shows any more."""
    chain = Chain(tmp_path)
    for number in range(4):
        chain.write([Put(article(f"{number}"), 1, 0, seq=1)], merge_up_to=0)
    chain.write([Withdraw(f"{number}", seq=1) for number in range(4)], merge_up_to=0)
    merged = _aside(chain, since_seq=5)
    assert merged
    assert merged.file is None
    while merged is not None:
        record = chain.write([], merge_up_to=0, merged=(merged,))
        merged = _aside(chain, since_seq=5)
    assert record.segments == 0
