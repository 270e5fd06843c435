"""Writer and reader: what was indexed is what is read, exactly, whatever was deleted and merged on the way."""

import tempfile
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from partition.analysis import exact, terms
from partition.errors import MissingFile
from partition.manifest import GenerationRecord
from partition.reader import PartitionReader, Postings, PostingsCache, Segment, count_terms
from partition.schema import NO_DATE_MS, TEXT_FIELDS
from partition.statistics import Statistics, key_of
from partition.types import Article, hash64
from partition.writer import MAX_SEGMENTS, MAX_TOMBSTONES, Put, Withdraw, write_generation
from tests.archive import made_up
from tests.small_index import article

Change = Put | Withdraw

_WORDS = ["storm", "storms", "vote", "budget", "élan", "of"]
_texts = st.lists(st.sampled_from(_WORDS), max_size=8).map(" ".join)
_articles = st.builds(
    article,
    st.sampled_from([f"é/{number}" for number in range(12)]),
    _texts,
    body=_texts,
    authors=st.lists(st.sampled_from(("Ann Vote", "Bo Storm")), max_size=2, unique=True).map(tuple),
    section=st.sampled_from(("", "News ", "news")),
    tags=st.lists(st.sampled_from(("x", "X", "y")), max_size=3).map(tuple),
    published_ms=st.none() | st.integers(-(2**62), 2**62),
)
_changes = st.one_of(
    st.builds(Put, _articles, st.integers(1, 9), st.integers(0, 2**40)),
    st.builds(Withdraw, st.sampled_from([f"é/{number}" for number in range(12)])),
)


def _id(change: Change) -> str:
    return change.article_id if isinstance(change, Withdraw) else change.article.id


_generations = st.lists(st.lists(_changes, max_size=6, unique_by=_id), min_size=1, max_size=4)


def _texts_of(one: Article) -> dict[str, list[str]]:
    return {"title": terms(one.title), "body": terms(one.body), "author": terms("\n".join(one.authors))}


def _values_of(one: Article) -> dict[str, set[str]]:
    values: dict[str, Iterable[str]] = {
        "section": [one.section],
        "source": [one.source],
        "author_name": one.authors,
        "tag": one.tags,
        "language": [one.language],
    }
    return {field: {exact(value) for value in found} - {""} for field, found in values.items()}


def _expected(put: Put) -> dict[str, Any]:
    """All that a reader can say about an article, from plain lists."""
    one, texts = put.article, _texts_of(put.article)
    return {
        "stored": {
            **asdict(one),
            "authors": list(one.authors),
            "tags": list(one.tags),
            "version": put.version,
            "indexed_ms": put.indexed_ms,
        },
        "hash": hash64(one.id),
        "published_ms": NO_DATE_MS if one.published_ms is None else one.published_ms,
        "lengths": {field: len(words) for field, words in texts.items()},
        "positions": {
            (field, term): [at for at, word in enumerate(words) if word == term]
            for field, words in texts.items()
            for term in words
        },
        "values": {(field, value) for field, values in _values_of(one).items() for value in values},
    }


def _found(folder: Path, articles: Iterable[Article]) -> dict[str, dict[str, Any]]:
    """The same of every live article, as the reader tells it, looking for the terms and values of `articles`."""
    known = list(articles)
    vocabulary = {(field, term) for one in known for field, words in _texts_of(one).items() for term in words}
    values = {(field, value) for one in known for field, found in _values_of(one).items() for value in found}
    found: dict[str, dict[str, Any]] = {}
    reader = PartitionReader(folder, PostingsCache(1 << 20))
    reader.warm()
    for segment in reader.segments:
        live = segment.live.nonzero()[0].tolist()
        by_docnum = {docnum: _columns(segment, docnum) for docnum in live}
        for field, term in vocabulary:
            postings = segment.postings(field, term)
            docnums = postings.docnums.tolist()
            positions = list(segment.positions(field, term, docnums)) if docnums else []
            assert postings.tf.tolist() == [len(places) for places in positions]
            for docnum, places in zip(docnums, positions, strict=True):
                by_docnum[docnum]["positions"][field, term] = places
        for field, value in values:
            for docnum in segment.postings(field, value).docnums.tolist():
                by_docnum[docnum]["values"].add((field, value))
        for docnum in live:
            article_id = segment.article_id(docnum)
            assert segment.postings("id", article_id).docnums.tolist() == [docnum]
            assert article_id not in found
            found[article_id] = by_docnum[docnum]
    return found


