"""The compiled kernels: every loop over bytes, postings and articles, in Numba.

Contract: kernels take arrays and scalars, validate nothing (`format.py` has checked what they read), hold no lock and
raise nothing. They run without the GIL. Each has a plain twin in `tests/reference/`, or in `search/exhaustive.py`.
Numbers that other rooms define too are repeated here, since what kernels are compiled from is this folder alone; a
test holds them to be equal.

Not here: what the arrays mean to an article or a query (the rest of `partition/`, `search/`).
"""
