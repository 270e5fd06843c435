"""Single flight: shared work, separate cancellation, errors that are not remembered."""

import asyncio
import gc

import pytest

from cache.flight import Flights
from tests.cache.doubles import PATIENCE_S

pytestmark = pytest.mark.anyio


class Work:
    """Work that waits for its outcome to be set, and counts how often it was started and ended."""

    def __init__(self) -> None:
        self.started = 0
        self.kept: list[str] = []
        self.outcome: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def do(self) -> str:
        """The work."""
        self.started += 1
        return await asyncio.shield(self.outcome)

    async def keep(self, answer: str) -> None:
        """What follows the answer."""
        self.kept.append(answer)


async def step() -> None:
    """Let every task that can run do so."""
    for _ in range(5):
        await asyncio.sleep(0)


async def no_more(_: str) -> None:
    """Do nothing after the answer."""


async def test_callers_share_one_flight_and_the_next_starts_another() -> None:
    """A hundred callers cause one piece of work; once it has landed, a caller starts anew."""
    flights: Flights[str] = Flights()
    work = Work()
    callers = [asyncio.create_task(flights.fly("key", work.do, work.keep)) for _ in range(100)]
    await step()
    assert "key" in flights
    work.outcome.set_result("answer")
    assert await asyncio.gather(*callers) == ["answer"] * 100
    assert work.started == 1
    assert work.kept == ["answer"]
    assert "key" not in flights
    await flights.fly("key", work.do, work.keep)
    assert work.started == 2


async def test_keys_fly_apart() -> None:
    """Work for one key does not answer another."""
    flights: Flights[str] = Flights()
    one, other = Work(), Work()
    one.outcome.set_result("one")
    other.outcome.set_result("other")
    answers = list(await asyncio.gather(flights.fly("1", one.do, one.keep), flights.fly("2", other.do, other.keep)))
    assert answers == ["one", "other"]


async def test_cancelling_the_first_caller_spares_the_rest() -> None:
    """Who started the flight is no different from who joined it."""
    flights: Flights[str] = Flights()
    work = Work()
    callers = [asyncio.create_task(flights.fly("key", work.do, work.keep)) for _ in range(3)]
    await step()
    callers[0].cancel()
    callers[1].cancel()
    await step()
    assert callers[0].cancelled()
    assert callers[1].cancelled()
    work.outcome.set_result("answer")
    assert await callers[2] == "answer"
    assert work.started == 1


async def test_work_ends_even_if_nobody_waits_for_it() -> None:
    """When all callers have gone, the work goes on and its answer is kept for the next."""
    flights: Flights[str] = Flights()
    work = Work()
    callers = [asyncio.create_task(flights.fly("key", work.do, work.keep)) for _ in range(3)]
    await step()
    for caller in callers:
        caller.cancel()
    await step()
    late = asyncio.create_task(flights.fly("key", work.do, work.keep))
    await step()
    work.outcome.set_result("answer")
    assert await late == "answer"
    assert (work.started, work.kept) == (1, ["answer"])


async def test_an_error_reaches_all_who_wait_and_is_not_remembered() -> None:
    """Each waiter gets the error; a caller that comes after it gets a new flight, even from its handler."""
    flights: Flights[str] = Flights()
    failing, working = Work(), Work()
    working.outcome.set_result("answer")

    async def persistent() -> str:
        try:
            return await flights.fly("key", failing.do, failing.keep)
        except LookupError:
            return await flights.fly("key", working.do, working.keep)

    callers = [asyncio.create_task(persistent()) for _ in range(10)]
    await step()
    failing.outcome.set_exception(LookupError("once"))
    assert await asyncio.gather(*callers) == ["answer"] * 10
    assert (failing.started, failing.kept) == (1, [])
    assert "key" not in flights


async def test_an_error_that_nobody_waits_for_is_no_stray_error() -> None:
    """The event loop has nothing to complain of when an error's callers have gone."""
    complaints: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context["message"]))
    flights: Flights[str] = Flights()
    error = asyncio.Event()

    async def fail() -> str:
        await error.wait()
        raise LookupError

    caller = asyncio.create_task(flights.fly("key", fail, no_more))
    await step()
    caller.cancel()
    await step()
    error.set()
    await flights.settle()
    assert "key" not in flights
    del caller
    gc.collect()
    assert complaints == []


async def test_work_that_cancels_itself_leaves_nobody_waiting() -> None:
    """A loader that is cancelled from within ends its flight as it would have ended its caller."""
    flights: Flights[str] = Flights()

    async def give_up() -> str:
        raise asyncio.CancelledError

    callers = [asyncio.create_task(flights.fly("key", give_up, no_more)) for _ in range(2)]
    await asyncio.wait(callers, timeout=PATIENCE_S)
    assert all(caller.cancelled() for caller in callers)
    assert "key" not in flights


async def test_the_key_is_held_until_the_answer_is_kept() -> None:
    """Callers have their answer before it is kept; who comes meanwhile gets the same one at once."""
    flights: Flights[str] = Flights()
    work = Work()
    work.outcome.set_result("answer")
    keeping, kept = asyncio.Event(), asyncio.Event()

    async def keep_slowly(_: str) -> None:
        keeping.set()
        await kept.wait()

    assert await flights.fly("key", work.do, keep_slowly) == "answer"
    await keeping.wait()
    assert await flights.fly("key", work.do, keep_slowly) == "answer"
    assert work.started == 1
    kept.set()
    await flights.settle()
    assert "key" not in flights


@pytest.mark.parametrize("steps", [0, 1])
async def test_close_cancels_what_has_no_answer(steps: int) -> None:
    """Closing leaves no caller waiting, whether its work has begun or not."""
    flights: Flights[str] = Flights()
    work = Work()
    caller = asyncio.create_task(flights.fly("key", work.do, work.keep))
    await asyncio.sleep(0)  # the caller has made its task, which has not run yet
    for _ in range(steps):
        await step()
    await flights.close()
    await asyncio.wait([caller], timeout=PATIENCE_S)
    assert caller.cancelled()
    assert work.started == steps
    assert "key" not in flights


async def test_close_lets_answers_be_kept() -> None:
    """What has been answered is kept before the flights are closed."""
    flights: Flights[str] = Flights()
    work = Work()
    work.outcome.set_result("answer")

    async def keep_slowly(answer: str) -> None:
        await step()
        await work.keep(answer)

    await flights.fly("key", work.do, keep_slowly)
    assert work.kept == []
    await flights.close()
    assert work.kept == ["answer"]
