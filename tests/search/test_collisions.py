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
from search.leaf import Leaf, Match, Slice
from search.order import Position
from search.query import Every, Filters, Query
from search.share import Share
from search.stories import StoryIndex
from tests.leaf import answer_of, leaf_query, without_copies

IDS = sorted(f"{'a' * (n % 2)}{n:02}" for n in range(20))


def _order(article_id: str) -> tuple[int, str]:
    return len(article_id) % 2, article_id


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[PartitionReader, Statistics]:
    """A partition of articles with two hashes in all, four to a story, and statistics."""
    for module in ("build", "generation", "segment"):
        monkeypatch.setattr(f"partition.{module}.hash64", lambda article_id: len(article_id) % 2)
    puts = [
        Put(Article(id=article_id, title="same"), 1, 0, seq=seq, story=1 + int(article_id[-2:]) % 5, joined=seq)
        for seq, article_id in enumerate(reversed(IDS), start=10)
    ]
    record = write_generation(tmp_path / "g1", number=1, base=None, changes=puts, since_seq=1)
    lengths = dict.fromkeys(TEXT_FIELDS, 20)
    write_statistics(tmp_path / "s.stat", languages={"en": 20}, through_seq=20, total_lengths=lengths, counts={})
    return PartitionReader(tmp_path / "g1", record), Statistics(tmp_path / "s.stat")


@pytest.mark.parametrize("size", [1, 2, 3, 50])
def test_ids_decide_between_equal_hashes(opened: tuple[PartitionReader, Statistics], size: int) -> None:
    """Nothing is repeated or skipped, although the position of every page is shared by ten articles."""
    reader, statistics = opened
    assert len({int(hash_) for segment in reader.segments for hash_ in segment.hashes}) == 2
    assert [reader.find(article_id) is not None for article_id in (*IDS, "b0")] == [True] * 20 + [False]
    query = Query(Every(), Filters(), "relevance")

    def page(after: Position | None, *, backwards: bool = False) -> list[Match]:
        part = Slice(size, after, backwards)
        return list(answer_of(reader, statistics, query, part).matches)

    forwards: list[Match] = []
    while found := page(forwards[-1].position if forwards else None):
        forwards += found
    assert [match.position.article_id for match in forwards] == sorted(IDS, key=_order)
    backwards = forwards[-1:]
    while found := page(backwards[-1].position, backwards=True):
        backwards += found
    assert backwards == forwards[::-1]


def test_ids_decide_which_of_a_story_is_shown(opened: tuple[PartitionReader, Statistics]) -> None:
    """Where keys and hashes are equal; of each story one, in the total order."""
    reader, statistics = opened
    leaf = Leaf(0, reader, statistics)
    share = Share([leaf])
    stories = StoryIndex({(0, ordinal): segment for ordinal, segment in enumerate(reader.segments)})
    asked = leaf_query(Query(Every(), Filters(), "relevance"), statistics, Slice(50))
    answer = share.search(without_copies(asked, stories, [share]))
    by_story: dict[int, list[str]] = {}
    for article_id in IDS:
        by_story.setdefault(int(article_id[-2:]) % 5, []).append(article_id)
    expected = sorted((min(ids, key=_order) for ids in by_story.values()), key=_order)
    assert [match.article_id for match in answer.matches] == expected
    assert answer.total == 5
