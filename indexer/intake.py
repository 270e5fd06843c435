"""The intake: what API requests submit, logged together and in turn.

One thread of each API process takes a batch from each client in turn and logs them in one transaction, so that one
fsync serves many requests, and a client that sends much does not keep others waiting.

Contract: what waits here is bounded, by `MAX_WAITING` and for each client by half of that; what is too much is
refused at once. A future's result means that its submissions are durable, in order; its `LogFullError` or
`OtherSubmissionError` that none was logged.

Not here: what is submitted (`writing.py`), what a submission comes to (`events.py`).
"""

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import NamedTuple, Self

from indexer.events import Log, LogError, LogFullError, OtherSubmissionError, Outcome, Submission

MAX_WAITING = 4000
"""Submissions."""
TRANSACTION = 500
"""Submissions of one transaction, unless a single batch is larger."""
BUSY_RETRY_S = 1


class IntakeFullError(Exception):
    """Too much waits to be logged; nothing of the batch was taken."""

    retry_after_s = BUSY_RETRY_S


class _Batch(NamedTuple):
    submissions: Sequence[Submission]
    logged: "Future[list[Outcome]]"


class Intake:
    """A queue and its thread; a context manager."""

    def __init__(self, open_log: Callable[[], Log], announce: Callable[[], None]) -> None:
        """Args: opens the log, in the thread; called when something was logged."""
        self._open_log = open_log
        self._announce = announce
        self._clients: OrderedDict[str, deque[_Batch]] = OrderedDict()
        self._waiting: dict[str, int] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="intake", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_raised: object) -> None:
        """Log what waits, and end."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def submit(self, client: str, submissions: Sequence[Submission]) -> "Future[list[Outcome]]":
        """Take a batch, to be logged in one transaction.

        Raises:
            IntakeFullError
        """
        batch = _Batch(submissions, Future())
        with self._changed:
            mine = self._waiting.get(client, 0)
            total = sum(self._waiting.values())
            # A batch that is larger than the bound is taken by itself.
            if (mine and mine + len(submissions) > MAX_WAITING // 2) or (
                total and total + len(submissions) > MAX_WAITING
            ):
                raise IntakeFullError
            self._clients.setdefault(client, deque()).append(batch)
            self._waiting[client] = mine + len(submissions)
            self._changed.notify()
        return batch.logged

    def _take(self) -> list[_Batch]:
        """The next transaction: a batch of each client in turn; empty at the end."""
        with self._changed:
            while not self._clients and not self._closed:
                self._changed.wait()
            taken: list[_Batch] = []
            size = 0
            while self._clients:
                client, batches = next(iter(self._clients.items()))
                if taken and size + len(batches[0].submissions) > TRANSACTION:
                    break
                batch = batches.popleft()
                taken.append(batch)
                size += len(batch.submissions)
                self._waiting[client] -= len(batch.submissions)
                del self._clients[client]
                if batches:
                    self._clients[client] = batches  # behind all others
                else:
                    del self._waiting[client]
            return taken

    def _work(self) -> None:
        log: Log | None = None
        while batches := self._take():
            try:
                log = log or self._open_log()
                self._log_together(log, batches)
            except BaseException as error:  # noqa: BLE001 - whoever waits for it must be told
                for batch in batches:
                    if not batch.logged.done():
                        batch.logged.set_exception(error)
                # What failed to become durable is never tried again on the same file.
                if log:
                    log.close()
                log = None
        if log:
            log.close()

    def _log_together(self, log: Log, batches: list[_Batch]) -> None:
        try:
            outcomes = log.append([one for batch in batches for one in batch.submissions])
        except (LogFullError, OtherSubmissionError):
            # Some of them may fit.
            for batch in batches:
                try:
                    batch.logged.set_result(log.append(batch.submissions))
                except LogError as error:
                    batch.logged.set_exception(error)
        else:
            for batch in batches:
                batch.logged.set_result(outcomes[: len(batch.submissions)])
                del outcomes[: len(batch.submissions)]
        self._announce()
