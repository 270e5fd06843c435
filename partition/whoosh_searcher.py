"""Whoosh's searcher, running repaired queries without Whoosh's pruning.

With a limit, Whoosh prunes: it replaces matchers by others and skips blocks, and loses documents from the top, over
any codec, its own too. Here the first ten are the first ten of all. Pruning won little here: a list is one block.

Contract: documents and totals are those of the definition (`tests/reference/whoosh_matching.py`), scores Whoosh's. A
query that is handed in is not changed.

Not here: which queries are repaired, and why (`whoosh_repairs.py`); the language of queries (Whoosh's parser).
"""

from collections.abc import Iterator
from typing import Any

from whoosh import query
from whoosh.collectors import ScoredCollector
from whoosh.searching import Searcher

from partition.whoosh_repairs import repaired


class RepairedSearcher(Searcher):  # type: ignore[misc]  # Whoosh's classes are untyped
    """A searcher whose answers are right."""

    def search_with_collector(self, q: query.Query, collector: Any, context: Any = None) -> None:
        """Run a query; every search comes this way."""
        innermost = collector
        while hasattr(innermost, "child"):
            innermost = innermost.child
        if isinstance(innermost, ScoredCollector):
            innermost.replace, innermost.usequality = 0, False
        super().search_with_collector(repaired(q), collector, context)

    def docs_for_query(self, q: query.Query, **options: Any) -> Iterator[int]:
        """The docnums that match; filters come this way."""
        found: Iterator[int] = super().docs_for_query(repaired(q), **options)
        return found
