"""A live service with clients at work, for harnesses that harm it.

Contract: `Live` is `broadsheet serve` with two API processes and an indexer, which can be killed in part or as a
whole and is then at the same address again. `clients` have it written to, asked and read for as long as a block
lasts, and raise what no service may do. `recover` says how soon it does again what it is there for.

Not here: what harm is done (`live_kill_harness.py`, `full_disk_harness.py`).
"""

import contextlib
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

from tests.api_server import ApiServer, eventually, free_port, runs
from tests.broadsheet.callers import Client, Reader, Watcher, Writer
from tests.broadsheet.changed_service import MERGING, command
from tests.broadsheet.ledger import Ledger, Write
from tests.commands import BROADSHEET

WRITERS = 3
RECOVERED_S = 60.0
"""A service that is not back by then will never be."""
_MERGE_WAIT_S = 3.0


class Live:
    """A service that can be killed as a whole and started again at its address."""

    def __init__(
        self, root: Path, changes: Sequence[str], *, variables: Mapping[str, str] | None = None, **settings: object
    ) -> None:
        """Args: the data folder; what is changed (`changed_service.py`); variables; settings."""
        self.root = root
        self.port = free_port()
        self._changes, self._variables, self._settings = changes, variables, settings
        self.server = self.start()

    def start(self, *, ready: bool = False) -> ApiServer:
        """Start it, or start it again."""
        self.server = ApiServer(
            self.root,
            ready=ready,
            command=command(self._changes) if self._changes else BROADSHEET,
            port=self.port,
            variables=self._variables,
            **{"indexer": True, "workers": 2, "builders": 1, **self._settings},
        )
        return self.server

    def kill(self, kind: str, random: Random) -> str:
        """Kill something; returns what that was."""
        server = self.server
        if kind == "merger":
            merging = self._merging()
            if merging is None:
                return self.kill("indexer", random)
            time.sleep(random.uniform(0, 0.3))
            _kill(merging)
        elif kind in {"supervisor", "everything"}:
            family = server.processes()
            _kill(server.pid)
            if kind == "everything":
                for process in family:
                    _kill(process)
            eventually(lambda: not any(map(runs, family)))
            self.close()
            self.start()
        else:
            _kill(random.choice(eventually(server.indexers if kind == "indexer" else server.api_processes)))
        return kind

    def close(self) -> None:
        """Stop it; its indexer must have met nothing that ended it, whatever became of it afterwards."""
        log = self.server.log()
        self.server.close()
        ends = [line for line in log.splitlines() if '"event": "the indexer ends"' in line]
        assert not ends, f"the indexer ended by itself: {ends[0]}"

    def _merging(self) -> int | None:
        """The process that merges aside, as soon as there is one."""
        end_s = time.monotonic() + _MERGE_WAIT_S
        while time.monotonic() < end_s:
            with contextlib.suppress(FileNotFoundError, ValueError):
                process = int((self.root / MERGING).read_text())
                if process in self.server.indexers():
                    return process
            time.sleep(0.005)
        return None


def _kill(process: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


class Clients(NamedTuple):
    """Those that are at work."""

    prober: Writer
    """One that is not, but can be told what to write."""
    watcher: Watcher
    reader: Reader
    check: Callable[[], None]
    """Raises what has ended one of them."""
    answers: Callable[[], Counter[str]]
    """What they were answered so far."""


@contextlib.contextmanager
def clients(live: Live, ledger: Ledger, seed: int) -> Iterator[Clients]:
    """All kinds of them, at work until the block ends; then everything that they wrote is searchable."""
    watcher = Watcher(live.port, ledger, seed)
    writers = [Writer(live.port, ledger, seed + 1 + number, watcher) for number in range(WRITERS)]
    prober = Writer(live.port, ledger, seed + 1 + WRITERS, watcher)
    reader = Reader(live.port, ledger, seed)
    every: list[Client] = [*writers, watcher, reader]

    def check() -> None:
        for client in every:
            client.check()

    def answers() -> Counter[str]:
        return sum((client.answers for client in every), Counter())

    recover(live, prober, "first", lambda: None)
    for client in every:
        client.start()
    try:
        yield Clients(prober, watcher, reader, check, answers)
        for writer in writers:
            writer.stop()
        recover(live, prober, "last", check)
        eventually(watcher.idle)
        for client in (watcher, reader):
            client.stop()
    finally:
        for client in every:
            client.abandon()
        prober.connection.fresh()


def recover(live: Live, prober: Writer, key: str, check: Callable[[], None]) -> tuple[float, float]:
    """Write something; in how many seconds it was acknowledged, and searchable."""
    began_s = time.monotonic()
    written: list[float] = []

    def given_up() -> bool:
        check()
        assert time.monotonic() - began_s < RECOVERED_S, (
            f"not back within {RECOVERED_S:g} s\n{live.server.log()[-3000:]}"
        )
        return False

    job = prober.single(f"probe-{key}", Write("probe", f"probe-{key}"), given_up)
    written.append(time.monotonic() - began_s)
    assert job
    while job["status"] != "succeeded":
        given_up()
        time.sleep(0.01)
        job = prober.job(job["links"]["self"], given_up)
    return written[0], time.monotonic() - began_s
