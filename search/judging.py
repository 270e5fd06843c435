"""Judging answers that were kept, by the state that a request is answered from.

Contract: what can be said at first sight costs next to nothing; the second look takes a trip to a thread.

Not here: what an answer depends on (`dependence.py`), the cache (`cache/`).
"""

import time
from functools import partial

from partition.manifest import RootManifest
from search.broker import Broker, EpochGoneError, LeafError
from search.dependence import changed, is_settled, objection, read_stamp
from search.ports import state_key
from search.snapshot import View


def patience_s(deadline_s: float) -> float:
    """How long another process is worth waiting for: there must be time left to do its work."""
    return max(0.0, deadline_s - time.monotonic()) / 2


class SightJudge:
    """Judges by the state of an epoch what can be judged at sight, and has no opinion of the rest."""

    def __init__(self, manifest: RootManifest) -> None:
        """Args: the epoch."""
        self._manifest = manifest
        self.state = state_key(manifest)
        """As of `ports.Judge`."""

    async def objection(self, stamp: bytes) -> str | None:
        """What speaks against an answer."""
        one = read_stamp(stamp)
        return objection(one, self._manifest) or (None if one and is_settled(one, self._manifest) else "unknown")


class StateJudge:
    """Judges by the state of an epoch (`ports.Judge`)."""

    def __init__(self, broker: Broker, manifest: RootManifest, deadline_s: float) -> None:
        """Args: who looks; the epoch; when to give up, on the monotonic clock."""
        self._broker = broker
        self._manifest = manifest
        self._deadline_s = deadline_s

    @property
    def state(self) -> str:
        """The epoch."""
        return state_key(self._manifest)

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
