"""The command side: articles in, generations out.

Contract: an article is durable in the log before it is acknowledged; an epoch is a pure function of the log up to
its `applied_seq`; one process at a time writes (it holds `DATA/lock`).

Not here: anything that answers queries (`search/`).
"""
