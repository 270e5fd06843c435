"""One partition of the index: how articles become postings on disk and how those are read back.

Contract: a *generation* is an immutable folder; a writer makes the next one aside, a reader opens one and never
changes it. What is scored here (`scoring.py`, `statistics.py`) does not depend on how articles are laid out over
partitions and segments.

Not here: which article goes to which partition (`indexer/routing.py`), queries over several partitions
(`search/`), when a generation becomes visible (`indexer/publisher.py`).
"""
