"""The Whoosh codec over an archive: searched, sorted, counted, highlighted, corrected, wherever its articles lie."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from itertools import starmap
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from whoosh import query, scoring, sorting
from whoosh.index import Index
from whoosh.matching import ReadTooFar
from whoosh.qparser import QueryParser, plugins
from whoosh.query import spans
from whoosh.reading import TermNotFound

from partition.analysis import exact
from partition.changes import Put
from partition.errors import CorruptFile
from partition.reader import PartitionReader
from partition.types import Article, hash64
from partition.virtual_segment import NumberTerms
from partition.whoosh_codec import WhooshIndex, open_whoosh_index
from tests.archive import made_up
from tests.partition.generations import Chain, Change, generations, id_of, values_of, words_of
from tests.reference.whoosh_matching import matching
from tests.small_index import article

ARTICLES = tuple(replace(one, modified_ms=at - 100 if at % 3 else None) for at, one in enumerate(made_up(240)))


def _never(*_arguments: Any) -> None:
    raise AssertionError("pickled")


@pytest.fixture(autouse=True)
def _nothing_is_pickled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The formats of Whoosh that pickle are not used."""
    monkeypatch.setattr("whoosh.formats.dumps", _never)
    monkeypatch.setattr("whoosh.formats.loads", _never)


def _write(root: Path, *, partitions: int, generations: int, merge: bool = False) -> list[PartitionReader]:
    """The articles over so many partitions, each written in so many steps."""
    chains = [Chain(root / str(partition)) for partition in range(partitions)]
    for step in range(generations):
        for at, chain in enumerate(chains):
            share = ARTICLES[at::partitions][step::generations]
            chain.write([Put(one, 1, 7, seq=1) for one in share], merge=merge and step == generations - 1)
    return [chain.reader() for chain in chains]


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> WhooshIndex:
    """One partition of one segment."""
    return open_whoosh_index(_write(tmp_path_factory.mktemp("one"), partitions=1, generations=1))


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> WhooshIndex:
    """Three partitions of several segments."""
    readers = _write(tmp_path_factory.mktemp("many"), partitions=3, generations=3)
    assert min(len(reader.segments) for reader in readers) > 1
    return open_whoosh_index(readers)


def _plain(article: Article) -> dict[str, dict[Any, list[int]]]:
    """An article as the reference wants it."""
    found: dict[str, dict[Any, list[int]]] = {"id": {article.id: [0]}}
    for name, words in words_of(article).items():
        for at, word in enumerate(words):
            found.setdefault(name, {}).setdefault(word, []).append(at)
    for name, value in values_of(article):
        found.setdefault(name, {})[value] = [0]
    for name in ("published_ms", "modified_ms"):
        if (time_ms := getattr(article, name)) is not None:
            found[name] = {time_ms: [0]}
    return found


@cache
def _plain_articles() -> dict[int, dict[str, dict[Any, list[int]]]]:
    return {at: _plain(one) for at, one in enumerate(ARTICLES)}


def _ms(*date: int) -> int:
    return int(datetime(*date, tzinfo=UTC).timestamp() * 1000)  # type: ignore[misc, arg-type]  # a date's parts


