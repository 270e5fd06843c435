"""Compiled searches give what the plain executor gives, on lists of many blocks and segments of many windows.

Contract: ids, scores, order, totals and pages are equal, whatever the statistics that scores are computed from; each
kernel, and each way it has of doing less, is seen to be taken.

Not here: several partitions and what is published when (`test_layouts.py`), equal hashes (`test_collisions.py`).
"""

import copy
import random
import time
from collections import Counter
from itertools import product
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from partition.analysis import terms
from partition.kernels.views import LAST
from partition.scoring import K1, ONE
from search.deadline import DeadlineError
from search.exhaustive import Executor
from search.leaf import Leaf, LeafAnswer, Match, Searchable, Slice
from search.order import Position, sort_keys
from search.query import And, Between, Choice, Clock, Every, Filters, Node, Or, Phrase, Prefix, Query, Sort, Term
from search.share import Share, page_of
from tests.leaf import leaf_query
from tests.search.many_articles import (
    COMMON,
    DAY_MS,
    DAYS,
    SIXTH,
    TOPICAL,
    ManyArticles,
    QueryMaker,
    Scored,
    write_many_articles,
)

WINDOW = 4096
CLOCKS: tuple[Clock, ...] = ("published", "modified", "indexed")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> ManyArticles:
    """Shared by all tests: nothing changes it."""
    return write_many_articles(tmp_path_factory.mktemp("many"))


def in_a_minute() -> float:
    """A deadline that nothing reaches."""
    return time.monotonic() + 60


class Hit(NamedTuple):
    """One article of a result."""

    segment: int
    docnum: int
    score: int
    key: int


def hit_of(match: Match) -> Hit:
    """The same, as the leaf tells it."""
    return Hit(match.segment, match.docnum, match.score, match.key)


class Whole:
    """The whole result of a query, by the plain executor."""

    def __init__(self, scored: Scored, query: Query) -> None:
        self._segments = [prepared.segment for prepared in scored.leaf.segments]
        columns, hashes = [], []
        for ordinal, segment in enumerate(self._segments):
            found = Executor(segment, scored.statistics, in_a_minute()).execute(
                query.node, query.filters, query.decay
            )
            docnums = np.flatnonzero(found.mask)
            scores = found.scores[docnums]
            keys = sort_keys(query.sort, scores, segment.times(query.filters.clock)[docnums])
            columns.append(np.stack([np.full(len(docnums), ordinal), docnums, scores, keys], axis=1))
            hashes.append(segment.hashes[docnums])
        table = np.concatenate(columns)
        self._table = table[np.lexsort((np.concatenate(hashes), table[:, 3]))]

    def __len__(self) -> int:
        return len(self._table)

    def hits(self, start: int, stop: int) -> list[Hit]:
        """The articles of these ranks."""
        return [Hit(*row) for row in self._table[max(0, start) : stop].tolist()]

    def of_segment(self, ordinal: int) -> list[Hit]:
        """The articles of one segment, best first."""
        return [Hit(*row) for row in self._table[self._table[:, 0] == ordinal].tolist()]

    def position(self, rank: int) -> Position:
        """Of the article of this rank."""
        (found,) = self.hits(rank, rank + 1)
        segment = self._segments[found.segment]
        return Position(found.key, int(segment.hashes[found.docnum]), segment.article_id(found.docnum))


def check_pages(scored: Scored, query: Query, whole: Whole, random_: random.Random) -> None:
    """The first page, and one after and one before some article, counting or not."""
    size, rank = random_.choice((1, 3, 10, 100)), random_.randrange(len(whole) or 1)
    after = whole.position(rank) if len(whole) else None
    for counting in (True, False):
        parts = [(Slice(size, counting=counting), whole.hits(0, size))]
        if after:
            parts += [
                (Slice(size, after, counting=counting), whole.hits(rank + 1, rank + 1 + size)),
                (Slice(size, after, backwards=True, counting=counting), whole.hits(rank - size, rank)[::-1]),
            ]
        for part, expected in parts:
            answer = Share([scored.leaf]).search(leaf_query(query, scored.statistics, part))
            assert [hit_of(match) for match in answer.matches] == expected, part
            assert not counting or answer.total == len(whole), part


