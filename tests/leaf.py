"""One partition searched in this process, as a leaf does it.

Not here: several partitions (`tests/search/test_layouts.py`), processes.
"""

import time
from collections.abc import Sequence

from partition.reader import PartitionReader
from partition.statistics import Statistics
from search.collapsing import collapsed
from search.leaf import Leaf, LeafAnswer, LeafQuery, PartitionDamagedError, Slice
from search.plan import plan_of
from search.query import Query
from search.share import Share
from search.stories import StoryIndex


def answer_of(reader: PartitionReader, statistics: Statistics, query: Query, part: Slice) -> LeafAnswer:
    """The total and the best matches of one partition.

    Raises:
        IndexFileError: a file is damaged.
    """
    share, asked = Share([Leaf(0, reader, statistics)]), leaf_query(query, statistics, part)
    try:
        return share._ranked(asked)  # which says what is wrong
    except PartitionDamagedError as found:
        raise found.error from None


def without_copies(asked: LeafQuery, stories: StoryIndex, shares: Sequence[Share]) -> LeafQuery:
    """The same query for one article of each story."""
    asked = asked._replace(stories=stories)
    return collapsed(asked, [share.rivals(asked) for share in shares])


def leaf_query(query: Query, statistics: Statistics, part: Slice, deadline_s: float | None = None) -> LeafQuery:
    """A query as leaves are asked it, with a minute to answer unless told otherwise."""
    plan = plan_of(query.node, statistics)
    until_s = time.monotonic() + 60 if deadline_s is None else deadline_s
    return LeafQuery(plan, query.filters, query.sort, part, until_s, decay=query.decay)
