"""Whoever goes on with sagas: a thread for each kind, in any process that serves or works on the archive.

Contract: what is unfinished is gone on with, by this process or another, soon after it began, after a process that
had it died, and again and again while a step is not possible yet or fails. Long steps of one kind hold up no other.

Not here: what a saga is (`sagas.py`).
"""

import threading
from collections.abc import Mapping

import structlog

from indexer.job_file import JobsError
from indexer.sagas import NotYet, SagaStore, Steps, advance

LOOK_EVERY_S = 1.0
_log = structlog.get_logger()


class SagaRunner:
    """The threads, between `start` and `stop`."""

    def __init__(self, store: SagaStore, kinds: Mapping[str, Steps], *, every_s: float = LOOK_EVERY_S) -> None:
        self._store = store
        self._kinds = kinds
        self._every_s = every_s
        self._stop = threading.Event()
        self._woken = {kind: threading.Event() for kind in kinds}
        self._said: dict[bytes, str] = {}
        self._threads = [threading.Thread(target=self._run, args=(kind,), name=kind) for kind in kinds]

    def start(self) -> None:
        """Go on with what is unfinished."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish the steps that are being done, or break them off where they allow it."""
        self._stop.set()
        for woken in self._woken.values():
            woken.set()
        for thread in self._threads:
            thread.join()

    def wake(self, kind: str) -> None:
        """Look now whether there is something to do."""
        self._woken[kind].set()

    def _run(self, kind: str) -> None:
        while not self._stop.is_set():
            self._woken[kind].clear()
            try:
                for saga_id in self._store.unfinished([kind]):
                    self._go_on(kind, saga_id)
            except (JobsError, OSError) as error:
                _log.error("sagas cannot be gone on with", kind=kind, reason=str(error))
            self._woken[kind].wait(self._every_s)

    def _go_on(self, kind: str, saga_id: bytes) -> None:
        with self._store.mine(saga_id) as mine:
            if not mine or self._stop.is_set():
                return
            saga = self._store.find(saga_id)
            if saga is None or saga.ended:
                return
            try:
                saga = advance(self._store, saga, self._kinds[kind], lambda: self._breaks_off(saga_id))
            except NotYet:
                return
            except Exception as error:  # noqa: BLE001 - it is tried again, and must hold up no other
                said = f"{type(error).__name__}: {error}"
                if self._said.get(saga_id) != said:
                    _log.error("a step cannot be done and is tried again", kind=kind, saga=saga_id.hex(), reason=said)
                    self._said[saga_id] = said
                return
        self._said.pop(saga_id, None)
        _log.info("saga ended", kind=kind, saga=saga_id.hex(), state=saga.state, reason=saga.reason)

    def _breaks_off(self, saga_id: bytes) -> bool:
        """Whether a step is to break off: it is asked as often as that allows."""
        if self._stop.is_set():
            return True
        saga = self._store.find(saga_id)
        return saga is None or saga.state != "running"
