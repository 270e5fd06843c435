"""Facets: counts of many windows of articles are those of a loop over the stored articles; what is shown of them.

Not here: several partitions (`test_layouts.py`), HTTP (`test_http_search.py`).
"""

import itertools
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from partition.analysis import exact, terms
from partition.kernels.facets import NONE
from search.deadline import DeadlineError
from search.exhaustive import Executor
from search.facets import FacetTable, Tally, added, shown
from search.leaf import LeafAnswer, Slice
from search.query import And, Choice, Clock, Every, Filters, Node, Or, Phrase, Query, Term
from search.share import Share
from search.timelines import PERIODS
from search.values import FACETS, Names, SegmentValues, Stretches, Values
from tests.leaf import leaf_query
from tests.search.many_articles import COMMON, TOPICAL, ManyArticles, QueryMaker, write_many_articles

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NEVER_NS = 2**62


class Whole(NamedTuple):
    """The partition, and what each article of each segment counts for, by facet."""

    many: ManyArticles
    held: list[list[dict[str, set[str]]]]
    """By facet; periods by facet and clock, such as `day modified`."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """Shared by all tests: nothing changes it."""
    many = write_many_articles(tmp_path_factory.mktemp("many"))
    held = []
    for ordinal, segment in enumerate(many.reader.segments):
        stored = [many.reader.stored(ordinal, docnum) for docnum in range(segment.size)]
        held.append([_held(one) for one in stored])
    return Whole(many, held)


def _held(stored: dict[str, object]) -> dict[str, set[str]]:
    values = {name: {exact(str(stored[name]))} - {""} for name in ("section", "source", "language")}
    for name, field in (("author_name", "authors"), ("tag", "tags")):
        texts = stored[field]
        assert isinstance(texts, list | tuple)
        values[name] = {exact(text) for text in texts} - {""}
    for clock in ("published", "modified", "indexed"):
        time_ms = stored[f"{clock}_ms"]
        for name, form in (("day", "%Y-%m-%d"), ("month", "%Y-%m"), ("year", "%Y")):
            values[f"{name} {clock}"] = set()
            if isinstance(time_ms, int):
                values[f"{name} {clock}"] = {(EPOCH + timedelta(milliseconds=time_ms)).strftime(form)}
    return values


def test_a_loop_over_all_articles_counts_the_same(whole: Whole) -> None:
    """Any tree and filter; what is chosen of a facet's own field does not count, what is excluded does."""
    scored = whole.many.own
    seen: Counter[str] = Counter()

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(seed=st.integers(0, 2**32 - 1))
    def check(seed: int) -> None:
        random_ = random.Random(seed)
        query = QueryMaker(random_, whole.many.reader).query()
        facets = tuple(random_.sample(FACETS, 3))
        note(f"{query} {facets}")
        asked = leaf_query(query, scored.statistics, Slice(10))._replace(facets=facets)
        answer = Share([scored.leaf]).search(asked)
        assert not answer.failed
        assert answer.total == Share([scored.leaf]).search(asked._replace(facets=())).total
        assert tuple(answer.counts) == facets
        for facet in facets:
            counts = answer.counts[facet].by_name()
            assert counts == dict(_counted(whole, query, facet)), facet
            seen[_name(facet, query)] += len(counts) > 1

    check()
    assert min(seen[name] for name in ("section", "tag", "author_name", "day published")) > 0, seen
    assert sum(count for name, count in seen.items() if name.endswith(" modified")) > 0, seen


_PHRASE = Phrase("body", ("the", *terms(COMMON[2])), 0)
_THE, _OF, _RARE = Term("text", "the"), Term("text", "of"), Term("text", terms(TOPICAL[3])[0])


@pytest.mark.parametrize(
    "node",
    [
        Or((_PHRASE, _RARE)),
        Or((_PHRASE, _RARE, _THE), 2),
        And((_OF, Or((_PHRASE, _RARE)))),
        And((Or((_PHRASE, _RARE)), Or((_PHRASE, _OF)))),
        And((_OF,), (_PHRASE,)),
        And((_OF,), (Or((_PHRASE, _RARE)),)),
    ],
    ids=["any", "two of three", "all", "all of any", "none", "none of any"],
)
def test_words_in_any_order_are_no_phrase(whole: Whole, node: Node) -> None:
    """Whether a phrase decides alone, among others, or excludes: articles that only hold its words do not count."""
    scored, query = whole.many.own, Query(node, Filters(), "newest")
    asked = leaf_query(query, scored.statistics, Slice(10))._replace(facets=("month",))
    answer = Share([scored.leaf]).search(asked)
    assert 0 < answer.counts["month"].counts.sum() <= answer.total
    assert answer.counts["month"].by_name() == dict(_counted(whole, query, "month"))


