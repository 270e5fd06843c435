"""Scoring: arrays, kernels and plain floats agree to the last bit, also about what is left with age."""

import math
from typing import Any

import numba
import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from partition.kernels.ranking import ROUND, contribution, least_sum, score_from
from partition.kernels.views import SegmentView
from partition.schema import FIELD_BOOSTS, NO_DATE_MS
from partition.scoring import (
    FLOOR,
    FRACTION_BITS,
    K1,
    ONE,
    STEPS,
    B,
    constant,
    contributions,
    decayed,
    decays,
    norms_of,
)
from partition.statistics import inverse_document_frequency
from search.parsing import MAX_BOOST, MAX_CLAUSES
from tests.reference.naive import decay as plain_decay

_tf = st.integers(1, 10**6)
_matches = st.lists(st.tuples(_tf, st.integers(1, 10**7)), max_size=40)
_weights = st.floats(1e-6, 1e4)
_averages = st.floats(1e-3, 1e6)


_HEAVIEST = MAX_CLAUSES * MAX_BOOST * max(FIELD_BOOSTS.values()) * inverse_document_frequency(10**12, 1)
"""The weight of the rarest word of a trillion articles, said and boosted as often and as much as a query may."""


@numba.njit("void(f8, i4[::1], f8[::1], f8[::1])", error_model="numpy")  # type: ignore[untyped-decorator]  # as kernels call it: in a loop over a block
def _in_a_loop(weight: float, tfs: Any, norms: Any, added: Any) -> None:
    for at in range(len(tfs)):
        added[at] = contribution(weight, np.float64(tfs[at]), norms[at])


def _plain(tf: int, length: int, weight: float, average_length: float) -> int:
    norm = 1.0 - B + B * float(length) / average_length
    saturation = float(tf) * (K1 + 1.0) / (float(tf) + K1 * norm)
    return round(weight * saturation * 16777216)


def _scores(matches: list[tuple[int, int]], weight: float, average_length: float) -> list[int]:
    tf = np.array([tf for tf, _length in matches], dtype=np.float64)
    length = np.array([length for _tf_, length in matches], dtype=np.float64)
    scored: list[int] = contributions(tf, length, weight=weight, average_length=average_length).tolist()
    return scored


@given(matches=_matches, weight=_weights, average_length=_averages)
def test_arrays_equal_scalars(matches: list[tuple[int, int]], weight: float, average_length: float) -> None:
    """Every contribution is the one that Python's own floats give, in the documented order of operations."""
    expected = [_plain(tf, length, weight, average_length) for tf, length in matches]
    assert _scores(matches, weight, average_length) == expected


@given(matches=_matches, weight=_weights, average_length=_averages)
def test_norms_are_the_lengths_in_the_formula(
    matches: list[tuple[int, int]], weight: float, average_length: float
) -> None:
    """What kernels compute from norms is the same to the last bit."""
    norms = norms_of(np.array([length for _tf_, length in matches], np.uint32), average_length).tolist()
    expected = [
        round(weight * (float(tf) * (K1 + 1.0) / (float(tf) + norm)) * 16777216)
        for (tf, _length), norm in zip(matches, norms, strict=True)
    ]
    assert _scores(matches, weight, average_length) == expected


@given(matches=_matches, weight=_weights, average_length=_averages, cut=st.integers(0, 40))
def test_scores_do_not_depend_on_their_neighbours(
    matches: list[tuple[int, int]], weight: float, average_length: float, cut: int
) -> None:
    """However articles are cut into segments (and into SIMD lanes), each has the same score."""
    whole = _scores(matches, weight, average_length)
    parts = [*_scores(matches[:cut], weight, average_length), *_scores(matches[cut:], weight, average_length)]
    assert whole == parts


def _by_kernels(weight: float, tfs: list[int], norms: list[float]) -> list[float]:
    added: NDArray[np.float64] = np.empty(len(tfs))
    _in_a_loop(weight, np.array(tfs, np.int32), np.array(norms, np.float64), added)
    scores: list[float] = added.tolist()
    return scores


@given(
    postings=st.lists(st.tuples(_tf, st.floats(K1 * (1 - B), 1e9)), min_size=1, max_size=40),
    weight=st.floats(0.0, _HEAVIEST, exclude_min=True),
)
@example(postings=[(10**6, K1 * (1 - B))], weight=_HEAVIEST)
def test_kernels_round_as_plain_floats_do(postings: list[tuple[int, float]], weight: float) -> None:
    """Adding a large number and taking it away again is `round`, up to the largest weight that a query can have."""
    expected = [round(weight * (float(tf) * (K1 + 1.0) / (float(tf) + norm)) * 16777216) for tf, norm in postings]
    assert _by_kernels(weight, [tf for tf, _norm in postings], [norm for _tf_, norm in postings]) == expected
    assert max(expected) < ROUND / 3, "below 2^51, where this is so"


@given(whole=st.integers(0, int(_HEAVIEST * ONE)))
@example(whole=0)
@example(whole=1)
def test_kernels_round_ties_to_even(whole: int) -> None:
    """Exactly in the middle between two numbers, the even one is taken, as `round` and NumPy do."""
    norm = K1 + 1.0 - 1.0
    assert 1.0 * (K1 + 1.0) / (1.0 + norm) == 1.0, "one occurrence adds the weight itself"
    weight = (whole + 0.5) / ONE
    assert weight * ONE == whole + 0.5
    assert _by_kernels(weight, [1], [norm]) == [whole + whole % 2]
    lengths = np.array([100.0])
    assert contributions(np.ones(1), lengths, weight=weight, average_length=100.0).tolist() == [whole + whole % 2]


