"""Queries of death: what they are, whether the service survives them, and what they do to everybody else's queries.

    python -m benchmarks.killers --json OUT

Contract: reading order: `catalogue.py`, `nonsense.py`, `asking.py`, `family.py`, `bystanders.py`, `__main__.py`. All
but the last are used by tests too (`tests/search/test_killers.py`, `tests/search/test_fuzz.py`).

Not here: ordinary load (`loadtests/`).
"""
