"""The place of one article in a result, or why it has none.

    ranked        it matches: its place in the whole result, from 1, and its score
    collapsed     it matches, but with collapse=story another article of its story stands in its place
    excluded      it is there, but filters, dates or clauses of the query leave it out: all of them are named
    withdrawn     it can be found no more, as the feed of changes tells
    taken-down    nothing is shown under this id any more
    unknown       nothing was ever to be seen under this id

Contract: exact, and the same however the archive is partitioned: the matches that come before the article in the
total order are counted, over all partitions, within the deadline. Of what waits under an embargo nothing is known
here, as nowhere on this side.

Not here: what the parts of a score are (`explanations.py`), the log that knows of withdrawals (`ports.py`).
"""

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np

from partition.analysis import exact
from partition.errors import IndexFileError
from partition.schema import NO_DATE_MS
from partition.scoring import ONE, decayed
from partition.segment import Segment
from partition.types import DocAddress
from search.broker import LeafError
from search.deadline import DeadlineError
from search.explanations import Explainer
from search.leaf import LeafQuery, PartitionDamagedError
from search.order import Position, sort_keys
from search.parameters import FILTERS
from search.ports import WasWithdrawn
from search.prepared import clock_of
from search.query import And, Filters, Node, Or, Phrase, Query
from search.single import id_at
from search.snapshot import Snapshot
from web.times import iso

_PARAMETERS = {field: name for name, field in FILTERS.items()}


