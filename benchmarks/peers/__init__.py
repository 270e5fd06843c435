"""Broadsheet beside its peers: the same articles and questions through each engine, in one run.

Reading order: `engine.py` what an engine is and what is asked; `corpus.py` the articles and the questions; one file
an engine; `lineup.py` which there are; `oracle.py` and `agreement.py` whether answers are right; `alone.py` and
`measure.py` how long they take; `report.py` and `plot.py` what is shown; `__main__.py` the command.

Contract: nothing imports this package but its own tests.

Not here: relevance, growth with the archive's size, load over HTTP (`loadtests/`).
"""
