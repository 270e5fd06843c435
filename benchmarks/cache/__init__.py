"""The cache measured over HTTP: what a hit costs, how many there are, what writes, crowds and a sick Redis do to it.

Contract: every part starts servers and Redis of its own and ends them. Answers are compared byte by byte, but for
what may differ (`asking.plain`).

Not here: how fast a search is that nobody asked before (`benchmarks/peers/`, `benchmarks/growth/`).
"""