class Searched(NamedTuple):
    """What is said of one segment."""

    algorithm: str
    looked: int
    skipped: int
    total: int
    hits: list[Hit]


def found_in(
    scored: Scored, query: Query, ordinal: int, part: Slice, *, worst: int = LAST, deadline_s: float | None = None
) -> Searched:
    """What one segment says, told of an order key that is good enough elsewhere.

    Raises:
        DeadlineError
    """
    asked = leaf_query(query, scored.statistics, part, deadline_s)
    leaf = copy.copy(scored.leaf)
    leaf.segments = [scored.leaf.segments[ordinal]]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("search.share.page_of", lambda *given: page_of(*given)._replace(worst=worst))
        answer = Share([leaf]).search(asked)
    if answer.failed == {0: "timeout"}:
        raise DeadlineError
    (search,) = answer.searches
    hits = [hit_of(match)._replace(segment=ordinal) for match in answer.matches]
    return Searched(search.algorithm, search.windows, search.skipped, answer.total, hits)


def check_segments(scored: Scored, query: Query, whole: Whole, random_: random.Random, seen: Counter[str]) -> None:
    """Each segment by itself; what comes after the worst that is wanted may be left out, and nothing else."""
    part = Slice(random_.choice((1, 10, 50)), counting=random_.random() < 0.3)
    for ordinal in range(len(scored.leaf.segments)):
        expected = whole.of_segment(ordinal)
        worst = random_.choice(expected[: 2 * part.size]).key if expected and random_.random() < 0.7 else LAST
        found = found_in(scored, query, ordinal, part, worst=worst)
        seen[found.algorithm] += 1
        assert not part.counting or found.total == len(expected)
        hits = [hit for hit in found.hits if hit.key <= worst]
        assert hits == [hit for hit in expected[: part.size] if hit.key <= worst]


def test_the_plain_executor_says_the_same(many: ManyArticles) -> None:
    """Any tree, filter, sort and page, under any statistics, and whatever score was reached elsewhere."""
    seen: Counter[str] = Counter()

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        seed=st.integers(0, 2**32 - 1),
        name=st.sampled_from(("own", "own", "longer", "longer", "shorter", "unseen")),
    )
    def check(seed: int, name: str) -> None:
        random_ = random.Random(seed)
        scored: Scored = getattr(many, name)
        query = QueryMaker(random_, many.reader).query()
        whole = Whole(scored, query)
        note(f"{query}: {len(whole)} articles expected")
        seen["some"] += len(whole) > 0
        check_pages(scored, query, whole, random_)
        check_segments(scored, query, whole, random_, seen)

    check()
    assert min(seen[name] for name in ("some", "rank_few", "rank_any", "rank_rarest", "rank_matches")) >= 10, seen


def word(text: str) -> Term:
    """A word of the text."""
    return Term("text", terms(text)[0])


def query_of(node: Node, sort: Sort = "relevance") -> Query:
    """Without filters."""
    return Query(node, Filters(), sort)


ANY = Or((word(TOPICAL[3]), word("the"), word(COMMON[5])))
ALL = And((word(COMMON[5]), word("the")))
PHRASE = Phrase("body", ("the", terms(COMMON[2])[0]), 1)
NAMED = {
    "every article": (query_of(Every()), "rank_matches"),
    "a word with few postings": (query_of(word(SIXTH)), "rank_few"),
    "any of some words": (query_of(ANY), "rank_any"),
    "all of some words": (query_of(ALL), "rank_matches"),
    "a rare word and others": (query_of(And((word("the"), word(TOPICAL[3]), word("of")))), "rank_rarest"),
    "some of some words": (query_of(Or((*ANY.clauses, word(COMMON[3])), 2)), "rank_matches"),
    "a phrase": (query_of(PHRASE), "rank_matches"),
    "a beginning": (query_of(And((word("of"), Prefix("text", "bo")))), "rank_matches"),
    "a tree": (query_of(Or((ALL, PHRASE, And((word("of"),), (PHRASE,))))), "rank_matches"),
    "the newest": (query_of(ANY, "newest"), "rank_matches"),
    "the oldest": (query_of(ALL, "oldest"), "rank_matches"),
}
"""Queries that many articles of the first segment match, and the kernel that is cheapest for each."""


