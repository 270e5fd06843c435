"""Tables of n-grams grow while they are filled, and nothing is counted twice or left out.

Not here: what is suggested (`test_suggest.py`, `test_layouts.py`).
"""

import math
from functools import partial
from itertools import count, pairwise

import pytest

from search.completions import Completions, completed
from search.deadline import DeadlineError
from search.parts import Table
from search.snapshot import Snapshots
from tests.archive import Archive
from tests.small_index import newest


def test_small_tables_count_what_large_ones_count(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the room that they begin with: words, words in a row, and words that are misspelled."""
    snapshots = Snapshots(archive.root)
    titles = [article.title for article in archive.articles[::7]]
    texts = [
        text for title in titles for text in (title[:1], title[:4], title.split()[0] + " ", title[:-3], title[1:6])
    ]
    large: list[Completions] = []
    small: list[Completions] = []
    for found, size in ((large, None), (small, 2)):
        if size:
            monkeypatch.setattr("search.phrases.Table", partial(Table, size))
            monkeypatch.setattr("search.names.FEW_ROWS", size)
        snapshot = snapshots.open_current(newest(archive.root).epoch)
        found += [completed(snapshot, text, 5, math.inf) for text in texts]
    assert small == large
    assert sum(bool(one.phrases) for one in large) > len(texts) / 2
    assert any(one.phrases != other.phrases for one, other in pairwise(large))


def test_whoever_is_late_hears_so_between_any_two_steps(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step looks at the clock before it begins, and what was done up to then does no harm."""
    title = next(one.title for one in archive.articles if len(one.title.split()) > 1)
    text = " ".join(title.split())[:-1]
    snapshot = Snapshots(archive.root).open_current(newest(archive.root).epoch)
    expected = completed(snapshot, text, 5, math.inf)  # titles are laid out now
    assert expected.titles
    looks = count()
    monkeypatch.setattr("search.parts.time.monotonic", lambda: next(looks))
    late = 0
    while True:
        snapshot.partitions.words.clear()
        began = next(looks)
        try:
            assert completed(snapshot, text, 5, began + late + 0.5) == expected
            break
        except DeadlineError:
            late += 1
    assert late >= 23, "a call about all segments that nobody looks at the clock before"
