"""Single flight inside one process: callers that ask for one key at the same time share the work.

Contract, for one event loop:

- While a flight of a key is under way, every caller of that key waits for the same answer.
- A caller's cancellation or deadline ends its own waiting, never the work: the others still get the answer.
  Work that nobody waits for any more runs to its end, since it is nearly always wanted again; its own
  deadline bounds it.
- An error is raised in every caller that waits at that moment. It is never remembered: the key is released
  before any of them resumes, so that the next caller starts afresh.
- A flight may outlive its answer: `after` runs while nobody waits, and the key is held until it ends.
- The work runs in the context (`contextvars`) of the caller that started it.

Not here: flights across processes, keeping answers, deadlines.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from cache import metrics

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Flight(Generic[T]):
    answer: asyncio.Future[T]
    task: asyncio.Task[None]


class Flights(Generic[T]):
    """The flights under way, by key."""

    def __init__(self) -> None:
        self._under_way: dict[str, _Flight[T]] = {}

    def __contains__(self, key: object) -> bool:
        return key in self._under_way

    async def fly(self, key: str, work: Callable[[], Awaitable[T]], after: Callable[[T], Awaitable[None]]) -> T:
        """The answer of the flight of this key: of the one under way, else of a new one that does `work`.

        Args:
            key: What is being asked for.
            work: Finds the answer; called only if no flight of the key is under way.
            after: Given the answer once it is out; the key is held until it ends. Must not raise.

        Raises:
            Exception: whatever `work` raised, the same object for every caller that waited.
            asyncio.CancelledError: this caller was cancelled, or the flights were closed.
        """
        flight = self._under_way.get(key)
        if flight is None:
            answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
            flight = _Flight(answer, asyncio.create_task(self._run(key, answer, work, after)))
            self._under_way[key] = flight
        return await asyncio.shield(flight.answer)

    async def settle(self) -> None:
        """Wait until the flights that are under way now have ended."""
        await asyncio.gather(*(flight.task for flight in self._under_way.values()), return_exceptions=True)

    async def close(self) -> None:
        """Cancel the flights that have no answer yet, let the others end."""
        unanswered = [flight for flight in self._under_way.values() if not flight.answer.done()]
        for flight in unanswered:
            flight.task.cancel()
        await self.settle()
        for flight in unanswered:
            flight.answer.cancel()  # for tasks cancelled before their first step, which never see `finally`
        self._under_way.clear()

    async def _run(
        self,
        key: str,
        answer: asyncio.Future[T],
        work: Callable[[], Awaitable[T]],
        after: Callable[[T], Awaitable[None]],
    ) -> None:
        metrics.FLIGHTS.inc()
        try:
            try:
                value = await work()
            except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to those who wait
                answer.set_exception(error)
            else:
                answer.set_result(value)
                await after(value)
        finally:
            # Leaves an answer that was given as it is, but counts an error as seen even if all who waited have gone.
            answer.cancel()
            self._under_way.pop(key, None)
            metrics.FLIGHTS.dec()
