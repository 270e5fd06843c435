"""Whether an engine answers what it was asked: no engine is timed on a wrong answer.

An exact engine must give the oracle's ids, in order, and its total. The others stem a little differently and score
differently, so they are held to what every engine must get right: at least 95 % of the ids that they give, or ought
to give, are of articles that match (for `newest`, that are new enough), and totals differ by at most 5 % on average.
For `or` the share is the overlap of the ten best, which depends on scores: it is reported only.

Contract: `compare` gives a share in [0, 1] or raises `WrongAnswer`.

Not here: what is right (`oracle.py`), which questions are looked at (`measure.py`).
"""

from collections.abc import Sequence

from benchmarks.peers.engine import TOP, Answer, QueryClass, Question
from benchmarks.peers.oracle import Truth

ENOUGH = 0.95


class WrongAnswer(Exception):  # noqa: N818 - names what was found, not a failure of this code
    """An engine does not answer what it was asked; the message names the engine, the class and the question."""


def compare(
    engine: str,
    kind: QueryClass,
    answered: Sequence[tuple[Question, Answer, Truth]],
    article_ids: Sequence[str],
    *,
    exact: bool,
) -> float:
    """How far an engine agrees with the oracle on the questions of one class.

    Args:
        engine: its name.
        kind: the class.
        answered: what was asked, what the engine said and what is true.
        article_ids: the id of each article, by ordinal.
        exact: whether ids, order and totals must be the oracle's.

    Raises:
        WrongAnswer: it does not agree far enough.
    """
    right = expected = 0.0
    for question, answer, truth in answered:
        ids = [article_ids[name] if isinstance(name, int) else name for name in answer.ids]
        if exact and (tuple(ids) != truth.ids or answer.total not in {None, truth.total}):
            raise WrongAnswer(
                f"{engine} answers {kind} {question.text!r} with {ids} of {answer.total}; "
                f"right is {list(truth.ids)} of {truth.total}"
            )
        if kind == "or_total":
            if answer.total is None:
                raise WrongAnswer(f"{engine} has no total for {kind} {question.text!r}")
            right += min(answer.total, truth.total) / max(answer.total, truth.total, 1)
            expected += 1
        elif kind == "and_empty":
            right += not ids
            expected += 1
        else:
            right += len(truth.worthy.intersection(ids))
            expected += max(len(ids), min(TOP, truth.total))
    share = right / expected if expected else 1.0
    if kind != "or" and share < ENOUGH:
        raise WrongAnswer(
            f"{engine} agrees with the oracle on {share:.1%} of {kind}; at least {ENOUGH:.0%} is needed"
        )
    return share
