"""The operations page, and the figures that it shows: how a running service fares, second by second.

Contract: the figures are those of the whole service, whichever of its processes is asked. They cost nothing while
nobody looks.

Not here: what is counted (beside the code that counts), its history over days (`deploy/`).
"""
