"""Live: an archive that takes articles, corrections and withdrawals while people search it, or more than it can.

The generator is one process with one event loop. Whatever has a schedule is started by it, answered or not, and its
latency counts from there (Schroeder, Wierman and Harchol-Balter, "Open Versus Closed: A Cautionary Tale", 2006).

Contract: reading order: `wire.py`, `schedule.py`, `figures.py`, `feed.py`, `searching.py`, `writing.py`,
`probing.py`, `walking.py`, `watching.py`, `overload.py`, `ending.py`, `phases.py`, `report.py`, `__main__.py`.

Not here: killing processes meanwhile (`tests/indexer/`), load shapes of readers (`loadtests/`).
"""
