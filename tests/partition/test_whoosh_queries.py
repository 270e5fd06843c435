"""Any Whoosh query over any schema: the same documents and totals as over Whoosh's own codec, or as defined.

Every query answers as the definition says (`tests/reference/whoosh_matching.py`), and as over Whoosh's own codec on
one segment with `limit=None`, with the same scores, but where Whoosh is wrong over every codec: `_known_wrong` says
where, `partition/whoosh_repairs.py` how, and `WRONG` shows each.

whoosh-reloaded has more: `SpanNot` raises when its second part ends first, and a `NumericRange` may find too much in
fields without a sign or without steps. There our answer is the definition's or that of its own codec.
"""

import importlib.util
import struct
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from whoosh import query
from whoosh.matching import ReadTooFar
from whoosh.query import spans

from partition.whoosh_codec import WhooshIndex
from tests.partition.whoosh_cases import NUMBERS, TIMES, WORDS, Case, Shape, documents, shapes
from tests.partition.whoosh_trees import PARENTS, queries
from tests.reference.whoosh_matching import matching

WHOOSH3 = importlib.util.find_spec("whoosh.compat") is None


def _answer(index: Any, wanted: query.Query) -> Any:
    """Documents with scores, documents of the unscored search, and total; or the error's class."""
    try:
        with index.searcher() as searcher:
            results = searcher.search(wanted, limit=None)
            scores = {results.docnum(at): results.score(at) for at in range(results.scored_length())}
            assert set(scores) == set(results.docs())
            return scores, sorted(searcher.docs_for_query(wanted)), len(results)
    except Exception as error:  # noqa: BLE001 - whatever Whoosh raises is its answer
        return type(error)


def _documents(answer: Any) -> Any:
    return answer if isinstance(answer, type) else (sorted(answer[0]), *answer[1:])


def _nodes(wanted: query.Query) -> list[query.Query]:
    parts = [wanted.q] if isinstance(wanted, spans.SpanQuery) and hasattr(wanted, "q") else list(wanted.children())
    return [wanted, *(node for part in parts for node in _nodes(part))]


def _known_wrong(wanted: query.Query, *, deletions: bool) -> bool:
    """Whether Whoosh may find other documents, or fail."""
    nodes = _nodes(wanted)
    kinds = {type(node) for node in nodes}
    return bool(
        # It raises: these have no size, no score or no positions, and one end is not a number of the field.
        any(isinstance(node, spans.SpanQuery) and not isinstance(node, spans.SpanNear2) for node in nodes[1:])
        or kinds & {query.ColumnQuery, query.Ordered, query.SplitOr}
        or any(isinstance(node, query.NumericRange) and (node.startexcl or node.endexcl) for node in nodes)
        or (query.NestedParent in kinds and query.AndMaybe in kinds)
        # It finds too much.
        or query.AndNot in kinds
        or (deletions and query.Not in kinds)
        or query.NestedChildren in kinds
        # It finds too little.
        or (query.NestedParent in kinds and len(nodes) > 2)
        or any(getattr(node, "boost", 1) == 0 or getattr(node, "score", 1) == 0 for node in nodes)
    )


def _scored_otherwise(wanted: query.Query) -> bool:
    """Whether Whoosh's scores are wrong, or depend on its algorithm.

    What `scale` rewards may have been simplified away; several terms with a constant score do have scores, if they
    are two or documents more than 5,000.
    """
    several = (query.Prefix, query.Wildcard, query.Regex, query.FuzzyTerm, query.TermRange, query.NumericRange)
    nodes = _nodes(wanted)
    return any(
        isinstance(node, (*several, query.DisjunctionMax, query.AndMaybe)) or getattr(node, "scale", None)
        for node in nodes
    )


def _check(case: Case, ours: WhooshIndex, wanted: query.Query) -> Any:
    """What is found is as defined and as over Whoosh's own codec; returns it."""
    found, stock = _answer(ours, wanted), _answer(case.stock, wanted)
    defined = sorted(matching(wanted, case.plain))
    expected = (defined, defined, len(defined))
    if WHOOSH3:
        assert _documents(found) == expected
        wrong = _known_wrong(wanted, deletions=bool(case.dead))
        assert _documents(stock) == expected or wrong
        if not wrong and not _scored_otherwise(wanted):
            # But for the order in which scores were added.
            assert found[0] == pytest.approx(stock[0], rel=1e-9)
    else:
        assert _documents(found) in (expected, _documents(stock))
    return found


