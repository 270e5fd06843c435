"""How many words the beginnings and wildcards of a query stand for, and that these are not too many.

Contract: it is counted in the statistics of the epoch, so that it is the same however the archive is partitioned and
merged.

Not here: limits that the text of a query shows (`parsing.py`), which articles match (`share.py`).
"""

import time

from partition.statistics import Statistics
from search.deadline import DeadlineError
from search.parsing import QueryError
from search.query import Node, Prefix, Wildcard, children_of

MAX_EXPANSIONS = 128
"""Words that all beginnings of a query may stand for, and all wildcards."""


def check_expansions(node: Node, statistics: Statistics, deadline_s: float) -> None:
    """Refuse beginnings and wildcards that stand for too many words of the archive, as its statistics know them.

    Raises:
        QueryError
        DeadlineError: it took too long, by the monotonic clock's `deadline_s`.
    """
    beginnings = wildcards = 0
    left = [node]
    while left:
        node = left.pop()
        left += children_of(node)
        if isinstance(node, Prefix):
            beginnings += statistics.prefix_size(node.field, node.text)
        elif isinstance(node, Wildcard):
            if time.monotonic() > deadline_s:
                raise DeadlineError
            wildcards += statistics.wildcard_size(node.field, node.text)
        if max(beginnings, wildcards) > MAX_EXPANSIONS:
            assert isinstance(node, Prefix | Wildcard)
            text = f"{node.text}*" if isinstance(node, Prefix) else node.text
            detail = f"{text} stands for too many words ({MAX_EXPANSIONS} are allowed); write more letters"
            raise QueryError(detail)