T = query.Term
QUERIES = (
    T("text", "budget"),
    T("section", exact("Arts & Leisure")),
    T("id", ARTICLES[3].id),
    T("published_ms", _ms(2007, 4, 10)),
    query.And([T("text", "budget"), T("title", "budget"), query.Not(T("body", "senat"))]),
    query.Or([T("text", "budget"), T("body", "tariff"), T("author", "ann"), T("tag", "health")]),
    query.AndNot(T("body", "budget"), T("section", "sport")),
    query.AndMaybe(T("body", "budget"), T("title", "storm")),
    query.Require(T("body", "budget"), T("language", "en")),
    query.DisjunctionMax([T("title", "budget"), T("body", "budget")]),
    query.Phrase("body", ["the", "senat"]),
    query.Phrase("body", ["health", "care", "reform"], slop=3),
    query.Phrase("author", ["ann", "storm"]),
    query.Prefix("text", "s"),
    query.Wildcard("title", "?o*"),
    query.FuzzyTerm("body", "budgat", maxdist=1),
    query.TermRange("body", "budget", "hous", startexcl=True),
    query.TermRange("source", None, "wire", endexcl=True),
    query.NumericRange("published_ms", _ms(2007, 1, 1), _ms(2007, 4, 11), endexcl=True),
    query.NumericRange("published_ms", None, 0),
    query.NumericRange("modified_ms", 0, None),
    query.Every(),
    query.Every("tag"),
    query.Every("published_ms"),
    query.ConstantScoreQuery(query.Or([T("text", "storm"), T("text", "budget")])),
    spans.SpanNear2([T("body", "senat"), T("body", "hous")], slop=4, ordered=False),
    spans.SpanFirst(T("body", "budget"), limit=2),
    spans.SpanNot(T("body", "budget"), spans.SpanNear(T("body", "budget"), T("body", "bill"))),
    spans.SpanOr([T("body", "tariff"), query.Prefix("body", "vet")]),
)


def _ids(index: WhooshIndex, wanted: query.Query, **options: Any) -> list[tuple[str, float]]:
    with index.searcher() as searcher:
        return [(hit["id"], hit.score) for hit in searcher.search(wanted, limit=None, **options)]


@pytest.mark.parametrize("wanted", QUERIES, ids=lambda wanted: f"{type(wanted).__name__}-{wanted.field()}")
def test_layout_changes_no_answer_and_no_score(one: WhooshIndex, many: WhooshIndex, wanted: query.Query) -> None:
    """What is defined is found, with equal scores over one segment and over many of several partitions."""
    found = _ids(one, wanted)
    assert sorted(_ids(many, wanted)) == sorted(found)
    defined = matching(wanted, _plain_articles())
    assert sorted(article_id for article_id, _score in found) == sorted(ARTICLES[at].id for at in defined)
    assert defined


@given(st.lists(generations, min_size=1, max_size=2), st.booleans())
@settings(max_examples=15, deadline=None)
def test_corrections_withdrawals_and_merges(histories: list[list[list[Change]]], merge: bool) -> None:
    """Only what is live is found, whatever happened to it, and documents are counted so."""
    with TemporaryDirectory() as folder:
        chains = []
        for partition, history in enumerate(histories):
            chain = Chain(Path(folder) / str(partition))
            for changes in history:
                mine = [change for change in changes if hash64(id_of(change)) % len(histories) == partition]
                chain.write(mine, merge=merge)
            chains.append(chain)
        index = open_whoosh_index([chain.reader() for chain in chains])
        live = {number: put.article for chain in chains for number, put in _numbered(chain, len(chains))}
        plain = {number: _plain(one) for number, one in live.items()}
        assert index.doc_count() == len(live)
        for wanted in (
            query.Every(),
            T("text", "storm"),
            query.Or([T("title", "vote"), T("author", "vote"), T("section", "news")]),
            query.Not(T("body", "storm")),
            query.AndNot(query.Every("text"), T("tag", "x")),
            query.Phrase("body", ["vote", "budget"], slop=2),
            query.NumericRange("published_ms", 0, None),
            query.NumericRange("modified_ms", None, 5, endexcl=True),
            query.Prefix("id", "é/1"),
        ):
            with index.searcher() as searcher:
                results = searcher.search(wanted, limit=None)
                assert sorted(hit["id"] for hit in results) == sorted(live[n].id for n in matching(wanted, plain))
                assert len(results) == len(list(searcher.docs_for_query(wanted)))


def _numbered(chain: Chain, chains: int) -> Iterator[tuple[int, Put]]:
    return ((int(put.article.id.split("/")[1]) * chains, put) for put in chain.models[-1].values())