@given(shapes, documents, st.data())
@settings(max_examples=40, deadline=None)
def test_queries_answer_as_over_whooshs_own_codec(
    shape: Shape, held: list[dict[str, Any]], data: st.DataObject
) -> None:
    """Documents, totals and scores of any query, whatever the schema and the deletions, in one segment or several."""
    dead = data.draw(st.sets(st.sampled_from(range(len(held))), max_size=4)) if held else set()
    case = Case(shape, held, frozenset(dead))
    places = st.integers(0, len(held))
    cut = sorted(data.draw(st.lists(places, min_size=4, max_size=4)))
    with TemporaryDirectory() as one, TemporaryDirectory() as several:
        ours = case.ours(Path(one))
        split = case.ours(Path(several), (cut[:1], cut[1:3], cut[3:]))
        for wanted in data.draw(st.lists(queries, min_size=6, max_size=6)):
            assert _answer(split, wanted) == _check(case, ours, wanted)


SORTABLE = Shape("plain", 1.0, "bytes", sortable=True)


def _case(*texts: str, dead: frozenset[int] = frozenset()) -> Case:
    return Case(SORTABLE, [{"body": text} for text in texts], dead)


A, B, X = (query.Term("body", word, boost=boost) for word, boost in (("alfa", 1.0), ("bravo", 1.0), ("x", 0.0)))
FAMILIES = Case(SORTABLE, [{"flag": True}, {"flag": True}, {"body": "alfa", "key": "x"}], frozenset())
WRONG: dict[str, tuple[Case, query.Query, Any, list[int]]] = {
    "Not and a deleted document": (
        _case("bravo", "alfa", "bravo", "bravo", dead=frozenset({2})),
        query.Not(A),
        [0, 2, 3],
        [0, 3],
    ),
    "AndNot and its first document": (
        _case("bravo", "bravo alfa", "alfa"),
        query.AndNot(A, B),
        [1, 2],
        [2],
    ),
    "Or and scores of zero": (_case("alfa x", "x"), query.Or([A, B, X]), [0], [0, 1]),
    "a span query in And": (
        _case("alfa bravo", "bravo alfa"),
        query.And([spans.SpanFirst(A), B]),
        NotImplementedError,
        [0],
    ),
    "Ordered of prefixes": (
        _case("alfa alfas alfalfa bravo"),
        query.Ordered([query.Prefix("body", "al"), B]),
        Exception,
        [0],
    ),
    "ColumnQuery": (FAMILIES, query.ColumnQuery("key", "x"), AttributeError, [2]),
    "ColumnQuery in And": (FAMILIES, query.And([query.ColumnQuery("key", "x"), A]), NotImplementedError, [2]),
    "ColumnQuery and a deleted document": (
        Case(SORTABLE, [{"key": "x"}, {"key": "x"}], frozenset({1})),
        query.ColumnQuery("key", "x"),
        AttributeError,
        [0],
    ),
    "NumericRange above the largest number": (
        Case(SORTABLE, [{"number": 127}], frozenset()),
        query.NumericRange("number", 127, None, startexcl=True),
        struct.error,
        [],
    ),
    "NestedChildren and parents without any": (FAMILIES, query.NestedChildren(PARENTS, PARENTS), [1, 2], [2]),
    "NestedParent in And": (FAMILIES, query.And([query.NestedParent(PARENTS, A), A]), ReadTooFar, []),
}


@pytest.mark.parametrize("name", WRONG)
def test_where_whoosh_is_wrong_the_definition_decides(name: str, tmp_path: Path) -> None:
    """What Whoosh says over its own codec, and what it says over ours, repaired."""
    case, wanted, wrong, right = WRONG[name]
    assert sorted(matching(wanted, case.plain)) == right
    stock = _documents(_answer(case.stock, wanted))
    assert (stock if isinstance(stock, type) else stock[0]) == wrong
    assert _documents(_answer(case.ours(tmp_path), wanted)) == (right, right, len(right))


