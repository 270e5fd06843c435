"""How many words beginnings and wildcards stand for: counted over the whole query, in the epoch's statistics.

Not here: which articles match (`test_wildcards.py`, `test_executor.py`).
"""

import time
from pathlib import Path

import numpy as np
import pytest

from partition.statistics import Statistics, TermCounts, write_statistics
from search.deadline import DeadlineError
from search.expansions import MAX_EXPANSIONS, check_expansions
from search.parsing import QueryError
from tests.trees import tree

SIZES = {"aaa": MAX_EXPANSIONS, "bbb": MAX_EXPANSIONS + 1, "ccc": MAX_EXPANSIONS // 4, "ddd": MAX_EXPANSIONS // 4}


@pytest.fixture(scope="module")
def statistics(tmp_path_factory: pytest.TempPathFactory) -> Statistics:
    """Of an archive with so many words that begin so, in each of three fields."""
    keys = [f"{beginning}{number:03}x".encode() for beginning, size in SIZES.items() for number in range(size)]
    ends = np.cumsum([len(key) for key in keys])
    counts = TermCounts(np.frombuffer(b"".join(keys), np.uint8), ends, np.ones(len(keys), np.int64))
    path: Path = tmp_path_factory.mktemp("expansions") / "s"
    fields = dict.fromkeys(("text", "title", "body"), counts)
    write_statistics(
        path, languages={"en": 1000}, through_seq=1, total_lengths=dict.fromkeys(fields, 1), counts=fields
    )
    return Statistics(path)


def _check(text: str, statistics: Statistics) -> None:
    check_expansions(tree(text), statistics, time.monotonic() + 60)


@pytest.mark.parametrize(
    "text",
    [
        *("title:aaa*", "aaa*", "ccc*", "ccc* ddd*", "title:ccc* OR title:ddd* OR ccc*"),
        *("aaa*x", "bbb00?x", "bbb0*x", "ccc*x ddd*x", "aaa* aaa*x", "bbb*y", "zzz*x"),
    ],
)
def test_not_too_many(statistics: Statistics, text: str) -> None:
    """Beginnings and wildcards each have as many as are allowed."""
    _check(text, statistics)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("title:bbb*", "bbb*"),
        ("budget -bbb*", "bbb*"),
        ("ccc* ddd* title:ccc* title:ddd* body:ccc*", "*"),
        ("title:aaa* title:ddd*", "*"),
        ("bbb*x", "bbb*x"),
        ("budget OR bbb???x", "bbb???x"),
        ("aaa*x OR ccc*x", "*x"),
    ],
)
def test_too_many(statistics: Statistics, text: str, named: str) -> None:
    """All of them together, in all their fields, also in what is excluded; the error names one."""
    with pytest.raises(QueryError, match="128 are allowed") as error:
        _check(text, statistics)
    assert named in error.value.detail


def test_it_looks_at_the_clock(statistics: Statistics) -> None:
    """Before it looks for the words of a wildcard."""
    with pytest.raises(DeadlineError):
        check_expansions(tree("aaa*x"), statistics, time.monotonic() - 1)
