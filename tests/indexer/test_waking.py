"""Waking: what is asked for is done afterwards, once for many who ask, and its errors are told."""

import threading

import pytest

from indexer.waking import Waker


def _never() -> None:
    raise AssertionError


def test_each_wake_up_is_followed_by_work() -> None:
    """What somebody did before waking is seen by a work that begins after; many wake-ups in the meantime are one."""
    begun, go_on, seen, state = threading.Semaphore(0), threading.Semaphore(0), [], [0]

    def work() -> None:
        seen.append(state[0])
        begun.release()
        go_on.acquire()

    with Waker(work, failed=_never, every_s=60) as waker:
        state[0] = 1
        waker.wake()
        begun.acquire()
        for state[0] in (2, 3, 4):
            waker.wake()
        go_on.release()
        begun.acquire()
        go_on.release()
    assert seen == [1, 4]


def test_it_is_done_at_the_end_if_somebody_asked() -> None:
    """And not otherwise."""
    done: list[int] = []
    with Waker(lambda: done.append(1), failed=_never, every_s=60):
        pass
    assert done == []
    with Waker(lambda: done.append(1), failed=_never, every_s=60) as waker:
        waker.wake()
    assert done == [1]


def test_it_is_done_now_and_then_anyway() -> None:
    """Without being woken."""
    enough = threading.Semaphore(0)
    with Waker(enough.release, failed=_never, every_s=0.001):
        for _ in range(3):
            assert enough.acquire(timeout=20)


def test_it_is_done_again_when_it_says_so() -> None:
    """Sooner than every so often, never later."""
    done = threading.Semaphore(0)
    answers = iter((0.001, -5.0, None))

    def work() -> float | None:
        done.release()
        return next(answers)

    with Waker(work, failed=_never, every_s=60) as waker:
        waker.wake()
        for _ in range(3):
            assert done.acquire(timeout=20)
        assert not done.acquire(timeout=0.2), "it did not know when"

    def seldom() -> float:
        done.release()
        return 1e9

    with Waker(seldom, failed=_never, every_s=0.001):
        for _ in range(3):
            assert done.acquire(timeout=20)


def test_an_error_is_told_and_raised() -> None:
    """At once to whoever wants to stop, and at the end to everybody."""
    failed = threading.Event()

    def work() -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"), Waker(work, failed=failed.set, every_s=60) as waker:  # noqa: PT012
        waker.wake()
        assert failed.wait(20)
