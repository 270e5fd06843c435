"""Generations for tests that look into segments: random changes, what they amount to, and what a reader finds.

Contract: `Chain` writes one generation upon the other and keeps beside each the articles that it must hold; `found`
tells everything a reader can say of each live article, `expected` the same from plain lists.

Not here: the log, publishing (`tests/small_index.py`).
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from partition.analysis import LANGUAGES, NAMES, exact, language_of, terms
from partition.changes import Put, Withdraw
from partition.manifest import GenerationRecord
from partition.reader import PartitionReader
from partition.schema import COLUMNS, KEYWORD_FIELDS, NO_DATE_MS, POSITION_FIELDS, TEXT_FIELDS
from partition.segment import Segment
from partition.types import Article, hash64
from partition.writer import write_generation
from tests.small_index import article

Change = Put | Withdraw

IDS = [f"é/{number}" for number in range(12)]
_texts = st.lists(st.sampled_from(["storm", "storms", "vote", "budget", "élan", "of"]), max_size=8).map(" ".join)
_articles = st.builds(
    article,
    st.sampled_from(IDS),
    _texts,
    body=_texts,
    authors=st.lists(st.sampled_from(("Ann Vote", "Bo Storm")), max_size=2, unique=True).map(tuple),
    section=st.sampled_from(("", "News ", "news", "Sport")),
    language=st.sampled_from(("", "en", "de", "ja")),
    tags=st.lists(st.sampled_from(("x", "X", "y")), max_size=3).map(tuple),
    published_ms=st.none() | st.sampled_from((0, 1)) | st.integers(-(2**62), 2**62),
    modified_ms=st.none() | st.integers(-(2**62), 2**62),
)
_changes = st.one_of(
    st.builds(Put, _articles, st.integers(1, 9), st.integers(0, 2**40), st.just(1)),
    st.builds(Withdraw, st.sampled_from(IDS), st.just(1)),
)


def id_of(change: Change) -> str:
    """The id of the article that changes."""
    return change.article_id if isinstance(change, Withdraw) else change.article.id


generations = st.lists(st.lists(_changes, max_size=6, unique_by=id_of), min_size=1, max_size=5)
"""What happens to a partition, generation by generation."""


@dataclass
class Chain:
    """Generations of one partition, each upon the one before, which it forgets."""

    root: Path
    record: GenerationRecord | None = None
    models: list[dict[str, Put]] = field(default_factory=lambda: [{}])
    """What each generation holds, by id; the first is the empty one."""

    def write(self, changes: Iterable[Change], **options: Any) -> GenerationRecord:
        """Write the next generation."""
        model, number = dict(self.models[-1]), len(self.models)
        told = [replace(change, seq=number) for change in changes]
        self.record = write_generation(
            self.root, number=number, base=self.record, changes=told, **{"since_seq": number, **options}
        )
        for change in told:
            if isinstance(change, Put):
                model[change.article.id] = change
            else:
                model.pop(change.article_id, None)
        self.models.append(model)
        assert self.record.articles == len(model)
        return self.record

    def reader(self) -> PartitionReader:
        """The newest generation, opened."""
        assert self.record
        return PartitionReader(self.root, self.record)


def words_of(one: Article) -> dict[str, list[str]]:
    """The terms of each text field; the title's stand twice in `text`."""
    language = language_of(one.language)
    title, body, author = terms(one.title, language), terms(one.body, language), terms("\n".join(one.authors), NAMES)
    return {"text": title + title + body, "title": title, "body": body, "author": author}


def values_of(one: Article) -> set[tuple[str, str]]:
    """Keyword fields with each of their values."""
    values: dict[str, Iterable[str]] = {
        "section": [one.section],
        "source": [one.source],
        "author_name": one.authors,
        "tag": one.tags,
        "language": [one.language],
    }
    return {(name, exact(value)) for name, found in values.items() for value in found} - {(n, "") for n in values}


def expected(put: Put) -> dict[str, Any]:
    """All that a reader can say about an article."""
    one, words = put.article, words_of(put.article)
    return {
        "stored": {
            **asdict(one),
            "authors": list(one.authors),
            "tags": list(one.tags),
            "version": put.version,
            "indexed_ms": put.indexed_ms,
        },
        "columns": {
            "published_ms": NO_DATE_MS if one.published_ms is None else one.published_ms,
            "modified_ms": NO_DATE_MS if one.modified_ms is None else one.modified_ms,
            "indexed_ms": put.indexed_ms,
            "hash": hash64(one.id),
            "seq": put.seq,
            "story": put.story,
            "joined": put.joined,
            "status": 0,
            "language": LANGUAGES.index(language_of(one.language)),
            **{f"{name}_length": len(found) for name, found in words.items()},
        },
        "tf": {(name, term): tf for name, found in words.items() for term, tf in Counter(found).items()},
        "positions": {
            (name, term): [at for at, word in enumerate(words[name]) if word == term]
            for name in POSITION_FIELDS
            for term in words[name]
        },
        "values": values_of(one),
    }


def found(reader: PartitionReader) -> dict[str, dict[str, Any]]:
    """The same of every live article, as the reader tells it, term by term through the whole dictionary."""
    articles: dict[str, dict[str, Any]] = {}
    for ordinal, segment in enumerate(reader.segments):
        live = segment.live.nonzero()[0].tolist()
        by_docnum = {
            docnum: {
                "stored": reader.stored(ordinal, docnum),
                "columns": {name: int(segment.column(name)[docnum]) for name in COLUMNS},
                "tf": {},
                "positions": {},
                "values": {(name, value) for name in KEYWORD_FIELDS for value in _values(segment, name, docnum)},
            }
            for docnum in live
        }
        for name in (*TEXT_FIELDS, *KEYWORD_FIELDS):
            for term in segment.terms_with_prefix(name, ""):
                _take_postings(segment, name, segment.key(term).decode(), by_docnum)
        for docnum in live:
            article_id = segment.article_id(docnum)
            assert reader.find(article_id) == (ordinal, docnum)
            assert article_id not in articles
            articles[article_id] = by_docnum[docnum]
    return articles


def _values(segment: Segment, name: str, docnum: int) -> list[str]:
    """Of one article, by way of the column of ordinals."""
    ordinals, counts = segment.values(name)
    start = int(counts[:docnum].sum())
    first, _last = segment.fields[name]["terms"]
    return [segment.key(first + at).decode() for at in ordinals[start : start + int(counts[docnum])].tolist()]


def _take_postings(segment: Segment, name: str, term: str, by_docnum: dict[int, dict[str, Any]]) -> None:
    docnums, tfs = (column.tolist() for column in segment.postings(name, term))
    if name in KEYWORD_FIELDS:
        assert docnums == [docnum for docnum, known in by_docnum.items() if (name, term) in known["values"]]
        return
    for docnum, tf in zip(docnums, tfs, strict=True):
        by_docnum[docnum]["tf"][name, term] = tf
    if name in POSITION_FIELDS:
        for docnum, places in zip(docnums, segment.positions(name, term, docnums), strict=True):
            by_docnum[docnum]["positions"][name, term] = places
