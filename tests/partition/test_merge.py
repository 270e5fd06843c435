"""Merging: a merged segment is the one that its articles would have made, to the byte."""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from partition.build import SegmentBuilder
from partition.changes import Put, Withdraw
from partition.check import check_lists
from partition.documents import DocumentCodec
from partition.format import SegmentFile
from partition.merge import Source, merge_segments
from partition.reader import PartitionReader
from partition.segment import Segment
from partition.vocabulary import Vocabulary
from tests.archive import made_up
from tests.partition.generations import Chain, Change, expected, found, generations
from tests.small_index import small_dictionaries


def _anew(path: Path, puts: Iterable[Put]) -> SegmentFile:
    """The segment of these articles, made at once."""
    builder = SegmentBuilder(Vocabulary(), DocumentCodec())
    for put in puts:
        builder.add(put)
    builder.prepare()
    builder.write(path, None)
    return SegmentFile(path)


def _assert_equal(merged: SegmentFile, anew: SegmentFile, *, frames: bool) -> None:
    """Every section and all that the directory says, but for the frames and where they lie, unless they count too."""
    loose = set() if frames else {"stored", "stored_ends"}
    assert set(merged.directory["sections"]) == set(anew.directory["sections"])
    for name in set(merged.directory["sections"]) - loose:
        one, other = merged.section(name), anew.section(name)
        assert one.dtype == other.dtype, name
        np.testing.assert_array_equal(one, other, name)
    for name in ("articles", "fields", *(["dictionary"] if frames else [])):
        assert merged.directory[name] == anew.directory[name]


@pytest.mark.parametrize("chunk", [1, 10, 16 << 20])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=generations, order=st.randoms(use_true_random=False))
def test_a_merged_segment_is_as_if_made_anew(steps: list[list[Change]], order: Random, chunk: int) -> None:
    """After any puts, corrections, withdrawals and merges, whatever is unpacked at a time: the very same file."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        patched.setattr("partition.merge.CHUNK_OCCURRENCES", chunk)
        chain = Chain(Path(folder))
        for changes in steps:
            chain.write(changes, memory_mb=order.choice((0, 512)), merge=order.random() < 0.3)
            for segment in chain.reader().segments:
                check_lists(segment)
        chain.write([], merge=True)
        live = list(chain.models[-1].values())
        if live:
            (segment,) = chain.reader().segments
            order.shuffle(live)
            anew = _anew(Path(folder, "anew"), live)
            _assert_equal(segment.file, anew, frames=True)
            assert segment.file.path.read_bytes() == anew.path.read_bytes()


def _dead(random: Random, count: int, share: float) -> list[int]:
    return sorted(random.sample(range(count), int(count * share)))


@pytest.mark.parametrize("shares", [(0.0, 0.0, 0.0), (0.1, 0.5, 0.9), (0.3, 1.0, 0.0)])
def test_long_lists(tmp_path: Path, shares: tuple[float, ...]) -> None:
    """Lists of many blocks, dense ones that become sparse and sparse ones that become dense, in uneven segments."""
    random = Random(5)
    segments, kept = [], []
    for at, (count, share) in enumerate(zip((700, 300, 40), shares, strict=True)):
        articles = made_up(count, seed=at, prefix=f"p{at}/")
        _anew(tmp_path / f"{at}.segment", [Put(one, 1, at, seq=1) for one in articles])
        dead = _dead(random, count, share)
        segment = Segment(tmp_path / f"{at}.segment", np.array(dead, np.int64))
        segments.append(segment)
        gone = {segment.article_id(docnum) for docnum in dead}
        kept += [Put(one, 1, at, seq=1) for one in articles if one.id not in gone]
    sources = [Source(segment, DocumentCodec()) for segment in segments]
    record, _numbers = merge_segments(tmp_path / "merged.segment", sources, DocumentCodec(), None)
    merged = Segment(tmp_path / "merged.segment", np.empty(0, np.int64), seal=record.seal)
    check_lists(merged)
    assert merged.size == len(kept)
    _assert_equal(merged.file, _anew(tmp_path / "anew.segment", kept), frames=True)
    assert merged.file.path.read_bytes() == (tmp_path / "anew.segment").read_bytes()
    lists = [merged.list_at(term) for term in range(len(merged.dfs))]
    assert max(found.df for found in lists) > 128
    assert {found.row[3] >= 0 for found in lists} == {True, False}, "dense lists and others"


def test_articles_under_several_dictionaries(tmp_path: Path) -> None:
    """Segments with a dictionary, with another and with none: all are read, and merged under that of the largest."""
    chain = Chain(tmp_path)
    chain.write([Put(one, 1, 0, seq=1) for one in made_up(30, prefix="plain")])
    with small_dictionaries():
        chain.write([Put(one, 2, 0, seq=1) for one in made_up(60, prefix="first")])
    (first,) = chain.root.glob("*.dictionary")
    chain.write([Put(one, 3, 0, seq=1) for one in made_up(20, prefix="later")])
    assert [segment.file.directory["dictionary"] for segment in chain.reader().segments] == [
        None,
        first.name,
        first.name,
    ]
    assert found(chain.reader()) == {one: expected(put) for one, put in chain.models[-1].items()}
    chain.write([], merge=True)
    (segment,) = chain.reader().segments
    assert segment.file.directory["dictionary"] == first.name
    assert found(chain.reader()) == {one: expected(put) for one, put in chain.models[-1].items()}
    _assert_equal(segment.file, _anew(tmp_path / "anew", chain.models[-1].values()), frames=False)


def test_a_dictionary_that_nobody_uses_is_dropped(tmp_path: Path) -> None:
    """With the last article that was compressed with it."""
    chain = Chain(tmp_path)
    chain.write([Put(one, 1, 0, seq=1) for one in made_up(30, prefix="plain")])
    with small_dictionaries():
        chain.write([Put(one, 2, 0, seq=1) for one in made_up(20, prefix="first")])
    assert len(list(chain.root.glob("*.dictionary"))) == 1
    record = chain.write([Withdraw(one.id, seq=2) for one in made_up(20, prefix="first")])
    assert [Path(file.name).suffix for file in record.files] == [".segment"]
    assert len(PartitionReader(chain.root, record).segments) == 1
