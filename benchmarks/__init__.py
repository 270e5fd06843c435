"""Measurements: run by hand, on real corpora, against running code.

Contract: each module is a command that says what it measured, on what, and prints figures; nothing imports them.

Not here: load tests over HTTP (`loadtests/`), correctness (`tests/`).
"""
