"""Measurements: run by hand, on real corpora, against running code.

Contract: each module, and each package, is a command that says what it measured, on what, and prints figures; only
tests import them.

Not here: load tests over HTTP (`loadtests/`), correctness (`tests/`).
"""
