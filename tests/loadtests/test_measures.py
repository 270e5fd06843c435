"""Counts, exact percentiles and the figures made of them."""

from hypothesis import given
from hypothesis import strategies as st

from loadtests.measures import Tally, combined, percentile


def test_percentiles_are_nearest_ranks() -> None:
    """Of 1 to 100, the 95th percentile is 95, not something between two values; rounding never adds a rank."""
    ascending = [float(value) for value in range(1, 101)]
    assert [percentile(ascending, percent) for percent in (7, 50, 95, 99, 100)] == [7, 50, 95, 99, 100]
    assert percentile([3.25], 50) == 3.25
    assert percentile([], 50) is None


@given(st.lists(st.floats(0, 1e6), min_size=1), st.integers(1, 100))
def test_a_percentile_is_the_smallest_value_with_enough_below(values: list[float], percent: int) -> None:
    """At least `percent` % of the values are no greater, and fewer are no greater than any smaller value."""
    found = percentile(sorted(values), percent)
    assert found is not None
    assert sum(value <= found for value in values) * 100 >= percent * len(values)
    assert sum(value < found for value in values) * 100 < percent * len(values)


def test_figures_hold_rates_percentiles_errors_and_hit_rate() -> None:
    """Only right answers within the window make the served rate; every right answer makes the percentiles."""
    tally = Tally()
    tally.offered = 6
    tally.serve(1.0, in_window=True, hit=True)
    tally.serve(2.0, in_window=True, hit=False)
    tally.serve(3.0, in_window=True, hit=None)
    tally.serve(400.0, in_window=False, hit=True)
    tally.fail("status 503")
    tally.fail("status 503")
    figures = tally.figures(2.0, open_loop=True)
    assert (figures.offered_qps, figures.served_qps) == (3.0, 1.5)
    assert (figures.p50_ms, figures.p95_ms, figures.p99_ms, figures.max_ms) == (2.0, 400.0, 400.0, 400.0)
    assert (figures.served, figures.errors, figures.failures) == (4, 2, {"status 503": 2})
    assert figures.hit_rate == 2 / 3


def test_a_closed_loop_has_no_offered_rate() -> None:
    """It offers what is served, so a number there would mislead; without answers nothing else is known either."""
    figures = Tally().figures(2.0, open_loop=False)
    assert figures.offered_qps is None
    assert figures.served_qps == 0
    assert figures.p50_ms is None
    assert figures.hit_rate is None
    assert figures.errors == 0


def test_a_request_that_is_not_accounted_for_is_an_error() -> None:
    """Neither a crash of the generator nor a killed request can make the figures look better."""
    tally = Tally()
    tally.offered = 3
    tally.serve(1.0, in_window=True, hit=None)
    assert tally.figures(1.0, open_loop=True).failures == {"lost by the generator": 2}


def test_all_kinds_together_are_the_sum_of_each() -> None:
    """Counts add up, and percentiles are of all latencies, not means of percentiles."""
    search, article = Tally(), Tally()
    for latency_ms in (1.0, 2.0, 3.0):
        search.offered += 1
        search.serve(latency_ms, in_window=True, hit=True)
    article.offered += 2
    article.serve(9.0, in_window=False, hit=False)
    article.fail("no response")
    figures = combined([search, article]).figures(1.0, open_loop=True)
    assert (figures.offered_qps, figures.served_qps, figures.served, figures.errors) == (5.0, 3.0, 4, 1)
    assert (figures.p50_ms, figures.max_ms, figures.hit_rate) == (2.0, 9.0, 0.75)
