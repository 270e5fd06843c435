"""What the processes of tests find instead of SciPy: nothing, as users do.

Not here: which processes those are, and why (`tests/commands.py`).
"""

raise ImportError("SciPy is not for the processes of tests")