def _columns(segment: Segment, docnum: int) -> dict[str, Any]:
    return {
        "stored": segment.stored(docnum),
        "hash": int(segment.hashes[docnum]),
        "published_ms": int(segment.published_ms[docnum]),
        "lengths": {field: int(segment.lengths[field][docnum]) for field in TEXT_FIELDS},
        "positions": {},
        "values": set(),
    }


def _write(root: Path, number: int, changes: Iterable[Change], *, merge: bool = False) -> GenerationRecord:
    base = root / str(number - 1) if number > 1 else None
    return write_generation(root / str(number), number=number, base=base, changes=changes, merge=merge)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(generations=_generations)
def test_generations_hold_what_was_put(generations: list[list[Change]]) -> None:
    """After any corrections and withdrawals, each generation is its model; merging changes nothing visible."""
    with tempfile.TemporaryDirectory() as folder:
        root, model, models = Path(folder), dict[str, Put](), list[dict[str, Put]]()
        ever = {
            change.article.id: change.article for part in generations for change in part if isinstance(change, Put)
        }
        for number, changes in enumerate([*generations, []], start=1):
            record = _write(root, number, changes, merge=number > len(generations))
            for change in changes:
                if isinstance(change, Put):
                    model[change.article.id] = change
                else:
                    model.pop(change.article_id, None)
            models.append(dict(model))
            assert record.articles == len(model)
        assert record.tombstones == 0
        assert record.segments <= 1
        # Looked at only now: no later generation has changed an earlier one.
        for number, expected in enumerate(models, start=1):
            known = [*ever.values(), *(put.article for put in expected.values())]
            found = _found(root / str(number), known)
            assert found == {article_id: _expected(put) for article_id, put in expected.items()}


def test_odd_articles(tmp_path: Path) -> None:
    """Ids of 512 bytes, other scripts, dates before 1970: everything comes back."""
    puts = [Put(one, at + 1, at) for at, one in enumerate(made_up(60))]
    _write(tmp_path, 1, puts)
    found = _found(tmp_path / "1", [put.article for put in puts])
    assert found == {put.article.id: _expected(put) for put in puts}
    reader = PartitionReader(tmp_path / "1", PostingsCache(0))
    for put in puts:
        place = reader.find(put.article.id)
        assert place is not None
        assert reader.segments[place[0]].article_id(place[1]) == put.article.id
    assert reader.find("nobody") is None