@pytest.mark.parametrize(
    "written",
    [
        "budget senate",
        "title:budget OR author:ann",
        'body:"senate house"~3 NOT section:sport',
        "section:'Arts & Leisure'",
        "stor* tag:HEALTH",
        "published_ms:[0 TO 1176249600000}",
        "modified_ms:[TO 5]",
        "title:b?dg* AND body:[budget TO hous}",
        "tarif~ OR body:senatr~1/2",
        'body:r"bud.*" NOT title:r"tar+if"',
        "published_ms:>=1176163200000 ANDMAYBE health",
    ],
)
def test_whooshs_parser(one: WhooshIndex, many: WhooshIndex, written: str) -> None:
    """What users write, with any plugin, becomes terms as articles did, and is found wherever they lie."""
    more = (plugins.FuzzyTermPlugin, plugins.RegexPlugin, plugins.GtLtPlugin, plugins.OperatorsPlugin)
    parser = QueryParser("text", one.schema)
    parser.add_plugins([plugin() for plugin in more])
    wanted = parser.parse(written)
    defined = {ARTICLES[at].id for at in matching(wanted, _plain_articles())}
    assert {a for a, _score in _ids(one, wanted)} == {a for a, _score in _ids(many, wanted)} == defined != set()


def test_variations(one: WhooshIndex, many: WhooshIndex) -> None:
    """Forms of a word are looked up one by one."""
    reform, budget = query.Variations("body", "reforming"), T("body", "budget")
    for index in (one, many):
        with index.searcher() as searcher:
            assert list(reform.expanded_terms(searcher.reader())) == [("body", b"reform")]
        assert _ids(index, query.And([reform, budget])) == _ids(index, query.And([T("body", "reform"), budget])) != []


def test_sorting_by_columns(many: WhooshIndex) -> None:
    """By time, articles without a date last; by text, both ways; by several values; ties by the hash of the id."""
    times = {one.id: one.published_ms for one in ARTICLES}
    by_id = {one.id: one for one in ARTICLES}
    last = 2**63

    def found(*keys: Any, **options: Any) -> list[str]:
        return [article_id for article_id, _score in _ids(many, query.Every(), sortedby=list(keys), **options)]

    assert found("published_ms", "hash") == sorted(
        times, key=lambda one: (last if times[one] is None else times[one], hash64(one))
    )
    newest = sorting.FieldFacet("published_ms", reverse=True)
    assert [times[one] for one in found(newest) if times[one] is not None] == sorted(
        (time for time in times.values() if time is not None), reverse=True
    )
    sections = [exact(by_id[one].section) for one in found("section", "hash")]
    assert sections == sorted(sections)
    reverse = [exact(by_id[one].section) for one in found(sorting.FieldFacet("section", reverse=True))]
    assert reverse == sections[::-1]
    # A field of several values has no column: Whoosh takes the last of them, and puts articles without any last.
    last_tag = {one.id: max(map(exact, one.tags), default="~") for one in ARTICLES}
    assert found("tag", "hash") == sorted(last_tag, key=lambda one: (last_tag[one], hash64(one)))
    assert set(last_tag.values()) == {"health", "veterans", "~"}


def test_facets(many: WhooshIndex) -> None:
    """Grouped by a column, by a field of many values, and by ranges of time."""
    day = 86_400_000
    with many.searcher() as searcher:
        facets = sorting.Facets()
        facets.add_field("section")
        facets.add_field("tag", allow_overlap=True)
        facets.add_facet("week", sorting.RangeFacet("published_ms", _ms(2007, 4, 1), _ms(2007, 5, 1), 7 * day))
        results = searcher.search(query.Every(), groupedby=facets, limit=3)
        counted = {name: {key: len(found) for key, found in results.groups(name).items()} for name in facets.names()}
    sections = [exact(one.section) for one in ARTICLES]
    assert counted["section"] == {name: sections.count(name) for name in set(sections)}
    for tag in ("health", "veterans"):
        assert counted["tag"][tag] == sum(tag in map(exact, one.tags) for one in ARTICLES)
    start = _ms(2007, 4, 8)
    assert counted["week"][start, start + 7 * day] == sum(
        one.published_ms is not None and start <= one.published_ms < start + 7 * day for one in ARTICLES
    )


