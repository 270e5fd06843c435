"""Articles whose 64-bit hashes are equal: the id decides, on every page, in both directions.

Such a collision cannot be had by waiting for it; the hash that goes into the index is made weak on purpose.

Not here: ordinary ties (`test_layouts.py`).
"""

from pathlib import Path

import pytest

from partition.changes import Put
from partition.reader import PartitionReader
from partition.schema import TEXT_FIELDS
from partition.statistics import Statistics, write_statistics
from partition.types import Article
from partition.writer import write_generation
from search.leaf import Match, Slice
from search.order import Position
from search.query import Every, Filters, Query
from tests.leaf import answer_of


@pytest.mark.parametrize("size", [1, 2, 3, 50])
def test_ids_decide_between_equal_hashes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Nothing is repeated or skipped, although the position of every page is shared by ten articles."""
    for module in ("build", "generation", "segment"):
        monkeypatch.setattr(f"partition.{module}.hash64", lambda article_id: len(article_id) % 2)
    ids = sorted(f"{'a' * (n % 2)}{n:02}" for n in range(20))
    puts = [Put(Article(id=article_id, title="same"), version=1, indexed_ms=0, seq=1) for article_id in reversed(ids)]
    record = write_generation(tmp_path / "g1", number=1, base=None, changes=puts, since_seq=1)
    lengths = dict.fromkeys(TEXT_FIELDS, 20)
    write_statistics(tmp_path / "s.stat", languages={"en": 20}, through_seq=20, total_lengths=lengths, counts={})
    reader, statistics = PartitionReader(tmp_path / "g1", record), Statistics(tmp_path / "s.stat")
    assert len({int(hash_) for segment in reader.segments for hash_ in segment.hashes}) == 2
    assert [reader.find(article_id) is not None for article_id in (*ids, "b0")] == [True] * 20 + [False]
    query = Query(Every(), Filters(), "relevance")

    def page(after: Position | None, *, backwards: bool = False) -> list[Match]:
        part = Slice(size, after, backwards)
        return list(answer_of(reader, statistics, query, part).matches)

    forwards: list[Match] = []
    while found := page(forwards[-1].position if forwards else None):
        forwards += found
    assert [match.position.article_id for match in forwards] == sorted(ids, key=lambda i: (len(i) % 2, i))
    backwards = forwards[-1:]
    while found := page(backwards[-1].position, backwards=True):
        backwards += found
    assert backwards == forwards[::-1]
