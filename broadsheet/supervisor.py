"""The supervisor: starts the processes of a service, keeps them there, renews them and stops them.

Contract: a process that ends is started again, alone, after a wait that doubles with every death in a row and is
short again once one was ready for `LIVED_S`. Before a role was ever ready only its first process runs, so that what
the first must do is done once; if that ends with status `UNUSABLE`, or `HOPELESS` times whatever its status,
supervision ends. Signals:

    SIGTERM, SIGINT   everything is told to stop by SIGTERM, and killed after `drain_s`; a second SIGINT kills at once
    SIGHUP            every process is renewed, one at a time, in the order of the roles: a replacement is started,
                      and when it is ready the old process is told to stop. If it ends before, or is not ready by
                      `ready_s` and killed, the old one stays, and so do all that were still to be renewed. Of an
                      exclusive role the old process is told first, and another is started when it has ended

There is one thread, which sleeps until a signal, a process that is ready, or the moment for the next thing to do.

Not here: one process and its handles (`process.py`), which processes there are (`roles.py`).
"""

import contextlib
import os
import selectors
import signal
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial

import structlog

from broadsheet.process import NEVER_S, Process, Role

DRAIN_S = 10.0
"""How long a process that was told to stop may take."""
READY_S = 60.0
"""How long a replacement may take to become ready."""
LIVED_S = 10.0
BACKOFF_S, MAX_BACKOFF_S = 0.1, 5.0
"""How long after its end a process is started again: after the first, and at most."""
HOPELESS = 5
UNUSABLE = 2
"""The status of a command line or a setting that cannot be used: another attempt would end like the first."""

_HEARD = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
_log = structlog.get_logger()


class RoleFailedError(Exception):
    """A role was never ready and never will be."""

    def __init__(self, role: Role, status: int, attempts: int) -> None:
        """Args: the role; how its last process ended (minus the signal that killed it); how many have."""
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        times = "" if attempts == 1 else f", the last of {attempts},"
        super().__init__(f"the {role.name} process {how}{times} before it was ready; see what it said above")
        self.status = max(status, 1)
        """The exit status that says so: 1 if it was killed."""


def backoff_s(deaths: int) -> float:
    """How long to wait after so many deaths in a row, at least one."""
    return min(BACKOFF_S * 2.0 ** min(deaths - 1, 10), MAX_BACKOFF_S)


def supervise(
    roles: Sequence[Role],
    *,
    on_end: Callable[[int], object] = lambda _pid: None,
    on_stop: Callable[[], object] = lambda: None,
    drain_s: float = DRAIN_S,
    ready_s: float = READY_S,
) -> None:
    """Run all processes of these roles until a signal ends it; in the main thread, and without other children.

    Args:
        roles: what to run.
        on_end: called with the id of each process that has ended.
        on_stop: called once, before the processes are told to stop.
        drain_s: how long a process that was told to stop may take.
        ready_s: how long a replacement may take to become ready.

    Raises:
        RoleFailedError: a role cannot be started at all; everything has ended.
    """
    supervisor = _Supervisor(roles, on_end, on_stop, drain_s, ready_s)
    try:
        with supervisor.hearing():
            supervisor.run()
    finally:
        supervisor.close()


class _Slot:
    """A place for one process."""

    def __init__(self, role: Role, start_at_s: float) -> None:
        self.role = role
        self.current: Process | None = None
        self.start_at_s = start_at_s
        """When to start the next one, by the monotonic clock."""
        self.deaths = 0
        """In a row."""


