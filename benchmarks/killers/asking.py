"""One killer asked, over a connection of its own, and what may come of it.

A refusal may come before all of a request was said, and whoever goes on talking then may find the connection closed;
what the server has said until then counts.

Contract: `complaint` is the rule: what is beyond a limit is refused with 400 or 414. Anything else is answered, or
is a 504, or a 503 of which the reason is that partitions were late; or, in a crowd, that all places were taken.

Not here: how long it may take, which is for those to say who know what else the machine is doing.
"""

import contextlib
import json
import socket
import time
from typing import Any, NamedTuple

from benchmarks.killers.catalogue import Killer

PATIENCE_S = 60.0


class Outcome(NamedTuple):
    """What came of it."""

    status: int
    """0 if the connection was closed without a word."""
    body: bytes
    spent_s: float


def ask(port: int, killer: Killer, timeout_ms: int) -> Outcome:
    """Ask it of the server on this port, with this deadline unless it has one of its own.

    Raises:
        TimeoutError: nothing was heard for `PATIENCE_S`.
    """
    request = b"GET " + killer.target(timeout_ms=timeout_ms) + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    began_s = time.monotonic()
    answer = bytearray()
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(request)
        with contextlib.suppress(ConnectionError):
            while chunk := connection.recv(1 << 16):
                answer += chunk
    head, _, body = bytes(answer).partition(b"\r\n\r\n")
    return Outcome(int(head.split(maxsplit=2)[1]) if head else 0, body, time.monotonic() - began_s)


def complaint(killer: Killer, outcome: Outcome, *, crowded: bool = False) -> str:
    """What is wrong with that; empty if nothing is."""
    refused = outcome.status in {400, 414}
    excused = outcome.status == 503 and _excused(json.loads(outcome.body), crowded=crowded)
    if (refused and killer.beyond is not False) or (not killer.beyond and (outcome.status in {200, 504} or excused)):
        return ""
    return f"{killer.name}: {outcome.status} {outcome.body[:200]!r}"


def _excused(problem: dict[str, Any], *, crowded: bool) -> bool:
    """Whether partitions are missing for the only reason that they were late, or there was no place in a crowd."""
    if problem["type"].endswith("/overloaded"):
        return crowded
    failed = problem.get("coverage", {}).get("partitions", {}).get("failed", ())
    return bool(failed) and all(partition["reason"] == "timeout" for partition in failed)
