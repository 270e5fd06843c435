"""Whoosh's queries, with repairs to those that are wrong over any codec, Whoosh's own too.

What is repaired, and shown in `tests/partition/test_whoosh_queries.py`:

- `Not` lets through a deleted document that follows the last excluded one: here, a withdrawn article.
- `AndNot` does not exclude its first document, unless both of its sides begin with it.
- `Or`, over up to 5,000 documents or of 1,024 clauses, loses documents whose score is not above zero. Of so many
  clauses it has no spans. What several terms should score alike, as those of a prefix, differs over more documents.
- `DisjunctionMax` takes the score that one side gives to a later document; `AndMaybe`, inside `And`, may leave out
  that of its second side.
- A span query has no size, so that `And` and `Or` cannot hold one, but for `SpanNear2`. `Ordered` does not say that
  it looks at positions.
- `ColumnQuery` finds deleted documents, and has neither size nor score.
- `NumericRange` fails if it leaves out, at an end, the smallest or the largest number of its field.
- `NestedChildren` takes a parent that follows a parent for its child; `NestedParent` fails inside `And`.

Contract: documents are those of the definition (`tests/reference/whoosh_matching.py`), scores are Whoosh's. A query
that is handed in is not changed.

Not here: what collects the documents (`whoosh_searcher.py`).
"""

import copy
from bisect import bisect_right
from collections import defaultdict
from itertools import pairwise
from typing import Any

from whoosh import query
from whoosh.matching import (
    AndMaybeMatcher,
    AndNotMatcher,
    DisjunctionMaxMatcher,
    InverseMatcher,
    ListMatcher,
    Matcher,
)
from whoosh.query import spans
from whoosh.searching import SearchContext, Searcher


def repaired(original: query.Query) -> query.Query:
    """A query that matches what the original should."""
    found: query.Query = _repaired(original, {})
    return found


def _repaired(value: Any, known: dict[int, Any]) -> Any:
    """Queries anew, each once, and lists of them; anything else as it is."""
    if type(value) in {list, tuple}:
        return type(value)(_repaired(one, known) for one in value)
    if not isinstance(value, query.Query) or value is query.NullQuery:
        return value
    if id(value) not in known:
        made = known[id(value)] = copy.copy(value)
        made.__class__ = _REPAIRS.get(type(value), type(value))
        vars(made).update({name: _repaired(part, known) for name, part in vars(made).items()})
    return known[id(value)]


class _Not(query.Not):  # type: ignore[misc]  # Whoosh's classes are untyped, here and below
    def matcher(self, searcher: Searcher, context: SearchContext = None) -> Matcher:  # noqa: ARG002 - nor does Whoosh's
        reader = searcher.reader()
        child = self.query.matcher(searcher, searcher.boolean_context())
        return _InverseMatcher(child, reader.doc_count_all(), missing=reader.is_deleted)


class _InverseMatcher(InverseMatcher):  # type: ignore[misc]
    def _find_next(self) -> None:
        """Go on to the first document, from here on, that is there and is not excluded."""
        while self._id < self.limit:
            if self.child.is_active() and self.child.id() < self._id:
                self.child.skip_to(self._id)
            excluded = self.child.is_active() and self.child.id() == self._id
            if not excluded and not self.missing(self._id):
                return
            self._id += 1


class _AndNot(query.AndNot):  # type: ignore[misc]
    def matcher(self, searcher: Searcher, context: SearchContext = None) -> Matcher:
        return _AndNotMatcher(self.a.matcher(searcher, context), self.b.matcher(searcher, searcher.boolean_context()))


class _AndNotMatcher(AndNotMatcher):  # type: ignore[misc]
    def _find_first(self) -> None:
        self._find_next()

    def _find_next(self) -> None:
        """Go on to the first document, from here on, that is not excluded."""
        if self.a.is_active() and self.b.is_active():
            super()._find_next()


class _AndMaybe(query.AndMaybe):  # type: ignore[misc]
    def matcher(self, searcher: Searcher, context: SearchContext = None) -> Matcher:
        return _AndMaybeMatcher(self.a.matcher(searcher, context), self.b.matcher(searcher, context))


class _AndMaybeMatcher(AndMaybeMatcher):  # type: ignore[misc]
    def skip_to(self, id: int) -> None:  # noqa: A002 - Whoosh's name
        self.a.skip_to(id)
        self._first_b()


class _DisjunctionMax(query.DisjunctionMax):  # type: ignore[misc]
    def _matcher(self, subs: list[query.Query], searcher: Searcher, context: SearchContext) -> Matcher:
        return self._tree_matcher(subs, _DisjunctionMaxMatcher, searcher, context, None)


class _DisjunctionMaxMatcher(DisjunctionMaxMatcher):  # type: ignore[misc]
    def score(self) -> float:
        docnum = self.id()
        return float(max(one.score() for one in (self.a, self.b) if one.is_active() and one.id() == docnum))


class _Or(query.Or):  # type: ignore[misc]
    def _matcher(self, subs: list[query.Query], searcher: Searcher, context: SearchContext) -> Matcher:
        """A tree of unions where matches are looked at or scored; else, or for many clauses, all that is found."""
        if context is None or context.needs_current or (context.weighting and len(subs) < self.TOO_MANY_CLAUSES):
            return query.DefaultOr(subs, boost=self.boost, scale=self.scale).matcher(searcher, context)
        if not context.weighting:
            return ListMatcher(
                sorted({docnum for one in subs for docnum in one.matcher(searcher, context).all_ids()})
            )
        scores: dict[int, float] = defaultdict(float)
        for one in subs:
            found = one.matcher(searcher, context)
            while found.is_active():
                scores[found.id()] += found.score() * self.boost
                found.next()
        docnums = sorted(scores)
        return ListMatcher(docnums, [scores[docnum] for docnum in docnums])


