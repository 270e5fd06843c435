"""Asking, and asking again: what every operation of the client does with the server.

Contract: every request here may be sent twice. Reads change nothing, and writes carry an `Idempotency-Key` or are
the same when repeated. So whatever may pass is asked again: a connection that fails or breaks, 408, 429, 502, 503,
504, and 409 `idempotency-busy`. It is waited for as long as `Retry-After` says, or else for a random time up to a
bound that doubles; when the attempts or the patience are used up, or would be by waiting, the last failure is
raised.

Not here: what is asked (`reading.py`, `writing.py`), sockets (`blocking.py`, `awaiting.py`).
"""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TypeVar

import msgspec

from broadsheet.client.errors import (
    AnswerError,
    BroadsheetError,
    ProblemError,
    UnavailableError,
    UnreachableError,
    problem_of,
)
from broadsheet.client.steps import Answer, Interrupted, Operation, Pause, Request

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and for how long something is asked again."""

    attempts: int = 12
    """Including the first."""
    patience_s: float = 120.0
    """From the first attempt on, pauses included."""
    base_s: float = 0.2
    """Bound of the first pause, where the server names none; the next is twice as long, and so on."""
    cap_s: float = 10.0
    """Bound of any of these."""

    def __post_init__(self) -> None:
        if self.attempts < 1 or min(self.patience_s, self.base_s, self.cap_s) < 0:
            raise ValueError(f"{self} cannot be used; attempts are at least 1, seconds at least 0")


DEFAULT_RETRY = Retry()
LATE_ATTEMPTS = 3
"""How often at most something is asked that is not found out in time: it will mostly take as long again."""


class Patience:
    """The attempts at one thing."""

    def __init__(self, retry: Retry, clock: Callable[[], float]) -> None:
        self._retry, self._clock = retry, clock
        self.begin()

    def begin(self) -> None:
        """Begin anew: the thing has got on."""
        self._failures = 0
        self._began_s = self._clock()

    def count(self, failure: BroadsheetError) -> None:
        """Count an attempt that has failed.

        Raises:
            BroadsheetError: the failure, where it was the last.
        """
        self._failures += 1
        late = isinstance(failure, ProblemError) and failure.slug == "timeout"
        if self._failures >= (min(self._retry.attempts, LATE_ATTEMPTS) if late else self._retry.attempts):
            raise failure

    def pause(self, failure: BroadsheetError) -> Pause:
        """The pause before the next attempt.

        Raises:
            BroadsheetError: the failure, where there is none.
        """
        self.count(failure)
        wait_s = failure.retry_after_s if isinstance(failure, ProblemError) else None
        if wait_s is None:
            bound_s = min(self._retry.cap_s, self._retry.base_s * 2 ** min(self._failures - 1, 30))
            wait_s = random.uniform(0, bound_s)  # noqa: S311 - not a secret
        spent_s = self._clock() - self._began_s
        if spent_s + wait_s > self._retry.patience_s:
            raise failure
        return Pause(wait_s)


class Asker:
    """Asks one server."""

    def __init__(self, url: str, retry: Retry, clock: Callable[[], float]) -> None:
        """Args: the address of the server, for messages; how it is asked again; a monotonic clock, in seconds."""
        self.url, self.retry, self.clock = url, retry, clock

    def patience(self) -> Patience:
        """For one thing that is tried again."""
        return Patience(self.retry, self.clock)

    def ask(self, request: Request) -> Operation[Answer]:
        """The answer, which is a success.

        Raises:
            ProblemError, UnreachableError
        """
        patience = self.patience()
        while True:
            failure: BroadsheetError
            try:
                answer: Answer = yield request
            except Interrupted as broken:
                failure = self.unreachable(broken)
            else:
                if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
                    return answer
                problem = _problem(answer)
                if not isinstance(problem, UnavailableError) and problem.slug != "idempotency-busy":
                    raise problem
                failure = problem
            yield patience.pause(failure)

    def value(self, request: Request, kind: type[T]) -> Operation[T]:
        """The answer as a typed value.

        Raises:
            ProblemError, UnreachableError, AnswerError
        """
        answer = yield from self.ask(request)
        return self.decoded(answer.body, kind)

    def decoded(self, body: bytes, kind: type[T]) -> T:
        """JSON as a typed value.

        Raises:
            AnswerError
        """
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise AnswerError(f"{self.url}: what it answers is no {kind.__name__} ({error})") from None

    def unreachable(self, broken: Interrupted) -> UnreachableError:
        """What is raised when the connection has failed too often."""
        return UnreachableError(f"{self.url}: no whole answer ({broken}); see whether it runs, or check the address")


def _problem(answer: Answer) -> ProblemError:
    headers = answer.headers
    return problem_of(answer.status, headers.get("content-type", ""), answer.body, retry_after_s(headers))


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """How long `Retry-After` says to wait: seconds, or a date, which is compared with that of the answer itself."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        then = parsedate_to_datetime(text)
        now = (
            parsedate_to_datetime(headers["date"]) if "date" in headers else datetime.fromtimestamp(time.time(), UTC)
        )
        return max(0.0, (then - now).total_seconds())
    except (ValueError, TypeError):  # TypeError: only one of them has a time zone
        return None
