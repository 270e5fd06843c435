"""How many words the beginnings and wildcards of a query stand for, and that these are not too many.

Contract: it is counted in the statistics of the epoch, so that it is the same however the archive is partitioned and
merged.

Not here: limits that the text of a query shows (`parsing.py`), which articles match (`executor.py`, `pool.py`).
"""

import re
from collections.abc import Iterator
from itertools import islice

from partition.statistics import Statistics
from search.parsing import QueryError
from search.query import Node, Prefix, Wildcard, children_of, pattern_of

MAX_EXPANSIONS = 128
"""Words that all beginnings of a query may stand for, and all wildcards."""


def check_expansions(node: Node, statistics: Statistics) -> None:
    """Refuse beginnings and wildcards that stand for too many words of the archive, as its statistics know them.

    Raises:
        QueryError
    """
    beginnings = wildcards = 0
    left = [node]
    while left:
        node = left.pop()
        left += children_of(node)
        if isinstance(node, Prefix):
            beginnings += statistics.prefix_size(node.field, node.text)
        elif isinstance(node, Wildcard):
            wildcards += sum(1 for _ in islice(_words_like(node, statistics), MAX_EXPANSIONS + 1))
        else:
            continue
        if max(beginnings, wildcards) > MAX_EXPANSIONS:
            text = node.text if isinstance(node, Wildcard) else f"{node.text}*"
            raise QueryError(f"{text} stands for too many words ({MAX_EXPANSIONS} are allowed); write more letters")


def _words_like(node: Wildcard, statistics: Statistics) -> Iterator[str]:
    pattern = pattern_of(node.text)
    beginning = re.split(r"[?*]", node.text, maxsplit=1)[0]
    return (term for term in statistics.terms_with_prefix(node.field, beginning) if pattern.fullmatch(term))