@pytest.mark.parametrize("words", [0, 1, 109, 300, 1001, 70_000])
def test_lengths_and_frequencies_are_exact(tmp_path: Path, words: int) -> None:
    """Not one of the few hundred steps that Whoosh's own length byte can tell apart."""
    body = "storm " * (words // 2) + "vote " * (words - words // 2)
    _write(tmp_path, 1, [Put(article("a", body=body), 1, 0)])
    (segment,) = PartitionReader(tmp_path / "1", PostingsCache(0)).segments
    assert segment.lengths["body"].tolist() == [words]
    for term, tf in (("storm", words // 2), ("vote", words - words // 2)):
        assert segment.postings("body", term).tf.tolist() == ([tf] if tf else [])


def test_ragged_generations_are_merged(tmp_path: Path) -> None:
    """Beyond so many segments, or so large a share of tombstones, a generation becomes one segment."""
    for number in range(1, MAX_SEGMENTS + 1):
        record = _write(tmp_path, number, [Put(article(f"{number}/{at}"), 1, 0) for at in range(5)])
        assert (record.segments, record.tombstones) == (number, 0)
    record = _write(tmp_path, MAX_SEGMENTS + 1, [Put(article("one more"), 1, 0)])
    assert (record.articles, record.segments, record.tombstones) == (41, 1, 0)
    few = int(MAX_TOMBSTONES * 41)
    record = _write(tmp_path, MAX_SEGMENTS + 2, [Withdraw(f"1/{at}") for at in range(few)])
    assert (record.articles, record.segments, record.tombstones) == (41 - few, 1, few)
    record = _write(tmp_path, MAX_SEGMENTS + 3, [Withdraw("2/0")])
    assert (record.articles, record.segments, record.tombstones) == (40 - few, 1, 0)


def test_a_partition_can_become_empty_again(tmp_path: Path) -> None:
    """Withdrawing everything leaves a generation without segments, which can be written on."""
    _write(tmp_path, 1, [Put(article("a"), 1, 0)])
    record = _write(tmp_path, 2, [Withdraw("a"), Withdraw("never there")])
    assert (record.articles, record.segments) == (0, 0)
    assert PartitionReader(tmp_path / "2", PostingsCache(0)).find("a") is None
    assert _write(tmp_path, 3, [Put(article("b"), 1, 0)]).articles == 1


def test_counted_terms(tmp_path: Path) -> None:
    """A generation without tombstones counts its terms exactly."""
    first = [Put(one, 1, 0) for one in made_up(40)]
    _write(tmp_path, 1, first)
    _write(tmp_path, 2, [Withdraw(put.article.id) for put in first[:15]], merge=True)
    reader = PartitionReader(tmp_path / "2", PostingsCache(0))
    count_terms(reader, tmp_path / "counts", through_seq=55)
    expected: dict[bytes, int] = {}
    lengths = dict.fromkeys(TEXT_FIELDS, 0)
    for put in first[15:]:
        for field, words in _texts_of(put.article).items():
            lengths[field] += len(words)
            for term in set(words):
                expected[key_of(field, term)] = expected.get(key_of(field, term), 0) + 1
    statistics = Statistics(tmp_path / "counts")
    assert dict(statistics.items()) == expected
    assert (statistics.articles, statistics.total_lengths, statistics.through_seq) == (25, lengths, 55)
    (segment,) = reader.segments
    names = {key.partition(b"\0")[2].decode() for key in expected if key.startswith(b"body\0")}
    for prefix in ("", "s", "se", "zz"):
        assert list(segment.terms_with_prefix("body", prefix)) == sorted(n for n in names if n.startswith(prefix))


def test_a_generation_that_is_gone(tmp_path: Path) -> None:
    """A folder that was removed, or is being removed, is missing rather than a crash."""
    _write(tmp_path, 1, [Put(article("a"), 1, 0)])
    for toc in (tmp_path / "1").glob("*.toc"):
        toc.unlink()
    for folder in (tmp_path / "1", tmp_path / "2"):
        with pytest.raises(MissingFile, match="the generation is not kept; ask for the newest epoch"):
            PartitionReader(folder, PostingsCache(0))


def test_the_cache_of_postings_is_bounded(tmp_path: Path) -> None:
    """The least recently used postings go first, and no more bytes are kept than allowed."""
    _write(tmp_path, 1, [Put(article("a", body="storm vote budget"), 1, 0)])
    (segment,) = PartitionReader(tmp_path / "1", PostingsCache(0)).segments
    one_bytes = segment.postings("body", "storm").size_bytes
    cache = PostingsCache(2 * one_bytes)
    (segment,) = PartitionReader(tmp_path / "1", cache).segments

    def postings(term: str) -> Postings:
        return segment.postings("body", term)

    storm, vote = postings("storm"), postings("vote")
    assert postings("storm") is storm
    budget = postings("budget")
    assert postings("storm") is storm
    assert postings("budget") is budget
    assert postings("vote") is not vote
    assert cache._size_bytes == 2 * one_bytes
