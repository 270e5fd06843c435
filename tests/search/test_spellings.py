"""Spellings of values: whose it is, what is read for it, and what happens where it cannot be read.

Not here: many layouts and states (`test_layouts.py`), HTTP (`test_http_facets.py`).
"""

import math
from pathlib import Path
from typing import Any

import pytest

from indexer.routing import partition_of
from partition.changes import Put, Withdraw
from partition.errors import CorruptFile
from partition.reader import PartitionReader
from partition.types import Article
from partition.writer import write_generation
from search import spellings as spellings_module
from search.broker import LeafError
from search.leaf import PartitionDamagedError
from search.snapshot import Snapshot, Snapshots
from search.spellings import spelled
from tests.small_index import SmallIndex, article

PARTITIONS = 4
NEWEST, OLDER = 2_000, 1_000


def _opened(root: Path, *articles: Article) -> Snapshot:
    with SmallIndex(root, partitions=PARTITIONS) as index:
        index.put(*articles)
        return Snapshots(root).open_current(index.publish().epoch)


def _tags(snapshot: Snapshot, *values: str, failed: tuple[int, ...] = (), deadline_s: float = math.inf) -> list[str]:
    return spelled(snapshot, "tag", values, failed, deadline_s)


def test_the_newest_article_decides(tmp_path: Path) -> None:
    """Of those with the value; undated ones if there is no other; of several spellings the first; unknown stay."""
    partition = partition_of("older", PARTITIONS)
    assert partition_of("oldest", PARTITIONS) == partition_of("newest", PARTITIONS) != partition
    beside = next(f"n{n}" for n in range(99) if partition_of(f"n{n}", PARTITIONS) == partition)
    snapshot = _opened(
        tmp_path,
        article(beside, published_ms=NEWEST + 1),
        article("undated", tags=("ALPHA", "Beta")),
        article("oldest", tags=("DELTA",), published_ms=OLDER - 1),
        article("older", tags=("alpha", "Delta"), published_ms=OLDER),
        article("newest", tags=("Gamma", "GAMMA", "aL \t pha", "Alpha"), published_ms=NEWEST),
    )
    assert _tags(snapshot, "alpha", "al pha", "beta") == ["Alpha", "aL pha", "Beta"]
    assert _tags(snapshot, "gamma", "delta", "none") == ["Gamma", "Delta", "none"]
    assert spelled(snapshot, "month", ["2007-04"], (), math.inf) == ["2007-04"]


def test_ids_decide_between_equal_hashes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of articles with equal times; that of an older one, of a deleted one or of one without the value does not."""
    for module in ("build", "generation", "segment"):
        monkeypatch.setattr(f"partition.{module}.hash64", lambda _article_id: 7)
    tags = {"d": "X", "b": "x", "c": "X ", "a": "y", "e": "x", "A": "x"}
    puts = [
        Put(
            Article(id=name, title="", tags=(tag,), published_ms=OLDER if name == "A" else NEWEST),
            version=1,
            indexed_ms=0,
            seq=1,
        )
        for name, tag in tags.items()
    ]
    record = write_generation(tmp_path, number=1, base=None, changes=puts, since_seq=1)
    for number, (gone, expected) in enumerate(
        {"": "b", "b": "c", "c": "d", "d": "e", "e": "A", "A": None}.items(), 2
    ):
        changes = [Withdraw(gone, seq=number)] if gone else []
        record = write_generation(tmp_path, number=number, base=record, changes=changes, since_seq=1)
        (segment,) = PartitionReader(tmp_path, record).segments
        docnum = segment.newest("tag", "x")
        assert (None if docnum is None else segment.article_id(docnum)) == expected


def test_what_was_found_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No article is read again for the same value in the same state, until there are too many to remember."""
    snapshot = _opened(tmp_path, article("one", tags=("Alpha", "Beta"), published_ms=OLDER))
    assert _tags(snapshot, "alpha") == ["Alpha"]
    read: list[int] = []
    (leaf,) = snapshot.partitions.leaves
    stored = leaf.reader.stored

    def counted(segment: int, docnum: int) -> dict[str, Any]:
        read.append(docnum)
        return stored(segment, docnum)

    monkeypatch.setattr(leaf.reader, "stored", counted)
    assert _tags(snapshot, "alpha", deadline_s=0) == ["Alpha"]
    assert read == []
    monkeypatch.setattr(spellings_module, "MAX_REMEMBERED", 1)
    for _ in range(3):
        assert _tags(snapshot, "alpha", "beta") == ["Alpha", "Beta"]
    assert len(read) == 3
    assert len(snapshot.partitions.spellings) == 1


def test_a_deadline_stops_looking(tmp_path: Path) -> None:
    """What is not known yet is not looked for."""
    snapshot = _opened(tmp_path, article("one", tags=("Alpha",)))
    with pytest.raises(LeafError, match="timeout"):
        _tags(snapshot, "alpha", deadline_s=0)


def test_partitions_that_did_not_answer_do_not_count(tmp_path: Path) -> None:
    """Nor is what was found without them taken for what is found with them."""
    articles = [article(f"a{n}", tags=(("Alpha", "ALPHA")[n % 2],), published_ms=n) for n in range(12)]
    snapshot = _opened(tmp_path, *articles)
    late = partition_of("a11", PARTITIONS)
    others = [one for one in articles if partition_of(one.id, PARTITIONS) != late]
    assert {one.tags for one in others} > {others[-1].tags}
    for _ in range(2):
        assert _tags(snapshot, "alpha", failed=(late,)) == list(others[-1].tags)
        assert not snapshot.partitions.spellings
    assert _tags(snapshot, "alpha") == ["ALPHA"]


def test_damage_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it is found now, in lists or articles, or was since the search, so that the search is done again."""
    partition = partition_of("one", PARTITIONS)
    other = next(f"n{n}" for n in range(99) if partition_of(f"n{n}", PARTITIONS) != partition)
    snapshot = _opened(tmp_path, article("one", tags=("Alpha",)), article(other, tags=("Beta",)))
    leaf = snapshot.partitions.leaf(partition)
    assert leaf
    error = CorruptFile(Path("x"), "is damaged", "mend it")

    def fails(*_arguments: Any) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(leaf.reader, "stored", fails)
        with pytest.raises(PartitionDamagedError) as found:
            _tags(snapshot, "alpha")
        assert found.value.partition == partition
    with monkeypatch.context() as patched:
        patched.setattr(leaf.reader.segments[0], "newest", fails)
        with pytest.raises(PartitionDamagedError):
            _tags(snapshot, "alpha")
    snapshot.partitions = snapshot.partitions.without(partition, error)
    with pytest.raises(PartitionDamagedError):
        _tags(snapshot, "beta")
    assert _tags(snapshot, "alpha", "beta", failed=(partition,)) == ["alpha", "Beta"]
