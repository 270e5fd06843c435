"""Growth: how what an archive costs, and how long it takes to answer, grow with the articles in it.

Contract: reading order: `sampling.py`, `building.py`, `searching.py`, `report.py`, `plot.py`, `__main__.py`.

Not here: other engines (`benchmarks/peers/`), a server under load (`loadtests/`).
"""