_WORDS_IN = (1, 3, 7, 11)
_PARTS: dict[str, Callable[[int], Any]] = {
    "body": lambda n: " ".join([f"u{n % 1500}", *(WORDS[n // step % len(WORDS)] for step in _WORDS_IN[: 2 + n % 3])]),
    "key": lambda n: WORDS[n % 7],
    "number": lambda n: NUMBERS[n % len(NUMBERS)] if n % 3 else None,
}
_MORE_PARTS: dict[str, Callable[[int], Any]] = {
    "flag": lambda n: n % 5 == 0,
    "time": lambda n: TIMES[n % len(TIMES)] if n % 4 else None,
}
AL = query.Prefix("body", "al")
EACH = (
    *(
        A,
        AL,
        query.Wildcard("body", "*r*"),
        query.Regex("body", "br"),
        query.FuzzyTerm("body", "alfax"),
        query.Every(),
    ),
    *(query.TermRange("body", "b", "c"), query.NumericRange("number", 1, 100, startexcl=True)),
    *(query.Every("body", boost=2.0), query.Every("key", boost=2.0), query.Phrase("body", ["alfa", "alfas"], slop=2)),
    *(query.DateRange("time", TIMES[0], None, boost=boost) for boost in (1.0, 0.0)),
    query.NumericRange("number", None, 100, boost=0.0),
    *(query.ColumnQuery("number", 2), query.ColumnQuery("key", "alfas"), query.ConstantScoreQuery(A, 2.0)),
    *(kind([A, AL, B]) for kind in (query.Or, query.PreloadedOr, query.SplitOr, query.DisjunctionMax)),
    *(query.Not(A), query.AndNot(A, B), query.AndMaybe(A, B), query.Require(A, B), query.Otherwise(B, A)),
    *(query.NestedParent(PARENTS, B), query.NestedChildren(PARENTS, query.And([PARENTS, AL]), boost=2.0)),
    *(kind([AL, B], slop=5) for kind in (spans.SpanNear2, query.Sequence, query.Ordered)),
    *(kind(AL, B) for kind in (spans.SpanBefore, spans.SpanCondition, spans.SpanNot)),
    *(spans.SpanNear(AL, B, slop=5), spans.SpanFirst(A, limit=1), spans.SpanOr([AL, B])),
    spans.SpanContains(spans.SpanNear(AL, query.Prefix("body", "b"), slop=5), B),
)


@pytest.mark.parametrize("wanted", EACH, ids=lambda wanted: type(wanted).__name__)
def test_each_kind_of_query(wanted: query.Query, tmp_path: Path) -> None:
    """Alone, and inside of others."""
    held = [{name: part(number) for name, part in {**_PARTS, **_MORE_PARTS}.items()} for number in range(200)]
    case = Case(SORTABLE, held, frozenset(range(0, 200, 7)))
    ours = case.ours(tmp_path, ((60, 90), ()))
    C = query.Term("body", "charlie")  # noqa: N806 - as A and B
    assert _check(case, ours, wanted)[2] > 0
    for outer in (
        *(query.And([wanted, C]), query.Or([wanted, B, X]), query.Not(wanted), query.AndNot(C, wanted)),
        *(query.AndMaybe(C, wanted), query.Require(wanted, C), query.DisjunctionMax([wanted, C, B])),
        *(query.NestedParent(PARENTS, wanted), query.ConstantScoreQuery(wanted)),
    ):
        _check(case, ours, outer)


def test_several_terms_score_alike(tmp_path: Path) -> None:
    """Those of a prefix, be they two or many; one has its own score, and so have all if that is asked for."""
    case = _case("alfa", "alfas", "brave brave bravo", "bravo", "x")
    with case.ours(tmp_path).searcher() as searcher:
        for prefix, constant, scores in (
            ("alf", True, {1.0}),
            ("", True, {1.0}),
            ("x", True, None),
            ("br", False, None),
        ):
            found = searcher.search(query.Prefix("body", prefix, constantscore=constant), limit=None).items()
            assert scores is None or {score for _docnum, score in found} == scores
            assert scores or min(score for _docnum, score in found) > 1


MANY = 20_001


def test_large_corpora_answer_as_over_whooshs_own_codec(tmp_path: Path) -> None:
    """Beyond 5,000 documents, and beyond 1,024 terms to a prefix, where Whoosh changes its algorithm."""
    held = [{name: part(number) for name, part in _PARTS.items()} for number in range(MANY)]
    case = Case(Shape("plain", 1.0, "bytes", sortable=False), held, frozenset(range(100, MANY, 371)))
    ours = case.ours(tmp_path, ((1000, 4000), ()))
    terms = [query.Term("body", word) for word in WORDS[:5]]
    for wanted in (
        terms[0],
        query.Or(terms),
        query.Or([query.And(terms[:2]), query.Not(terms[2]), query.Prefix("key", "al")]),
        query.Prefix("body", "u"),
        query.Prefix("body", "u", constantscore=False),
        query.Wildcard("body", "u1*5"),
        query.FuzzyTerm("body", "u12", maxdist=1),
        query.TermRange("body", "u100", "u11", startexcl=True),
        query.NumericRange("number", 2, 100),
        query.Phrase("body", ["alfa", "bravo"], slop=2),
        query.DisjunctionMax(terms),
        query.AndMaybe(terms[0], query.Or(terms[1:])),
        spans.SpanNear2(terms[:2], slop=3, ordered=False),
    ):
        assert _check(case, ours, wanted)[2] > 0


def test_many_terms_next_to_one(tmp_path: Path) -> None:
    """Beyond 1,024 terms, where Whoosh knows no positions any more, a prefix may stand beside a word."""
    case = _case(*(f"u{n} {WORDS[n % 2]}" for n in range(1025)))
    wanted = spans.SpanNear2([query.Prefix("body", "u"), A])
    assert _answer(case.stock, wanted) is Exception
    assert _answer(case.ours(tmp_path), wanted)[1] == sorted(matching(wanted, case.plain))
