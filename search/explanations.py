"""Explanations of scores: what each clause of a query adds to the score of an article, by field and term.

    score = the sum of its parts, rounded once more where it decays with age: sum * decay (`partition/scoring.py`)

Contract: exact. Parts add up to the sum to the last bit, as multiples of 2^-24 do, and sum times decay rounds to the
score that the article was found with, however the archive is partitioned. Only clauses that match are listed, and of
those the ones that can add something; a phrase is its distinct terms. A list of the index is read once for all
articles of a segment. The deadline is looked at between lists and phrases.

Not here: which articles are found (`share.py`), what is said of the query as a whole (`answers.py`).
"""

import time
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from partition.analysis import ideographic, parted
from partition.errors import IndexFileError
from partition.schema import FIELD_BOOSTS, NAME_FIELDS, NO_DATE_MS, PARTS, TEXT
from partition.scoring import ONE, constant, contributions, decays
from partition.segment import Segment
from partition.statistics import Statistics
from search.broker import LeafError
from search.leaf import Match, PartitionDamagedError
from search.query import (
    And,
    Between,
    Every,
    Node,
    Or,
    Phrase,
    Prefix,
    Query,
    Term,
    Value,
    Wildcard,
    holds_phrase,
)
from search.snapshot import Snapshot


class ScorePart(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What a term adds, or a beginning or a wildcard: of these there is only `field`, `term`, `boost` and `score`."""

    field: str
    """`text` is title and body together: what stands in the title counts twice there, in `tf` and in `length`."""
    term: str
    """As analysis made it; of a beginning or a wildcard what was written."""
    language: str | None = None
    """Whose stem it is; left out where there is none, as in names."""
    tf: int | None = None
    """How often the term stands in the field."""
    length: int | None = None
    """Words of the field."""
    average_length: float | None = None
    """Of all articles."""
    idf: float | None = None
    boost: float
    """What the query says times what the field counts: 2 for `title`, else 1."""
    score: float


class ScoreExplanation(msgspec.Struct, omit_defaults=True, kw_only=True):
    """How the score of an article comes about."""

    parts: list[ScorePart]
    """Of the clauses that match, in the order of the query's tree; they add up to `sum` exactly."""
    sum: float
    decay: float | None = None
    """What age leaves of it: sum times decay, rounded to a multiple of 2^-24, is the score; left out without
    recency."""


class Explainer:
    """Some articles of a segment, as clauses see them."""

    def __init__(self, segment: Segment, statistics: Statistics, docnums: Iterable[int], deadline_s: float) -> None:
        """Args: the segment, the frozen statistics, the articles, and when to give up, on the monotonic clock."""
        self._segment = segment
        self._statistics = statistics
        self._docnums = np.array(sorted(docnums), np.int64)
        self._deadline_s = deadline_s
        self._tfs: dict[tuple[str, str], dict[int, int]] = {}
        self._holders: dict[Prefix | Wildcard, frozenset[int]] = {}

    def parts(self, node: Node, docnum: int) -> list[ScorePart] | None:
        """What the clauses of a tree add to one of the articles; `None` if it does not match.

        Raises:
            IndexFileError: a file is damaged.
            LeafError: it took too long.
        """
        match node:
            case Term():
                return self._term(node, docnum)
            case Phrase():
                return self._phrase(node, docnum)
            case Prefix() | Wildcard():
                return self._any(node, docnum)
            case Value(field=field, text=text):
                return [] if self.holds(field, text, docnum) else None
            case Between():
                return [] if self._within(node, docnum) else None
            case And(required=required, excluded=excluded):
                if any(self.parts(clause, docnum) is not None for clause in excluded):
                    return None
                found = [self.parts(clause, docnum) for clause in required]
                return None if None in found else [part for parts in found for part in parts or ()]
            case Or(clauses=clauses, minimum=minimum):
                some = [parts for clause in clauses if (parts := self.parts(clause, docnum)) is not None]
                return [part for parts in some for part in parts] if len(some) >= minimum else None
            case Every():
                return []
            case _:
                return None

    def holds(self, field: str, term: str, docnum: int) -> bool:
        """Whether one of the articles holds a term, or a value, in a field.

        Raises:
            IndexFileError, LeafError: as of `parts`.
        """
        return docnum in self._tf(field, term)

    def decay(self, query: Query, docnum: int) -> float | None:
        """What age leaves of the score of one of the articles; `None` if it does not matter."""
        if query.decay is None:
            return None
        published_ms = self._segment.published_ms[docnum : docnum + 1]
        (left,) = decays(
            published_ms, half_life_ms=query.decay.half_life_ms, origin_ms=query.decay.origin_ms
        ).tolist()
        return float(left)

    def _term(self, node: Term, docnum: int) -> list[ScorePart] | None:
        tf = self._tf(node.field, node.text).get(docnum)
        if tf is None:
            return None
        field, boost = node.field, node.boost * FIELD_BOOSTS[node.field]
        idf, average_length = self._statistics.idf(field, node.text), self._statistics.average_length(field)
        length = int(self._segment.length(field)[docnum])
        (score,) = contributions(
            *(np.array([tf], np.float64), np.array([length], np.float64)),
            weight=boost * idf,
            average_length=average_length,
        ).tolist()
        stem, language = parted(node.text)
        part = ScorePart(
            field=field,
            term=stem,
            language=None if field in NAME_FIELDS or ideographic(stem) else language,
            tf=tf,
            length=length,
            average_length=average_length,
            idf=idf,
            boost=boost,
            score=score / ONE,
        )
        return [part]

    def _phrase(self, node: Phrase, docnum: int) -> list[ScorePart] | None:
        words = [self._term(Term(node.field, term, node.boost), docnum) for term in dict.fromkeys(node.terms)]
        fields = PARTS if node.field == TEXT else (node.field,)
        if None in words or not any(self._adjacent(node, field, docnum) for field in fields):
            return None
        return [part for parts in words for part in parts or ()]

    def _adjacent(self, node: Phrase, field: str, docnum: int) -> bool:
        if not all(self.holds(field, term, docnum) for term in set(node.terms)):
            return False
        self._look_at_the_clock()
        places = [self._segment.positions(field, term, [docnum])[0] for term in node.terms]
        return holds_phrase(places, node.slop)

    def _any(self, node: Prefix | Wildcard, docnum: int) -> list[ScorePart] | None:
        holders = self._holders.get(node)
        if holders is None:
            read = [set(self._read(term)) for term in self._terms_like(node)]
            holders = self._holders[node] = frozenset().union(*read)
        if docnum not in holders:
            return None
        boost = node.boost * FIELD_BOOSTS[node.field]
        written = node.text + "*" if isinstance(node, Prefix) else node.text
        return [ScorePart(field=node.field, term=written, boost=boost, score=constant(boost) / ONE)]

    def _terms_like(self, node: Prefix | Wildcard) -> list[int]:
        """Ordinals of the terms that it stands for."""
        if isinstance(node, Prefix):
            return list(self._segment.terms_with_prefix(node.field, node.text))
        terms: list[int] = self._segment.terms_like(node.field, node.text).tolist()
        return terms

    def _within(self, node: Between, docnum: int) -> bool:
        time_ms = int(self._segment.times(node.clock)[docnum])
        early = node.from_ms is not None and time_ms < node.from_ms
        late = node.to_ms is not None and time_ms >= node.to_ms
        return time_ms != NO_DATE_MS and not early and not late

    def _tf(self, field: str, term: str) -> dict[int, int]:
        """How often a term stands in a field of the articles that hold it."""
        known = self._tfs.get((field, term))
        if known is None:
            found = self._segment.term_list(field, term.encode())
            known = self._tfs[field, term] = self._among(*self._segment.read(found)) if found else {}
        return known

    def _read(self, term: int) -> dict[int, int]:
        """The same for the term with this ordinal."""
        return self._among(*self._segment.read(self._segment.list_at(term)))

    def _among(self, docs: NDArray[np.int32], tfs: NDArray[np.int32]) -> dict[int, int]:
        self._look_at_the_clock()
        at = np.minimum(np.searchsorted(docs, self._docnums), len(docs) - 1)
        held = docs[at] == self._docnums
        return dict(zip(self._docnums[held].tolist(), tfs[at[held]].tolist(), strict=True))

    def _look_at_the_clock(self) -> None:
        if time.monotonic() > self._deadline_s:
            raise LeafError("timeout")


def explained(
    snapshot: Snapshot, query: Query, matches: Sequence[Match], deadline_s: float
) -> list[ScoreExplanation]:
    """How the score of each match of a page comes about.

    Raises:
        PartitionDamagedError
        LeafError: it took too long.
    """
    docnums: dict[tuple[int, int], list[int]] = {}
    for match in matches:
        docnums.setdefault((match.partition, match.segment), []).append(match.docnum)
    made: dict[tuple[int, int, int], ScoreExplanation] = {}
    for (partition, ordinal), some in docnums.items():
        leaf = snapshot.partitions.leaf(partition)
        assert leaf is not None, "its matches were found in it"
        explainer = Explainer(leaf.reader.segments[ordinal], snapshot.statistics, some, deadline_s)
        try:
            for docnum in some:
                parts = explainer.parts(query.node, docnum)
                assert parts is not None, "it was found"
                total = sum((part.score for part in parts), 0.0)
                explanation = ScoreExplanation(parts=parts, sum=total, decay=explainer.decay(query, docnum))
                made[partition, ordinal, docnum] = explanation
        except IndexFileError as error:
            raise PartitionDamagedError(partition, error) from None
    return [made[match.partition, match.segment, match.docnum] for match in matches]
