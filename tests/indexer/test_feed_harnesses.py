"""Attempts at private networks and bombs, drawn at random; and that the harnesses find what they look for."""

import pytest

from tests.indexer import bomb_harness, ssrf_harness

ATTEMPTS = 500
"""The harness itself makes as many as it is told: `python -m tests.indexer.ssrf_harness --count 2000`."""
BOMBS = 40
"""As above: `python -m tests.indexer.bomb_harness --count 200`."""


def test_no_attempt_reaches_a_private_host() -> None:
    """No connection is begun but to the public server; what leads nowhere else is read."""
    made = list(ssrf_harness.attempts(count=ATTEMPTS, seed=7))
    assert len(made) == ATTEMPTS
    assert 0 < sum(attempt.fine for attempt in made) < ATTEMPTS // 5


@pytest.mark.parametrize("mutant", ssrf_harness.MUTANTS)
def test_a_guard_that_is_left_out_is_found_out(mutant: str) -> None:
    """Each of those that keep fetching out of private networks."""
    with pytest.raises(AssertionError, match=r"began a connection to|made 5 requests"):
        list(ssrf_harness.attempts(count=2 * ATTEMPTS, seed=7, mutant=mutant))


def test_no_bomb_costs_anything() -> None:
    """Each is refused, in little time and 32 MiB (64 MiB, if vast), and leads nowhere; the harness is stricter."""
    assert len(list(bomb_harness.explosions(count=BOMBS, seed=7, patience=10))) == BOMBS


@pytest.mark.parametrize("mutant", bomb_harness.MUTANTS)
def test_a_bound_that_is_left_out_is_found_out(mutant: str) -> None:
    """Each of those that keep bombs small."""
    with pytest.raises(AssertionError, match=r"it was read|[0-9] s$|MiB$|unforeseen|died of it|open "):
        list(bomb_harness.explosions(count=4 * BOMBS, seed=7, mutant=mutant))