@pytest.mark.parametrize("name", NAMED)
def test_a_deadline_stops_every_kernel(many: ManyArticles, name: str) -> None:
    """A deadline in the past is an error and leaves nothing behind: asked again, the answer is right."""
    query, algorithm = NAMED[name]
    expected = Whole(many.own, query).of_segment(0)
    for counting in (True, False):
        part = Slice(10, counting=counting)
        with pytest.raises(DeadlineError):
            found_in(many.own, query, 0, part, deadline_s=time.monotonic())
        found = found_in(many.own, query, 0, part)
        assert (found.algorithm, found.hits) == (algorithm, expected[:10])
    late = leaf_query(query, many.own.statistics, part, deadline_s=time.monotonic())
    assert Share([many.own.leaf]).search(late) == LeafAnswer(0, [], {0: "timeout"}, [])


@pytest.mark.parametrize("name", ["any of some words", "all of some words", "a phrase", "the newest"])
def test_a_deadline_between_partitions(many: ManyArticles, name: str) -> None:
    """Whichever partition is late: it and those after it are named, and count for nothing."""
    query, _algorithm = NAMED[name]
    leaves = [Leaf(partition, many.reader, many.own.statistics) for partition in range(60)]
    (one, share), part = (Share(leaves[:1]), Share(leaves)), Slice(10)
    total = one.search(leaf_query(query, many.own.statistics, part)).total
    began_s = time.monotonic()
    whole = share.search(leaf_query(query, many.own.statistics, part))
    took_s = time.monotonic() - began_s
    assert (whole.total, whole.failed) == (60 * total, {})
    seen = set()
    for fraction in np.linspace(0.02, 0.98, 30).tolist():
        asked = leaf_query(query, many.own.statistics, part, time.monotonic() + fraction * took_s)
        found = share.search(asked)
        answered = 60 - len(found.failed)
        seen.add(answered)
        assert found.failed == dict.fromkeys(range(answered, 60), "timeout")
        assert found.total == answered * total
        expected = Share(leaves[:answered]).search(leaf_query(query, many.own.statistics, part))
        assert found.matches == expected.matches
        assert found.searches == expected.searches
    assert seen - {0, 60}, "none was late half-way"


