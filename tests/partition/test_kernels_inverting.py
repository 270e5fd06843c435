"""Kernels that make lists, from words and from other lists, and their plain twins."""

from collections.abc import Sequence
from itertools import accumulate
from random import Random

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from partition.kernels.invert import append_runs, count_terms, encode_terms, scatter
from partition.kernels.merging import merge_runs, unpack_lists
from partition.kernels.postings import most_words
from partition.kernels.terms import group_keys, lower_bound
from tests.reference import postings as plain


def _articles(random: Random, size: int) -> list[list[int]]:
    """So many articles of a few words; the smallest terms are in most of them, the largest in few."""
    return [
        [min(random.getrandbits(3), random.randrange(40)) for _ in range(random.choice((0, 1, 5, 20)))]
        for _ in range(size)
    ]


def _scattered(articles: list[list[int]], order: list[int]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Occurrences as the kernels sort them, and where those of each of 40 terms end."""
    tokens = np.array([term for words in articles for term in words], np.int32)
    counts = np.zeros(40, np.int64)
    count_terms(tokens, counts)
    ends = np.cumsum([len(words) for words in articles], dtype=np.int64)
    starts = ends - np.array([len(words) for words in articles], np.int64)
    places = np.cumsum(counts) - counts
    occurrences = np.zeros(len(tokens), np.uint64)
    scatter(tokens, starts, ends, np.array(order, np.int64), places, occurrences)
    assert places.tolist() == np.cumsum(counts).tolist()
    return occurrences, places


_sizes = st.sampled_from((1, 2, 127, 128, 129, 300))


@given(seed=st.integers(0, 2**32), size=st.sampled_from((0, 1, 2, 50)))
def test_words_are_sorted_by_term(seed: int, size: int) -> None:
    """By term, then by docnum, then by position, whatever docnum an article gets."""
    random = Random(seed)
    articles, order = _articles(random, size), random.sample(range(size), size)
    occurrences, stops = _scattered(articles, order)
    lists = plain.inverted(articles, order)
    assert [(word >> 32, word % 2**32) for word in occurrences.tolist()] == [
        place for places in lists.values() for place in places
    ]
    assert stops.tolist() == list(accumulate(len(lists.get(term, ())) for term in range(40)))


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32),
    size=_sizes,
    positions=st.booleans(),
    scored=st.booleans(),
    room=st.sampled_from((0, 50, 100_000)),
)
def test_lists_of_all_terms(seed: int, size: int, room: int, *, positions: bool, scored: bool) -> None:
    """Each as its twin writes it, one after the other, in as many goes as the room for words needs."""
    random = Random(seed)
    articles = _articles(random, size)
    occurrences, stops = _scattered(articles, list(range(size)))
    starts = np.concatenate([np.zeros(1, np.int64), stops[:-1]])
    used = np.flatnonzero(stops > starts)
    starts, stops = starts[used], stops[used]
    norms = [random.uniform(0.3, 5) for _ in range(size)] if scored else []
    areas, dfs, totals = (np.zeros(len(used), np.int64) for _ in range(3))
    longest = int((stops - starts).max(initial=0))
    words = np.zeros(most_words(longest, longest, size) + room, np.uint64)
    state, term, base, found = np.zeros(1, np.int64), 0, 7, []
    while term < len(used):
        before = term
        term = encode_terms(
            *(occurrences, starts, stops, term, positions, np.array(norms, np.float64), size),
            *(words, base, areas, dfs, totals, state),
        )
        assert term > before
        written = int(state[0])
        assert not words[written:].any()
        found += words[:written].tolist()
        base += written
        words[:] = 0
    lists = [
        plain.postings_of(places, norms, positions=positions)
        for places in plain.inverted(articles, range(size)).values()
    ]
    encoded = [plain.encode(postings, size) for postings in lists]
    assert found == [word for list_, _largest in encoded for word in list_]
    firsts = [7 + before for before in accumulate((len(list_) for list_, _ in encoded), initial=0)]
    assert areas.tolist() == [first | largest << 48 for first, (_, largest) in zip(firsts, encoded, strict=False)]
    assert dfs.tolist() == [len(postings) for postings in lists]
    assert totals.tolist() == [sum(one.tf for one in postings) for postings in lists]


@settings(deadline=None)
@given(seed=st.integers(0, 2**32), sizes=st.lists(_sizes, min_size=1, max_size=3), positions=st.booleans())
def test_lists_of_several_segments_become_one(seed: int, sizes: list[int], *, positions: bool) -> None:
    """Unpacked and merged, without the deleted, as if all live articles had been inverted together."""
    random = Random(seed)
    segments = [_articles(random, size) for size in sizes]
    places = [(at, docnum) for at, segment in enumerate(segments) for docnum in range(len(segment))]
    share = random.choice((0, 0.3, 1))
    live = [place for place in places if random.random() >= share]
    merged = _interleaved(random, live)
    number_of = {place: number for number, place in enumerate(merged)}
    expected = plain.inverted([segments[at][docnum] for at, docnum in merged], range(len(merged)))
    totals = [sum(words.count(term) for segment in segments for words in segment) for term in range(40)]
    starts = np.cumsum(totals, dtype=np.int64) - np.array(totals, np.int64)
    next_places = starts.copy()
    occurrences = np.full(sum(totals), 2**64 - 1, np.uint64)
    ends = np.zeros((len(segments), 40), np.int64)
    for at, segment in enumerate(segments):
        words, lists = _written(segment, positions=positions)
        numbers = np.array([number_of.get((at, docnum), -1) for docnum in range(len(segment))], np.int32)
        unpack_lists(words, lists, len(segment), numbers, positions, next_places, occurrences)
        ends[at] = next_places
    merge_runs(occurrences, ends, starts)
    for term in range(40):
        found = occurrences[starts[term] : next_places[term]].tolist()
        of_term = expected.get(term, [])
        if positions:
            assert [(word >> 32, word % 2**32) for word in found] == of_term
        else:
            assert [word >> 32 for word in found] == [doc for doc, _position in of_term]


def _interleaved(random: Random, live: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The articles of several segments in one order that keeps each segment's own."""
    queues: dict[int, list[tuple[int, int]]] = {}
    for at, docnum in live:
        queues.setdefault(at, []).append((at, docnum))
    merged = []
    while queues:
        at = random.choice(sorted(queues))
        run = random.choice((1, 1, 50))
        merged += queues[at][:run]
        queues[at] = queues[at][run:]
        if not queues[at]:
            del queues[at]
    return merged


def _written(segment: list[list[int]], *, positions: bool) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """The words of a segment's lists; of each: its term, its first word, its articles."""
    words: list[int] = []
    lists = []
    for term, places in plain.inverted(segment, range(len(segment))).items():
        postings = plain.postings_of(places, [], positions=positions)
        lists.append((term, len(words), len(postings)))
        words += plain.encode(postings, len(segment))[0]
    return np.array([*words, 0, 0], np.uint64), np.array(lists, np.int64).reshape(-1, 3)


@given(
    fields=st.lists(
        st.tuples(st.integers(1, 3), st.lists(st.lists(st.integers(0, 10**12), max_size=6), min_size=4, max_size=4)),
        min_size=1,
        max_size=3,
    )
)
def test_fields_are_joined_term_by_term(fields: list[tuple[int, list[list[int]]]]) -> None:
    """A field of several has the occurrences of each, as often as it weighs, in order."""
    totals = np.sum([[times * len(run) for run in runs] for times, runs in fields], axis=0)
    starts = np.cumsum(totals) - totals
    places, joined, ends = starts.copy(), np.zeros(int(totals.sum()), np.uint64), []
    for times, runs in fields:
        sizes = np.array([len(run) for run in runs], np.int64)
        flat = np.array([word for run in runs for word in sorted(run)], np.uint64)
        stops = np.cumsum(sizes)
        append_runs(flat, stops - sizes, stops, times, places, joined)
        ends.append(places.copy())
    merge_runs(joined, np.array(ends), starts)
    expected = [sorted(word for times, runs in fields for word in runs[term] * times) for term in range(4)]
    assert joined.tolist() == [word for run in expected for word in run]
    assert places.tolist() == (starts + totals).tolist()


_keys = st.text("abé中𐌰9_", min_size=1, max_size=4).map(str.encode)
_dictionaries = st.lists(_keys, max_size=12, unique=True).map(sorted)


@given(
    keys=_dictionaries, text=st.binary(max_size=5) | _keys, bounds=st.tuples(st.integers(0, 12), st.integers(0, 12))
)
@example(keys=[b"a", b"ab", b"b"], text=b"", bounds=(0, 3))
def test_lower_bounds(keys: list[bytes], text: bytes, bounds: tuple[int, int]) -> None:
    """Over all of a dictionary and over any range of it."""
    low, high = sorted(min(bound, len(keys)) for bound in bounds)
    joined = np.frombuffer(b"".join(keys), np.uint8)
    ends = np.cumsum([len(key) for key in keys], dtype=np.uint32)
    wanted = np.frombuffer(text, np.uint8)
    assert lower_bound(joined, ends, 0, len(keys), wanted) == plain.lower_bound(keys, text)
    assert lower_bound(joined, ends, low, high, wanted) == low + plain.lower_bound(keys[low:high], text)


@given(sources=st.lists(_dictionaries, min_size=1, max_size=5))
def test_dictionaries_are_grouped(sources: list[list[bytes]]) -> None:
    """Each key is told which of all different texts it is, in their order."""
    keys = [key for source in sources for key in source]
    ends = np.cumsum([len(key) for key in keys], dtype=np.int64)
    starts = ends - np.array([len(key) for key in keys], np.int64)
    bounds = np.cumsum([0, *(len(source) for source in sources)], dtype=np.int64)
    groups, firsts = np.full(len(keys), -1, np.int64), np.full(len(keys), -1, np.int64)
    joined = np.frombuffer(b"".join(keys), np.uint8)
    count = group_keys(joined, starts, ends, bounds, groups, firsts)
    expected, different = plain.grouped(sources)
    assert groups.tolist() == expected
    assert [keys[at] for at in firsts[:count].tolist()] == different


@pytest.mark.parametrize("size", [1, 128, 129, 1000])
def test_a_list_in_every_article_with_one_frequency_takes_no_data(size: int) -> None:
    """Headers, a bitmap and its ranks: what is the same everywhere costs nothing."""
    occurrences = np.arange(size, dtype=np.uint64) << np.uint64(32)
    areas, dfs, totals, state = (np.zeros(1, np.int64) for _ in range(4))
    words = np.zeros(10_000, np.uint64)
    bounds = np.array([0, size], np.int64)
    encode_terms(
        *(occurrences, bounds[:1], bounds[1:], 0, False, np.zeros(0), size, words, 0, areas, dfs, totals, state)
    )
    assert state[0] == 2 * -(-size // 128) + -(-size // 64) + -(-size // 1024)
