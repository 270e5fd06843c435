"""Random sequences of events: `replay_harness.py`, for a moment."""

import pytest

from tests.indexer.replay_harness import MUTANTS, sequences

SEQUENCES = 20
"""The harness itself runs as many as it is told: `python -m tests.indexer.replay_harness --count 10000`."""


def test_sequences_leave_what_the_model_holds() -> None:
    """Sent again, shuffled, broken off, killed and built anew."""
    assert list(sequences(SEQUENCES, 5)) == [*range(1, SEQUENCES + 1)]


@pytest.mark.parametrize("mutant", MUTANTS)
def test_an_index_that_diverges_is_found_out(mutant: str) -> None:
    """Within a few sequences."""
    with pytest.raises(AssertionError, match="sequence"):
        list(sequences(20, 5, mutant))