def _name(facet: str, query: Query) -> str:
    return f"{facet} {query.filters.clock}" if facet in PERIODS else facet


def _counted(whole: Whole, query: Query, facet: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    others = tuple(
        msgspec.structs.replace(choice, allowed=()) if choice.field == facet else choice
        for choice in query.filters.choices
    )
    filters = msgspec.structs.replace(query.filters, choices=others)
    for segment, held in zip(whole.many.reader.segments, whole.held, strict=True):
        plain = Executor(segment, whole.many.own.statistics, time.monotonic() + 60)
        for docnum in np.flatnonzero(plain.execute(query.node, filters).mask).tolist():
            counts.update(held[docnum][_name(facet, query)])
    return counts


@pytest.mark.parametrize(
    ("facet", "clock"), [("section", "published"), ("tag", "published"), ("month", "published"), ("day", "indexed")]
)
def test_a_deadline_stops_counting(whole: Whole, facet: str, clock: Clock) -> None:
    """A partition that is late counts nothing, and its matches are not told either."""
    scored = whole.many.own
    query = Query(Every(), Filters(clock=clock), "newest")
    asked = leaf_query(query, scored.statistics, Slice(10), time.monotonic())
    asked = asked._replace(facets=(facet,))
    assert Share([scored.leaf]).search(asked) == LeafAnswer(0, [], {0: "timeout"}, [])
    with pytest.raises(DeadlineError):
        Share([scored.leaf])._counted(asked, LeafAnswer(0, [], {}, []))


NO_ENDS = np.empty(0, np.uint32)


def test_counting_looks_at_the_deadline() -> None:
    """It stops where it has passed, and counts nothing any more."""
    bitmap, words, names = np.full(64, 2**64 - 1, np.uint64), np.array([0, 64]), _names(1)
    for held in (Values(np.zeros(4096, np.uint32), NO_ENDS), Stretches(np.array([0, 4096]), np.zeros(1, np.uint32))):
        table = FacetTable([held], words, names)
        with pytest.raises(DeadlineError):
            table.count(bitmap, 0)
        assert table.count(bitmap, NEVER_NS).by_name() == {"v0": 4096}


def _names(count: int) -> Names:
    names = Names()
    assert names.numbered([f"v{number}" for number in range(count)]).tolist() == list(range(count))
    return names


@given(data=st.data())
def test_segments_are_counted_as_loops_count_them(data: st.DataObject) -> None:
    """Values, one or several an article, and stretches that begin and end inside words, some of them empty."""
    held: list[Values | Stretches] = []
    words, bits, expected = [0], [], Counter[str]()
    for _segment in range(data.draw(st.integers(1, 3))):
        size = data.draw(st.integers(0, 300))
        docnums = data.draw(st.sets(st.integers(0, size - 1))) if size else set()
        words.append(words[-1] + 64)
        here = np.zeros(4096, np.bool_)
        here[list(docnums)] = True
        bits.append(np.packbits(here, bitorder="little").view(np.uint64))
        match data.draw(st.sampled_from(("one", "several", "stretches"))):
            case "one":
                one = data.draw(st.lists(st.sampled_from((0, 1, 2, NONE)), min_size=size, max_size=size))
                held.append(Values(np.array(one, np.uint32), NO_ENDS))
                expected.update(f"v{one[docnum]}" for docnum in docnums if one[docnum] != NONE)
            case "several":
                several = data.draw(st.lists(st.sets(st.integers(0, 2)), min_size=size, max_size=size))
                flat = np.array([value for values in several for value in sorted(values)], np.uint32)
                held.append(Values(flat, np.cumsum([len(values) for values in several]).astype(np.uint32)))
                expected.update(f"v{value}" for docnum in docnums for value in several[docnum])
            case _:
                starts = sorted(data.draw(st.lists(st.integers(0, size), min_size=1, max_size=6)))
                numbers = [nth % 3 for nth in range(len(starts) - 1)]
                held.append(Stretches(np.array(starts), np.array(numbers, np.uint32)))
                for (low, high), number in zip(itertools.pairwise(starts), numbers, strict=True):
                    expected[f"v{number}"] += sum(low <= docnum < high for docnum in docnums)
    table = FacetTable(held, np.array(words), _names(3))
    assert table.count(np.concatenate(bits), NEVER_NS).by_name() == +expected


def _tally(counts: dict[str, int]) -> Tally:
    names = Names()
    names.numbered(sorted(counts, reverse=True))
    return Tally(np.array([counts[name] for name in names.names], np.int64), names)


def test_the_most_frequent_values_are_shown() -> None:
    """Equally frequent ones by name, and how much is left."""
    counts = {f"v{n:02}": 1 + n // 4 for n in range(20)}
    counted, other_values, other_count = shown("tag", _tally(counts), Filters(), 10)
    assert [value for value, _ in counted] == [f"v{n:02}" for n in (16, 17, 18, 19, 12, 13, 14, 15, 8, 9)]
    assert (len(counted), other_values) == (10, 10)
    assert other_count == sum(counts.values()) - sum(count for _, count in counted)


@given(
    counts=st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 3)),
    limit=st.integers(1, 9),
    chosen=st.lists(st.sampled_from("abcdefghxyz"), max_size=3, unique=True),
)
def test_chosen_values_are_shown_in_any_case(counts: dict[str, int], limit: int, chosen: list[str]) -> None:
    """Those that fall behind the most frequent ones, and those that no article has; the others are counted."""
    filters = Filters(choices=(Choice("tag", tuple(chosen)), Choice("section", ("a",))))
    counted, other_values, other_count = shown("tag", _tally(counts), filters, limit)
    named = dict(counted)
    assert counted == sorted(counted, key=lambda item: (-item[1], item[0]))
    assert named == {value: counts.get(value, 0) for value in named}
    assert set(chosen) <= set(named) <= {*counts, *chosen}
    rest = {value: count for value, count in counts.items() if value not in named}
    assert (other_values, other_count) == (len(rest), sum(rest.values()))
    first = [value for value, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:limit]]
    assert set(first) <= set(named), "as many as without"
    assert len(named) <= len(first) + len(chosen)