class _Expanding:
    """A query for several terms."""

    def matcher(self: Any, searcher: Searcher, context: SearchContext = None) -> Matcher:
        if self.everything is not None and self.text == self.everything:
            return _Every(self.field(), boost=self.boost).matcher(searcher, context)
        terms = [query.Term(self.field(), key, boost=self.boost) for key in self._btexts(searcher.reader()) if key]
        context = context or searcher.context()
        unscored = self.constantscore and len(terms) > 1
        return _Or(terms).matcher(searcher, context.set(weighting=None) if unscored else context)


class _Every(query.Every):  # type: ignore[misc]
    def matcher(self, searcher: Searcher, context: SearchContext = None) -> Matcher:
        """By length where there are lengths, for Whoosh reads every list: 15 s for the text of 70,000 articles."""
        reader = searcher.reader()
        if self.fieldname not in reader.schema or not reader.schema[self.fieldname].scorable:
            return super().matcher(searcher, context)
        length_of = reader.doc_field_length
        found = [docnum for docnum in reader.all_doc_ids() if length_of(docnum, self.fieldname)]
        return ListMatcher(found, all_weights=self.boost)


class _Spanning:
    """A query that looks at positions."""

    def estimate_size(self: Any, reader: Any) -> int:
        size: int = self.q.estimate_size(reader) if hasattr(self, "q") else super().estimate_size(reader)  # type: ignore[misc]
        return size

    def matcher(self: Any, searcher: Searcher, context: SearchContext = None) -> Matcher:
        return super().matcher(searcher, (context or searcher.context()).set(needs_current=True))  # type: ignore[misc]


class _ColumnQuery(query.ColumnQuery):  # type: ignore[misc]
    def estimate_size(self, reader: Any) -> int:
        return int(reader.doc_count())

    def matcher(self, searcher: Searcher, context: SearchContext = None) -> Matcher:
        missing = searcher.reader().is_deleted
        found = super().matcher(searcher, context).all_ids()
        return ListMatcher([docnum for docnum in found if not missing(docnum)])


class _Bounded:
    """A range of numbers beyond an end of which there may be nothing."""

    def _compile_query(self: Any, reader: Any) -> query.Query:
        field = reader.schema[self.fieldname]
        if (self.startexcl and self.start == field.max_value) or (self.endexcl and self.end == field.min_value):
            return query.NullQuery
        return repaired(super()._compile_query(reader))  # type: ignore[misc]


class _NumericRange(_Bounded, query.NumericRange):  # type: ignore[misc]
    pass


class _DateRange(_Bounded, query.DateRange):  # type: ignore[misc]
    pass


class _NestedParent(query.NestedParent):  # type: ignore[misc]
    def matcher(self, searcher: Searcher, context: SearchContext = None) -> Matcher:
        parents = sorted(searcher._filter_to_comb(self.parents))  # noqa: SLF001 - as Whoosh's does
        scores: dict[int, list[float]] = defaultdict(list)
        found, most = self.child.matcher(searcher, context), self.per_parent_limit or searcher.doc_count_all()
        while found.is_active():
            before = bisect_right(parents, found.id())
            if before and len(scores[parents[before - 1]]) < most:
                scores[parents[before - 1]].append(found.score())
            found.next()
        return ListMatcher(list(scores), [self.score_fn(each) for each in scores.values()])


class _NestedChildren(query.NestedChildren):  # type: ignore[misc]
    def matcher(self, searcher: Searcher, context: SearchContext = None) -> Matcher:
        parents = sorted(searcher._filter_to_comb(self.parents))  # noqa: SLF001 - as above
        wanted = set(self.child.matcher(searcher, context).all_ids())
        families = pairwise([*parents, searcher.doc_count_all()])
        missing = searcher.reader().is_deleted
        found = [child for parent, end in families if parent in wanted for child in range(parent + 1, end)]
        return ListMatcher([child for child in found if not missing(child)], all_weights=self.boost)


_EXPANDING = (query.Prefix, query.Wildcard, query.Regex, query.FuzzyTerm, query.Variations, query.TermRange)
_EVERYTHING = {query.Prefix: "", query.Wildcard: "*", query.Regex: ".*"}
"""What Whoosh takes for `Every`."""
_SPANNING = (
    *(spans.SpanFirst, spans.SpanNear, spans.SpanNear2, spans.SpanOr, spans.SpanNot),
    *(spans.SpanContains, spans.SpanBefore, spans.SpanCondition, query.Sequence, query.Ordered),
)
_REPAIRS = {
    **{kind: type(f"_{kind.__name__}", (_Spanning, kind), {}) for kind in _SPANNING},
    **{
        kind: type(f"_{kind.__name__}", (_Expanding, kind), {"everything": _EVERYTHING.get(kind)})
        for kind in _EXPANDING
    },
    **dict.fromkeys((query.Or, query.PreloadedOr, query.SplitOr), _Or),
    query.Every: _Every,
    query.Not: _Not,
    query.AndNot: _AndNot,
    query.AndMaybe: _AndMaybe,
    query.DisjunctionMax: _DisjunctionMax,
    query.ColumnQuery: _ColumnQuery,
    query.NumericRange: _NumericRange,
    query.DateRange: _DateRange,
    query.NestedParent: _NestedParent,
    query.NestedChildren: _NestedChildren,
}
