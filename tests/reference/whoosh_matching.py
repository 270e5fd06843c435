"""Which documents a Whoosh query matches, spelled out: sets of documents, lists of spans.

Contract: the standard library only; a query is known by the name of its class and by its attributes. A document is,
for each field, its terms and their positions: {"body": {"storm": [0, 7]}, "number": {3: [0]}}. Terms compare as
Python compares them. A span is a pair of positions, both of them inside.

Not here: scores; what Whoosh makes of it (`tests/partition/test_whoosh_queries.py` tells where that differs).
"""

import fnmatch
import re
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import product
from typing import Any

Document = Mapping[str, Mapping[Any, list[int]]]
Span = tuple[int, int]


def matching(query: Any, documents: Mapping[int, Document]) -> set[int]:  # noqa: C901, PLR0912 - a case for each class
    """The numbers of the documents that match."""

    def of(child: Any) -> set[int]:
        return matching(child, documents)

    match type(query).__name__:
        case "And":
            return set.intersection(*map(of, query.subqueries)) if query.subqueries else set()
        case "Or" | "PreloadedOr" | "SplitOr" | "DisjunctionMax":
            return set().union(*map(of, query.subqueries))
        case "Not":
            return documents.keys() - of(query.query)
        case "AndNot":
            return of(query.a) - of(query.b)
        case "AndMaybe":
            return of(query.a)
        case "Require":
            return of(query.a) & of(query.b)
        case "Otherwise":
            return of(query.a) or of(query.b)
        case "ConstantScoreQuery" | "WeightingQuery":
            return of(query.child)
        case "NestedParent":
            heads = sorted(of(query.parents))
            return {heads[at - 1] for at in (bisect_right(heads, n) for n in of(query.child)) if at}
        case "NestedChildren":
            parents, wanted = of(query.parents), of(query.child)
            return {n for n in documents.keys() - parents if max({p for p in parents if p < n}, default=-1) in wanted}
        case "_NullQuery":
            return set()
        case "Every":
            return {n for n, one in documents.items() if query.fieldname is None or one.get(query.fieldname)}
        case _:
            return {number for number, one in documents.items() if spans(query, one)}


def spans(query: Any, document: Document) -> list[Span]:
    """Where a query matches in a document, ascending."""
    return sorted(_spans(query, document))


def _spans(query: Any, document: Document) -> set[Span]:  # noqa: C901, PLR0912 - as above
    def of(child: Any) -> list[Span]:
        return spans(child, document)

    match type(query).__name__:
        case "ColumnQuery":
            return {(0, 0)} if query.condition in document.get(f"column {query.fieldname}", {}) else set()
        case "Term" | "Prefix" | "Wildcard" | "Regex" | "FuzzyTerm" | "TermRange" | "NumericRange" | "DateRange":
            wanted = _wanted(query)
            terms = document.get(query.fieldname, {})
            return {(place, place) for term, places in terms.items() if wanted(term) for place in places}
        case "Phrase":
            words = [[(place, place) for place in document.get(query.fieldname, {}).get(w, [])] for w in query.words]
            return _chain(words, query.slop, ordered=True, mindist=1)
        case "SpanNear":
            return _near(of(query.a), of(query.b), query.slop, ordered=query.ordered, mindist=query.mindist)
        case "Sequence":
            return _chain([of(one) for one in query.subqueries], query.slop, ordered=query.ordered, mindist=1)
        case "Ordered":
            return _in_order([of(one) for one in query.subqueries])
        case "SpanNear2":
            return _chain([of(one) for one in query.qs], query.slop, ordered=query.ordered, mindist=query.mindist)
        case "SpanFirst":
            return {(start, end) for start, end in of(query.q) if end <= query.limit}
        case "SpanOr":
            found = [span for one in query.subqs for span in of(one)]
            return _merged(found) if len(query.subqs) > 1 else set(found)
        case "SpanNot":
            excluded = of(query.b)
            return {span for span in of(query.a) if not any(_distance(span, other) == 0 for other in excluded)}
        case "SpanContains":
            inner = of(query.b)
            return {(start, end) for start, end in of(query.a) if any(start <= a and b <= end for a, b in inner)}
        case "SpanBefore":
            return _in_order([of(query.a), of(query.b)])
        case "SpanCondition":
            return set(of(query.a)) if of(query.b) else set()
        case name:
            raise NotImplementedError(name)


def _wanted(query: Any) -> Callable[[Any], bool]:
    """Which terms a query stands for."""
    match type(query).__name__:
        case "Term":
            return lambda term: bool(term == query.text)
        case "Prefix":
            return lambda term: bool(term.startswith(query.text))
        case "Wildcard":
            pattern = re.compile(fnmatch.translate(query.text))
            return lambda term: bool(pattern.match(term))
        case "Regex":
            return lambda term: bool(re.match(query.text, term))
        case "FuzzyTerm":
            fixed = query.text[: query.prefixlength]
            return lambda term: (
                term.startswith(fixed) and distance(term[len(fixed) :], query.text[len(fixed) :]) <= query.maxdist
            )
        case name:
            start, end = (query.startdate, query.enddate) if name == "DateRange" else (query.start, query.end)
            return lambda term: (
                (start is None or (start < term if query.startexcl else start <= term))
                and (end is None or (term < end if query.endexcl else term <= end))
            )


@cache
def distance(one: str, other: str) -> int:
    """Letters to insert, remove or replace (Levenshtein)."""
    if not one or not other:
        return len(one) + len(other)
    return min(
        distance(one[1:], other) + 1,
        distance(one, other[1:]) + 1,
        distance(one[1:], other[1:]) + (one[0] != other[0]),
    )


def _distance(one: Span, other: Span) -> int:
    """Positions between two spans, 1 when they are neighbours, 0 when they overlap."""
    return max(0, other[0] - one[1], one[0] - other[1])


def _near(first: Sequence[Span], second: Sequence[Span], slop: int, *, ordered: bool, mindist: int) -> set[Span]:
    return {
        (min(a[0], b[0]), max(a[1], b[1]))
        for a, b in product(first, second)
        if mindist <= _distance(a, b) <= slop and not (ordered and a[0] > b[0])
    }


def _chain(each: Sequence[Sequence[Span]], slop: int, *, ordered: bool, mindist: int) -> set[Span]:
    found = set(each[0])
    for following in each[1:]:
        found = _near(sorted(found), following, slop, ordered=ordered, mindist=mindist)
    return found


def _in_order(each: Sequence[Sequence[Span]]) -> set[Span]:
    found = set(each[-1])
    for before in reversed(each[:-1]):
        found = {(start, end) for start, end in before if found and end < min(found)[0]}
    return found


def _merged(found: Any) -> set[Span]:
    """Spans that overlap or touch become one."""
    merged: list[Span] = []
    for start, end in sorted(found):
        if merged and start <= merged[-1][1] + 1:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return set(merged)
