"""The oracle: what is true of a question, by the plain executor over every article.

Contract: reads a Broadsheet index of one partition; shares analysis, parsing and scoring with the product, and
neither its algorithms nor its order of work. Costs a few milliseconds a question for each ten thousand articles.

Not here: what an engine that disagrees is told (`agreement.py`).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.broadsheet_engine import Exhaustive
from benchmarks.peers.engine import TOP, QueryClass, Question
from search.order import Position, sort_keys


@dataclass(frozen=True, slots=True)
class Truth:
    """The right answer to one question."""

    ids: tuple[str, ...]
    """The first `TOP` in the total order."""
    total: int
    worthy: frozenset[str]
    """Articles that an engine with other scores may name: for `or` and `or_total` the best, for `newest` those not
    older than the last of them, for the others whatever matches."""


class Oracle:
    """Answers slowly and rightly."""

    def __init__(self, folder: Path) -> None:
        self._index = Exhaustive(folder)
        segments = self._index.segments
        self._ids = [segment.article_id(docnum) for segment in segments for docnum in range(segment.size)]
        self._hashes = np.concatenate([segment.hashes for segment in segments])
        self._published_ms = np.concatenate([segment.published_ms for segment in segments])

    def hits(self, kind: QueryClass, question: Question) -> int:
        """How many articles match."""
        return sum(int(np.count_nonzero(found.mask)) for found in self._index.execute(kind, question))

    def truth(self, kind: QueryClass, question: Question) -> Truth:
        """What is true of a question."""
        found = self._index.execute(kind, question)
        rows = np.flatnonzero(np.concatenate([matches.mask for matches in found]))
        scores = np.concatenate([matches.scores for matches in found])[rows]
        keys = sort_keys("newest" if kind == "newest" else "relevance", scores, self._published_ms[rows])
        # All that tie with the last are kept, for the hash and the id to decide.
        ahead = keys <= np.partition(keys, TOP - 1)[TOP - 1] if len(rows) > TOP else np.full(len(rows), True)
        ids = self._in_order(rows[ahead], keys[ahead])
        match kind:
            case "or" | "or_total":
                worthy = frozenset(ids)
            case "newest":
                worthy = frozenset(self._ids[row] for row in rows[ahead])
            case _:
                worthy = frozenset(self._ids[row] for row in rows)
        return Truth(ids, len(rows), worthy)

    def _in_order(self, rows: NDArray[np.int64], keys: NDArray[np.int64]) -> tuple[str, ...]:
        hashes = self._hashes[rows]
        positions = [
            Position(key, hash_, self._ids[row])
            for row, key, hash_ in zip(rows.tolist(), keys.tolist(), hashes.tolist(), strict=True)
        ]
        return tuple(position.article_id for position in sorted(positions)[:TOP])
