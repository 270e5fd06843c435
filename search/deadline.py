"""The error of whoever looks at the clock and finds that it is too late.

Not here: who says until when (`service.py`).
"""


class DeadlineError(Exception):
    """The time for this query is over."""