class _Supervisor:
    def __init__(
        self,
        roles: Sequence[Role],
        on_end: Callable[[int], object],
        on_stop: Callable[[], object],
        drain_s: float,
        ready_s: float,
    ) -> None:
        self._on_end, self._on_stop, self._drain_s, self._ready_s = on_end, on_stop, drain_s, ready_s
        self._slots = [_Slot(role, NEVER_S if number else 0.0) for role in roles for number in range(role.count)]
        self._running: dict[int, tuple[Process, _Slot]] = {}
        self._ever_ready: set[str] = set()
        self._stopping = False
        self._failure: RoleFailedError | None = None
        self._renew = False
        self._renewals = self._renew_whenever_asked()
        self._lifeline, self._held = os.pipe()
        self._woken, self._wake = os.pipe()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._woken, selectors.EVENT_READ, self._hear_signals)

    def close(self) -> None:
        """Let go of everything; a process that still runs sees its lifeline end."""
        self._selector.close()
        for handle in (self._lifeline, self._held, self._woken, self._wake):
            os.close(handle)

    @contextlib.contextmanager
    def hearing(self) -> Iterator[None]:
        """Signals wake the loop, which reads their numbers."""
        os.set_blocking(self._woken, False)
        os.set_blocking(self._wake, False)
        before = signal.set_wakeup_fd(self._wake)
        handlers = {number: signal.signal(number, lambda _number, _frame: None) for number in _HEARD}
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(before)

    def run(self) -> None:
        """Everything, until all has ended."""
        while self._running or not self._stopping:
            self._do_what_is_due(time.monotonic())
            next(self._renewals)
            for key, _events in self._selector.select(self._wait_s()):
                key.data()
        if self._failure:
            raise self._failure

    def _wait_s(self) -> float | None:
        kills_s = [process.kill_at_s for process, _slot in self._running.values()]
        due_s = min(kills_s + [slot.start_at_s for slot in self._slots], default=NEVER_S)
        return None if due_s == NEVER_S else max(0.0, due_s - time.monotonic())

    def _do_what_is_due(self, now_s: float) -> None:
        for process, _slot in self._running.values():
            if now_s >= process.kill_at_s:
                _log.error("process killed for taking too long", role=process.role.name, pid=process.pid)
                process.kill()
        for slot in self._slots:
            if now_s >= slot.start_at_s:
                slot.start_at_s = NEVER_S
                slot.current = self._start(slot)
                if not slot.current:
                    self._start_later(slot, 1)

    def _start(self, slot: _Slot) -> Process | None:
        try:
            process = Process(slot.role, self._lifeline)
        except OSError as error:
            _log.warning("process cannot be started", role=slot.role.name, reason=str(error))
            return None
        self._running[process.pid] = process, slot
        self._selector.register(process.ready_handle, selectors.EVENT_READ, partial(self._hear_ready, process))
        return process

    def _hear_signals(self) -> None:
        for number in os.read(self._woken, 4096):
            if number == signal.SIGCHLD:
                self._reap()
            elif number == signal.SIGHUP:
                self._renew = not self._stopping
            elif not self._stopping:
                self._stop()
            elif number == signal.SIGINT:
                for process, _slot in self._running.values():
                    process.kill()

    def _hear_ready(self, process: Process) -> None:
        if process.ready_handle not in self._selector.get_map():  # it was heard already
            return
        self._selector.unregister(process.ready_handle)
        with contextlib.suppress(BlockingIOError):
            if os.read(process.ready_handle, 64):
                process.ready_at_s = time.monotonic()
                _log.info("process ready", role=process.role.name, pid=process.pid)
                self._start_the_others(process.role)

    def _start_the_others(self, role: Role) -> None:
        if role.name in self._ever_ready or self._stopping:
            return
        self._ever_ready.add(role.name)
        for slot in self._slots:
            if slot.role is role and not slot.current:
                slot.start_at_s = 0.0

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):  # there is none left
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ours := self._running.pop(ended[0], None):  # else an orphan: this may be the first process of all
                    self._note_end(*ours, os.waitstatus_to_exitcode(ended[1]))

    def _note_end(self, process: Process, slot: _Slot, status: int) -> None:
        self._hear_ready(process)  # it may have said so just before
        process.note_end(status)
        self._on_end(process.pid)
        if not process.told:
            _log.warning("process ended", role=slot.role.name, pid=process.pid, status=status)
        if process is not slot.current or self._stopping:
            return
        slot.current = None
        if process.told:
            slot.start_at_s = 0.0
            return
        if process.ready_at_s is not None and time.monotonic() - process.ready_at_s >= LIVED_S:
            slot.deaths = 0
        self._start_later(slot, status)

    def _start_later(self, slot: _Slot, status: int) -> None:
        slot.deaths += 1
        if slot.role.name not in self._ever_ready and (status == UNUSABLE or slot.deaths == HOPELESS):
            self._failure = RoleFailedError(slot.role, status, slot.deaths)
            self._stop()
        else:
            slot.start_at_s = time.monotonic() + backoff_s(slot.deaths)

    def _stop(self) -> None:
        self._stopping, self._renew = True, False
        self._on_stop()
        for slot in self._slots:
            slot.start_at_s = NEVER_S
        for process, _slot in self._running.values():
            process.tell(time.monotonic() + self._drain_s)

    def _renew_whenever_asked(self) -> Iterator[None]:
        """Taken a step further whenever something has happened; yields while it must wait for more."""
        while True:
            while not self._renew:
                yield
            self._renew = False
            for slot in self._slots:
                renewed = yield from self._renew_one(slot)
                if not renewed:
                    if not self._stopping:
                        _log.error("renewal given up; what runs goes on", role=slot.role.name)
                    break

    def _renew_one(self, slot: _Slot) -> Generator[None, None, bool]:
        """Whether the slot has, or is about to have, a process that is newer than this call."""
        newcomer = None
        if not slot.role.exclusive:
            newcomer = self._start(slot)
            if not newcomer:
                return False
            newcomer.kill_at_s = time.monotonic() + self._ready_s
            while newcomer.running and newcomer.ready_at_s is None:
                yield
            if not newcomer.running or self._stopping:
                return False
            newcomer.kill_at_s = NEVER_S
        old = slot.current
        if newcomer:
            slot.current, slot.start_at_s, slot.deaths = newcomer, NEVER_S, 0
        if old:
            old.tell(time.monotonic() + self._drain_s)
            while old.running:
                yield
        return True
