"""The load test: replays a query log against a server of its own, in a closed loop and at a fixed rate.

Contract: talks to the service over loopback HTTP only, as any client would, and imports none of its rooms.
What is measured and how to read it stands in `README.md`; `python -m loadtests.run` is the way in.

Not here: timings of single functions (`benchmarks/`).
"""
