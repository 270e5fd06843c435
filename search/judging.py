"""Judging answers that were kept, by the state that a request is answered from.

Contract: what can be said at first sight costs next to nothing; the second look takes a trip to a thread.

Not here: what an answer depends on (`dependence.py`), the cache (`cache/`).
"""

import time
from functools import partial
from http import HTTPStatus

from partition.manifest import RootManifest
from search.broker import Broker, EpochGoneError, LeafError
from search.dependence import Objection, changed, is_settled, objection, read_stamp
from search.ports import state_key
from search.snapshot import View
from web.problem_types import TYPES
from web.problems import Problem

MAX_JUDGED, MAX_JUDGED_BYTES = 4096, 1024
"""Stamps whose judgement is remembered, and bytes of one."""


class SightJudge:
    """Judges by the state of an epoch what can be judged at sight, and has no opinion of the rest."""

    def __init__(self, manifest: RootManifest) -> None:
        """Args: the epoch."""
        self._manifest = manifest
        self.state = state_key(manifest)
        """As of `ports.Judge`."""
        self._judged: dict[bytes, Objection | None] = {}

    async def objection(self, stamp: bytes) -> Objection | None:
        """What speaks against an answer; said again where it was said before, as that takes a fifth of the time."""
        if stamp in self._judged:
            return self._judged[stamp]
        one = read_stamp(stamp)
        settled = one is not None and is_settled(one, self._manifest)
        found = objection(one, self._manifest) or (None if settled else "unknown")
        if len(stamp) <= MAX_JUDGED_BYTES:
            if len(self._judged) >= MAX_JUDGED:
                self._judged.clear()
            self._judged[stamp] = found
        return found


class StateJudge:
    """Judges by the state of an epoch (`ports.Judge`)."""

    def __init__(self, broker: Broker, manifest: RootManifest, deadline_s: float, min_seq: int = 0) -> None:
        """Args: who looks; the epoch; when to give up, on the monotonic clock; what the answer must know."""
        self._broker = broker
        self._manifest = manifest
        self._deadline_s = deadline_s
        self._min_seq = min_seq

    @property
    def state(self) -> str:
        """The epoch."""
        return state_key(self._manifest)

    @property
    def patience_s(self) -> float:
        """How long another process is worth waiting for: there must be time left to do its work."""
        return max(0.0, self._deadline_s - time.monotonic()) / 2

    async def objection(self, stamp: bytes) -> str | None:
        """What speaks against an answer."""
        one = read_stamp(stamp)
        found = objection(one, self._manifest)
        if found or one is None or is_settled(one, self._manifest):
            return found
        view = View(self._manifest.epoch, self._manifest.state)
        try:
            return await self._broker.consult(
                view, self._deadline_s, partial(changed, one, deadline_s=self._deadline_s)
            )
        except (EpochGoneError, LeafError):
            return "unknown"

    def bears(self, objection: str, order: int) -> bool:
        """An answer of an earlier state may be given, if it knows enough and nothing was taken down since."""
        return objection in {"changed", "statistics"} and order >= self._min_seq

    def excuses(self, error: Exception) -> bool:
        """What is a fault of ours, and not what the archive says now (RFC 5861, section 4)."""
        return isinstance(error, EpochGoneError | LeafError) or (
            isinstance(error, Problem) and TYPES[error.slug].status >= HTTPStatus.INTERNAL_SERVER_ERROR
        )
