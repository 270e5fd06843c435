"""Queries of death: what they are, whether the service survives them, and what they do to everybody else's queries.

    python -m benchmarks.killers --json OUT

Contract: reading order: `catalogue.py`, `asking.py`, `family.py`, `bystanders.py`, `__main__.py`. All but the last
are used by `tests/search/test_killers.py` too.

Not here: ordinary load (`loadtests/`), random queries (`tests/search/test_fuzz.py`).
"""
