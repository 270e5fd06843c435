"""Commands against a running server: how it is asked, and how its refusals end a command.

Contract: exit statuses are those of `command.py`, the same as with a folder: what cannot be used is 2, what the
server or the way to it cannot do is 1. Whether anybody is there is found out quickly; after that the client has its
patience (`client/asking.py`).

Not here: which server is meant (`command.py`), what is asked (`search_commands.py`, `sending.py`).
"""

from collections.abc import Iterator
from contextlib import contextmanager

from broadsheet.client import BroadsheetError, Client, PartitionsAnswer, ProblemError, Retry, UnavailableError
from broadsheet.command import FAILED, MISUSED, Server, fail

QUICK = Retry(attempts=3, patience_s=10.0)
"""For what is over at once, and for whether somebody is there at all."""


@contextmanager
def asking(server: Server, *, patiently: bool) -> Iterator[Client]:
    """A client of the server; what it raises ends the command.

    Args:
        server: which.
        patiently: go on for minutes, once somebody was there; for long work.
    """
    try:
        quick, patient = (Client(server.url, key=server.key, retry=retry) for retry in (QUICK, Retry()))
    except ValueError as error:
        fail(error, MISUSED)
    try:
        with quick, patient:
            if patiently:
                quick.get("/livez")
            yield patient if patiently else quick
    except ProblemError as problem:
        fail(*_ending(server, problem))
    except BroadsheetError as error:
        fail(error)


def state_of(client: Client) -> PartitionsAnswer | None:
    """The current epoch of the server; `None` where nothing was published yet."""
    try:
        return client.partitions()
    except UnavailableError as problem:
        if problem.slug != "not-ready":
            raise
        return None


def _ending(server: Server, problem: ProblemError) -> tuple[str, int]:
    """What is said of a refusal, and the status."""
    if problem.slug.endswith("-invalid"):
        return problem.detail, MISUSED
    if problem.status == 401:
        lacking = "does not know this key" if server.key else "needs an access key"
        return f"{server.url}: {lacking} (401); give one that `broadsheet keys add` made, with --key", FAILED
    return f"{server.url}: {problem}", FAILED
