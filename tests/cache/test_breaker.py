"""The circuit breaker, on a clock that moves when told to."""

import logging

import pytest

from cache.breaker import Breaker
from tests.cache.doubles import Clock


def test_a_failure_keeps_everyone_away_and_then_one_probes(clock: Clock) -> None:
    """Open for a cool-down, then one caller a cool-down until one succeeds, then closed."""
    breaker = Breaker(2.0, clock)
    assert breaker.allows()
    breaker.failed(OSError("gone"))
    clock.now_s += 1.99
    assert not breaker.allows()
    clock.now_s += 0.01
    assert [breaker.allows() for _ in range(3)] == [True, False, False]
    breaker.failed(OSError("still gone"))
    clock.now_s += 1.99
    assert not breaker.allows()
    clock.now_s += 0.01
    assert breaker.allows()
    breaker.succeeded()
    assert [breaker.allows() for _ in range(3)] == [True, True, True]


def test_a_probe_that_never_reports_only_delays_the_next(clock: Clock) -> None:
    """A cancelled probe must not leave the breaker open for ever."""
    breaker = Breaker(2.0, clock)
    breaker.failed(OSError("gone"))
    clock.now_s += 2
    assert breaker.allows()
    clock.now_s += 2
    assert breaker.allows()


def test_changes_are_logged_once(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """An outage is two lines in the log, not one a request."""
    breaker = Breaker(2.0, clock)
    with caplog.at_level(logging.INFO):
        for _ in range(5):
            breaker.failed(OSError("gone"))
        for _ in range(5):
            breaker.succeeded()
    assert [record.getMessage() for record in caplog.records] == [
        "cache backend unavailable, going without it: gone",
        "cache backend is back",
    ]
