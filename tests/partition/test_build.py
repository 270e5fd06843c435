"""Building: the segment depends on its articles alone, not on how they came or what was held at a time."""

from collections.abc import Sequence
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from partition.build import SegmentBuilder
from partition.changes import Put
from partition.documents import DocumentCodec
from partition.format import SegmentFile
from partition.inversion import chunks_of
from partition.types import Article
from partition.vocabulary import Vocabulary
from tests.archive import made_up
from tests.small_index import small_dictionaries

ARTICLES = made_up(400, prefix="b")


def _built(path: Path, articles: Sequence[Article], codec: DocumentCodec | None) -> SegmentBuilder:
    path.unlink(missing_ok=True)
    builder = SegmentBuilder(Vocabulary(), codec)
    for article in articles:
        builder.add(Put(article, 1, 0, seq=1))
    builder.prepare()
    builder.write(path, None)
    return builder


@pytest.fixture(scope="module")
def at_once(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file made of all articles at once."""
    path = tmp_path_factory.mktemp("built") / "at_once"
    _built(path, ARTICLES, DocumentCodec())
    return path.read_bytes()


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    order=st.randoms(use_true_random=False),
    analysed=st.sampled_from((0, 3000, 1 << 20)),
    joined=st.sampled_from((1, 100, 5000)),
)
def test_the_order_and_the_pace_do_not_matter(
    tmp_path: Path, at_once: bytes, order: Random, analysed: int, joined: int
) -> None:
    """Articles in any order, analysed and joined in pieces of any size: the same file, to the byte."""
    articles = order.sample(ARTICLES, len(ARTICLES))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("partition.build.ANALYSED_BYTES", analysed)
        patched.setattr("partition.inversion.JOINED_OCCURRENCES", joined)
        _built(tmp_path / "in_pieces", articles, DocumentCodec())
    assert (tmp_path / "in_pieces").read_bytes() == at_once


def test_a_dictionary_is_trained_on_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As soon as there is enough to learn from: articles are compressed from then on, those before as well."""
    monkeypatch.setattr("partition.build.TRAINING_BYTES", 40_000)
    with small_dictionaries():
        builder = SegmentBuilder(Vocabulary(), None)
        trained = None
        for at, article in enumerate(ARTICLES):
            builder.add(Put(article, 1, 0, seq=1))
            if builder.codec and trained is None:
                trained = at
        assert trained
        assert trained < 300
        assert builder.codec
        assert builder.codec.dictionary
        builder.write(tmp_path / "trained", "a.dictionary")
    file = SegmentFile(tmp_path / "trained")
    stored, ends = file.section("stored"), file.section("stored_ends").tolist()
    frames = (stored[start:end].tobytes() for start, end in zip([0, *ends], ends, strict=False))
    assert {builder.codec.read(frame)["id"] for frame in frames} == {one.id for one in ARTICLES}


@given(totals=st.lists(st.integers(0, 20), max_size=30), most=st.integers(1, 30))
def test_chunks_hold_what_they_may(totals: list[int], most: int) -> None:
    """Every term once, in order; only a term that is too large by itself makes a chunk too large."""
    chunks = list(chunks_of(np.array(totals, np.int64), most))
    assert [at for first, last in chunks for at in range(first, last)] == list(range(len(totals)))
    for first, last in chunks:
        assert last == first + 1 or sum(totals[first:last]) <= most
        assert last == len(totals) or sum(totals[first : last + 1]) > most