class Exclusion(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A part of what was asked that leaves an article out."""

    parameter: str
    """`q`, or the filter or the bound."""
    clause: dict[str, Any] | None = None
    """Of `q`: the node of its tree."""
    detail: str


class ArticlePlace(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Where the article that was asked about stands in the result."""

    id: str
    found: bool
    """Whether it is in the result, on whichever page."""
    reason: Literal["ranked", "collapsed", "excluded", "withdrawn", "taken-down", "unknown"]
    rank: int | None = None
    """Its place in the whole result, from 1."""
    score: float | None = None
    collapsed_into: str | None = None
    """The id of the article that is shown of its story."""
    excluded_by: list[Exclusion] | None = None
    """Of one that is excluded: everything that it does not pass."""


class _Excluded(NamedTuple):
    """A clause that leaves an article out, and how."""

    clause: Node
    detail: str


def placed(
    snapshot: Snapshot,
    query: Query,
    asked: LeafQuery,
    article_id: str,
    partition: int,
    was_withdrawn: WasWithdrawn,
) -> ArticlePlace:
    """Where an article stands.

    Args:
        snapshot: that was searched.
        query: what was asked.
        asked: the same, as leaves were asked it.
        article_id: of the article.
        partition: where it is, if it is there.
        was_withdrawn: the port.

    Raises:
        PartitionDamagedError
        LeafError: it took too long.
        Problem: it cannot be said whether it was withdrawn.
    """
    leaf = snapshot.partitions.leaf(partition)
    try:
        place = leaf.reader.find(article_id) if leaf else None
        if leaf is None or place is None:
            if leaf and leaf.reader.was_taken_down(article_id):
                return ArticlePlace(id=article_id, found=False, reason="taken-down")
            withdrawn = was_withdrawn(snapshot.manifest, snapshot.state.applied_seq, article_id)
            return ArticlePlace(id=article_id, found=False, reason="withdrawn" if withdrawn else "unknown")
        segment, docnum = leaf.reader.segments[place[0]], place[1]
        explainer = Explainer(segment, snapshot.statistics, [docnum], asked.deadline_s)
        excluded_by = list(_excluded_by(explainer, segment, query, docnum))
        if excluded_by:
            return ArticlePlace(id=article_id, found=False, reason="excluded", excluded_by=excluded_by)
        score = _score(explainer, query, docnum)
        story = int(segment.column("story")[docnum])
    except IndexFileError as error:
        raise PartitionDamagedError(partition, error) from None
    address = DocAddress(partition, *place)
    shown = _shown(asked, story)
    if shown and shown != address:
        into = id_at(snapshot, shown)
        return ArticlePlace(id=article_id, found=False, reason="collapsed", score=score / ONE, collapsed_into=into)
    times = segment.times(clock_of(query.filters, query.sort))[docnum : docnum + 1]
    (key,) = sort_keys(query.sort, np.array([score]), times).tolist()
    before = _before(snapshot, asked, Position(key, segment.hash_of[docnum], article_id))
    return ArticlePlace(id=article_id, found=True, reason="ranked", rank=before + 1, score=score / ONE)


def _shown(asked: LeafQuery, story: int) -> DocAddress | None:
    """Which article stands for a story, of those that match, if it has several articles and one is wanted."""
    stories, shown = asked.stories, asked.shown
    if stories is None or shown is None:
        return None
    return next((stories.address(row) for row in stories.rows(story) if shown[row]), None)


def _score(explainer: Explainer, query: Query, docnum: int) -> int:
    parts, decay = explainer.parts(query.node, docnum), explainer.decay(query, docnum)
    assert parts is not None, "nothing excludes it"
    total = round(sum(part.score for part in parts) * ONE)
    return total if decay is None else int(decayed(np.array([total]), np.array([decay]))[0])


def _before(snapshot: Snapshot, asked: LeafQuery, position: Position) -> int:
    try:
        return sum(share.before(asked, position) for share in snapshot.partitions.shares(1))
    except DeadlineError:
        raise LeafError("timeout") from None


def _excluded_by(explainer: Explainer, segment: Segment, query: Query, docnum: int) -> Iterator[Exclusion]:
    for excluded in _clauses(explainer, query.node, docnum):
        clause = msgspec.to_builtins(excluded.clause)
        yield Exclusion(parameter="q", clause=clause, detail=excluded.detail)
    filters = query.filters
    for choice in filters.choices:
        name = _PARAMETERS[choice.field]
        allowed, denied = ([exact(value) for value in values] for values in (choice.allowed, choice.denied))
        if allowed and not any(explainer.holds(choice.field, value, docnum) for value in allowed):
            yield Exclusion(parameter=name, detail=f"the article has none of: {', '.join(allowed)}")
        for value in denied:
            if explainer.holds(choice.field, value, docnum):
                yield Exclusion(parameter=name, detail=f"the article has {value}, which is excluded")
    yield from _bounds(filters, int(segment.times(filters.clock)[docnum]))


def _bounds(filters: Filters, time_ms: int) -> Iterator[Exclusion]:
    undated = time_ms == NO_DATE_MS
    when = f"it is not known when the article was {filters.clock}"
    if not undated:
        when = f"the article was {filters.clock} at {iso(time_ms)}, which is too "
    if filters.from_ms is not None and (undated or time_ms < filters.from_ms):
        yield Exclusion(parameter="from", detail=when if undated else when + "early")
    if filters.to_ms is not None and (undated or time_ms >= filters.to_ms):
        yield Exclusion(parameter="to", detail=when if undated else when + "late")


def _clauses(explainer: Explainer, node: Node, docnum: int) -> Iterator[_Excluded]:
    """What leaves the article out: of clauses that must all match those that do not."""
    if isinstance(node, And):
        for clause in node.required:
            yield from _clauses(explainer, clause, docnum)
        for clause in node.excluded:
            if explainer.parts(clause, docnum) is not None:
                yield _Excluded(clause, "the article matches this, which is excluded")
    elif explainer.parts(node, docnum) is None:
        yield _Excluded(node, _missing(explainer, node, docnum))


def _missing(explainer: Explainer, node: Node, docnum: int) -> str:
    match node:
        case Or(clauses=clauses, minimum=minimum):
            matched = sum(explainer.parts(clause, docnum) is not None for clause in clauses)
            return f"the article matches {matched} of these {len(clauses)}, and must match {minimum}"
        case Phrase(field=field, terms=terms) if all(explainer.holds(field, term, docnum) for term in terms):
            return "the article holds these words, but not so close together in this order"
        case _:
            return "the article does not match this"