@given(tf=_tf, length=st.integers(1, 10**7), weight=_weights, average_length=_averages)
def test_more_is_never_less(tf: int, length: int, weight: float, average_length: float) -> None:
    """Another occurrence never costs, a longer field never pays; nothing exceeds weight * (k1 + 1)."""
    once, twice = _scores([(tf, length), (tf + 1, length)], weight, average_length)
    assert once <= twice <= weight * (K1 + 1) * ONE + 1
    assert once >= _scores([(tf, length + 1)], weight, average_length)[0] >= 0


def test_known_scores() -> None:
    """A match in an article of average length scores its weight: frozen, since cursors carry scores."""
    assert ONE == 2**FRACTION_BITS == 16_777_216
    assert _scores([(1, 100), (2, 100), (1, 200)], 1.0, 100.0) == [16_777_216, 23_068_672, 11_906_411]
    assert constant(1.0) == ONE
    assert constant(0.1) == 1_677_722


HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
_TIMES = st.integers(-62_135_596_800_000, 253_402_300_799_999)
"""What dates of the years 1 to 9999 are."""


@given(
    times=st.lists(st.none() | _TIMES, max_size=40),
    half_life_ms=st.integers(HOUR_MS, 100 * 365 * DAY_MS),
    origin_ms=_TIMES,
)
@example(times=[None, -(10**13), 0, 1, 10**13], half_life_ms=HOUR_MS, origin_ms=0)
def test_what_is_left_with_age(times: list[int | None], half_life_ms: int, origin_ms: int) -> None:
    """Each is what plain floats give; newer is never less; all is left of the new, the floor of the undated."""
    times = sorted(times, key=lambda time_ms: NO_DATE_MS if time_ms is None else time_ms)
    published_ms = np.array([NO_DATE_MS if time_ms is None else time_ms for time_ms in times], np.int64)
    left = decays(published_ms, half_life_ms=half_life_ms, origin_ms=origin_ms).tolist()
    assert left == [plain_decay(time_ms, half_life_ms, origin_ms) for time_ms in times]
    assert left == sorted(left)
    assert all(FLOOR <= one <= 1.0 for one in left)
    for time_ms, one in zip(times, left, strict=True):
        assert one == 1.0 or (time_ms is None or time_ms < origin_ms)
        assert one == FLOOR or time_ms is not None


def test_half_lives() -> None:
    """After one, half of what lies above the floor is left, exactly; in between it falls as powers of 1/2 do."""
    step_ms = HOUR_MS
    ages = np.arange(0, 3 * STEPS + 1)
    left = decays(-ages * step_ms, half_life_ms=STEPS * step_ms, origin_ms=0)
    assert left[[0, STEPS, 2 * STEPS, 3 * STEPS]].tolist() == [1.0, 0.625, 0.4375, 0.34375]
    assert (np.diff(left) < 0).all()
    np.testing.assert_allclose(left, 0.25 + 0.75 * 2.0 ** (-ages / STEPS), rtol=1e-15)
    assert (
        decays(-ages * step_ms - (step_ms - 1), half_life_ms=STEPS * step_ms, origin_ms=0).tolist() == left.tolist()
    )


def test_known_decay() -> None:
    """Frozen, as known scores are: no machine may find another value."""
    ages = np.array([1, 3, 100, 255, 1000])
    left = decays(-ages, half_life_ms=STEPS, origin_ms=0)
    assert [one.hex() for one in left.tolist()] == [
        *("0x1.fef63105f9ae3p-1", "0x1.fce4ba8ee1fcfp-1", "0x1.a4ea334736e32p-1"),
        *("0x1.408543bc40d8fp-1", "0x1.333905703711fp-2"),
    ]
    assert decayed(np.array([ONE, 3]), np.array([left[1], 0.5])).tolist() == [16_675_421, 2]


def _view(decay: list[float]) -> SegmentView:
    empty = np.empty(0, np.int64)
    words, sizes = empty.view(np.uint64), np.empty(0, np.uint32)
    for array in (empty, words, sizes):
        array.flags.writeable = False
    ids = np.empty(0, np.uint8)
    ids.flags.writeable = False
    return SegmentView(words, np.empty((0, 0)), empty, words, ids, sizes, 0, np.array(decay))


_sums = st.integers(0, int(_HEAVIEST * (K1 + 1) * ONE))
_decays = st.lists(st.floats(FLOOR, 1.0), min_size=1, max_size=5)


@settings(deadline=None)  # the first call compiles
@given(sums=_sums, decay=_decays)
def test_kernels_decay_as_arrays_do(sums: int, decay: list[float]) -> None:
    """Each score is the rounded product; where nothing decays it is the sum."""
    for doc, one in enumerate(decay):
        expected = decayed(np.array([sums]), np.array([one])).tolist()
        assert score_from(_view(decay), doc, float(sums)) == expected[0] == round(sums * one)
    assert score_from(_view([]), 0, float(sums)) == sums


@settings(deadline=None)  # as above
@given(threshold=_sums, decay=_decays, short=st.floats(0.0, 1.0), tiny=st.integers(1, 1000))
def test_what_is_less_than_the_least_sum_does_not_reach_the_threshold(
    threshold: int, decay: list[float], short: float, tiny: int
) -> None:
    """Not even the newest article; and what does reach it is at least the least sum, which is not much too low."""
    view = _view(sorted(decay))
    newest = len(decay) - 1
    least = least_sum(view, float(threshold), newest + 1)
    for less in (least * short, float(math.ceil(least) - tiny)):
        if 0 <= less < least:
            assert score_from(view, newest, less) < threshold
    assert score_from(view, newest, least + 2.0 / FLOOR + least * 1e-9) >= threshold
    assert least_sum(_view([]), float(threshold), 7) == threshold