def test_highlights_and_more_like_this(many: WhooshIndex) -> None:
    """Words are marked in stored text; similar articles come from it."""
    with many.searcher() as searcher:
        best = searcher.search(T("body", "budget"))[0]
        assert '<b class="match term0">budget</b>' in best.highlights("body")
        text = searcher.search(T("text", "budget"))[0]
        assert "budget</b>" in text.highlights("text")
        similar = [set(hit["body"].split()) for hit in best.more_like_this("body", top=5)]
        assert len(similar) == 5
        assert all({"budget", "reform"} <= words for words in similar[:2])
        assert all(words & set(best["body"].split()) for words in similar)


def test_spelling(one: WhooshIndex, many: WhooshIndex) -> None:
    """Suggestions are words of the field."""
    for index in (one, many):
        with index.searcher() as searcher:
            assert searcher.suggest("body", "budgt") == ["budget"]
            assert searcher.reader().corrector("title").suggest("tarif", maxdist=1) == ["tariff"]
            wanted = QueryParser("body", index.schema).parse("budgt")
            assert searcher.correct_query(wanted, "budgt").string == "budget"


def test_dictionary(one: WhooshIndex, many: WhooshIndex) -> None:
    """Lexicons, prefixes, cursors and what is known of each term, merged over segments."""
    words = sorted({word.encode() for one in ARTICLES for word in words_of(one)["body"]})
    known = []
    for index in (one, many):
        with index.reader() as reader:
            assert list(reader.lexicon("body")) == words
            assert list(reader.expand_prefix("body", "s")) == [word for word in words if word.startswith(b"s")]
            after = [key for name, key in reader.terms_from("body", b"hous") if name == "body"]
            assert after == [word for word in words if word >= b"hous"]
            assert next(iter(reader.terms_from("source", b"\xff"))) == ("tag", b"health")
            fields = [name for name, _key in reader.all_terms()]
            assert fields == sorted(fields)
            assert set(fields) == set(reader.indexed_field_names())
            assert list(reader.lexicon("id")) == sorted(one.id.encode() for one in ARTICLES)
            cursor = reader.cursor("body")
            assert cursor.text() == cursor.first() == words[0].decode()
            assert cursor.find("hout") == cursor.text() == min(word for word in words if word >= b"hout").decode()
            assert cursor.term_info().doc_frequency() == reader.doc_frequency("body", cursor.text())
            assert cursor.is_valid()
            assert cursor.find("zzz") is None
            assert not cursor.is_valid()
            assert cursor.next() is cursor.term_info() is None
            assert ("body", b"budget") in reader
            assert ("body", b"budgat") not in reader
            assert reader.frequency("body", "budgat") == reader.doc_frequency("body", "budgat") == 0
            with pytest.raises(TermNotFound):
                reader.term_info("body", "budgat")
            with pytest.raises(TermNotFound):
                reader.postings("body", "budgat")
            known.append({term: _known(info) for term, info in reader if term[0] in {"body", "tag"}})
            assert known[-1] == {term: _known(reader.term_info(*term)) for term in known[-1]}
    assert known[0] == known[1]
    counts = [words_of(one)["body"].count("budget") for one in ARTICLES]
    lengths = [len(words_of(one)["body"]) for one, count in zip(ARTICLES, counts, strict=True) if count]
    assert known[0]["body", b"budget"] == (
        sum(counts), sum(map(bool, counts)), max(counts), min(lengths), max(lengths)
    )  # fmt: skip


def _known(info: Any) -> tuple[Any, ...]:
    return info.weight(), info.doc_frequency(), info.max_weight(), info.min_length(), info.max_length()


