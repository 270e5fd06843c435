"""Whoosh's searcher over our segments: scores that add up, the first of all, and every option of a search."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from whoosh import query, sorting

from tests.partition.whoosh_cases import NUMBERS, TIMES, WORDS, WORDS_DRAWN, Case, Shape, documents
from tests.partition.whoosh_trees import queries

SORTABLE, PLAIN = (Shape("plain", 1.0, "bytes", sortable=sortable) for sortable in (True, False))
FULL = {"body": "alfa", "title": "x", "key": "x", "tags": "x", "number": 1, "flag": True, "time": TIMES[0]}
ALFA, ALFAS, ALFALFA = (query.Term("body", word) for word in WORDS[:3])
_deaths = st.frozensets(st.integers(0, 24), max_size=4)
_terms = st.builds(
    query.Term, st.sampled_from(("body", "title")), WORDS_DRAWN, boost=st.sampled_from((0.0, 1.0, 2.0))
)


def _case(shape: Shape, held: list[dict[str, Any]], dead: frozenset[int]) -> Case:
    return Case(shape, held, frozenset(docnum for docnum in dead if docnum < len(held)))


def _scoring(inner: Any) -> Any:
    some = st.lists(inner, min_size=1, max_size=3)
    pairs = (query.AndMaybe, query.Require, query.AndNot)
    return st.one_of(
        *(st.builds(kind, some) for kind in (query.And, query.Or, query.DisjunctionMax)),
        *(st.builds(kind, inner, inner) for kind in pairs),
    )


def _scores(searcher: Any, wanted: query.Query) -> dict[int, float]:
    return dict(searcher.search(wanted, limit=None).items())


def _added(searcher: Any, wanted: query.Query) -> dict[int, float]:
    """The scores of a query, from those of its terms."""
    if isinstance(wanted, query.Term):
        return _scores(searcher, wanted)
    each = [_added(searcher, part) for part in wanted.children()]
    first, last = each[0], each[-1]
    match type(wanted).__name__:
        case "AndNot":
            return {docnum: score for docnum, score in first.items() if docnum not in last}
        case "Require":
            return {docnum: score for docnum, score in first.items() if docnum in last}
        case "AndMaybe":
            found = set(first)
        case "And":
            found = set.intersection(*map(set, each))
        case _:
            found = set().union(*each)
    combined = max if isinstance(wanted, query.DisjunctionMax) else sum
    return {docnum: combined(scores[docnum] for scores in each if docnum in scores) for docnum in found}


@given(documents, _deaths, st.lists(st.recursive(_terms, _scoring, max_leaves=6), min_size=6, max_size=6))
@example(
    [{"body": "alfa"}, {"body": "alfas alfalfa"}, {"body": "alfa alfas alfalfa"}],
    frozenset(),
    [query.And([query.AndMaybe(ALFA, ALFAS), ALFALFA])],
)
@settings(max_examples=40, deadline=None)
def test_scores_add_up(held: list[dict[str, Any]], dead: frozenset[int], asked: list[query.Query]) -> None:
    """A score is the sum, or the largest, of those of the parts that match."""
    with TemporaryDirectory() as folder, _case(PLAIN, held, dead).ours(Path(folder)).searcher() as searcher:
        for wanted in asked:
            assert _scores(searcher, wanted) == pytest.approx(_added(searcher, wanted))


@given(documents, _deaths, st.lists(queries, min_size=6, max_size=6), st.integers(1, 5))
@example(3 * [{"body": "alfa"}], frozenset(), [query.Require(ALFA, ALFA)], 2)
@settings(max_examples=30, deadline=None)
def test_the_first_are_the_first_of_all(
    held: list[dict[str, Any]], dead: frozenset[int], asked: list[query.Query], limit: int
) -> None:
    """With a limit, the results are the first of all, and the total is that of all."""
    with TemporaryDirectory() as folder, _case(SORTABLE, held, dead).ours(Path(folder)).searcher() as searcher:
        for wanted in asked:
            whole, first = (list(searcher.search(wanted, limit=most).items()) for most in (None, limit))
            assert first == whole[:limit]
            assert len(searcher.search(wanted, limit=limit)) == len(whole)


_sorts = st.sampled_from(("key", "number", "time", "title")).flatmap(
    lambda name: st.builds(sorting.FieldFacet, st.just(name), reverse=st.booleans())
)
_groups = st.one_of(
    st.sampled_from(("key", "number", "flag", "tags")),
    st.builds(sorting.FieldFacet, st.just("tags"), allow_overlap=st.just(True)),
    st.just(sorting.RangeFacet("number", 0, 112, 16)),
    st.just(sorting.QueryFacet({"alfa": query.Term("body", "alfa"), "bravo": query.Term("body", "bravo")})),
    st.just(sorting.StoredFieldFacet("key")),
)
_filters = st.one_of(_terms, st.builds(query.NumericRange, st.just("number"), st.sampled_from(NUMBERS), st.none()))
_options = st.fixed_dictionaries(
    {"limit": st.none()},
    optional={
        "sortedby": _sorts | st.lists(_sorts | st.just(sorting.ScoreFacet()), min_size=1, max_size=2),
        "groupedby": _groups,
        "reverse": st.booleans(),
        "filter": _filters,
        "mask": _filters,
        "terms": st.booleans(),
        "collapse": st.sampled_from(("key", "number")),
        "collapse_limit": st.integers(1, 2),
    },
)
_asked = st.one_of(_terms, st.builds(query.Or, st.lists(_terms, min_size=2, max_size=2)), st.just(query.Every()))


def _whole_answer(index: Any, wanted: query.Query, options: dict[str, Any]) -> Any:
    with index.searcher() as searcher:
        results = searcher.search(wanted, **options)
        return (
            [hit.docnum for hit in results],
            len(results),
            {name: dict(results.groups(name)) for name in results.facet_names()},
            results.matched_terms() if options.get("terms") else None,
            getattr(results, "collapsed_counts", None),
        )


@given(documents, _deaths, st.lists(st.tuples(_asked, _options), min_size=6, max_size=6))
@settings(max_examples=40, deadline=None)
def test_searches_are_those_over_whooshs_own_codec(
    held: list[dict[str, Any]], dead: frozenset[int], asked: list[tuple[query.Query, dict[str, Any]]]
) -> None:
    """Sorted, grouped, filtered, masked, collapsed and with the terms that matched: all the same."""
    # Whoosh has no column where no document has a value.
    case = _case(SORTABLE, [FULL, *held], dead)
    middle = len(held) // 2
    with TemporaryDirectory() as folder:
        ours = case.ours(Path(folder), ((middle,), ()))
        for wanted, options in asked:
            assert _whole_answer(ours, wanted, options) == _whole_answer(case.stock, wanted, options)