@pytest.mark.parametrize("name", NAMED)
def test_one_call_says_what_leaf_by_leaf_says(many: ManyArticles, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where all together fail, each is asked alone, and what they say is put together: matches and facets."""
    query, _algorithm = NAMED[name]
    searchable, facets = Searchable(), ("section", "month")
    leaves = [Leaf(partition, many.reader, many.own.statistics, searchable) for partition in range(3)]
    asked = leaf_query(query, many.own.statistics, Slice(30, counting=True))._replace(facets=facets)
    at_once, ranked = Share(leaves).search(asked), Share._ranked
    assert len(at_once.matches) == 30

    def fails(share: Share, *arguments: Any) -> LeafAnswer:
        if len(share.leaves) > 1:
            raise ZeroDivisionError
        return ranked(share, *arguments)

    monkeypatch.setattr(Share, "_ranked", fails)
    by_leaf = Share(leaves).search(asked)
    # Each article is in every partition here: among such equals any may come first.
    assert sorted(at_once.matches, key=repr) == sorted(by_leaf.matches, key=repr)
    assert (at_once.total, at_once.failed) == (by_leaf.total, {})
    for facet in facets:
        assert at_once.counts[facet].by_name() == by_leaf.counts[facet].by_name()


def test_each_range_of_each_clock_is_its_own(many: ManyArticles) -> None:
    """What is remembered of one is taken for no other, in a clause or in a filter."""
    for clock, from_ms, to_ms in product(CLOCKS, (None, 10 * DAY_MS), (20 * DAY_MS, 40 * DAY_MS)):
        clause = query_of(Between(clock, from_ms, to_ms))
        for query in (clause, Query(Every(), Filters(from_ms, to_ms, clock=clock), "newest")):
            found = Share([many.own.leaf]).search(leaf_query(query, many.own.statistics, Slice(1)))
            assert found.total == len(Whole(many.own, query)), query


def test_a_filter_is_remembered_for_one_state(many: ManyArticles) -> None:
    """What is deleted in another is found in this one, and not in that one."""
    prepared, choices = many.own.leaf.segments[0], (Choice("section", ("Sport",)),)
    assert prepared.mask(choices).any()
    empty = prepared.segment.without(np.arange(prepared.segment.size))
    assert not prepared.seeing(empty).mask(choices).any()


def test_a_deadline_stops_the_union_of_many_lists(many: ManyArticles) -> None:
    """The words with a beginning are not collected either."""
    with pytest.raises(DeadlineError):
        many.own.leaf.segments[0].beginning("text", "b", time.monotonic_ns())


@pytest.mark.parametrize("name", ["own", "longer"])
@pytest.mark.parametrize(
    "node", [ANY, And((word(TOPICAL[3]), PHRASE)), Or((word(TOPICAL[3]), PHRASE))], ids=["any", "all", "phrase"]
)
def test_windows_that_hold_no_better_article_are_skipped(many: ManyArticles, node: Node, name: str) -> None:
    """Only where nothing is counted, and without a change to the answer."""
    scored: Scored = getattr(many, name)
    query = query_of(node)
    expected = Whole(scored, query).of_segment(0)
    windows = -(-many.reader.segments[0].size // WINDOW)
    few = found_in(scored, query, 0, Slice(1, counting=False))
    assert few.skipped > 0
    assert few.looked + few.skipped == windows
    assert few.hits == expected[:1]
    every = found_in(scored, query, 0, Slice(1))
    assert (every.looked, every.skipped, every.total) == (windows, 0, len(expected))
    assert every.hits == expected[:1]


@pytest.mark.parametrize("node", [Or((word("the"), word("of"))), ALL, PHRASE], ids=["any", "all", "phrase"])
def test_windows_are_skipped_for_their_age(many: ManyArticles, node: Node) -> None:
    """What has decayed too far to be among the best is not looked into, though undecayed it would be."""
    plain = query_of(node)
    fading = msgspec.structs.replace(plain, origin_ms=(DAYS - 50) * DAY_MS, half_life_ms=5 * DAY_MS)
    shares = []
    for query in (plain, fading):
        found = found_in(many.own, query, 0, Slice(10, counting=False))
        assert found.hits == Whole(many.own, query).of_segment(0)[:10]
        shares.append(found.skipped / (found.looked + found.skipped))
    assert shares[1] > shares[0]


def test_a_list_that_cannot_lift_an_article_over_the_floor_is_looked_up(many: ManyArticles) -> None:
    """Articles that are on that list alone are never scored, and those on both have the whole score."""
    segment = many.own.leaf.segments[0].segment
    rare, common = word(TOPICAL[3]), word("the")
    query = query_of(Or((rare, common)))
    expected = Whole(many.own, query).of_segment(0)
    worst = expected[9].key
    found_list = segment.term_list("text", common.text.encode())
    assert found_list
    most = found_list.bound * many.own.statistics.idf("text", common.text) * (K1 + 1) * ONE + 1
    assert most < -worst
    found = found_in(many.own, query, 0, Slice(50), worst=worst)
    assert (found.algorithm, found.total) == ("rank_any", len(expected))
    assert found.hits == [hit for hit in expected[:50] if hit.key <= worst]
    of_both = found_in(many.own, query_of(And((rare, common))), 0, Slice(50), worst=worst)
    assert set(of_both.hits) & set(found.hits)


@pytest.mark.parametrize("sort", ["newest", "oldest"])
def test_newest_and_oldest_stop_early(many: ManyArticles, sort: Sort) -> None:
    """The window that holds a page is the last to be looked into, unless matches are counted."""
    query = query_of(ANY, sort)
    expected = Whole(many.own, query).of_segment(0)
    found = found_in(many.own, query, 0, Slice(10, counting=False))
    assert (found.looked, found.hits) == (1, expected[:10])
    found = found_in(many.own, query, 0, Slice(10))
    assert (found.total, found.hits) == (len(expected), expected[:10])
    found = found_in(many.own, query, 0, Slice(10, counting=False), worst=expected[0].key - 1)
    assert (found.looked, found.hits) == (0, [])