def test_documents(many: WhooshIndex) -> None:
    """Lengths, stored fields and addresses of each, and the article behind an id."""
    by_id = {one.id: one for one in ARTICLES}
    with many.searcher() as searcher:
        reader = searcher.reader()
        assert many.doc_count() == many.doc_count_all() == len(ARTICLES)
        words = {name: [len(words_of(one)[name]) for one in ARTICLES] for name in ("text", "title", "author")}
        for name, lengths in words.items():
            assert reader.field_length(name) == sum(lengths)
            assert (reader.min_field_length(name), reader.max_field_length(name)) == (min(lengths), max(lengths))
        assert reader.field_length("section") == reader.min_field_length("section") == 0
        assert reader.doc_field_length(0, "section", 5) == 5
        for docnum, stored in reader.iter_docs():
            one = by_id.pop(stored["id"])
            assert (stored["title"], stored["tags"], stored["version"]) == (one.title, list(one.tags), 1)
            assert stored["text"] == f"{one.title}\n{one.body}"
            assert reader.doc_field_length(docnum, "text") == len(words_of(one)["text"])
            address = many.segment.address(docnum)
            segment = many.segment.parts[0].reader.segments if address.partition == 0 else None
            assert segment is None or segment[address.segment].article_id(address.docnum) == one.id
            assert searcher.document_number(id=one.id) == docnum
        assert not by_id
        assert searcher.document(id="nothing") is None
        assert searcher.document_number(id=b"\xff") is None


def test_values_of_columns(many: WhooshIndex) -> None:
    """Whoosh reads values as the fields have them."""
    with many.reader() as reader:
        sections, times = reader.column_reader("section"), reader.column_reader("published_ms")
        hashes = reader.column_reader("hash")
        assert len(sections) == len(times) == len(ARTICLES)
        assert (list(sections)[7], list(times)[7], hashes.load()[7]) == (sections[7], times[7], hashes[7])
        for docnum, stored in reader.iter_docs():
            assert sections[docnum] == exact(stored["section"])
            assert times[docnum] == (2**63 - 1 if stored["published_ms"] is None else stored["published_ms"])
            assert hashes[docnum] == hash64(stored["id"])
        assert not reader.has_column("tag")
        with pytest.raises(NotImplementedError):
            sections.set_reverse()


def test_matchers(many: WhooshIndex) -> None:
    """A matcher skips forward only, starts again, is copied at its place, and can be asked past its end."""
    with many.searcher() as searcher:
        matcher = searcher.postings("body", "budget")
        docnums = list(matcher.all_ids())
        matcher.skip_to(docnums[3] - 1)
        assert matcher.id() == docnums[3]
        matcher.skip_to(0)
        assert matcher.id() == docnums[3]
        other = matcher.copy()
        other.next()
        assert (matcher.id(), other.id(), list(other.all_ids())) == (docnums[3], docnums[4], docnums[4:])
        article = words_of(next(one for one in ARTICLES if one.id == searcher.stored_fields(docnums[3])["id"]))
        places = [at for at, word in enumerate(article["body"]) if word == "budget"]
        assert matcher.value_as("positions") == [span.start for span in matcher.spans()] == places
        assert matcher.format.decode_positions(matcher.value()) == places
        assert matcher.value_as("frequency") == matcher.weight() == len(places)
        assert matcher.block_max_length() >= matcher.block_min_length() > 0
        assert matcher.skip_to_quality(0.0) == 0
        assert matcher.skip_to_quality(matcher.max_quality()) == 1
        assert not matcher.is_active()
        assert matcher.id() == len(ARTICLES)
        for move in (matcher.next, lambda: matcher.skip_to(5)):
            with pytest.raises(ReadTooFar):
                move()
        matcher.reset()
        assert matcher.id() == docnums[0]
        counted = searcher.postings("text", "budget")
        assert counted.value_as("frequency") == counted.weight()
        assert searcher.postings("section", "sport").value() == b""


