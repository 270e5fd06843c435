"""How many words the beginnings and wildcards of a query stand for, and that these are not too many.

Contract: it is counted in the statistics of the epoch, so that it is the same however the archive is partitioned and
merged.

Not here: limits that the text of a query shows (`parsing.py`), which articles match (`share.py`, `pool.py`).
"""

import re
from collections.abc import Iterable, Iterator
from itertools import islice

from partition.statistics import Statistics
from search.parsing import QueryError
from search.query import Node, Prefix, Wildcard, children_of, pattern_of

MAX_EXPANSIONS = 128
"""Words that all beginnings of a query may stand for, and all wildcards."""


def check_beginnings(node: Node, statistics: Statistics) -> None:
    """Refuse beginnings that stand for too many words of the archive, as its statistics know them.

    Raises:
        QueryError
    """
    expansions = 0
    left = [node]
    while left:
        node = left.pop()
        left += children_of(node)
        if isinstance(node, Prefix):
            expansions += statistics.prefix_size(node.field, node.text)
            if expansions > MAX_EXPANSIONS:
                raise _too_many(f"{node.text}*")


def check_wildcards(wildcards: Iterable[Wildcard], statistics: Statistics) -> None:
    """The same for wildcards; it may take as long as finding what they match, and cannot be told to stop.

    Raises:
        QueryError
    """
    expansions = 0
    for wildcard in wildcards:
        expansions += sum(1 for _ in islice(_words_like(wildcard, statistics), MAX_EXPANSIONS + 1))
        if expansions > MAX_EXPANSIONS:
            raise _too_many(wildcard.text)


def _too_many(text: str) -> QueryError:
    return QueryError(f"{text} stands for too many words ({MAX_EXPANSIONS} are allowed); write more letters")


def _words_like(node: Wildcard, statistics: Statistics) -> Iterator[str]:
    pattern = pattern_of(node.text)
    beginning = re.split(r"[?*]", node.text, maxsplit=1)[0]
    return (term for term in statistics.terms_with_prefix(node.field, beginning) if pattern.fullmatch(term))
