"""The arrival schedule of a fixed offered rate."""

import itertools
import statistics

import pytest

from loadtests.arrivals import poisson_arrivals


def test_the_schedule_offers_the_rate_within_the_window() -> None:
    """Moments ascend in [0, seconds), and their number is the rate times the seconds, within its spread."""
    moments = list(poisson_arrivals(500.0, 60.0, seed=1))
    assert moments == sorted(moments)
    assert 0 <= moments[0] < moments[-1] < 60
    assert len(moments) == pytest.approx(30_000, abs=4 * 30_000**0.5)


def test_gaps_are_exponential() -> None:
    """Mean and standard deviation of the gaps are both one over the rate, and one gap says nothing of the next."""
    gaps = [later - earlier for earlier, later in itertools.pairwise(poisson_arrivals(200.0, 200.0, seed=5))]
    assert statistics.mean(gaps) == pytest.approx(1 / 200, rel=0.03)
    assert statistics.stdev(gaps) == pytest.approx(1 / 200, rel=0.03)
    assert statistics.correlation(gaps[:-1], gaps[1:]) == pytest.approx(0, abs=0.03)


def test_the_seed_decides() -> None:
    """A run can be repeated exactly."""
    assert list(poisson_arrivals(50.0, 2.0, seed=9)) == list(poisson_arrivals(50.0, 2.0, seed=9))
    assert list(poisson_arrivals(50.0, 2.0, seed=9)) != list(poisson_arrivals(50.0, 2.0, seed=10))
