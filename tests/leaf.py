"""One partition searched in this process, as a leaf does it.

Not here: several partitions (`tests/search/test_layouts.py`), processes.
"""

import time

from partition.reader import PartitionReader
from partition.statistics import Statistics
from search.leaf import Leaf, LeafAnswer, Slice
from search.plan import plan_of
from search.query import Query


def answer_of(reader: PartitionReader, statistics: Statistics, query: Query, part: Slice) -> LeafAnswer:
    """The total and the best matches of one partition."""
    leaf = Leaf(0, reader, statistics)
    plan = plan_of(query.node, statistics)
    return leaf.search(plan, query.filters, query.sort, part, time.monotonic() + 60)
