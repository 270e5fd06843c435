"""The intake: many requests in one transaction, each client in turn, and never more than fits.

The log is a double that can be held up: what is looked at is the order and the bounds, not what is stored.
"""

import threading
from collections.abc import Iterable
from typing import Any, cast

import pytest

from indexer.events import Drain, Log, LogError, LogFullError, OtherSubmissionError, Outcome, Submission
from indexer.intake import MAX_WAITING, TRANSACTION, Intake, IntakeFullError


class HeldLog:
    """A log whose transactions wait to be let through."""

    def __init__(self) -> None:
        self.go = threading.Semaphore(0)
        self.at_work = threading.Semaphore(0)
        self.transactions: list[list[str]] = []
        self.room = 1 << 30
        self.contradicted = ""
        """The article of which another thing was said before."""
        self.closed = False

    def append(self, submissions: Iterable[Submission]) -> list[Outcome]:
        """Note them, when it is let."""
        submitted = [one.article_id for one in submissions]
        self.at_work.release()
        assert self.go.acquire(timeout=60)
        if len(submitted) > self.room:
            raise LogFullError(Drain(10, 1), 5)
        if self.contradicted in submitted:
            raise OtherSubmissionError(self.contradicted)
        self.transactions.append(submitted)
        self.room -= len(submitted)
        return [Outcome("created", seq, 1) for seq, _ in enumerate(submitted, 1)]

    def close(self) -> None:
        """It is done."""
        self.closed = True


def _of(client: str, *numbers: int) -> list[Submission]:
    return [Submission(f"{client}{number}", None, b"", "withdraw") for number in numbers]


@pytest.fixture
def log() -> HeldLog:
    """One that holds everything up."""
    return HeldLog()


def _intake(log: HeldLog, rung: list[None]) -> Intake:
    return Intake(lambda: cast("Log", log), lambda: rung.append(None))


def test_clients_take_turns(log: HeldLog) -> None:
    """What waits is logged together, a batch of each client after the other; each gets its own outcomes."""
    rung: list[None] = []
    with _intake(log, rung) as intake:
        first = intake.submit("a", _of("a", 0))
        assert log.at_work.acquire(timeout=60)
        later = [intake.submit("a", _of("a", number, number + 1)) for number in (1, 3, 5)]
        other = intake.submit("b", _of("b", 0))
        for _transaction in range(2):
            log.go.release()
        assert [len(one.result(60)) for one in (first, *later, other)] == [1, 2, 2, 2, 1]
        assert other.result()[0].seq == 3, "of the third in the transaction"
    assert log.transactions == [["a0"], ["a1", "a2", "b0", "a3", "a4", "a5", "a6"]]
    assert len(rung) == 2
    assert log.closed


def test_what_is_too_much_is_refused_at_once(log: HeldLog) -> None:
    """One client leaves room for others; a transaction stays short; at the end everything taken is logged."""
    batch = _of("x", *range(TRANSACTION // 2))
    with _intake(log, []) as intake:
        held = intake.submit("x", _of("x", 0))
        assert log.at_work.acquire(timeout=60)
        taken = [held]
        share = MAX_WAITING // 2 // len(batch)
        taken += [intake.submit("greedy", batch) for _ in range(share)]
        with pytest.raises(IntakeFullError):
            intake.submit("greedy", batch)
        taken += [intake.submit(f"modest {number}", batch) for number in range(share)]
        with pytest.raises(IntakeFullError):
            intake.submit("late", batch)
        for _transaction in range(len(taken)):
            log.go.release()
    assert all(one.done() for one in taken)
    assert max(map(len, log.transactions)) <= TRANSACTION


def test_a_full_log_takes_what_fits(log: HeldLog) -> None:
    """Small batches pass, the large one is told when to come back; another failure is told to all."""
    log.room = 3
    with _intake(log, []) as intake:
        held = intake.submit("a", _of("a", 0))
        assert log.at_work.acquire(timeout=60)
        large, small = intake.submit("b", _of("b", *range(5))), intake.submit("c", _of("c", 0))
        for _transaction in range(4):
            log.go.release()
        assert held.result(60)
        with pytest.raises(LogFullError) as refused:
            large.result(60)
        assert refused.value.retry_after_s == 6
        assert small.result(60)[0].status == "created"


def test_a_contradiction_is_its_own_clients_alone(log: HeldLog) -> None:
    """What others submitted in the same transaction is logged."""
    log.contradicted = "b0"
    with _intake(log, []) as intake:
        held = intake.submit("a", _of("a", 0))
        assert log.at_work.acquire(timeout=60)
        wrong, right = intake.submit("b", _of("b", 0)), intake.submit("c", _of("c", 0))
        for _transaction in range(4):
            log.go.release()
        assert held.result(60)
        with pytest.raises(OtherSubmissionError):
            wrong.result(60)
        assert right.result(60)[0].status == "created"


def test_a_log_that_is_not_there_is_said(log: HeldLog) -> None:
    """And tried again with the next batch."""
    opened: list[Any] = [LogError("there is no event log here"), log]

    def open_log() -> Log:
        one = opened.pop(0)
        if isinstance(one, LogError):
            raise one
        return cast("Log", one)

    log.go.release()
    with Intake(open_log, lambda: None) as intake:
        with pytest.raises(LogError, match="there is no event log"):
            intake.submit("a", _of("a", 0)).result(60)
        assert intake.submit("a", _of("a", 0)).result(60)
