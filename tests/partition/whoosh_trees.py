"""Query trees of every class that Whoosh has, for tests of the Whoosh codec.

Contract: `queries` draws trees over the fields of `whoosh_cases.Shape`, so made that most match something. Drawing
says nothing about what should be found: `tests/reference/whoosh_matching.py` does.

Not here: schemas and documents (`whoosh_cases.py`).
"""

from typing import Any

from hypothesis import strategies as st
from whoosh import query, scoring
from whoosh.query import spans

from tests.partition.whoosh_cases import NUMBERS, TIMES, WORDS, WORDS_DRAWN

_TEXT_FIELDS = st.sampled_from(("body", "body", "body", "title", "key", "tags"))
_POSITIONS = st.just("body")
_words = WORDS_DRAWN | st.just("nothing")
_ends = st.none() | st.sampled_from(NUMBERS)
PARENTS = query.Term("flag", True)
_boosts = st.sampled_from((1.0, 1.0, 1.0, 0.5, 2.0, 0.0))
_constant = st.booleans()
_terms = st.builds(query.Term, _TEXT_FIELDS, _words, boost=_boosts)
_between = st.tuples(st.booleans(), st.booleans())


def _pattern(kind: Any, *patterns: str) -> Any:
    return st.builds(kind, _TEXT_FIELDS, st.sampled_from(patterns), boost=_boosts, constantscore=_constant)


def _range(kind: Any, name: Any, ends: Any) -> Any:
    return st.builds(kind, name, ends, ends, st.booleans(), st.booleans(), boost=_boosts, constantscore=_constant)


_leaves = st.one_of(
    _terms,
    _terms,
    st.builds(query.Term, st.just("number"), st.sampled_from(NUMBERS)),
    st.builds(query.Term, st.just("flag"), st.booleans()),
    _pattern(query.Prefix, "a", "al", "alf", "br", "zz", "é"),
    _pattern(query.Wildcard, "*", "a*a", "?l", "*l*", "br?v?", "*", "zz?", "[ab]?*"),
    _pattern(query.Regex, "al.*", "al?f", "br|al", "^bra.e$", ".*", "[^a]", "zz+"),
    st.builds(query.FuzzyTerm, _TEXT_FIELDS, _words, _boosts, st.integers(1, 2), st.integers(0, 1), _constant),
    _range(query.TermRange, _TEXT_FIELDS, st.none() | _words),
    _range(query.NumericRange, st.just("number"), _ends),
    _range(query.DateRange, st.just("time"), st.none() | st.sampled_from(TIMES)),
    st.builds(query.Every, st.none() | _TEXT_FIELDS | st.just("number"), boost=_boosts),
    st.builds(query.Phrase, _POSITIONS, st.lists(_words, min_size=1, max_size=3), st.integers(1, 3), _boosts),
    st.builds(query.ColumnQuery, st.just("number"), st.sampled_from(NUMBERS)),
    st.builds(query.ColumnQuery, st.just("key"), st.sampled_from((*WORDS, ""))),
    st.just(query.NullQuery),
)
_positioned = st.one_of(
    st.builds(query.Term, _POSITIONS, _words, boost=_boosts),
    st.builds(query.Term, _POSITIONS, _words),
    st.builds(query.Prefix, _POSITIONS, st.sampled_from(("al", "br")), constantscore=_constant),
    st.builds(query.FuzzyTerm, _POSITIONS, _words),
)


def _spanning(inner: Any) -> Any:
    near = {"slop": st.integers(1, 4), "ordered": st.booleans()}
    far = {**near, "mindist": st.integers(0, 2)}
    return st.one_of(
        st.builds(spans.SpanNear, inner, inner, **far),
        st.builds(spans.SpanNear2, st.lists(_positioned, min_size=1, max_size=3), **far),
        st.builds(spans.SpanFirst, inner, limit=st.integers(0, 3)),
        st.builds(spans.SpanOr, st.lists(inner, min_size=1, max_size=3)),
        st.builds(spans.SpanNot, inner, inner),
        st.builds(spans.SpanContains, inner, inner),
        st.builds(spans.SpanBefore, inner, inner),
        st.builds(spans.SpanCondition, inner, inner),
        st.builds(query.Sequence, st.lists(_positioned, min_size=1, max_size=2), **near, boost=_boosts),
        st.builds(query.Ordered, st.lists(_positioned, min_size=1, max_size=2)),
    )


def _compound(inner: Any) -> Any:
    some = st.lists(inner, min_size=1, max_size=4)
    return st.one_of(
        st.builds(query.And, some, boost=_boosts),
        st.builds(query.Or, some, boost=_boosts),
        st.builds(query.Or, some, scale=st.none() | st.just(0.5)),
        st.builds(query.DisjunctionMax, some, boost=_boosts, tiebreak=st.sampled_from((0.0, 0.5))),
        st.builds(query.Not, inner),
        st.builds(query.AndNot, inner, inner),
        st.builds(query.AndMaybe, inner, inner),
        st.builds(query.Require, inner, inner),
        st.builds(query.Otherwise, inner, inner),
        st.builds(query.ConstantScoreQuery, inner, score=_boosts),
        st.builds(query.WeightingQuery, inner, st.just(scoring.TF_IDF())),
        st.builds(query.NestedParent, st.just(PARENTS), inner),
        st.builds(query.NestedChildren, st.just(PARENTS), inner.map(lambda one: query.And([PARENTS, one]))),
    )


queries = st.recursive(_leaves | st.recursive(_positioned, _spanning, max_leaves=4), _compound, max_leaves=6)