def test_a_value_that_was_met_since_counts_none() -> None:
    """Names are given to values of other states, too, while one is counted."""
    tally = _tally({"a": 2})
    tally.names.numbered(["b"])
    filters = Filters(choices=(Choice("tag", ("b",)),))
    assert shown("tag", tally, filters, 10) == ([("a", 2), ("b", 0)], 0, 0)


def test_counts_add_up() -> None:
    """Facet by facet, value by value, also where some have got their numbers meanwhile; all are left as they were."""
    tags, years = _names(3), _names(1)
    first = {"tag": Tally(np.array([1, 2]), tags)}
    second = {"tag": Tally(np.array([0, 1, 1]), tags), "year": Tally(np.array([3]), years)}
    for several in ([first, {}, second], [second, first]):
        sums = {facet: tally.by_name() for facet, tally in added(several).items()}
        assert sums == {"tag": {"v0": 1, "v1": 3, "v2": 1}, "year": {"v0": 3}}
    assert first["tag"].counts.tolist() == [1, 2]
    assert second["tag"].counts.tolist() == [0, 1, 1]


def test_values_have_one_number_in_all_segments() -> None:
    """However many threads meet them at once."""
    names = Names()
    texts = [f"v{number}" for number in range(2000)]
    with ThreadPoolExecutor(4) as threads:
        parts = [random.Random(nth).sample(texts, 1500) for nth in range(8)]
        numbers = list(threads.map(names.numbered, parts))
    for part, numbered in zip(parts, numbers, strict=True):
        assert [names.names[number] for number in numbered.tolist()] == part
    assert sorted(names.names) == sorted(set().union(*parts))
    assert [names.number(name) for name in names.names] == list(range(len(names)))
    assert names.number("none") is None


def test_reading_names_looks_at_the_deadline(whole: Whole) -> None:
    """What was not read to its end is read again."""
    values = SegmentValues(whole.many.reader.segments[0], {facet: Names() for facet in FACETS})
    with pytest.raises(DeadlineError):
        values.of("tag", "published", 0)
    first, last = whole.many.reader.segments[0].fields["tag"]["terms"]
    keys = [whole.many.reader.segments[0].key(term).decode() for term in range(first, last)]
    values._read["tag"] = keys[:1]  # as far as somebody came
    found = values.of("tag", "published", NEVER_NS)
    assert isinstance(found, Values)
    assert values._names["tag"].names == keys
    assert not values._read
