"""Bells: heard by all who listen, in this process and in others; never waited for."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

from broadsheet.bells import EPOCH, LOG, Bell, ring

AMPLE_S = 30.0


def _pipes(root: Path) -> set[str]:
    return {path.name for path in (root / "run").iterdir()}


def _waited_s(bell: Bell, timeout_s: float) -> float:
    started_s = time.monotonic()
    bell.wait(timeout_s)
    return time.monotonic() - started_s


def test_all_who_listen_hear_it_once(tmp_path: Path) -> None:
    """Also when it was rung before they waited; other names are not theirs."""
    with Bell(tmp_path, LOG) as one, Bell(tmp_path, LOG) as other, Bell(tmp_path, EPOCH) as foreign:
        for _ring in range(3):
            ring(tmp_path, LOG)
        assert _waited_s(one, AMPLE_S) < AMPLE_S
        assert _waited_s(other, AMPLE_S) < AMPLE_S
        assert _waited_s(one, 0.05) >= 0.05
        assert _waited_s(foreign, 0.05) >= 0.05
        assert len(_pipes(tmp_path)) == 3
    assert not _pipes(tmp_path)
    ring(tmp_path, LOG)


def test_an_event_loop_hears_it(tmp_path: Path) -> None:
    """While it waits, and later; without a ring it goes on after its time."""

    async def listen() -> None:
        with Bell(tmp_path, EPOCH) as bell:
            waiting = asyncio.create_task(bell.heard(AMPLE_S))
            await asyncio.sleep(0.05)
            assert not waiting.done()
            ring(tmp_path, EPOCH)
            async with asyncio.timeout(AMPLE_S):
                await waiting
            bell.ring()
            async with asyncio.timeout(AMPLE_S):
                await bell.heard(2 * AMPLE_S)
            await bell.heard(0.05)

    asyncio.run(listen())


def test_ringing_never_waits(tmp_path: Path) -> None:
    """Not for a listener that does not look: its pipe is full at some time."""
    with Bell(tmp_path, LOG) as bell:
        for _ring in range(70_000):
            bell.ring()
        ring(tmp_path, LOG)
        bell.wait(AMPLE_S)
        assert _waited_s(bell, 0.05) >= 0.05


def test_the_dead_are_forgotten(tmp_path: Path) -> None:
    """A process that was killed leaves its pipe; the next ring removes it, and no other."""
    script = "import sys, pathlib, time; from broadsheet.bells import Bell; "
    script += "Bell(pathlib.Path(sys.argv[1]), 'log'); print(flush=True); time.sleep(600)"
    with (
        Bell(tmp_path, LOG) as bell,
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE) as child,
    ):
        assert child.stdout
        child.stdout.readline()
        assert len(_pipes(tmp_path)) == 2
        child.kill()
        child.wait()
        ring(tmp_path, LOG)
        assert _pipes(tmp_path) == {f"log.{os.getpid()}.{name.rpartition('.')[2]}" for name in _pipes(tmp_path)}
        assert len(_pipes(tmp_path)) == 1
        assert _waited_s(bell, AMPLE_S) < AMPLE_S


def test_where_no_pipe_can_be_made_one_listens_to_oneself(tmp_path: Path) -> None:
    """On a disk that is full, or cannot be written: nothing is announced, but waiting ends."""
    (tmp_path / "run").write_text("in the way")
    with Bell(tmp_path, LOG) as bell:
        ring(tmp_path, LOG)
        assert _waited_s(bell, 0.05) >= 0.05
        bell.ring()
        assert _waited_s(bell, AMPLE_S) < AMPLE_S
        asyncio.run(bell.heard(0.05))
