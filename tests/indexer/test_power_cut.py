"""The power fails while articles are logged and published.

Not here: how (`power_cut.py`), which makes many more cuts.
"""

import pytest

from tests.indexer.power_cut import cut_once, missing


@pytest.mark.parametrize("after_s", [0.3, 1.1])
def test_a_power_cut_loses_nothing_that_was_acknowledged(after_s: float) -> None:
    """Every acknowledged article is in the log, every announced epoch is sound, and indexing goes on."""
    if why := missing():
        pytest.skip(why)
    logged, _epoch = cut_once(after_s)
    assert logged
