"""The power fails while articles are logged and published.

Not here: how (`power_cut.py`), which makes many more cuts.
"""

import pytest

from partition.errors import IndexFileError
from tests.indexer.power_cut import MUTANTS, cut_once, cuts, missing


@pytest.mark.parametrize("after_s", [0.3, 1.1])
def test_a_power_cut_loses_nothing_that_was_acknowledged(after_s: float) -> None:
    """Every acknowledged article is in the log, every announced epoch is sound, and indexing goes on."""
    if why := missing():
        pytest.skip(why)
    logged, _epoch = cut_once(after_s)
    assert logged


@pytest.mark.parametrize("mutant", MUTANTS)
def test_what_is_not_made_durable_is_found_out(mutant: str) -> None:
    """Within a few cuts."""
    if why := missing():
        pytest.skip(why)
    with pytest.raises((AssertionError, IndexFileError)):
        list(cuts(8, 1, mutant))