def test_a_limit_keeps_the_best(many: WhooshIndex) -> None:
    """With a limit, one term's first results are those of all results, other weightings included."""
    for weighting in (scoring.BM25F(), scoring.TF_IDF(), scoring.Frequency()):
        with many.searcher(weighting=weighting) as searcher:
            whole = searcher.search(T("body", "budget"), limit=None)
            first = searcher.search(T("body", "budget"), limit=10)
            assert [hit.docnum for hit in first] == [hit.docnum for hit in whole][:10]
            assert first.estimated_length() == len(first) == len(whole)


@given(st.lists(st.none() | st.integers(-(2**63) + 1, 2**63 - 1), max_size=9), st.binary(max_size=10))
def test_numbers_as_terms(numbers: list[int | None], key: bytes) -> None:
    """Terms of a column are those that Whoosh's own field makes, in order, from any key on."""
    from whoosh.fields import NUMERIC

    missing = -(2**63)
    terms = NumberTerms(np.array([missing if n is None else n for n in numbers], np.int64), missing, 8)
    field = NUMERIC(int, 64, shift_step=8)
    expected: dict[bytes, list[int]] = {}
    for docnum, number in enumerate(numbers):
        for term, *_rest in field.index(number) if number is not None else ():
            expected.setdefault(term, []).append(docnum)
    assert list(terms.keys_from(key)) == sorted(term for term in expected if term >= key)
    for term, docnums in expected.items():
        postings = terms.postings(term)
        assert postings
        assert postings.docnums.tolist() == docnums
        assert terms.df(term) == len(docnums)
    assert (terms.postings(key) is None) == (key not in expected)


def test_an_empty_archive(tmp_path: Path) -> None:
    """No partition, or one without articles: nothing is found, and nothing fails."""
    chain = Chain(tmp_path)
    chain.write([])
    for readers in ([], [chain.reader()]):
        index = open_whoosh_index(readers)
        assert index.is_empty()
        with index.searcher() as searcher:
            assert not searcher.search(T("text", "storm"), sortedby="published_ms", groupedby="section")
            assert not searcher.search(query.NumericRange("published_ms", 0, None))
            assert searcher.reader().max_field_length("text") == 0
            assert list(searcher.lexicon("text")) == []


def test_an_index_is_one_epoch(one: WhooshIndex) -> None:
    """It is read only, never out of date, and deletes nothing."""
    assert isinstance(one, Index)
    assert not one.is_empty()
    assert one.up_to_date()
    newer = open_whoosh_index([], epoch=7)
    assert newer.latest_generation() == newer.reader().generation() == 7
    with one.searcher() as searcher:
        assert searcher.up_to_date()
        assert searcher.refresh() is searcher
        assert not searcher.reader().has_deletions()
        assert not searcher.reader().is_deleted(one.doc_count_all())
    with pytest.raises(NotImplementedError, match="log articles to the indexer"):
        one.writer()


def test_a_damaged_file_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Damage that Whoosh meets is a typed error, naming the file."""
    monkeypatch.setattr("partition.segment.VERIFIED_BYTES", 0)  # as if it were too large to be verified when opened
    chain = Chain(tmp_path)
    bodies = [" ".join(f"w{n}x{at}" for at in range(60)) for n in range(150)]
    record = chain.write([Put(article(f"a{n}", body=body), 1, 1, seq=1) for n, body in enumerate(bodies)])
    (path,) = chain.root.glob("*.segment")
    content = bytearray(path.read_bytes())
    postings = chain.reader().segments[0].words
    middle = postings[len(postings) // 2 :][:8].tobytes()
    assert content.count(middle) == 1
    content[content.find(middle)] ^= 1
    path.write_bytes(content)
    with open_whoosh_index([PartitionReader(chain.root, record)]).reader() as reader:
        assert reader.doc_count() == len(bodies)
        with pytest.raises(CorruptFile, match=path.name):
            list(starmap(reader.postings, reader.all_terms()))
