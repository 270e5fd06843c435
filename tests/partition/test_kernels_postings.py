"""Kernels of posting lists and their plain twins: the same words in, the same numbers out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from partition.kernels import bits
from partition.kernels.postings import (
    BLOCK,
    block_docs,
    block_gaps,
    block_tfs,
    encode,
    find,
    last_doc,
    most_words,
    rank,
    row_of,
    seek,
    steps_of,
    tf_at,
)
from partition.kernels.reading import count_live, fill_row, last_live, read_list, read_positions
from tests.reference import postings as plain
from tests.reference.postings import Posting

SIZES = (0, 1, 2, 127, 128, 129, 255, 256, 257, 400)
"""Around the size of a block."""

_compiled = settings(deadline=None)
"""Kernels that only kernels call are compiled when a test first calls one."""


@dataclass(frozen=True)
class Sample:
    """A list in a segment of so many articles."""

    made_from: str
    """What it takes to make it again."""
    articles: int
    postings: list[Posting] = field(repr=False)
    norms: list[float] = field(repr=False)

    @property
    def docs(self) -> list[int]:
        """Its docnums."""
        return [one.doc for one in self.postings]


def _sparse(random: Random, size: int, width: int) -> tuple[list[int], int]:
    """Docnums of which one is so many bits from the one before it, the others less, and the articles there are."""
    differences = [random.getrandbits(random.randint(0, min(width, 20))) for _ in range(size)]
    if size and width:
        differences[random.randrange(size)] = 1 << (width - 1)
    docs = [sum(differences[: at + 1]) + at for at in range(size)]
    return docs, max(16 * size, docs[-1] if docs else 0) + 1 + random.choice((0, 1, 63, 1000))


def _dense(random: Random, size: int) -> tuple[list[int], int]:
    """Docnums of at least every sixteenth article."""
    articles = random.choice((size, 2 * size, random.randint(size, 16 * size), 16 * size))
    return sorted(random.sample(range(articles), size)), articles


@st.composite
def _samples(draw: st.DrawFn, *, max_articles: int = 2**31, positions: bool | None = None) -> Sample:
    # Hypothesis draws the shape; the numbers come from a seed, since drawing each took minutes.
    seed, size, width = draw(st.integers(0, 2**32)), draw(st.sampled_from(SIZES)), draw(st.integers(0, 31))
    gap_width = draw(st.integers(0, 31)) if positions or (positions is None and draw(st.booleans())) else None
    tf_width = draw(st.integers(0, 30 if gap_width is None else 8))
    dense, scored = max_articles < 2**31 or draw(st.booleans()), draw(st.booleans())
    random = Random(seed)
    docs, articles = _dense(random, size) if dense else _sparse(random, size, width)
    norms = [random.uniform(0.3, 5) for _ in range(articles)] if scored and articles < 100_000 else []
    postings = []
    for doc in docs:
        # One frequency in ten is large, or lists of positions would be huge.
        tf = 1 + random.getrandbits(tf_width if random.random() < 0.1 else min(tf_width, 1))
        gaps = (
            [] if gap_width is None else [random.getrandbits(gap_width) >> random.randint(0, 31) for _ in range(tf)]
        )
        postings.append(Posting(doc, tf, tuple(gaps), norms[doc] if norms else None))
    return Sample(f"{seed=} {size=} {width=} {gap_width=} {tf_width=} {dense=}", articles, postings, norms)


def _encoded(sample: Sample, area: int) -> tuple[NDArray[np.uint64], int, int]:
    """The words with `area` others before them and two zeros after, where the list ends, and its largest bound."""
    postings = sample.postings
    room = most_words(len(postings), sum(one.tf for one in postings if one.gaps), sample.articles)
    # A bitmap's worth of words is not needed for a sparse list of a huge segment.
    words = np.zeros(area + min(room, 100_000), np.uint64)
    end, largest = encode(
        np.array([one.doc for one in postings], np.int32),
        np.array([one.tf for one in postings], np.int32),
        len(postings),
        np.array([gap for one in postings for gap in one.gaps], np.int32),
        np.array(sample.norms, np.float64),
        sample.articles,
        words,
        area,
    )
    assert end - area <= room
    assert not words[:area].any()
    assert not words[end:].any()
    return words[: end + 2].copy(), end, largest


def _row(sample: Sample, area: int) -> NDArray[np.int64]:
    rows = np.zeros((1, 8), np.int64)
    fill_row(area, len(sample.postings), sample.articles, rows)
    return rows


@_compiled
@given(sample=_samples(), area=st.sampled_from((0, 1, 77)))
def test_lists_are_written_as_the_format_says(sample: Sample, area: int) -> None:
    """Every word of every list, whatever its length, density and widths."""
    words, end, largest = _encoded(sample, area)
    assert (words[area:end].tolist(), largest) == plain.encode(sample.postings, sample.articles)


@_compiled
@given(sample=_samples(), area=st.sampled_from((0, 1, 77)))
def test_lists_are_read_as_they_were_written(sample: Sample, area: int) -> None:
    """Docnums and frequencies whole, block by block, and one by one."""
    words, _end, _largest = _encoded(sample, area)
    rows, size = _row(sample, area), len(sample.postings)
    docs, tfs = np.zeros(size, np.int32), np.zeros(size, np.int32)
    read_list(words, rows, docs, tfs)
    assert docs.tolist() == sample.docs
    assert tfs.tolist() == [one.tf for one in sample.postings]
    docs_of_block, tfs_of_block = np.zeros((2, BLOCK), np.int32), np.zeros(BLOCK, np.int32)
    for start in range(0, size, BLOCK):
        block = sample.postings[start : start + BLOCK]
        nth = start // BLOCK
        assert block_docs(words, rows, 0, nth, docs_of_block, 1) == len(block)
        block_tfs(words, rows, 0, nth, tfs_of_block)
        assert docs_of_block[1, : len(block)].tolist() == [one.doc for one in block]
        assert tfs_of_block[: len(block)].tolist() == [one.tf for one in block]
        assert last_doc(words, area, nth) == block[-1].doc
        assert steps_of(words, area, nth) == plain.bound_of(block)
        for ordinal in {start, start + len(block) // 2, start + len(block) - 1}:
            assert tf_at(words, rows, 0, ordinal) == sample.postings[ordinal].tf


@_compiled
@given(sample=_samples(positions=True), seed=st.integers(0, 2**32))
def test_positions_are_read_as_they_were_written(sample: Sample, seed: int) -> None:
    """Of any articles of a list, and where the gaps of each block lie."""
    words, _end, _largest = _encoded(sample, 3)
    rows = _row(sample, 3)
    chosen = Random(seed)
    share = chosen.choice((0.02, 0.5, 1))
    some = [one for one in sample.postings if chosen.random() < share]
    docs, ends = np.array([one.doc for one in some], np.int64), np.zeros(len(some), np.int64)
    expected = [place for one in some for place in one.positions]
    room = np.full(len(expected) + 1, -7, np.int64)
    for size in (0, len(expected) // 2, len(expected)):
        assert read_positions(words, rows, docs, ends, room[:size]) == len(expected)
        assert room[:size].tolist() == expected[:size]
        assert ends.tolist() == np.cumsum([one.tf for one in some]).tolist()
    assert room[-1] == -7
    before = np.zeros((1, BLOCK + 1), np.int32)
    for start in range(0, len(sample.postings), BLOCK):
        block = sample.postings[start : start + BLOCK]
        bit, width = block_gaps(words, rows, 0, start // BLOCK, before)
        assert before[0, : len(block) + 1].tolist() == [0, *np.cumsum([one.tf for one in block]).tolist()]
        gaps = [gap for one in block for gap in one.gaps]
        assert [bits.get(words, bit + at * width, width) for at in range(len(gaps))] == gaps


def _asked(random: Random, sample: Sample) -> list[int]:
    """Docnums on the list, beside it, and anywhere in the segment."""
    near = [doc + random.randint(-2, 2) for doc in random.sample(sample.docs, min(20, len(sample.docs)))]
    anywhere = [random.randrange(sample.articles) for _ in range(10)] if sample.articles else []
    return [doc for doc in near + anywhere if 0 <= doc < sample.articles]


@_compiled
@given(sample=_samples(), seed=st.integers(0, 2**32))
def test_articles_are_found(sample: Sample, seed: int) -> None:
    """In any order, with whatever the cursor was left at: ordinal, block, and rank on a dense list."""
    random = Random(seed)
    words, _end, _largest = _encoded(sample, 5)
    rows, docs = _row(sample, 5), sample.docs
    blocks = -(-len(docs) // BLOCK)
    cursors, buffer = np.array([[0, -1]]), np.zeros((1, BLOCK), np.int32)
    for doc in _asked(random, sample):
        hint = random.randint(0, blocks + 1)
        assert seek(words, 5, blocks, hint, doc) == plain.seek(docs, doc)
        assert find(words, rows, 0, doc, cursors, buffer) == plain.find(docs, doc)
        if random.random() < 0.2:
            cursors[0, 0] = hint
        if rows[0, 3] >= 0:
            assert rank(words, rows, 0, doc) == plain.rank(docs, doc)


@_compiled
@given(sample=_samples())
def test_rows_say_where_the_parts_lie(sample: Sample) -> None:
    """Headers, bitmap, ranks and data follow one another."""
    rows = np.full((3, 8), 9, np.int64)
    row_of(100, len(sample.postings), sample.articles, rows, 1)
    blocks = -(-len(sample.postings) // BLOCK)
    data, places = 100 + 2 * blocks, (-1, -1)
    if 16 * len(sample.postings) >= sample.articles:
        places = data, data + -(-sample.articles // 64)
        data = places[1] + -(-sample.articles // 1024)
    assert rows.tolist() == [[9] * 8, [100, len(sample.postings), blocks, *places, data, 9, 9], [9] * 8]


@_compiled
@given(
    samples=st.lists(_samples(max_articles=10_000), min_size=1, max_size=3),
    seed=st.integers(0, 2**32),
    share=st.sampled_from((0, 0.1, 1)),
)
def test_live_articles_are_counted(samples: list[Sample], seed: int, share: float) -> None:
    """Of several lists of one segment at a time, dense and others."""
    random = Random(seed)
    articles = max(sample.articles for sample in samples)
    live = [random.random() >= share for _ in range(articles)]
    words: list[int] = []
    areas = []
    for sample in samples:
        areas.append(len(words))
        words += plain.encode(sample.postings, articles)[0]
    dfs = np.array([len(sample.postings) for sample in samples], np.int64)
    mask = plain.packed([(one, 1) for one in live])
    count_live(
        np.array([*words, 0, 0], np.uint64), np.array(areas, np.int64), articles, np.array(mask, np.uint64), dfs
    )
    assert dfs.tolist() == [sum(live[doc] for doc in sample.docs) for sample in samples]


@_compiled
@given(
    sample=_samples(max_articles=10_000), seed=st.integers(0, 2**32), share=st.sampled_from((0, 0.1, 0.9, 0.99, 1))
)
def test_the_last_live_article_is_found(sample: Sample, seed: int, share: float) -> None:
    """However many that come after it are deleted, blocks of them too."""
    random = Random(seed)
    live = [random.random() >= share for _ in range(sample.articles)]
    words = np.array([*plain.encode(sample.postings, sample.articles)[0], 0, 0], np.uint64)
    mask = np.array(plain.packed([(one, 1) for one in live]), np.uint64)
    assert last_live(words, _row(sample, 0), mask) == max((doc for doc in sample.docs if live[doc]), default=-1)


@pytest.mark.parametrize("width", range(33))
def test_bits_of_every_width(width: int) -> None:
    """Numbers packed at any width, from any bit on, come back, the largest and 0 among them."""
    random = Random(width)
    numbers = [random.choice((0, 2**width - 1, random.getrandbits(width))) for _ in range(200)]
    for at in (0, 1, 63, 64, 130):
        words = np.zeros(110, np.uint64)
        for nth, number in enumerate(numbers):
            bits.put(words, at + nth * width, width, number)
        assert words[at // 64 :][: len(_shifted(numbers, width, at))].tolist() == _shifted(numbers, width, at)
        assert [bits.get(words, at + nth * width, width) for nth in range(200)] == numbers


def _shifted(numbers: Sequence[int], width: int, at: int) -> list[Any]:
    return plain.packed([(0, at % 64), *((number, width) for number in numbers)])


def test_widths_of_numbers() -> None:
    """As many bits as a number has."""
    numbers = [0, *(2**power + more for power in range(1, 40) for more in (-1, 0, 1))]
    assert [bits.width_of(number) for number in numbers] == [number.bit_length() for number in numbers]
