"""Why a search is not answered: what other parts of this room raise, as the problems that callers get.

Contract: nothing but names of partitions and reasons goes out; what else is known is in the log.

Not here: the problems themselves (`web/problems.py`), when they are raised (`service.py`).
"""

from search.answers import coverage_of
from search.broker import Gathered, LeafError
from search.parsing import QueryError
from web.problems import ParameterError, Problem


def invalid(error: QueryError) -> Problem:
    """The query cannot be executed."""
    return Problem("query-invalid", error.detail, [ParameterError("q", error.detail, error.position)])


def changed() -> Problem:
    """The newest epoch went while it was asked: a newer one is coming."""
    return Problem("overloaded", "the archive just changed; ask again", headers={"Retry-After": "1"})


def incomplete(found: Gathered) -> Problem:
    """Some partitions did not answer, or none."""
    names = ", ".join(f"{partition} ({reason})" for partition, reason in sorted(found.failed.items()))
    coverage = coverage_of(found, missed=())
    late = all(reason == "timeout" for reason in found.failed.values())
    if len(found.failed) == found.partitions and late:
        return Problem("timeout", "no partition answered in time", members={"coverage": coverage})
    return Problem(
        "partial-results",
        f"partitions did not answer: {names}",
        headers={"Retry-After": "1"},
        members={"coverage": coverage},
    )


def late_or_broken(error: LeafError) -> Problem:
    """No answer at all."""
    if str(error) == "timeout":
        return Problem("timeout", "the answer was not ready in time")
    return Problem("partial-results", f"a partition could not answer: {error}", headers={"Retry-After": "1"})
