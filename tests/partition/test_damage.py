"""Damaged files: whatever byte is changed, wherever a file ends, the error names it, or the answers are sound.

The index is tiny and so are its pages, so that each part of each file is a page of its own and is verified apart from
the others, as in a large one.

Not here: the check of everything (`test_check.py`), damage under a server (`tests/search/test_damage.py`).
"""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from partition.changes import Put, Withdraw
from partition.counting import count_partition
from partition.errors import CorruptFile, IndexFileError, MissingFile
from partition.manifest import GenerationRecord
from partition.reader import PartitionReader
from partition.statistics import Statistics
from search.leaf import LeafAnswer, Slice
from search.query import And, Choice, Every, Filters, Or, Phrase, Prefix, Query, Term
from tests.leaf import answer_of
from tests.partition.generations import Chain
from tests.small_index import article, small_dictionaries

PAGE_BYTES = 96

_ARTICLES = [
    article(
        f"a/{at}",
        f"Storm {at % 3}",
        body="the storm and the vote " * (1 + at % 2) + ("budget" if at % 5 == 0 else ""),
        authors=("Ann Lee",),
        section=("News", "Sport")[at % 2],
        tags=("x", "y")[: at % 3],
        published_ms=at * 1000 if at % 4 else None,
    )
    for at in range(15)
]
_NOTHING = Filters()
_QUERIES = (
    Query(Term("text", "storm"), _NOTHING, "relevance"),
    Query(Phrase("text", ("the", "vote")), _NOTHING, "relevance"),
    Query(Phrase("author", ("ann", "lee")), _NOTHING, "oldest"),
    Query(Or((Term("body", "budget"), Term("title", "2"), Prefix("body", "vo"))), _NOTHING, "relevance"),
    Query(And((Term("body", "the"), Term("body", "storm")), (Term("title", "1"),)), _NOTHING, "newest"),
    Query(Every(), Filters(1000, 9000, (Choice("section", ("news",)), Choice("tag", (), ("y",)))), "newest"),
)


@pytest.fixture
def sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Sound":
    """Two segments, one with deleted articles, the other with a dictionary, and statistics."""
    monkeypatch.setattr("partition.envelope.PAGE_BYTES", PAGE_BYTES)
    chain = Chain(tmp_path / "generations")
    chain.write([Put(one, 1, 7, seq=1) for one in _ARTICLES[:5]])
    with small_dictionaries():
        record = chain.write([*(Put(one, 1, 7, seq=1) for one in _ARTICLES[5:]), Withdraw("a/4", seq=2)])
    count_partition(chain.reader(), chain.root / "statistics", through_seq=1)
    return Sound(chain.root, record)


class Sound:
    """A generation and its statistics in one folder, and what they answer."""

    def __init__(self, folder: Path, record: GenerationRecord) -> None:
        self.folder = folder
        self.record = record
        self.files = sorted(path for path in folder.iterdir())
        self.answers = self.everything(folder)

    def everything(self, folder: Path) -> list[Any]:
        """All that is read for queries, and the stored articles; freshly opened."""
        reader = PartitionReader(folder, self.record)
        statistics = Statistics(folder / "statistics")
        answers: list[LeafAnswer] = [answer_of(reader, statistics, query, Slice(5)) for query in _QUERIES]
        stored = [
            reader.stored(ordinal, docnum)
            for ordinal, segment in enumerate(reader.segments)
            for docnum in segment.live.nonzero()[0].tolist()
        ]
        return [answers, stored, [reader.find(one.id) for one in _ARTICLES]]


def test_the_index_is_what_it_should_be(sound: Sound) -> None:
    """Every kind of file, with and without a dictionary, many pages in each segment, and queries that match."""
    assert sorted(path.suffix for path in sound.files) == ["", ".dead", ".dictionary", ".segment", ".segment"]
    segments = PartitionReader(sound.folder, sound.record).segments
    assert [segment.file.directory["dictionary"] is None for segment in segments] == [True, False]
    assert all(segment.file.size_bytes > 30 * PAGE_BYTES for segment in segments)
    answers, stored, found = sound.answers
    assert all(answer.total for answer in answers)
    assert len(stored) == 14
    assert [at for at, place in enumerate(found) if place is None] == [4]


def test_every_changed_byte(sound: Sound, tmp_path: Path) -> None:
    """One bit of each byte in turn, another one each time."""
    folder = Path(shutil.copytree(sound.folder, tmp_path / "damaged"))
    harmless = tried = 0
    for path in sound.files:
        content = path.read_bytes()
        for at in range(len(content)):
            (folder / path.name).unlink()  # what is still mapped stays as it was
            (folder / path.name).write_bytes(content[:at] + bytes([content[at] ^ 1 << at % 8]) + content[at + 1 :])
            tried += 1
            try:
                assert sound.everything(folder) == sound.answers
                harmless += 1
            except IndexFileError as error:
                assert error.path == folder / path.name  # noqa: PT017 - most raise, some need not
        (folder / path.name).write_bytes(content)
    assert harmless < tried / 10
    assert sound.everything(folder) == sound.answers


def test_every_truncation(sound: Sound, tmp_path: Path) -> None:
    """A file that ends early, at any byte, is refused when it is opened; so is one with a byte more."""
    folder = Path(shutil.copytree(sound.folder, tmp_path / "damaged"))
    for path in sound.files:
        content = path.read_bytes()
        for damaged in (*(content[:size] for size in range(len(content))), content + b"\0"):
            (folder / path.name).unlink()
            (folder / path.name).write_bytes(damaged)
            with pytest.raises(CorruptFile) as caught:
                sound.everything(folder)
            assert caught.value.path == folder / path.name
        (folder / path.name).unlink()
        with pytest.raises(MissingFile) as missing:
            sound.everything(folder)
        assert missing.value.path == folder / path.name
        (folder / path.name).write_bytes(content)


def test_files_of_other_generations_are_refused(sound: Sound, tmp_path: Path) -> None:
    """Sound bytes under another file's name: segments, tombstones and dictionaries alike."""
    others, articles = Chain(tmp_path / "others"), [replace(one, body=one.id * 20) for one in _ARTICLES]
    others.write([Put(one, 1, 7, seq=1) for one in articles[:5]])
    with small_dictionaries():
        others.write([*(Put(one, 1, 7, seq=1) for one in articles[5:]), Withdraw("a/3", seq=2)])
    folder = Path(shutil.copytree(sound.folder, tmp_path / "damaged"))
    for record in sound.record.files:
        other = others.root / record.name
        (folder / record.name).unlink()
        shutil.copy(other, folder / record.name)
        with pytest.raises(CorruptFile, match=f"{record.name}: it is not the file that the manifest names"):
            sound.everything(folder)
        (folder / record.name).unlink()
        shutil.copy(sound.folder / record.name, folder)
    first, second = sorted(folder.glob("*.segment"))
    aside = first.rename(tmp_path / "aside")
    second.rename(first)
    aside.rename(second)
    with pytest.raises(CorruptFile, match="it is not the file that the manifest names"):
        sound.everything(folder)
